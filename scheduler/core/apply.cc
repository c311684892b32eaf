#include <cstdlib>
#include <optional>
#include <utility>

#include "common/check.h"
#include "common/stable_hash.h"
#include "fmt/format.h"
#include "scheduler/core/configuration.h"
#include "scheduler/core/core.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/invariants.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/nodes.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/round.h"
#include "scheduler/core/rows.h"
#include "scheduler/core/sessions.h"
#include "scheduler/core/state.h"
#include "scheduler/core/views.h"

namespace switchyard::core {
namespace {

absl::Status OperatorsOnly(const State& state, const pb::Command& command) {
  if (IsOperator(state, command)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("principal \"{}\": is not an operator; an operator adds it to `operators`", command.principal()));
}

// The key and the body of a mutating request, for invariant A; empty key: not one.
std::pair<std::string, uint64_t> KeyOf(const pb::Command& command) {
  pb::Command body = command;
  std::string key;
  const auto take = [&](auto* request) {
    key = request->idempotency_key();
    request->clear_idempotency_key();
  };
  switch (command.body_case()) {
    case pb::Command::kSubmit:
      take(body.mutable_submit());
      break;
    case pb::Command::kCancel:
      take(body.mutable_cancel());
      break;
    case pb::Command::kNodeAction:
      take(body.mutable_node_action());
      break;
    case pb::Command::kOrphanAction:
      take(body.mutable_orphan_action());
      break;
    case pb::Command::kClearQuarantine:
      take(body.mutable_clear_quarantine());
      break;
    default:
      return {"", 0};
  }
  if (key.empty()) return {"", 0};
  body.clear_request();
  body.clear_aliases();
  body.clear_is_operator();
  return {command.principal() + '\0' + key, StableHash().Add(Bytes(body)).Finish()};
}

absl::Status Mutate(Step& step, const pb::Command& command, pb::CommandResult* result) {
  switch (command.body_case()) {
    case pb::Command::kSubmit: {
      absl::StatusOr<v1::SubmitResponse> response = Submit(step, command);
      if (!response.ok()) return response.status();
      *result->mutable_submit() = *std::move(response);
      return absl::OkStatus();
    }
    case pb::Command::kCancel: {
      absl::StatusOr<v1::CancelResponse> response = Cancel(step, command);
      if (!response.ok()) return response.status();
      *result->mutable_cancel() = *std::move(response);
      return absl::OkStatus();
    }
    case pb::Command::kNodeAction:
      result->mutable_node_action()->set_store_revision(step.stamp.sequence);
      if (absl::Status status = OperatorsOnly(step.state, command); !status.ok()) return status;
      return NodeAction(step, command.node_action());
    case pb::Command::kOrphanAction:
      result->mutable_orphan_action()->set_store_revision(step.stamp.sequence);
      if (absl::Status status = OperatorsOnly(step.state, command); !status.ok()) return status;
      return OrphanAction(step, command.orphan_action());
    case pb::Command::kClearQuarantine:
      result->mutable_clear_quarantine()->set_store_revision(step.stamp.sequence);
      if (absl::Status status = OperatorsOnly(step.state, command); !status.ok()) return status;
      return ClearQuarantine(step, command.clear_quarantine());
    case pb::Command::kCreateToken:
      if (absl::Status status = OperatorsOnly(step.state, command); !status.ok()) return status;
      return CreateToken(step, command.create_token());
    case pb::Command::kUseToken:
      return UseToken(step, command.use_token());
    case pb::Command::kLoadConfiguration:
      return LoadConfiguration(step, command.load_configuration().configuration());
    case pb::Command::kQuery:
      return Answer(step.state, command, step.stamp, result);
    default:
      return absl::InternalError("not a request");
  }
}

// Same key and body: the first answer again. Same key, another body: refused.
void Request(Step& step, const pb::Command& command) {
  Reply reply{.request = command.request(), .status = {}, .result = {}};
  const auto [key, body_hash] = KeyOf(command);
  const auto known = key.empty() ? step.state.idempotency.end() : step.state.idempotency.find(key);
  if (known != step.state.idempotency.end()) {
    if (known->second.body_hash() == body_hash) {
      reply.result = known->second.result();
    } else {
      reply.status =
          absl::AlreadyExistsError("idempotency_key: was used with another request; take a new key for a new request");
    }
  } else {
    reply.status = Mutate(step, command, &reply.result);
    if (reply.status.ok() && !key.empty()) {
      pb::IdempotencyRow row;
      row.set_body_hash(body_hash);
      row.set_utc_ms(step.stamp.utc.milliseconds());
      *row.mutable_result() = reply.result;
      step.PutRow(RowKind::kIdempotency, key, Bytes(row));
      step.state.idempotency[key] = std::move(row);
    }
  }
  if (reply.request != 0) step.effects.replies.push_back(std::move(reply));
}

void Dispatch(Step& step, const pb::Command& command) {
  switch (command.body_case()) {
    case pb::Command::kStartTerm:
      StartTerm(step, command.start_term());
      break;
    case pb::Command::kHello:
      Hello(step, command.hello());
      break;
    case pb::Command::kReport:
      Report(step, command.report());
      break;
    case pb::Command::kHeartbeat:
      Heartbeat(step, command.heartbeat());
      break;
    case pb::Command::kTelemetry:
      TakeTelemetry(step, command.telemetry());
      break;
    case pb::Command::kSessionEnded:
      EndSession(step, command.session_ended().session());
      break;
    case pb::Command::kDiskFree:
      step.state.disk_low = command.disk_free().bytes() < (int64_t{1} << 30);
      step.state.disk_full = command.disk_free().bytes() < (int64_t{256} << 20);
      break;
    case pb::Command::kPrune:
      Prune(step);
      break;
    case pb::Command::kAdvance:
      break;  // the timers below
    case pb::Command::BODY_NOT_SET:
      break;
    default:
      Request(step, command);
      break;
  }
}

void RunTimers(Step& step) {
  State& state = step.state;
  if (state.ledger.ReleaseOverhead(step.stamp.mono)) state.round_needed = true;
  while (const auto timer = state.timers.PopDue(step.stamp.mono)) {
    switch (timer->first) {
      case TimerKind::kRound:
        state.round_needed = true;
        break;
      case TimerKind::kOverhead:
        break;  // released above
      case TimerKind::kNode:
        if (timer->second < state.nodes.size()) NodeTimer(step, static_cast<uint32_t>(timer->second));
        break;
      case TimerKind::kAllocation:
        AllocationTimer(step, timer->second);
        break;
      case TimerKind::kJob:
        JobTimer(step, timer->second);
        break;
      case TimerKind::kPlan:
        PlanTimer(step, timer->second);
        break;
    }
  }
}

// Civil time is stamped beside the clock that leases run on; a step of one against the other is told to the operators.
constexpr int64_t kClockStepMs = 1000;

void WatchClock(Step& step) {
  const int64_t offset = step.stamp.utc.milliseconds() - step.stamp.mono.milliseconds();
  const std::optional<int64_t> before = std::exchange(step.state.clock_offset_ms, offset);
  // Set back, it is stamped as standing still until it is past that moment again: one step, told once.
  const bool stands = std::exchange(step.state.clock_utc, step.stamp.utc) == step.stamp.utc;
  const bool stood = std::exchange(step.state.clock_stands, stands && step.state.clock_stands);
  if (!step.state.term_started || !before.has_value() || std::abs(offset - *before) <= kClockStepMs) return;
  step.state.clock_stands = stands;
  if (stands && stood) return;
  step.Event("ClockStepped", step.state.meta.cluster_id(),
             fmt::format("civil time moved by {} ms against the clock of the leases", offset - *before));
}

// Rounds of one batch: a start can make the next step of a plan or a raise possible at once. Each round moves something
// or is the last.
constexpr int kRoundsPerBatch = 4;

}  // namespace

Core::Core(Options options) : state_(std::make_unique<State>()), options_(options) { state_->meta.set_next_job(1); }
Core::~Core() = default;

Effects Core::Apply(const Stamp& stamp, const std::vector<store::v1::Command>& batch) {
  Step step(*state_, stamp);
  WatchClock(step);
  for (const pb::Command& command : batch) Dispatch(step, command);
  RunTimers(step);
  for (int i = 0; i < kRoundsPerBatch && state_->round_needed; ++i) {
    state_->round_needed = false;
    RunRound(step);
  }
  if (state_->round_needed) step.RoundAt(stamp.mono);
  state_->round_needed = false;
  step.WakeAt(state_->ledger.NextOverheadRelease(), TimerKind::kOverhead, 0);
  Finish(step);
  ++batches_;
  if (options_.checks == CheckLevel::kEveryBatch || (options_.checks == CheckLevel::kEvery64th && batches_ % 64 == 0)) {
    const absl::Status status = CheckInvariants();
    SWITCHYARD_CHECK(status.ok()) << std::string(status.message());
  }
  return std::move(step.effects);
}

MonoTime Core::NextDeadline() const { return state_->timers.Next(); }

absl::Status Core::CheckInvariants() const { return switchyard::core::CheckInvariants(*state_); }

uint64_t Core::Digest() const { return switchyard::core::Digest(*state_); }

}  // namespace switchyard::core
