#include <algorithm>
#include <map>
#include <tuple>

#include "common/faults/mutation.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/round.h"
#include "scheduler/core/rows.h"
#include "scheduler/economics/account.h"
#include "scheduler/economics/prices.h"

namespace switchyard::core {
namespace {

// A failure after so long is a new story: the back-off begins again.
constexpr Duration kBackoffReset = Minutes(10);
// A supervisor ends a fenced task within this after its deadline.
constexpr Duration kFenceKillBound = Seconds(10);
constexpr int64_t kDriftPpm = 10'000;

Duration Backoff(const State& state, int failures) {
  int64_t span = state.timing().backoff_initial_ms();
  for (int i = 1; i < failures && span < state.timing().backoff_max_ms(); ++i) span *= 2;
  return Milliseconds(std::min(span, state.timing().backoff_max_ms()));
}

// One entry of the append-only accounts for a task that ended.
void Account(Step& step, const Allocation& allocation, const Job& job) {
  const Node& node = step.state.nodes[allocation.node];
  if (allocation.running_since == UtcTime()) return;
  economics::Usage usage;
  usage.run = step.stamp.utc - allocation.running_since;
  usage.energy = Energy(allocation.energy_mj);
  usage.gigahashes = allocation.hashes_gh;
  const bool gpu = allocation.group >= 0 && node.groups[allocation.group].model.kind() == v1::GPU;
  if (gpu)
    usage.gpu_ms = usage.run.count() * static_cast<int64_t>(allocation.devices.size()) * allocation.share_milli / 1000;
  const economics::Account account = economics::AccountFor(
      usage, economics::PricesAt(step.state.configuration.sites(static_cast<int>(node.site_index)), step.stamp.utc));
  pb::AccountRow row;
  row.set_utc_ms(step.stamp.utc.milliseconds());
  row.set_tenant(job.row.job().spec().tenant());
  row.set_job(allocation.job);
  row.set_task(fmt::format("{}/{}", allocation.task_group, allocation.index));
  row.set_site(node.site);
  row.set_kind(allocation.kind);
  row.set_run_ms(account.run.count());
  row.set_energy_mj(account.energy.count());
  row.set_gpu_ms(account.gpu_ms);
  row.set_hashes_gh(account.gigahashes);
  row.set_cost_micro_usd(account.cost.count());
  row.set_revenue_micro_usd(account.revenue.count());
  step.PutRow(RowKind::kAccount, NumberKey(step.stamp.sequence) + NumberKey(allocation.id), Bytes(row));
  pb::TenantRow& tenant = step.state.tenants[row.tenant()];
  tenant.set_id(row.tenant());
  tenant.set_energy_mj(tenant.energy_mj() + row.energy_mj());
  tenant.set_gpu_ms(tenant.gpu_ms() + row.gpu_ms());
  tenant.set_spend_micro_usd(tenant.spend_micro_usd() + row.cost_micro_usd());
  step.changed_tenants.insert(row.tenant());
}

void RecordTask(Step& step, Job& job, const Allocation& allocation) {
  for (v1::Task& task : *job.row.mutable_job()->mutable_tasks()) {
    if (task.group() == allocation.task_group && task.index() == allocation.index)
      task = ToTask(step.state, allocation);
  }
  step.changed_jobs.insert(allocation.job);
}

// An attempt failed: tried again after a back-off, or the end.
v1::JobState AfterFailure(Step& step, Job& job, const Allocation& allocation) {
  v1::Job* face = job.row.mutable_job();
  const bool ran_long =
      allocation.running_since != UtcTime() && step.stamp.utc - allocation.running_since >= kBackoffReset;
  job.row.set_consecutive_failures(ran_long ? 1 : job.row.consecutive_failures() + 1);
  face->set_failures(face->failures() + 1);
  const int32_t retries = face->spec().max_retries();
  if (retries >= 0 && face->failures() > retries) return v1::FAILED;
  const Duration backoff = Backoff(step.state, job.row.consecutive_failures());
  job.not_before = step.stamp.mono + backoff;
  job.row.set_not_before_utc_ms((step.stamp.utc + backoff).milliseconds());
  ArmJob(step, job);
  return v1::PENDING;
}

// Devices and watts of a failed attempt stay with the job while its back-off is short: in all at most restart_hold.
bool HoldsThroughBackoff(const Step& step, const Job& job, v1::JobState then) {
  if (then != v1::PENDING || job.row.preempted() || job.row.consecutive_failures() == 0 ||
      job.not_before <= step.stamp.mono)
    return false;
  int64_t held = 0;
  for (int i = 1; i <= job.row.consecutive_failures(); ++i) held += Backoff(step.state, i).count();
  return held <= step.state.timing().restart_hold_ms();
}

placement::TaskPlacement PlacementOf(const Allocation& allocation) {
  return {.group = allocation.task_group,
          .index = allocation.index,
          .node = allocation.node,
          .device_group = allocation.group,
          .devices = allocation.devices,
          .share_milli = allocation.share_milli,
          .needs_yield = false};
}

// Charges every ended member its full grant again, where the headroom is still there: what they drew may have been
// taken since.
bool HoldMembers(Step& step, const Job& job) {
  const std::set<uint64_t> members = step.state.job_allocations[job.row.job().id()];
  for (const uint64_t id : members) {
    Allocation& allocation = step.state.allocations.at(id);
    if (allocation.group < 0) continue;
    const uint32_t chain = step.state.nodes[allocation.node].groups[allocation.group].chain;
    const Power grant = GrantFor(step.state, job.row.job().spec(), PlacementOf(allocation));
    const power::Chain& edges = step.state.ledger.chain(chain);
    const bool blocked = std::any_of(edges.begin(), edges.end(), [&](const power::Edge& edge) {
      return !step.state.budgets[edge.budget].blocked_by.empty();
    });
    const Power transient = TransientFor(step.state, PlacementOf(allocation));
    if (blocked || !step.state.ledger.Fits(chain, allocation.charged, grant + transient)) return false;
    allocation.bound = power::Bound(grant);
    allocation.transient = transient;  // of the start in place that it is held for
    allocation.claimed.reset();
    ChargeAllocation(step, allocation);
  }
  for (const uint64_t id : members) {
    Allocation& allocation = step.state.allocations.at(id);
    allocation.held = true;
    step.changed_sets[allocation.node].removed.insert(id);
    step.state.nodes[allocation.node].set_revision = step.stamp.sequence;
    step.changed_allocations.insert(id);
  }
  return true;
}

// Every member of the attempt has ended.
void FinishAttempt(Step& step, Job& job) {
  const v1::JobState then = job.row.stop_as() == v1::JOB_STATE_UNSPECIFIED ? v1::PENDING : job.row.stop_as();
  const std::string reason = job.row.job().reason();
  if (!IsGang(job) || !HoldsThroughBackoff(step, job, then) || !HoldMembers(step, job)) {
    for (const uint64_t id : std::set<uint64_t>(step.state.job_allocations[job.row.job().id()]))
      RemoveAllocation(step, id);
  }
  job.row.clear_stop_as();
  job.row.clear_stop_grace_ms();
  job.row.set_released(false);
  SetState(step, job, then, reason);
  if (job.not_before > step.stamp.mono) job.pending = PendingReason(BackoffShortfall(job, step.stamp.mono));
}

bool AllExited(const State& state, const Job& job) {
  const auto members = state.job_allocations.find(job.row.job().id());
  if (members == state.job_allocations.end()) return true;
  return std::all_of(members->second.begin(), members->second.end(),
                     [&](uint64_t id) { return state.allocations.at(id).exited; });
}

void GangMemberEnded(Step& step, Job& job, const Allocation& allocation) {
  if (job.row.job().state() != v1::STOPPING) {
    if (allocation.exit_code == 0 && job.row.released()) {
      if (!AllExited(step.state, job)) return;
      job.row.set_stop_as(v1::SUCCEEDED);
      job.row.mutable_job()->clear_reason();
    } else {
      const std::string reason =
          fmt::format("task {}/{} on node \"{}\" ended with code {}{}{}", allocation.task_group, allocation.index,
                      step.state.nodes[allocation.node].id, allocation.exit_code,
                      allocation.exit_reason.empty() ? "" : ": ", allocation.exit_reason);
      const v1::JobState then = AfterFailure(step, job, allocation);
      StopAttempt(step, job, then, reason, std::nullopt);
    }
  }
  // A member that will not be held gives its devices and watts back at once, whoever else is still to end.
  const bool finished = AllExited(step.state, job);
  if (!finished && job.row.job().state() == v1::STOPPING && !HoldsThroughBackoff(step, job, job.row.stop_as())) {
    RemoveAllocation(step, allocation.id);
  }
  if (finished) FinishAttempt(step, job);
}

void ReplicaEnded(Step& step, Job& job, const Allocation& allocation) {
  const uint64_t job_id = allocation.job;
  const bool stopping = job.row.job().state() == v1::STOPPING;
  if (!stopping && allocation.phase != v1::STOP) {
    const std::string reason =
        fmt::format("replica {}/{} on node \"{}\" ended with code {}", allocation.task_group, allocation.index,
                    step.state.nodes[allocation.node].id, allocation.exit_code);
    const v1::JobState then = AfterFailure(step, job, allocation);
    RemoveAllocation(step, allocation.id);
    if (then == v1::FAILED) {
      StopAttempt(step, job, v1::FAILED, reason, std::nullopt);
      return;
    }
  } else {
    RemoveAllocation(step, allocation.id);
  }
  if (!step.state.job_allocations[job_id].empty()) {
    UpdateWaiting(step.state, job);
    return;
  }
  if (stopping)
    FinishAttempt(step, job);
  else
    SetState(step, job, v1::PENDING, job.row.job().reason());
}

void HashingEnded(Step& step, Job& job, const Allocation& allocation) {
  const uint64_t job_id = allocation.job;
  Node& node = step.state.nodes[allocation.node];
  if (allocation.phase != v1::STOP) {
    node.hashing_not_before = step.stamp.mono + Milliseconds(step.state.timing().backoff_initial_ms()) * 5;
    step.RoundAt(node.hashing_not_before);
  }
  RemoveAllocation(step, allocation.id);
  if (!step.state.job_allocations[job_id].empty()) return;
  if (job.row.job().state() == v1::STOPPING)
    FinishAttempt(step, job);
  else
    SetState(step, job, v1::PENDING, "");
}

}  // namespace

void TakeTaskReport(Step& step, Allocation& allocation, const v1::AllocationReport& report) {
  allocation.energy_mj = std::max<int64_t>(allocation.energy_mj, report.energy_mj());
  allocation.hashes_gh = std::max<int64_t>(allocation.hashes_gh, report.hashes());
  allocation.shares_accepted = report.shares_accepted();
  allocation.shares_rejected = report.shares_rejected();
  if (allocation.exited) return;
  const v1::TaskPhase before = allocation.reported;
  allocation.reported = report.phase();
  if (report.phase() == v1::TASK_PREPARING && SWITCHYARD_MUTATION(ignores_task_phase))
    allocation.reported = v1::TASK_PREPARED;
  if (report.phase() == v1::TASK_ENDED) {
    EndAllocation(step, allocation, SWITCHYARD_MUTATION(ignores_exit_code) ? 0 : report.exit_code(), report.reason());
    return;
  }
  if (report.phase() == v1::TASK_RUNNING && allocation.running_since == UtcTime()) {
    allocation.running_since = step.stamp.utc;
    step.changed_allocations.insert(allocation.id);
    Job& job = step.state.jobs.at(allocation.job);
    if (allocation.kind != v1::TRAINING && job.row.job().state() == v1::PREPARING) {
      job.row.mutable_job()->set_started_utc_ms(step.stamp.utc.milliseconds());
      SetState(step, job, v1::RUNNING, "");
    }
    RecordTask(step, job, allocation);
    step.WakeAt(step.stamp.mono, TimerKind::kAllocation, allocation.id);
  } else if (before != report.phase()) {
    step.changed_allocations.insert(allocation.id);
    if (step.state.plans.contains(allocation.plan)) step.state.round_needed = true;  // which may release it
  }
}

void CheckGangs(Step& step, const Node& node) {
  State& state = step.state;
  std::set<uint64_t> candidates;
  for (const uint64_t id : node.allocations) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.phase == v1::PREPARE && allocation.reported == v1::TASK_PREPARED) candidates.insert(id);
    // A scan that lacks a prepared member: what was prepared and is not any more ends the attempt (EndMissing did).
  }
  for (const uint64_t candidate : candidates) {
    const Allocation& first = state.allocations.at(candidate);
    Job& job = state.jobs.at(first.job);
    if (first.phase != v1::PREPARE || job.row.job().state() == v1::STOPPING) continue;
    if (state.plans.contains(first.plan)) continue;  // its plan releases it, with the rest of its grant
    std::vector<uint64_t> members;
    if (IsGang(job)) {
      const std::set<uint64_t>& all = state.job_allocations[first.job];
      const bool ready = std::all_of(all.begin(), all.end(), [&](uint64_t id) {
        const Allocation& member = state.allocations.at(id);
        return member.phase == v1::PREPARE && member.reported == v1::TASK_PREPARED && state.nodes[member.node].heard;
      });
      if (!ready) continue;
      members.assign(all.begin(), all.end());
    } else {
      members.push_back(candidate);
    }
    ReleaseTasks(step, job, members);
  }
}

void EndAllocation(Step& step, Allocation& allocation, int32_t exit_code, const std::string& reason) {
  if (allocation.exited) return;
  Job& job = step.state.jobs.at(allocation.job);
  allocation.exited = true;
  allocation.reported = v1::TASK_ENDED;
  allocation.exit_code = exit_code;
  allocation.exit_reason = reason;
  // Devices that come up idle draw idle watts once nothing runs on them; others keep what was last confirmed.
  const Node& node = step.state.nodes[allocation.node];
  if (allocation.group < 0 || node.groups[allocation.group].model.power_cycle() == v1::SELF_IDLE) {
    const Power idle =
        allocation.group < 0 ? Power() : IdleWatts(node, node.groups[allocation.group], allocation.devices.size());
    allocation.bound.Order(step.stamp.sequence, std::min(allocation.bound.grant(), idle));
    ShareAllocation(step.state, allocation);
    ConfirmBound(step, allocation, step.stamp.sequence, idle, "ended");
  }
  Account(step, allocation, job);
  RecordTask(step, job, allocation);
  step.changed_allocations.insert(allocation.id);
  step.state.round_needed = true;
  switch (allocation.kind) {
    case v1::TRAINING:
      GangMemberEnded(step, job, allocation);
      break;
    case v1::INFERENCE:
      ReplicaEnded(step, job, allocation);
      break;
    default:
      HashingEnded(step, job, allocation);
      break;
  }
}

void RemoveAllocation(Step& step, uint64_t id) {
  State& state = step.state;
  Allocation& allocation = state.allocations.at(id);
  Node& node = state.nodes[allocation.node];
  if (allocation.plan != 0) ClosePlan(step, allocation.plan, "its task has ended");
  allocation.held = false;
  ReturnDevices(step, allocation);
  UnshareAllocation(state, allocation);
  node.allocations.erase(id);
  node.set_revision = step.stamp.sequence;
  step.changed_sets[allocation.node].removed.insert(id);
  step.changed_sets[allocation.node].upserts.erase(id);
  const auto members = state.job_allocations.find(allocation.job);
  members->second.erase(id);
  step.changed_allocations.erase(id);
  step.removed_allocations.insert(id);
  state.allocations.erase(id);
  state.round_needed = true;
}

void EndMissing(Step& step, const Node& node, uint64_t applied_revision, const std::set<uint64_t>& present) {
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    const auto found = step.state.allocations.find(id);
    if (present.contains(id) || found == step.state.allocations.end() || found->second.held) continue;
    Allocation& allocation = found->second;
    // Never seen there: it may still wait there for its devices or its lease. Seen before, or stopped before it began:
    // gone.
    const bool never_began = allocation.phase == v1::STOP && applied_revision >= allocation.ordered_revision;
    if (allocation.reported == v1::TASK_WAITING && !never_began) continue;
    EndAllocation(step, allocation, 128 + 9, "the machine does not have it any more");
  }
}

void ArmJob(Step& step, Job& job) {
  const uint64_t id = job.row.job().id();
  if (job.row.job().state() == v1::PREPARING) {
    step.WakeAt(job.phase_since + Milliseconds(step.state.timing().prepare_timeout_ms()), TimerKind::kJob, id);
  }
  if (job.not_before > step.stamp.mono) step.WakeAt(job.not_before, TimerKind::kJob, id);
  const v1::Job& face = job.row.job();
  if (face.state() == v1::RUNNING && face.spec().wall_time_ms() > 0) {
    const Duration left = UtcTime(face.started_utc_ms()) + Milliseconds(face.spec().wall_time_ms()) - step.stamp.utc;
    step.WakeAt(step.stamp.mono + std::max(left, Duration()), TimerKind::kJob, id);
  }
  if (face.state() == v1::RUNNING && face.spec().min_run_ms() > 0) {
    // Who waits to preempt it may look again when its minimum is over.
    const Duration left = UtcTime(face.started_utc_ms()) + Milliseconds(face.spec().min_run_ms()) - step.stamp.utc;
    if (left > Duration()) step.RoundAt(step.stamp.mono + left);
  }
}

namespace {

// Whether all of them find their devices free: beside a held task an orphan may have been found.
bool DevicesFit(const State& state, const std::vector<placement::TaskPlacement>& placements) {
  std::map<std::tuple<uint32_t, int32_t, int32_t>, int32_t> wanted;  // thousandths, by node, group and device
  for (const placement::TaskPlacement& placement : placements) {
    if (placement.device_group < 0) continue;
    const Group& group = state.nodes[placement.node].groups[placement.device_group];
    for (const int32_t device : placement.devices) {
      int32_t& milli = wanted[{placement.node, placement.device_group, device}];
      milli += placement.share_milli;
      if (group.used_milli[device] + milli > 1000) return false;
    }
  }
  return true;
}

// The back-off of held devices is over: the next attempt begins where the last one was.
void RestartHeld(Step& step, Job& job) {
  State& state = step.state;
  std::vector<placement::TaskPlacement> placements;
  bool whole = true;
  for (const uint64_t id : std::set<uint64_t>(state.job_allocations[job.row.job().id()])) {
    const Allocation& allocation = state.allocations.at(id);
    const Node& node = state.nodes[allocation.node];
    whole = whole && node.heard && !node.cordoned && !node.draining && !node.lost && !node.expired && node.session != 0;
    placements.push_back(PlacementOf(allocation));
    RemoveAllocation(step, id);
  }
  // Same devices, same grants, within one command: nobody else could take the watts in between.
  if (whole && DevicesFit(state, placements))
    StartTasks(step, job, placements, 0);
  else
    UpdateWaiting(state, job);
}

// Its time to prepare is over: the attempt ends, unless all are prepared and wait for the watts of a plan, whose
// deadline counts then.
void EndLatePrepare(Step& step, Job& job) {
  State& state = step.state;
  const Allocation* late = nullptr;
  bool planned = false;
  for (const uint64_t member : state.job_allocations[job.row.job().id()]) {
    const Allocation& allocation = state.allocations.at(member);
    planned = planned || state.plans.contains(allocation.plan);
    if (allocation.reported != v1::TASK_PREPARED && late == nullptr) late = &allocation;
  }
  if (planned && late == nullptr) {
    job.phase_since = step.stamp.mono;
    return;
  }
  job.row.set_plan_backoffs(job.row.plan_backoffs() + 1);
  job.not_before = step.stamp.mono + Backoff(state, job.row.plan_backoffs());
  StopAttempt(step, job, v1::PENDING,
              fmt::format("not prepared in time{}", late == nullptr
                                                        ? ""
                                                        : fmt::format(": task {}/{} on node \"{}\"", late->task_group,
                                                                      late->index, state.nodes[late->node].id)),
              std::nullopt);
}

}  // namespace

void JobTimer(Step& step, uint64_t id) {
  const auto found = step.state.jobs.find(id);
  if (found == step.state.jobs.end()) return;
  Job& job = found->second;
  const v1::Job& face = job.row.job();
  const MonoTime now = step.stamp.mono;
  if (face.state() == v1::PREPARING && job.phase_since + Milliseconds(step.state.timing().prepare_timeout_ms()) <= now)
    EndLatePrepare(step, job);
  if (face.state() == v1::RUNNING && face.spec().wall_time_ms() > 0 &&
      UtcTime(face.started_utc_ms()) + Milliseconds(face.spec().wall_time_ms()) <= step.stamp.utc) {
    StopAttempt(step, job, v1::FAILED, "wall time is over", std::nullopt);
  }
  if (job.not_before <= now && face.state() == v1::PENDING) {
    const auto members = step.state.job_allocations.find(id);
    if (members != step.state.job_allocations.end() && !members->second.empty() && IsGang(job)) RestartHeld(step, job);
    step.state.round_needed = true;
  }
  // A service that runs with a replica missing waits for it as a pending job waits for all of its tasks.
  if (job.not_before <= now && step.state.pending.contains(id)) step.state.round_needed = true;
  ArmJob(step, job);
}

namespace {

// A replica of a service that runs meanwhile: it alone ends when its time to prepare is over, and is placed anew after a
// back-off. True: it ended.
bool EndLateReplica(Step& step, Job& job, Allocation& allocation) {
  const v1::Job& face = job.row.job();
  if (face.state() != v1::RUNNING || IsGang(job) || allocation.kind == v1::HASHING || allocation.exited ||
      allocation.phase != v1::PREPARE || allocation.reported == v1::TASK_PREPARED ||
      step.state.plans.contains(allocation.plan))  // a plan has deadlines of its own
    return false;
  const MonoTime due = allocation.prepare_since + Milliseconds(step.state.timing().prepare_timeout_ms());
  if (due > step.stamp.mono) {
    step.WakeAt(due, TimerKind::kAllocation, allocation.id);
    return false;
  }
  job.row.set_plan_backoffs(job.row.plan_backoffs() + 1);
  job.not_before = step.stamp.mono + Backoff(step.state, job.row.plan_backoffs());
  step.changed_jobs.insert(face.id());
  step.Event("ReplicaLate", std::to_string(face.id()),
             fmt::format("replica {}/{} on node \"{}\" was not prepared in time", allocation.task_group,
                         allocation.index, step.state.nodes[allocation.node].id));
  StopAllocation(step, allocation);
  ArmJob(step, job);
  return true;
}

}  // namespace

void AllocationTimer(Step& step, uint64_t id) {
  const auto found = step.state.allocations.find(id);
  if (found == step.state.allocations.end()) return;
  Allocation& allocation = found->second;
  TryClaim(step, allocation);
  Job& job = step.state.jobs.at(allocation.job);
  if (EndLateReplica(step, job, allocation)) return;
  const int64_t fence = job.row.job().spec().fence_after_ms();
  if (fence <= 0 || allocation.kind == v1::HASHING || allocation.held) return;
  const Node& node = step.state.nodes[allocation.node];
  if (!node.renewed.has_value() || node.groups.empty()) return;
  if (allocation.group >= 0 && node.groups[allocation.group].enforcer != v1::ENFORCER_SUPERVISOR &&
      node.groups[allocation.group].enforcer != v1::ENFORCER_DEVICE)
    return;
  const MonoTime fenced = *node.renewed + Duration(fence + fence * kDriftPpm / 1'000'000) + kFenceKillBound;
  if (fenced > step.stamp.mono) {
    step.WakeAt(fenced, TimerKind::kAllocation, id);
    return;
  }
  EndAllocation(step, allocation, 128 + 9, "fenced: its supervisor has ended it");
}

void ResumeJob(Step& step, Job& job) {
  job.phase_since = step.stamp.mono;
  const int64_t left = job.row.not_before_utc_ms() - step.stamp.utc.milliseconds();
  if (left > 0) job.not_before = step.stamp.mono + Milliseconds(left);
  if (!Terminal(job.row.job().state())) step.WakeAt(step.stamp.mono, TimerKind::kJob, job.row.job().id());
}

}  // namespace switchyard::core
