#include <algorithm>

#include "common/check.h"
#include "common/faults/mutation.h"
#include "common/stable_hash.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/rows.h"
#include "scheduler/placement/demand.h"

namespace switchyard::core {
namespace {

// Each node has its own block of ports, so that several agents of one machine do not hand out the same.
constexpr int32_t kFirstPort = 20'000;
constexpr int32_t kPortsPerNode = 64;
constexpr int32_t kPortBlocks = 187;  // up to 32,000, below the ephemeral range

void GivePorts(const State& state, Allocation& allocation, int32_t count) {
  if (count == 0) return;
  std::set<int32_t> used;
  for (const uint64_t id : state.nodes[allocation.node].allocations) {
    const Allocation& other = state.allocations.at(id);
    used.insert(other.ports.begin(), other.ports.end());
  }
  const int32_t first = kFirstPort + static_cast<int32_t>(allocation.node % kPortBlocks) * kPortsPerNode;
  for (int32_t port = first; port < first + kPortsPerNode && static_cast<int32_t>(allocation.ports.size()) < count;
       ++port) {
    if (!used.contains(port)) allocation.ports.push_back(port);
  }
  SWITCHYARD_CHECK(static_cast<int32_t>(allocation.ports.size()) == count) << "ports of node " << allocation.node;
}

const v1::TaskGroup& GroupOf(const v1::JobSpec& spec, const std::string& name) {
  for (const v1::TaskGroup& group : spec.groups())
    if (group.name() == name) return group;
  SWITCHYARD_CHECK(false) << "task group " << name << " of job " << spec.name();
  return spec.groups(0);
}

void SetTask(Job& job, const v1::Task& task) {
  for (v1::Task& existing : *job.row.mutable_job()->mutable_tasks()) {
    if (existing.group() != task.group() || existing.index() != task.index()) continue;
    existing = task;
    return;
  }
  *job.row.mutable_job()->add_tasks() = task;
}

}  // namespace

bool IsGang(const Job& job) { return job.row.job().spec().kind() == v1::TRAINING; }

std::vector<placement::TaskToPlace> TasksToPlace(const State& state, const Job& job) {
  std::vector<placement::TaskToPlace> tasks;
  const v1::JobSpec& spec = job.row.job().spec();
  if (spec.kind() == v1::HASHING || Terminal(job.row.job().state()) || job.row.job().state() == v1::STOPPING)
    return tasks;
  std::set<std::pair<std::string, int32_t>> live;
  const auto held = state.job_allocations.find(job.row.job().id());
  if (held != state.job_allocations.end()) {
    if (IsGang(job) && !held->second.empty()) return tasks;
    for (const uint64_t id : held->second) {
      const Allocation& allocation = state.allocations.at(id);
      live.insert({allocation.task_group, allocation.index});
    }
  }
  for (const v1::TaskGroup& group : spec.groups()) {
    for (int32_t i = 0; i < group.count(); ++i) {
      if (!live.contains({group.name(), i})) tasks.push_back({group.name(), i});
    }
  }
  return tasks;
}

Power GrantFor(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement) {
  if (placement.device_group < 0) return Power();
  const Group& group = state.nodes[placement.node].groups[placement.device_group];
  Power per_device = Milliwatts(group.model.max_mw());
  if (group.model.limiter()) {
    const int64_t wanted = GroupOf(spec, placement.group).resources().watts_per_device_mw();
    if (wanted > 0) per_device = std::clamp(Milliwatts(wanted), Milliwatts(group.model.min_mw()), per_device);
    // Shares of a device with a limiter: its limit is the sum of their grants, each at least what the device accepts.
    if (placement.share_milli < 1000) {
      per_device = std::max(Milliwatts(group.model.min_mw()),
                            Milliwatts((per_device.count() * placement.share_milli + 999) / 1000));
    }
  }
  return per_device * static_cast<int64_t>(placement.devices.size());
}

Power PrepareGrantFor(const State& state, const v1::JobSpec& spec, const placement::TaskPlacement& placement) {
  if (placement.device_group < 0) return Power();
  const v1::DeviceModel& model = state.nodes[placement.node].groups[placement.device_group].model;
  const Power prepares =
      Milliwatts(model.idle_mw() + model.prepare_mw()) * static_cast<int64_t>(placement.devices.size());
  return std::min(prepares, GrantFor(state, spec, placement));
}

Power TransientFor(const State& state, const placement::TaskPlacement& placement) {
  if (placement.device_group < 0) return Power();
  const v1::DeviceModel& model = state.nodes[placement.node].groups[placement.device_group].model;
  return Milliwatts(std::max<int64_t>(0, model.transient_mw() - model.max_mw())) *
         static_cast<int64_t>(placement.devices.size());
}

void StartTasks(Step& step, Job& job, const std::vector<placement::TaskPlacement>& placements, uint64_t plan) {
  State& state = step.state;
  v1::Job* face = job.row.mutable_job();
  const v1::JobSpec& spec = face->spec();
  face->set_attempt(face->attempt() + 1);
  for (const placement::TaskPlacement& placement : placements) {
    const v1::TaskGroup& group = GroupOf(spec, placement.group);
    Allocation allocation;
    allocation.id = step.NextAllocation();
    allocation.node = placement.node;
    allocation.group = placement.device_group;
    allocation.devices = placement.devices;
    allocation.share_milli = placement.device_group < 0 ? 0 : placement.share_milli;
    allocation.job = face->id();
    allocation.task_group = placement.group;
    allocation.index = placement.index;
    allocation.attempt = face->attempt();
    allocation.epoch = static_cast<uint32_t>(face->attempt());
    allocation.kind = spec.kind();
    allocation.phase = v1::PREPARE;
    allocation.plan = plan;
    allocation.started = step.stamp.utc;
    allocation.prepare_since = step.stamp.mono;
    allocation.cpu_milli = group.resources().cpu_milli();
    allocation.memory_bytes = group.resources().memory_bytes();
    allocation.disk_bytes = group.resources().disk_bytes();
    allocation.counts.assign(group.resources().counts().begin(), group.resources().counts().end());
    GivePorts(state, allocation, group.resources().ports());
    Node& node = state.nodes[allocation.node];
    node.allocations.insert(allocation.id);
    state.job_allocations[face->id()].insert(allocation.id);
    Allocation& placed = state.allocations.emplace(allocation.id, std::move(allocation)).first->second;
    HoldDevices(step, placed);
    step.WakeAt(step.stamp.mono + Milliseconds(state.timing().prepare_timeout_ms()), TimerKind::kAllocation, placed.id);
    if (plan != 0)
      OrderGrant(step, placed, PrepareGrantFor(state, spec, placement));
    else
      OrderGrant(step, placed, GrantFor(state, spec, placement), TransientFor(state, placement));
    SetTask(job, ToTask(state, placed));
  }
  // A gang's members learn of each other: their launch data is made when all of them are there.
  job.row.set_released(false);
  job.row.set_preempted(false);
  job.phase_since = step.stamp.mono;
  if (face->state() == v1::PENDING) SetState(step, job, v1::PREPARING, "");
  step.changed_jobs.insert(face->id());
  ArmJob(step, job);
  UpdateWaiting(state, job);
}

void ReleaseTasks(Step& step, Job& job, const std::vector<uint64_t>& members) {
  if (IsGang(job)) {
    job.row.set_released(true);
    job.row.mutable_job()->set_started_utc_ms(step.stamp.utc.milliseconds());
    SetState(step, job, v1::RUNNING, "");
  }
  job.row.set_plan_backoffs(0);
  step.changed_jobs.insert(job.row.job().id());
  for (const uint64_t id : members) {
    Allocation& member = step.state.allocations.at(id);
    member.phase = v1::RUN;
    step.OrderChanged(member);
  }
  ArmJob(step, job);
}

void StopAllocation(Step& step, Allocation& allocation) {
  if (allocation.phase == v1::STOP) return;
  // It will not run: what its plan still collects for it goes back.
  if (allocation.plan != 0) ClosePlan(step, allocation.plan, "its task stops");
  if (allocation.group >= 0 && SWITCHYARD_MUTATION(cancel_raises_ledger)) {
    const v1::DeviceModel& model = step.state.nodes[allocation.node].groups[allocation.group].model;
    OrderGrant(step, allocation, Milliwatts(model.max_mw()) * static_cast<int64_t>(allocation.devices.size()));
  }
  allocation.phase = v1::STOP;
  allocation.segments.clear();
  // Its watts stay as they are until it has ended; the order to end counts as a lowering that must be acknowledged.
  NoteLowering(step, allocation.node);
  step.OrderChanged(allocation);
}

void StopAttempt(Step& step, Job& job, v1::JobState then, const std::string& reason, std::optional<Duration> grace) {
  State& state = step.state;
  v1::Job* face = job.row.mutable_job();
  job.row.set_stop_as(then);
  // Nothing may start for a job that stops: what was planned for it goes back.
  std::vector<uint64_t> plans;
  for (const auto& [id, plan] : state.plans)
    if (plan.row.job() == face->id()) plans.push_back(id);
  for (const uint64_t id : plans) ClosePlan(step, id, "its job stops");
  if (grace.has_value() && grace->count() < face->spec().grace_ms()) job.row.set_stop_grace_ms(grace->count());
  const auto members = state.job_allocations.find(face->id());
  const bool none = members == state.job_allocations.end() || members->second.empty();
  SetState(step, job, v1::STOPPING, reason);
  if (!none) {
    for (const uint64_t id : std::set<uint64_t>(members->second)) {
      Allocation& allocation = state.allocations.at(id);
      if (allocation.held)
        RemoveAllocation(step, id);
      else
        StopAllocation(step, allocation);
    }
  }
  const auto left = state.job_allocations.find(face->id());
  if (left == state.job_allocations.end() || left->second.empty()) SetState(step, job, then, reason);
  UpdateWaiting(state, job);
}

void Preempt(Step& step, Job& job, const std::string& reason) {
  job.row.mutable_job()->set_requeues(job.row.job().requeues() + 1);
  job.row.set_preempted(true);
  step.Event("JobPreempted", std::to_string(job.row.job().id()), reason);
  StopAttempt(step, job, v1::PENDING, reason, std::nullopt);
}

void SetState(Step& step, Job& job, v1::JobState to, const std::string& reason) {
  v1::Job* face = job.row.mutable_job();
  if (face->state() == to && face->reason() == reason) return;
  face->set_state(to);
  if (to != v1::PREPARING && to != v1::RUNNING)
    face->set_reason(reason);
  else
    face->clear_reason();
  if (Terminal(to)) {
    face->set_finished_utc_ms(step.stamp.utc.milliseconds());
    step.state.finished.emplace(step.stamp.utc, face->id());
  }
  step.changed_jobs.insert(face->id());
  step.state.round_needed = true;
  UpdateWaiting(step.state, job);
  const auto blocked = step.state.dependents.find(face->id());
  if (!Terminal(to) || blocked == step.state.dependents.end()) return;
  for (const uint64_t id : std::set<uint64_t>(blocked->second)) {
    Job& dependent = step.state.jobs.at(id);
    uint64_t failed = face->id();
    if (to == v1::SUCCEEDED) {
      UpdateWaiting(step.state, dependent);
      // The next that it comes after may have failed while it waited for this one.
      failed = dependent.blocked_on;
      const auto next = step.state.jobs.find(failed);
      if (next == step.state.jobs.end() || !Terminal(next->second.row.job().state())) continue;
    }
    StopAttempt(step, dependent, v1::FAILED, fmt::format("job {}, which it comes after, has not succeeded", failed),
                std::nullopt);
  }
}

uint64_t UnmetDependency(const State& state, const Job& job) {
  for (const uint64_t id : job.row.job().spec().after()) {
    const auto before = state.jobs.find(id);
    if (before == state.jobs.end() || before->second.row.job().state() != v1::SUCCEEDED) return id;
  }
  return 0;
}

void UpdateWaiting(State& state, Job& job) {
  const uint64_t id = job.row.job().id();
  const bool waits = !TasksToPlace(state, job).empty();
  const bool listed = job.blocked_on != 0 || state.pending.contains(id);
  const std::string& tenant = job.row.job().spec().tenant();
  if (waits && !listed) ++state.pending_of_tenant[tenant];
  if (!waits && listed) --state.pending_of_tenant[tenant];
  // A job that waits for another costs no round anything until that one has succeeded (SetState).
  const uint64_t blocked_on = waits ? UnmetDependency(state, job) : 0;
  if (job.blocked_on != blocked_on) {
    if (job.blocked_on != 0) state.dependents[job.blocked_on].erase(id);
    if (job.blocked_on != 0 && state.dependents[job.blocked_on].empty()) state.dependents.erase(job.blocked_on);
    if (blocked_on != 0) state.dependents[blocked_on].insert(id);
    job.blocked_on = blocked_on;
  }
  if (blocked_on != 0) job.pending = DependencyReason(blocked_on);
  if (waits && blocked_on == 0) {
    state.pending.insert(id);
  } else {
    state.pending.erase(id);
  }
  if (!Terminal(job.row.job().state())) return;
  const auto members = state.job_allocations.find(id);
  if (members != state.job_allocations.end() && members->second.empty()) state.job_allocations.erase(members);
}

}  // namespace switchyard::core
