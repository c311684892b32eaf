#include "scheduler/core/nodes.h"

#include <algorithm>

#include "common/faults/mutation.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/sessions.h"

namespace switchyard::core {
namespace {

// Beyond this a number on the wire is a mistake: it must not use up ours.
constexpr uint64_t kHighestNumber = uint64_t{1} << 48;

absl::Status NeedsChecked(const v1::NodeActionRequest& request, const char* what) {
  if (request.checked()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("node \"{}\": {}; look at it yourself, then repeat with --checked", request.node(), what));
}

// An operator states that the node is off or gone: nothing of it draws, its tasks have ended.
void MarkLost(Step& step, Node& node) {
  node.lost = true;
  node.admitted = node.repowered = node.unclaimed = false;
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    const auto found = step.state.allocations.find(id);
    if (found == step.state.allocations.end()) continue;
    if (found->second.held) {
      RemoveAllocation(step, id);
      continue;
    }
    found->second.bound.Order(step.stamp.sequence, Power());
    ShareAllocation(step.state, found->second);
    ConfirmBound(step, found->second, step.stamp.sequence, Power(), "operator");
    EndAllocation(step, found->second, 128 + 9, "an operator states that its node is lost");
  }
  const uint32_t index = step.state.node_index.at(node.id);
  EndMissingOrphans(step, node, {});
  node.session = 0;
  node.heard = false;
  step.changed_nodes.insert(index);
  ChargeNode(step, node);
}

Allocation* FindOrphan(State& state, uint64_t id, const std::string& node) {
  for (auto& [key, orphan] : state.orphans) {
    if (key.second == id && (node.empty() || state.nodes[key.first].id == node)) return &orphan;
  }
  return nullptr;
}

}  // namespace

void StopForDrain(Step& step, Node& node) {
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    const auto found = step.state.allocations.find(id);
    if (found == step.state.allocations.end() || found->second.phase == v1::STOP) continue;
    Allocation& allocation = found->second;
    Job& job = step.state.jobs.at(allocation.job);
    if (allocation.kind == v1::TRAINING) {
      Preempt(step, job, fmt::format("node \"{}\" is drained", node.id));
    } else {
      StopAllocation(step, allocation);
    }
  }
}

absl::Status NodeAction(Step& step, const v1::NodeActionRequest& request) {
  State& state = step.state;
  const auto found = state.node_index.find(request.node());
  if (found == state.node_index.end()) {
    return absl::NotFoundError(
        fmt::format("node \"{}\": not configured; `switchyard nodes` lists them", request.node()));
  }
  Node& node = state.nodes[found->second];
  using Action = v1::NodeActionRequest;
  switch (request.action()) {
    case Action::CORDON:
      node.cordoned = true;
      break;
    case Action::UNCORDON:
      node.cordoned = false;
      break;
    case Action::DRAIN:
      node.draining = true;
      node.drain_deadline = step.stamp.utc + Milliseconds(request.drain_deadline_ms());
      // Hashing is interruptible: it leaves at once, AI until the deadline.
      for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
        const auto allocation = state.allocations.find(id);
        if (allocation != state.allocations.end() && allocation->second.kind == v1::HASHING)
          StopAllocation(step, allocation->second);
      }
      step.WakeAt(step.stamp.mono, TimerKind::kNode, found->second);
      break;
    case Action::UNDRAIN:
      node.draining = false;
      node.drain_deadline = UtcTime();
      break;
    case Action::ADMIT:
      if (absl::Status status = NeedsChecked(request, "admitting counts it as reported though it was not heard");
          !status.ok())
        return status;
      node.admitted = true;
      break;
    case Action::MARK_LOST:
      if (absl::Status status = NeedsChecked(request, "a lost node counts nothing: it must really be off");
          !status.ok())
        return status;
      if (node.session != 0 && Speaks(state, node, step.stamp.mono)) {
        return absl::FailedPreconditionError(
            fmt::format("node \"{}\": its agent speaks right now; stop it first", node.id));
      }
      MarkLost(step, node);
      break;
    case Action::REPLACE:
      if (absl::Status status =
              NeedsChecked(request, "other hardware may take its name: what ran on the old one must be off");
          !status.ok())
        return status;
      node.replace_allowed = true;
      break;
    default:
      return absl::InvalidArgumentError(
          "action: not set, allowed are CORDON, UNCORDON, DRAIN, UNDRAIN, ADMIT, MARK_LOST, REPLACE");
  }
  step.Event("NodeAction", node.id, v1::NodeActionRequest::Action_Name(request.action()));
  step.changed_nodes.insert(found->second);
  state.round_needed = true;
  return absl::OkStatus();
}

absl::Status OrphanAction(Step& step, const v1::OrphanActionRequest& request) {
  Allocation* orphan = FindOrphan(step.state, request.allocation(), request.node());
  if (orphan == nullptr) {
    return absl::NotFoundError(
        fmt::format("orphan \"{}\": not known; `switchyard orphans` lists them", request.allocation()));
  }
  Node& node = step.state.nodes[orphan->node];
  if (request.action() == v1::OrphanActionRequest::ADOPT) {
    // Only what the store still has a job for can be adopted: otherwise nobody would own its devices, watts and end.
    const auto job = step.state.jobs.find(orphan->job);
    if (job == step.state.jobs.end() || Terminal(job->second.row.job().state()) || IsGang(job->second)) {
      return absl::FailedPreconditionError(
          fmt::format("orphan \"{}\": job {} is not a running service of this store; `switchyard orphan stop {}`",
                      request.allocation(), orphan->job, request.allocation()));
    }
    if (step.state.allocations.contains(orphan->id)) {
      return absl::FailedPreconditionError(
          fmt::format("orphan \"{}\": its number names another allocation; stop it", request.allocation()));
    }
    // It becomes the replica that is missing: one too many nobody asked for.
    const std::vector<placement::TaskToPlace> missing = TasksToPlace(step.state, job->second);
    if (missing.empty()) {
      return absl::FailedPreconditionError(
          fmt::format("orphan \"{}\": no replica of job {} is missing; `switchyard orphan stop {}`",
                      request.allocation(), orphan->job, request.allocation()));
    }
    Allocation adopted = *orphan;
    adopted.task_group = missing.front().group;
    adopted.index = missing.front().index;
    v1::Job* face = job->second.row.mutable_job();
    face->set_attempt(std::max(face->attempt(), 1));
    adopted.attempt = face->attempt();
    const uint32_t index = adopted.node;
    step.state.orphans.erase({index, adopted.id});
    step.changed_orphans.insert({index, adopted.id});
    adopted.orphan = false;
    adopted.phase = v1::RUN;
    node.allocations.insert(adopted.id);
    step.state.job_allocations[adopted.job].insert(adopted.id);
    Allocation& live = step.state.allocations.emplace(adopted.id, std::move(adopted)).first->second;
    ShareAllocation(step.state, live);
    OrderGrant(step, live, live.bound.value());  // what it draws is what it is granted from now on
    if (face->state() == v1::PENDING) {
      face->set_started_utc_ms(step.stamp.utc.milliseconds());
      SetState(step, job->second, v1::RUNNING, "");
    }
    step.changed_jobs.insert(face->id());
    UpdateWaiting(step.state, job->second);
    return absl::OkStatus();
  }
  orphan->orphan_stop = true;
  orphan->phase = v1::STOP;
  node.set_revision = step.stamp.sequence;
  step.changed_orphans.insert({orphan->node, orphan->id});
  step.stop_orphans.push_back({orphan->node, orphan->id});
  return absl::OkStatus();
}

void TakeOrphan(Step& step, Node& node, const v1::AllocationReport& report) {
  State& state = step.state;
  const uint32_t index = state.node_index.at(node.id);
  const auto [it, is_new] = state.orphans.try_emplace({index, report.allocation()});
  Allocation& orphan = it->second;
  if (is_new) {
    // An older or empty store must not give out numbers that still run somewhere.
    if (report.allocation() < kHighestNumber)
      state.next_allocation = std::max(state.next_allocation, report.allocation() + 1);
    if (report.job() < kHighestNumber && report.job() >= state.meta.next_job() &&
        !SWITCHYARD_MUTATION(ignores_orphan_job)) {
      state.meta.set_next_job(report.job() + 1);
      step.meta_changed = true;
    }
    orphan.id = report.allocation();
    orphan.node = index;
    orphan.orphan = true;
    orphan.job = report.job();
    orphan.kind = report.kind();
    orphan.epoch = report.epoch();
    orphan.task_group = "orphan";
    if (!SWITCHYARD_MUTATION(ignores_orphan_devices))
      orphan.orphan_devices.assign(report.devices().begin(), report.devices().end());
    for (size_t g = 0; g < node.groups.size(); ++g) {
      std::vector<int32_t> positions;
      for (const std::string& device : orphan.orphan_devices) {
        const auto at = std::find(node.groups[g].devices.begin(), node.groups[g].devices.end(), device);
        if (at != node.groups[g].devices.end())
          positions.push_back(static_cast<int32_t>(at - node.groups[g].devices.begin()));
      }
      if (positions.empty()) continue;
      std::sort(positions.begin(), positions.end());
      orphan.group = static_cast<int32_t>(g);
      orphan.devices = std::move(positions);
      break;
    }
    HoldDevices(step, orphan);
    step.Event("OrphanFound", node.id,
               fmt::format("allocation {} of job {} runs and is not in the store; `switchyard orphan stop {}` or "
                           "`switchyard orphan adopt {}`",
                           report.allocation(), report.job(), report.allocation(), report.allocation()));
  }
  orphan.reported = report.phase();
  Power watts = Milliwatts(std::max<int64_t>(0, report.confirmed_mw()));
  if (report.confirmed_mw() < 0 && orphan.group >= 0) {
    watts = Milliwatts(node.groups[orphan.group].model.max_mw()) * static_cast<int64_t>(orphan.devices.size());
  }
  ConfirmBound(step, orphan, std::max(report.revision(), orphan.bound.confirmed_revision()), watts, "report");
  step.changed_orphans.insert({index, orphan.id});
  // Hashing that nobody knows stops at once; AI waits for a word.
  const bool nobodys = report.kind() == v1::HASHING || SWITCHYARD_MUTATION(ignores_orphan_kind);
  // One that stops already has its order: to repeat it would change the set, and with each set comes a report.
  const bool stops = report.phase() == v1::TASK_STOPPING;
  if ((nobodys || orphan.orphan_stop) && !stops) step.stop_orphans.push_back({index, orphan.id});
}

void EndMissingOrphans(Step& step, const Node& node, const std::set<uint64_t>& present) {
  State& state = step.state;
  const uint32_t index = state.node_index.at(node.id);
  for (auto it = state.orphans.lower_bound({index, 0}); it != state.orphans.end() && it->first.first == index;) {
    if (present.contains(it->first.second)) {
      ++it;
      continue;
    }
    Allocation& orphan = it->second;
    ReturnDevices(step, orphan);
    step.Event("OrphanGone", node.id, fmt::format("allocation {}", orphan.id));
    step.changed_orphans.insert(it->first);
    it = state.orphans.erase(it);
  }
}

absl::Status ClearQuarantine(Step& step, const v1::ClearQuarantineRequest& request) {
  for (uint32_t index = 0; index < step.state.nodes.size(); ++index) {
    Node& node = step.state.nodes[index];
    for (Group& group : node.groups) {
      const auto device = std::find(group.devices.begin(), group.devices.end(), request.device());
      if (device == group.devices.end()) continue;
      const auto position = static_cast<int32_t>(device - group.devices.begin());
      if (group.quarantined.erase(position) == 0) {
        return absl::FailedPreconditionError(fmt::format("device \"{}\": is not in quarantine", request.device()));
      }
      // Until the next report says what the unallocated devices draw, it counts as before its first confirmation.
      group.pool.reset();
      ChargeGroup(step, node, group);
      step.changed_nodes.insert(index);
      step.Event("QuarantineCleared", node.id, request.device());
      step.state.round_needed = true;
      return absl::OkStatus();
    }
  }
  return absl::NotFoundError(
      fmt::format("device \"{}\": not known; `switchyard quarantine` lists those in quarantine", request.device()));
}

absl::Status CreateToken(Step& step, const pb::CreateToken& request) {
  if (!step.state.node_index.contains(request.node())) {
    return absl::NotFoundError(
        fmt::format("node \"{}\": not configured; `switchyard nodes` lists them", request.node()));
  }
  pb::TokenRow& row = step.state.tokens[request.node()];
  row.set_node(request.node());
  row.set_sha256(request.sha256());
  row.set_expires_utc_ms(request.expires_utc_ms());
  step.PutRow(RowKind::kToken, request.node(), row.SerializeAsString());
  return absl::OkStatus();
}

absl::Status UseToken(Step& step, const pb::UseToken& request) {
  const auto found = step.state.tokens.find(request.node());
  const bool good = found != step.state.tokens.end() && found->second.sha256() == request.sha256() &&
                    UtcTime(found->second.expires_utc_ms()) > step.stamp.utc;
  if (!good) {
    return absl::PermissionDeniedError(
        fmt::format("token for node \"{}\": unknown, used or expired; an operator makes a new one with "
                    "`switchyard token {}`",
                    request.node(), request.node()));
  }
  step.state.tokens.erase(found);
  step.DeleteRow(RowKind::kToken, request.node());
  step.Event("NodeEnrolled", request.node(), "a token was exchanged for a certificate");
  return absl::OkStatus();
}

}  // namespace switchyard::core
