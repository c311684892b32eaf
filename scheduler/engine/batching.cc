#include "scheduler/engine/batching.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/faults/failpoint.h"

namespace switchyard::engine {
namespace {

using store::v1::Command;

// While more commands wait than a batch takes, a deadline waits for the reports in front of it, so that an expiry is
// not decided with its heartbeat in the queue; but no longer than this, for deadlines also lower watts.
constexpr Duration kDeadlinePatience = Milliseconds(250);

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
size_t Weight(const Command& command) { return command.has_submit() ? std::max(1, command.submit().jobs_size()) : 1; }

}  // namespace

core::Reply NotDone(absl::Status status) {
  core::Reply reply;
  reply.status = std::move(status);
  return reply;
}

Batching::Batching(const BatchingOptions& options)
    : options_(options),
      last_utc_(options.not_before),
      next_sequence_(options.first_sequence),
      committed_sequence_(options.first_sequence - 1) {}

absl::Status Batching::Post(Command command, Done&& done) {
  const bool from_client = !FromAgentOrSelf(command);
  const size_t queued = from_client ? queued_from_clients_ : queue_.size() - queued_from_clients_;
  const size_t limit = from_client ? kMaxQueuedFromClients : kMaxQueuedFromAgents;
  if (queued >= limit) {
    return absl::UnavailableError("scheduler: its queue is full, " + std::to_string(limit) +
                                  " commands may wait; retry later");
  }
  queue_.push_back({std::move(command), std::move(done)});
  if (from_client) ++queued_from_clients_;
  return absl::OkStatus();
}

Batch Batching::Take(MonoTime mono, UtcTime utc) {
  SWITCHYARD_CHECK(HasPlace()) << "a third batch in flight";
  Batch batch;
  size_t weight = 0;
  while (!queue_.empty() && (weight == 0 || weight + Weight(queue_.front().command) <= kMaxBatch)) {
    Queued& next = queue_.front();
    weight += Weight(next.command);
    if (!FromAgentOrSelf(next.command)) --queued_from_clients_;
    next.command.set_request(0);
    if (next.done != nullptr) {
      next.command.set_request(next_request_);
      batch.waiting.push_back({next_request_++, std::move(next.done)});
    }
    batch.commands.push_back(std::move(next.command));
    queue_.pop_front();
  }
  batch.stamp = NextStamp(mono, utc, &batch.clock_step);
  const bool due = next_deadline_ <= batch.stamp.mono;
  const bool overdue = next_deadline_ <= batch.stamp.mono - kDeadlinePatience;
  if (due && (queue_.empty() || overdue)) batch.commands.emplace_back().mutable_advance();
  ++in_flight_;
  return batch;
}

core::Stamp Batching::NextStamp(MonoTime mono, UtcTime utc, Duration* clock_step) {
  mono = std::max(last_mono_, mono);
  const bool first = next_sequence_ == options_.first_sequence;
  *clock_step = first ? Duration(0) : (utc - clock_utc_) - (mono - last_mono_);
  clock_utc_ = utc;
  last_mono_ = mono;
  last_utc_ = std::max(last_utc_, utc);
  return {last_mono_, last_utc_, next_sequence_++};
}

void Batching::Decided(const Batch& batch, MonoTime deadline) {
  // A deadline that stays in the past would spin the writer; a millisecond, the resolution of time here, is early
  // enough.
  next_deadline_ = deadline <= batch.stamp.mono ? batch.stamp.mono + Milliseconds(1) : deadline;
}

bool Batching::MustCommit(const Batch& batch) const {
  // Nothing to write, but a term that follows must begin above every sequence that was used.
  return !batch.effects.rows.empty() || batch.stamp.sequence - committed_sequence_ >= options_.sequence_slack;
}

std::deque<Done> Batching::Abandon() {
  std::deque<Done> left;
  for (Queued& queued : queue_) {
    if (queued.done != nullptr) left.push_back(std::move(queued.done));
  }
  queue_.clear();
  queued_from_clients_ = 0;
  return left;
}

void Release(Batch batch, EffectSink* sink) {
  const uint64_t sequence = batch.stamp.sequence;
  sink->OnRows(sequence, std::move(batch.effects.rows));
  if (!batch.effects.reasons.empty()) sink->OnReasons(sequence, std::move(batch.effects.reasons));
  SWITCHYARD_FAILPOINT_IF("reply.before", !batch.waiting.empty());
  std::vector<bool> answered(batch.waiting.size(), false);
  for (const core::Reply& reply : batch.effects.replies) {
    const auto waiting =
        std::lower_bound(batch.waiting.begin(), batch.waiting.end(), reply.request,
                         [](const Batch::Waiting& entry, uint64_t request) { return entry.request < request; });
    if (waiting == batch.waiting.end() || waiting->request != reply.request) continue;  // request 0: nobody waits
    const size_t index = static_cast<size_t>(waiting - batch.waiting.begin());
    SWITCHYARD_CHECK(!answered[index]) << "request " << reply.request << " was answered twice";
    answered[index] = true;
    waiting->done(reply);
  }
  for (size_t i = 0; i < answered.size(); ++i) {
    if (!answered[i])
      batch.waiting[i].done(NotDone(absl::InternalError("scheduler: it gave no answer to this request")));
  }
  SWITCHYARD_FAILPOINT_IF("reply.after", !batch.waiting.empty());
  if (!batch.effects.orders.empty()) {
    SWITCHYARD_FAILPOINT("order.before");
    sink->OnOrders(sequence, std::move(batch.effects.orders));
    SWITCHYARD_FAILPOINT("order.after");
  }
  if (!batch.effects.sessions.empty()) sink->OnSessions(sequence, std::move(batch.effects.sessions));
}

}  // namespace switchyard::engine
