#include "scheduler/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <utility>

#include "common/check.h"
#include "scheduler/engine/recorder.h"

namespace switchyard::engine {
namespace {

using store::v1::Command;

constexpr int kMaxInFlight = 2;
// While more commands wait than a batch takes, a deadline waits for the reports in front of it, so that an expiry is not decided
// with its heartbeat in the queue; but no longer than this, for deadlines also lower watts.
constexpr Duration kDeadlinePatience = Milliseconds(250);
constexpr Duration kClockStep = Seconds(1);

bool FromAgentOrSelf(const Command& command) {
  switch (command.body_case()) {
    case Command::kHello:
    case Command::kReport:
    case Command::kHeartbeat:
    case Command::kTelemetry:
    case Command::kSessionEnded:
    case Command::kStartTerm:
    case Command::kAdvance:
    case Command::kDiskFree:
    case Command::kPrune:
      return true;
    default:
      return false;
  }
}

// How much of a batch a command takes.
size_t Weight(const Command& command) {
  return command.has_submit() ? std::max(1, command.submit().jobs_size()) : 1;
}

core::Reply Refusal(absl::Status status) {
  core::Reply reply;
  reply.status = std::move(status);
  return reply;
}

[[noreturn]] void DieOfFailedCommit(const absl::Status& status) {
  std::fprintf(stderr, "switchyardd: a commit failed, memory is ahead of the disk: %s; ending, the next start reads the store\n",
               status.ToString().c_str());
  std::abort();
}

int64_t MicrosecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Engine::Engine(EngineOptions options)
    : options_(std::move(options)),
      last_utc_(options_.not_before),
      next_sequence_(options_.first_sequence),
      committed_sequence_(options_.first_sequence - 1) {
  SWITCHYARD_CHECK(options_.machine != nullptr && options_.clock != nullptr && options_.sink != nullptr);
  SWITCHYARD_CHECK(options_.commit != nullptr);
}

Engine::~Engine() { Stop(); }

void Engine::Start() {
  SWITCHYARD_CHECK(!writer_.joinable()) << "an engine starts once";
  next_deadline_ = options_.machine->NextDeadline();
  accepting_ = true;
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
  // After a failed commit commands may be left that nobody decided.
  for (Queued& left : queue_) {
    if (left.done != nullptr) left.done(Refusal(absl::UnavailableError("scheduler: it is stopping; retry when it is up again")));
  }
  queue_.clear();
}

absl::Status Engine::Post(Command command, Done done) {
  const bool from_client = !FromAgentOrSelf(command);
  absl::Status refused;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const size_t queued = from_client ? queued_from_clients_ : queue_.size() - queued_from_clients_;
    const size_t limit = from_client ? kMaxQueuedFromClients : kMaxQueuedFromAgents;
    if (!accepting_) {
      refused = absl::UnavailableError("scheduler: it is not running or stopping; retry when it is up again");
    } else if (queued >= limit) {
      ++stats_.refused;
      refused = absl::UnavailableError("scheduler: its queue is full, " + std::to_string(limit) + " commands may wait; retry later");
    } else {
      queue_.push_back({std::move(command), std::move(done)});
      if (from_client) ++queued_from_clients_;
    }
  }
  if (refused.ok()) {
    writer_wakes_.notify_one();
  } else if (done != nullptr) {
    done(Refusal(refused));
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
  stats.queued = queue_.size();
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
    if (in_flight_ >= kMaxInFlight) {
      writer_wakes_.wait(lock);
      continue;
    }
    if (!queue_.empty()) break;
    if (stopping_) return false;
    const MonoTime now = options_.clock->Mono();
    if (AdvanceIsDue(now)) break;
    if (next_deadline_ == MonoTime::Never()) {
      writer_wakes_.wait(lock);
    } else {
      // An hour at most, so that no far deadline overflows the clock behind the wait.
      const int64_t wait_ms = std::min((next_deadline_ - now).count(), Hours(1).count());
      writer_wakes_.wait_for(lock, std::chrono::milliseconds(wait_ms));
    }
  }
  size_t weight = 0;
  while (!queue_.empty() && (weight == 0 || weight + Weight(queue_.front().command) <= kMaxBatch)) {
    Queued& next = queue_.front();
    weight += Weight(next.command);
    if (!FromAgentOrSelf(next.command)) --queued_from_clients_;
    next.command.set_request(0);
    if (next.done != nullptr) {
      next.command.set_request(next_request_);
      batch->waiting.push_back({next_request_++, std::move(next.done)});
    }
    batch->commands.push_back(std::move(next.command));
    queue_.pop_front();
  }
  batch->stamp = NextStamp();
  const bool overdue = next_deadline_ <= batch->stamp.mono - kDeadlinePatience;
  if (AdvanceIsDue(batch->stamp.mono) && (queue_.empty() || overdue)) batch->commands.emplace_back().mutable_advance();
  ++in_flight_;
  ++stats_.batches;
  stats_.commands += batch->commands.size();
  return true;
}

bool Engine::AdvanceIsDue(MonoTime now) const { return next_deadline_ <= now; }

core::Stamp Engine::NextStamp() {
  const MonoTime mono = std::max(last_mono_, options_.clock->Mono());
  const UtcTime utc = options_.clock->Utc();
  clock_step_ = next_sequence_ == options_.first_sequence ? Duration(0) : (utc - clock_utc_) - (mono - last_mono_);
  clock_utc_ = utc;
  last_mono_ = mono;
  last_utc_ = std::max(last_utc_, utc);
  return {last_mono_, last_utc_, next_sequence_++};
}

void Engine::Decide(Batch* batch) {
  const bool stepped = clock_step_ > kClockStep || clock_step_ < -kClockStep;
  if (stepped && options_.on_clock_step != nullptr) options_.on_clock_step(clock_step_);
  const auto start = std::chrono::steady_clock::now();
  batch->effects = options_.machine->Apply(batch->stamp, batch->commands);
  next_deadline_ = options_.machine->NextDeadline();
  // A deadline that stays in the past would spin this thread; a millisecond, the resolution of time here, is early enough.
  if (next_deadline_ <= batch->stamp.mono) next_deadline_ = batch->stamp.mono + Milliseconds(1);
  if (options_.recorder != nullptr) options_.recorder->Add(batch->stamp, batch->commands, options_.machine->Digest());
  const std::lock_guard<std::mutex> lock(mutex_);
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
    if (!MakeDurable(*batch)) return;
    const uint64_t sequence = batch->stamp.sequence;
    Release(*std::move(batch));
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      --in_flight_;
      stats_.durable_sequence = sequence;
    }
    writer_wakes_.notify_one();
  }
}

// False: the commit failed and the handler, a test's, returned.
bool Engine::MakeDurable(const Batch& batch) {
  const uint64_t sequence = batch.stamp.sequence;
  // Nothing to write, but a term that follows must begin above every sequence that was used.
  if (batch.effects.rows.empty() && sequence - committed_sequence_ < options_.sequence_slack) return true;
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status = options_.commit(sequence, batch.stamp.utc, batch.effects.rows);
  if (status.ok()) {
    committed_sequence_ = sequence;
    const std::lock_guard<std::mutex> lock(mutex_);
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

void Engine::Release(Batch batch) {
  const uint64_t sequence = batch.stamp.sequence;
  options_.sink->OnRows(sequence, std::move(batch.effects.rows));
  std::vector<bool> answered(batch.waiting.size(), false);
  for (const core::Reply& reply : batch.effects.replies) {
    const auto waiting = std::lower_bound(batch.waiting.begin(), batch.waiting.end(), reply.request,
                                          [](const Waiting& entry, uint64_t request) { return entry.request < request; });
    if (waiting == batch.waiting.end() || waiting->request != reply.request) continue;  // request 0: nobody waits
    const size_t index = static_cast<size_t>(waiting - batch.waiting.begin());
    SWITCHYARD_CHECK(!answered[index]) << "request " << reply.request << " was answered twice";
    answered[index] = true;
    waiting->done(reply);
  }
  for (size_t i = 0; i < answered.size(); ++i) {
    if (!answered[i]) batch.waiting[i].done(Refusal(absl::InternalError("scheduler: it gave no answer to this request")));
  }
  if (!batch.effects.orders.empty()) options_.sink->OnOrders(sequence, std::move(batch.effects.orders));
  if (!batch.effects.sessions.empty()) options_.sink->OnSessions(sequence, std::move(batch.effects.sessions));
}

}  // namespace switchyard::engine
