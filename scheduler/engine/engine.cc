#include "scheduler/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <utility>

#include "common/check.h"
#include "common/faults/failpoint.h"
#include "common/faults/mutation.h"
#include "scheduler/engine/batch_content.h"
#include "scheduler/engine/recorder.h"

namespace switchyard::engine {
namespace {

using store::v1::Command;

constexpr Duration kClockStep = Seconds(1);

[[noreturn]] void DieOfFailedCommit(const absl::Status& status) {
  std::fprintf(stderr, "switchyardd: a commit failed, memory is ahead of the disk: %s; ending, the next start reads the store\n",
               status.ToString().c_str());
  std::abort();
}

// Only what is written is a commit: a batch without rows cannot be lost.
[[maybe_unused]] bool HasRows(const Batch& batch) { return !batch.effects.rows.empty(); }

void PassBeforeCommit([[maybe_unused]] const Batch& batch) {
  SWITCHYARD_FAILPOINT_IF("commit.before", HasRows(batch));
  SWITCHYARD_FAILPOINT_IF("expiry.before_commit", HoldsExpiry(batch));
  SWITCHYARD_FAILPOINT_IF("plan.open.before_commit", OpensPlan(batch));
  SWITCHYARD_FAILPOINT_IF("plan.full.before_commit", FillsPlan(batch));
}

void PassAfterCommit([[maybe_unused]] const Batch& batch) {
  SWITCHYARD_FAILPOINT_IF("commit.after", HasRows(batch));
  SWITCHYARD_FAILPOINT_IF("expiry.after_commit", HoldsExpiry(batch));
  SWITCHYARD_FAILPOINT_IF("plan.open.after_commit", OpensPlan(batch));
  SWITCHYARD_FAILPOINT_IF("plan.full.after_commit", FillsPlan(batch));
}

int64_t MicrosecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      batching_({.first_sequence = options_.first_sequence,
                 .sequence_slack = options_.sequence_slack,
                 .not_before = options_.not_before}) {
  SWITCHYARD_CHECK(options_.machine != nullptr && options_.clock != nullptr && options_.sink != nullptr);
  SWITCHYARD_CHECK(options_.commit != nullptr);
}

Engine::~Engine() { Stop(); }

void Engine::Start() {
  SWITCHYARD_CHECK(!writer_.joinable()) << "an engine starts once";
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    batching_.SetDeadline(options_.machine->NextDeadline());
    accepting_ = true;
  }
  writer_ = std::thread(&Engine::Write, this);
  committer_ = std::thread(&Engine::CommitBatches, this);
}

void Engine::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    accepting_ = false;
    stopping_ = true;
  }
  writer_wakes_.notify_all();
  if (writer_.joinable()) writer_.join();
  if (committer_.joinable()) committer_.join();
  // After a failed commit commands may be left that nobody decided. Statistics may still be asked for.
  std::deque<Done> abandoned;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    abandoned = batching_.Abandon();
  }
  for (const Done& left : abandoned) {
    left(NotDone(absl::UnavailableError("scheduler: it is stopping; retry when it is up again")));
  }
}

absl::Status Engine::Post(Command command, Done done) {
  SWITCHYARD_FAILPOINT_IF("request", command.has_submit() || command.has_cancel());
  absl::Status refused;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    refused = accepting_ ? batching_.Post(std::move(command), std::move(done))
                         : absl::UnavailableError("scheduler: it is not running or stopping; retry when it is up again");
    if (accepting_ && !refused.ok()) ++stats_.refused;
  }
  if (refused.ok()) {
    writer_wakes_.notify_one();
  } else if (done != nullptr) {
    done(NotDone(refused));
  }
  return refused;
}

core::Reply Engine::Call(Command command) {
  std::promise<core::Reply> promise;
  std::future<core::Reply> reply = promise.get_future();
  // A refusal reaches the callback as well.
  Post(std::move(command), [&promise](const core::Reply& answer) { promise.set_value(answer); }).IgnoreError();
  return reply.get();
}

EngineStats Engine::Stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  EngineStats stats = stats_;
  stats.queued = batching_.queued();
  return stats;
}

// ---- the writer's thread ----

void Engine::Write() {
  for (;;) {
    Batch batch;
    if (!TakeBatch(&batch)) break;
    Decide(&batch);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      decided_.push_back(std::move(batch));
    }
    committer_wakes_.notify_one();
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    writer_ended_ = true;
  }
  committer_wakes_.notify_one();
}

// Waits until there is something to decide and a place in flight for it. False: stopped, and the queue is drained.
bool Engine::TakeBatch(Batch* batch) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    if (failed_) return false;
    if (!batching_.HasPlace()) {
      writer_wakes_.wait(lock);
      continue;
    }
    const MonoTime now = options_.clock->Mono();
    if (stopping_ && batching_.queued() == 0) return false;
    if (batching_.HasWork(now)) break;
    if (batching_.next_deadline() == MonoTime::Never()) {
      writer_wakes_.wait(lock);
    } else {
      // An hour at most, so that no far deadline overflows the clock behind the wait.
      const int64_t wait_ms = std::min((batching_.next_deadline() - now).count(), Hours(1).count());
      writer_wakes_.wait_for(lock, std::chrono::milliseconds(wait_ms));
    }
  }
  *batch = batching_.Take(options_.clock->Mono(), options_.clock->Utc());
  ++stats_.batches;
  stats_.commands += batch->commands.size();
  return true;
}

void Engine::Decide(Batch* batch) {
  const bool stepped = batch->clock_step > kClockStep || batch->clock_step < -kClockStep;
  if (stepped && options_.on_clock_step != nullptr) options_.on_clock_step(batch->clock_step);
  const auto start = std::chrono::steady_clock::now();
  batch->effects = options_.machine->Apply(batch->stamp, batch->commands);
  const MonoTime deadline = options_.machine->NextDeadline();
  if (options_.recorder != nullptr) options_.recorder->Add(batch->stamp, batch->commands, options_.machine->Digest());
  const std::lock_guard<std::mutex> lock(mutex_);
  batching_.Decided(*batch, deadline);
  stats_.decide_microseconds += MicrosecondsSince(start);
}

// ---- the committer's thread ----

void Engine::CommitBatches() {
  for (;;) {
    std::optional<Batch> batch;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      committer_wakes_.wait(lock, [this] { return !decided_.empty() || writer_ended_; });
      if (decided_.empty()) return;
      batch = std::move(decided_.front());
      decided_.pop_front();
    }
    const bool early = SWITCHYARD_MUTATION(reply_before_commit);
    if (early) Release(*batch, options_.sink);
    PassBeforeCommit(*batch);
    if (!MakeDurable(*batch)) return;
    PassAfterCommit(*batch);
    const uint64_t sequence = batch->stamp.sequence;
    if (!early) Release(*std::move(batch), options_.sink);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      batching_.Released();
      stats_.durable_sequence = sequence;
    }
    writer_wakes_.notify_one();
  }
}

// False: the commit failed and the handler, a test's, returned.
bool Engine::MakeDurable(const Batch& batch) {
  const uint64_t sequence = batch.stamp.sequence;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!batching_.MustCommit(batch)) return true;
  }
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = options_.commit(sequence, batch.stamp.utc, batch.effects.rows);
  if (status.ok()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    batching_.Committed(sequence);
    ++stats_.commits;
    stats_.rows += batch.effects.rows.size();
    stats_.commit_microseconds += MicrosecondsSince(start);
    return true;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    failed_ = true;
    accepting_ = false;
  }
  writer_wakes_.notify_one();
  if (options_.on_failed_commit == nullptr) DieOfFailedCommit(status);
  options_.on_failed_commit(status);
  return false;
}

}  // namespace switchyard::engine
