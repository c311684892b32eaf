// How commands become batches, without a thread, a lock or a clock of its own: what waits, what a batch takes, how it
// is stamped, how many may be in flight, and in which order what it caused is let out. The engine drives it from its
// two threads under its lock; the simulation drives the same object in virtual time.
//
//   Post -> queue -> Take (stamp) -> [the machine decides] -> Decided -> [rows are made durable] -> Committed ->
//   Release -> Released
//
// Promises: commands of one poster keep their order; stamps never step back and sequences rise by one a batch; at most
// kMaxInFlight batches are between Take and Released; a deadline of the core joins the batch in which it falls due.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_BATCHING_H_
#define SWITCHYARD_SCHEDULER_ENGINE_BATCHING_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "common/units.h"
#include "scheduler/core/core.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::engine {

// Who hears of a batch once it is durable. Called on the committer's thread, one batch after the other: an
// implementation hands over and returns, for the next batch waits.
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // Every batch, rows or not, so that a reader can wait for a store_revision. What the read model is fed with.
  virtual void OnRows(uint64_t sequence, std::vector<core::Row> rows) = 0;
  // After the rows of the same batch.
  virtual void OnReasons(uint64_t sequence, std::vector<core::ReasonChange> reasons) = 0;
  virtual void OnOrders(uint64_t sequence, std::vector<core::NodeOrder> orders) = 0;
  virtual void OnSessions(uint64_t sequence, std::vector<core::SessionEffect> effects) = 0;
};

// For a request (what the core answers: see its contract; a term, an agent's word or a timer is none). Called once, on
// the committer's thread after durability, or at once on the caller's with UNAVAILABLE when the engine takes no command
// (queue full, stopping): then nothing was done.
using Done = std::function<void(const core::Reply& reply)>;

// Commands of clients that may wait. At ten thousand a second this is two seconds of work: who comes later fares better
// by retrying. Over it: UNAVAILABLE.
inline constexpr size_t kMaxQueuedFromClients = 20'000;
// Commands of agents: a heartbeat and a report of each of 100,000 nodes, and as many again. Refusing them would end
// leases, so they have room of their own beside the clients'.
inline constexpr size_t kMaxQueuedFromAgents = 400'000;
// Commands (of a submission: its jobs) in one batch: at 1,000 rows a commit takes some 4 ms, longer ones cost latency
// and gain nothing.
inline constexpr size_t kMaxBatch = 1'000;
// One is decided while the one before commits.
inline constexpr int kMaxInFlight = 2;

struct BatchingOptions {
  uint64_t first_sequence = 1;     // store::Term::first_sequence
  uint64_t sequence_slack = 4096;  // store::kSequenceSlack: a commit at least every so many batches, rows or not
  UtcTime not_before;              // store::Term::not_before
};

struct Batch {
  struct Waiting {
    uint64_t request;
    Done done;
  };
  core::Stamp stamp;
  Duration clock_step;  // civil time against steady time since the batch before
  std::vector<store::v1::Command> commands;
  std::vector<Waiting> waiting;  // by rising request
  core::Effects effects;         // the machine's, from Decided on
};

class Batching {
 public:
  explicit Batching(const BatchingOptions& options);

  // UNAVAILABLE: the queue is full, and `done` is untouched.
  absl::Status Post(store::v1::Command command, Done&& done);
  size_t queued() const { return queue_.size(); }

  // Whether Take would give a batch now: a place in flight, and a command or a deadline that is due.
  bool MayTake(MonoTime now) const { return HasPlace() && HasWork(now); }
  bool HasPlace() const { return in_flight_ < kMaxInFlight; }
  bool HasWork(MonoTime now) const { return !queue_.empty() || next_deadline_ <= now; }
  // Of the core as last decided; Never: only a command brings the next batch.
  MonoTime next_deadline() const { return next_deadline_; }
  void SetDeadline(MonoTime deadline) { next_deadline_ = deadline; }

  // REQUIRES: MayTake. `mono` and `utc` as the clocks say; the stamp never steps back.
  Batch Take(MonoTime mono, UtcTime utc);
  // The machine decided the batch; `deadline` is when it wants to be called next.
  void Decided(const Batch& batch, MonoTime deadline);

  // False: nothing to write, and no commit is due for the sequences' sake.
  bool MustCommit(const Batch& batch) const;
  void Committed(uint64_t sequence) { committed_sequence_ = sequence; }
  void Released() { --in_flight_; }

  // What is left when nothing is decided any more; the queue is empty afterwards.
  std::deque<Done> Abandon();

 private:
  struct Queued {
    store::v1::Command command;
    Done done;
  };

  core::Stamp NextStamp(MonoTime mono, UtcTime utc, Duration* clock_step);

  const BatchingOptions options_;
  std::deque<Queued> queue_;
  size_t queued_from_clients_ = 0;
  uint64_t next_request_ = 1;
  int in_flight_ = 0;
  MonoTime next_deadline_ = MonoTime::Never();
  MonoTime last_mono_;
  UtcTime last_utc_;   // as stamped: never decreases
  UtcTime clock_utc_;  // as the clock said: may step
  uint64_t next_sequence_;
  uint64_t committed_sequence_;  // of the last batch that was written
};

// Lets out what a durable batch caused, in this order: rows to the readers, replies, orders, session effects.
void Release(Batch batch, EffectSink* sink);

// The reply of a request that was not decided.
core::Reply NotDone(absl::Status status);

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_BATCHING_H_
