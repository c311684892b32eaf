// A machine small enough to see through: it counts, writes a row for each submission, and asks for a deadline when told to.
#ifndef SWITCHYARD_TESTS_SCHEDULER_ENGINE_FAKE_MACHINE_H_
#define SWITCHYARD_TESTS_SCHEDULER_ENGINE_FAKE_MACHINE_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/stable_hash.h"
#include "scheduler/engine/engine.h"
#include "scheduler/engine/machine.h"

namespace switchyard::engine {

// What it understands of commands:
//   submit     a row for the idempotency key, a reply, an order for node "n"
//   query      a reply without a row
//   heartbeat  a session effect (a renewal), neither row nor reply
//   cancel     a reason and the reply
//   prune      nothing at all, not even a reply
//   disk_free  the next deadline is so many ms after the batch's stamp ("bytes")
//   advance    the deadline is met
class FakeMachine : public Machine {
 public:
  absl::Status Restore(const std::vector<core::Row>& rows) override {
    for (const core::Row& row : rows) digest_.Add(row.key);
    return absl::OkStatus();
  }

  core::Effects Apply(const core::Stamp& stamp, const std::vector<store::v1::Command>& batch) override {
    if (on_apply) on_apply(stamp, batch);
    core::Effects effects;
    std::set<std::string> keys;
    digest_.Add(stamp.mono.milliseconds()).Add(stamp.sequence);
    for (const store::v1::Command& command : batch) {
      digest_.Add(command.SerializeAsString());
      core::Reply reply;
      reply.request = command.request();
      if (command.has_submit()) {
        const std::string& key = command.submit().idempotency_key();
        if (keys.insert(key).second) effects.rows.push_back({core::RowKind::kJob, key, std::to_string(stamp.sequence)});
        reply.result.mutable_submit()->set_store_revision(stamp.sequence);
        core::NodeOrder order;
        order.node = "n";
        order.revision = stamp.sequence;
        effects.orders.push_back(order);
      } else if (command.has_heartbeat()) {
        core::SessionEffect renewal;
        renewal.session = command.heartbeat().session();
        renewal.kind = core::SessionEffect::Kind::kRenewal;
        effects.sessions.push_back(renewal);
      } else if (command.has_cancel()) {
        effects.reasons.push_back({.job = 1, .reason = {}});
      } else if (command.has_disk_free()) {
        deadline_ = stamp.mono + Milliseconds(command.disk_free().bytes());
      } else if (command.has_advance()) {
        ++advances_;
        deadline_ = MonoTime::Never();
      }
      if (command.request() != 0 && !command.has_prune()) effects.replies.push_back(reply);
    }
    return effects;
  }

  MonoTime NextDeadline() const override { return deadline_; }
  uint64_t Digest() const override { return StableHash(digest_).Finish(); }

  std::function<void(const core::Stamp&, const std::vector<store::v1::Command>&)> on_apply;

 private:
  StableHash digest_;
  MonoTime deadline_ = MonoTime::Never();
  int advances_ = 0;
};

// A door that holds whoever comes to it until it is opened.
class Gate {
 public:
  void Open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Close() {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = false;
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void WaitForArrivals(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this, count] { return arrived_ >= count; });
  }
  int arrived() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
  int arrived_ = 0;
};

// Remembers what happened, in order, as words; anybody may wait for one.
class Diary : public EffectSink {
 public:
  void Write(const std::string& word) {
    const std::lock_guard<std::mutex> lock(mutex_);
    words_.push_back(word);
    changed_.notify_all();
  }
  void OnRows(uint64_t sequence, std::vector<core::Row> rows) override {
    Write("rows " + std::to_string(sequence) + " x" + std::to_string(rows.size()));
  }
  void OnReasons(uint64_t sequence, std::vector<core::ReasonChange>) override {
    Write("reasons " + std::to_string(sequence));
  }
  void OnOrders(uint64_t sequence, std::vector<core::NodeOrder>) override { Write("orders " + std::to_string(sequence)); }
  void OnSessions(uint64_t sequence, std::vector<core::SessionEffect>) override {
    Write("sessions " + std::to_string(sequence));
  }
  void WaitFor(const std::string& word) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] {
      for (const std::string& seen : words_) {
        if (seen == word) return true;
      }
      return false;
    });
  }
  std::vector<std::string> words() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return words_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> words_;
};

inline store::v1::Command Submit(const std::string& key) {
  store::v1::Command command;
  command.mutable_submit()->set_idempotency_key(key);
  return command;
}
inline store::v1::Command Query() {
  store::v1::Command command;
  command.mutable_query()->mutable_alarms();
  return command;
}
inline store::v1::Command Heartbeat(uint64_t session) {
  store::v1::Command command;
  command.mutable_heartbeat()->set_session(session);
  return command;
}

}  // namespace switchyard::engine

#endif  // SWITCHYARD_TESTS_SCHEDULER_ENGINE_FAKE_MACHINE_H_
