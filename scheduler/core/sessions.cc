#include "scheduler/core/sessions.h"

#include <algorithm>

#include "common/faults/mutation.h"
#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/charges.h"
#include "scheduler/core/evidence.h"
#include "scheduler/core/fallback.h"
#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/nodes.h"
#include "scheduler/core/power_return.h"
#include "scheduler/core/ramp.h"
#include "scheduler/core/restored.h"

namespace switchyard::core {
namespace {

// Drift between an agent's clock and ours, in parts per million of a span (rho = 1 %).
constexpr int64_t kDriftPpm = 10'000;
constexpr int kSilentHeartbeats = 3;
// Three lost sessions within five minutes: nothing new for two minutes.
constexpr int kFlaps = 3;
constexpr Duration kFlapWindow = Minutes(5);
constexpr Duration kFlapDamping = Minutes(2);

Duration WithDrift(Duration span) { return span + Duration(span.count() * kDriftPpm / 1'000'000); }

Duration WorstRampDown(const Node& node) {
  int64_t worst = 0;
  for (const Group& group : node.groups) worst = std::max<int64_t>(worst, group.model.ramp_down_ms());
  return Milliseconds(worst);
}

void Refuse(Step& step, const pb::AgentHello& hello, const std::string& reason, bool retry) {
  step.effects.sessions.push_back({.session = hello.session(),
                                   .node = hello.node(),
                                   .kind = SessionEffect::Kind::kRefusal,
                                   .welcome = {},
                                   .heartbeat_sequence = 0,
                                   .refusal = reason,
                                   .retry = retry});
  const auto found = step.state.node_index.find(hello.node());
  if (found == step.state.node_index.end()) return;
  Node& node = step.state.nodes[found->second];
  if (node.refusal != reason) step.Event("SessionRefused", hello.node(), reason);
  node.refusal = reason;
}

// Why the sender may not speak for the node; empty: it may.
std::string Objection(const State& state, const Node& node, uint64_t session, const v1::NodeHello& hello, bool* retry) {
  *retry = false;
  const bool foreign = !hello.cluster_id().empty() && hello.cluster_id() != state.configuration.cluster_id();
  if (foreign && !SWITCHYARD_MUTATION(ignores_hello_cluster_id)) {
    return fmt::format("agent belongs to cluster \"{}\", this is \"{}\"; wipe its state directory to move it",
                       hello.cluster_id(), state.configuration.cluster_id());
  }
  const bool same_store = hello.store_incarnation() == state.meta.store_incarnation() ||
                          SWITCHYARD_MUTATION(ignores_hello_store_incarnation);
  if (same_store && hello.term() > state.meta.term() && !SWITCHYARD_MUTATION(ignores_hello_term)) {
    *retry = true;
    return fmt::format("agent has followed term {}, this scheduler is in term {}: another leader exists", hello.term(),
                       state.meta.term());
  }
  if (hello.agent_incarnation().empty() || hello.hardware_id().empty() || hello.boot_id().empty()) {
    return "hello without incarnation, boot id or hardware id; update the agent";
  }
  const bool known = !node.hardware_id.empty() && !node.lost && !node.replace_allowed;
  if (known && node.hardware_id != hello.hardware_id() && !SWITCHYARD_MUTATION(ignores_hardware_id)) {
    return fmt::format(
        "other hardware ({}) than the node's ({}); look at the machine, then `switchyard node replace {} --checked`",
        hello.hardware_id(), node.hardware_id, node.id);
  }
  const bool clone =
      known && node.session != 0 && node.session != session && node.agent_incarnation != hello.agent_incarnation();
  if (clone && !SWITCHYARD_MUTATION(clone_accepted)) {
    *retry = true;
    return "another agent speaks for this node now; stop one of the two";
  }
  for (const v1::GroupCapability& capability : hello.groups()) {
    for (const Group& group : node.groups) {
      if (group.name != capability.group()) continue;
      if (capability.devices_size() != group.count) {
        return fmt::format("group \"{}\" has {} device(s), {} are configured; mend the configuration or the machine",
                           group.name, capability.devices_size(), group.count);
      }
      if (!known || group.devices.empty() || SWITCHYARD_MUTATION(ignores_capability_devices)) continue;
      std::vector<std::string> mine = group.devices, theirs(capability.devices().begin(), capability.devices().end());
      std::sort(mine.begin(), mine.end());
      std::sort(theirs.begin(), theirs.end());
      if (mine != theirs) {
        return fmt::format(
            "group \"{}\" has other devices than before; look at the machine, then `switchyard node replace {} "
            "--checked`",
            group.name, node.id);
      }
    }
  }
  return "";
}

// Other hardware took the node's place by an operator's word: what lived on the old one is gone.
void ForgetHardware(Step& step, Node& node) {
  const std::set<uint64_t> gone = node.allocations;
  for (const uint64_t id : gone)
    EndAllocation(step, step.state.allocations.at(id), 128 + 9, "the node's hardware was replaced");
  for (Group& group : node.groups) {
    group.devices.clear();
    group.pool.reset();
    group.quarantined.clear();
  }
  node.lost = node.replace_allowed = node.reported = node.admitted = node.expired = node.repowered = false;
  step.Event("NodeReplaced", node.id, "counts its nameplate until it reports");
}

void AdoptCapabilities(Node& node, const v1::NodeHello& hello) {
  for (const v1::GroupCapability& capability : hello.groups()) {
    for (Group& group : node.groups) {
      if (group.name != capability.group()) continue;
      group.enforcer = std::max(group.model.enforcer(), capability.enforcer());  // the enumeration descends in trust
      if (SWITCHYARD_MUTATION(ignores_enforcer)) group.enforcer = group.model.enforcer();
      if (group.devices.empty()) group.devices.assign(capability.devices().begin(), capability.devices().end());
    }
  }
}

v1::Welcome MakeWelcome(const State& state, const Node& node) {
  v1::Welcome welcome;
  welcome.set_lease_ms(state.timing().lease_ms());
  welcome.set_heartbeat_ms(state.timing().heartbeat_ms());
  // All agents together stay below 10,000 messages a second.
  const auto nodes = static_cast<int64_t>(state.nodes.size());
  welcome.set_report_interval_ms(std::max(state.timing().report_interval_ms(), nodes * 1000 / 5000));
  welcome.set_start_grace_ms(state.timing().start_grace_ms());
  *welcome.mutable_model() = node.model;
  for (const Group& group : node.groups) *welcome.add_device_models() = group.model;
  welcome.set_dead_band_ppm(20'000);
  welcome.set_ramp_scale_ppm(1'000'000);  // the models' ramps are scaled already
  return welcome;
}

void Acknowledge(Step& step, Node& node, uint64_t applied_revision) {
  if (SWITCHYARD_MUTATION(ignores_applied_revision)) applied_revision = node.set_revision;
  node.applied_revision = applied_revision;
  if (node.lowerings.empty()) return;
  node.lowerings.erase(node.lowerings.begin(), node.lowerings.upper_bound(applied_revision));
  // Nothing rises on a node that owes a lowering: what waited for that is looked at again.
  if (node.lowerings.empty()) step.state.round_needed = true;
}

Node* Speaker(Step& step, uint64_t session, const std::string& id) {
  const auto found = step.state.node_index.find(id);
  if (found == step.state.node_index.end()) return nullptr;
  Node& node = step.state.nodes[found->second];
  if (node.session != session || session == 0) return nullptr;  // late words of a stream that was replaced
  node.last_sign = step.stamp.mono;
  return &node;
}

void TakeGroup(Step& step, Node& node, const v1::GroupReport& report) {
  for (Group& group : node.groups) {
    if (group.name != report.group()) continue;
    TakeFaults(step, node, report.faults());
    if (report.unallocated_mw() < 0 || group.model.power_cycle() != v1::PERSISTENT) continue;
    int free = 0;
    for (int32_t d = 0; d < group.count; ++d)
      if (group.used_milli[d] == 0 && !group.quarantined.contains(d)) ++free;
    // A sum over another set of devices than ours is a report from before the last change: it confirms nothing.
    if (report.unallocated_devices() != free && !SWITCHYARD_MUTATION(ignores_unallocated_devices)) continue;
    Power pool = Milliwatts(report.unallocated_mw());
    if (SWITCHYARD_MUTATION(ignores_unallocated)) pool = Milliwatts(group.model.idle_mw()) * free;
    if (group.pool == pool) continue;
    group.pool = pool;
    step.changed_nodes.insert(step.state.node_index.at(node.id));
    ChargeGroup(step, node, group);
  }
}

void BecomeHeard(Step& step, Node& node) {
  if (node.heard) return;
  node.heard = true;
  node.repowered = false;
  step.state.round_needed = true;
  if (!node.reported) {
    node.reported = true;
    step.Event("NodeReported", node.id, "first complete report");
  }
  step.changed_nodes.insert(step.state.node_index.at(node.id));
  step.WakeAt(LeaseExpiry(step.state, node), TimerKind::kNode, step.state.node_index.at(node.id));
}

}  // namespace

v1::NodeState StateOf(const Node& node) {
  if (node.lost) return v1::LOST;
  if (node.expired) return v1::UNREACHABLE;
  if (!node.reported && node.session == 0) return v1::CONFIGURED;
  if (node.session == 0) return v1::UNREACHABLE;
  if (node.scanning) return v1::SCANNING;
  if (node.draining) return v1::DRAINING;
  if (node.cordoned) return v1::CORDONED;
  return v1::READY;
}

MonoTime LeaseExpiry(const State& state, const Node& node) {
  // Whose power came back is not believed to be at its fallback before it has said so.
  if (!node.renewed.has_value() || node.lost || node.expired || node.repowered) return MonoTime::Never();
  return *node.renewed + WithDrift(state.lease()) + Milliseconds(state.timing().margin_ms()) + WorstRampDown(node);
}

bool Speaks(const State& state, const Node& node, MonoTime now) {
  return node.last_sign + Milliseconds(state.timing().heartbeat_ms()) * kSilentHeartbeats > now;
}

bool Silent(const State& state, const Node& node, MonoTime now) {
  if (node.unclaimed && !node.admitted) return true;
  if (node.lost || node.admitted || !node.reported) return false;
  if (node.repowered) return true;
  if (Speaks(state, node, now)) return false;
  return !node.expired || !ExpiryReleases(node);
}

bool Available(const State& state, const Node& node, MonoTime now) {
  return StateOf(node) == v1::READY && node.heard && !node.unclaimed && node.renewed.has_value() &&
         *node.renewed + state.lease() > now && node.damped_until <= now;
}

void StartTerm(Step& step, const pb::StartTerm& term) {
  State& state = step.state;
  state.term_started = true;
  state.term_start = step.stamp.mono;
  state.term_revision = step.stamp.sequence;
  BeginRamps(state, step.stamp.mono);
  // A store that no term began on yet is a new one: its nodes count as never heard of.
  if (state.meta.rows_incarnation() != 0 && state.meta.rows_incarnation() != term.store_incarnation())
    BeginIncarnation(step);
  state.meta.set_rows_incarnation(term.store_incarnation());
  state.meta.set_store_incarnation(term.store_incarnation());
  state.meta.set_term(term.term());
  state.meta.set_cluster_id(state.configuration.cluster_id());
  step.meta_changed = true;
  for (uint32_t index = 0; index < state.nodes.size(); ++index) {
    Node& node = state.nodes[index];
    node.set_revision = step.stamp.sequence;
    step.changed_sets[index].reset = true;
    for (const uint64_t id : node.allocations) step.changed_sets[index].upserts.insert(id);
    if (!node.reported || node.lost) continue;
    node.last_sign = step.stamp.mono;
    if (!node.expired) node.renewed = step.stamp.mono;
    step.WakeAt(step.stamp.mono, TimerKind::kNode, index);
  }
  for (auto& [id, job] : state.jobs) ResumeJob(step, job);
  for (auto& [id, allocation] : state.allocations) step.WakeAt(step.stamp.mono, TimerKind::kAllocation, id);
  for (auto& [id, plan] : state.plans) {
    plan.deadline = step.stamp.mono + state.lease();
    plan.prepare_deadline = step.stamp.mono + Milliseconds(state.timing().prepare_timeout_ms());
    step.WakeAt(plan.deadline, TimerKind::kPlan, id);
  }
  step.Event("TermStarted", state.meta.cluster_id(), fmt::format("term {}", term.term()));
  state.round_needed = true;
}

void Hello(Step& step, const pb::AgentHello& hello) {
  State& state = step.state;
  const auto found = state.node_index.find(hello.node());
  if (found == state.node_index.end()) {
    Refuse(step, hello, fmt::format("node \"{}\": not in the configuration; add it and reload", hello.node()), false);
    return;
  }
  Node& node = state.nodes[found->second];
  bool retry = false;
  const std::string objection = Objection(state, node, hello.session(), hello.hello(), &retry);
  if (!objection.empty()) {
    Refuse(step, hello, objection, retry);
    return;
  }
  if (node.lost || (!node.hardware_id.empty() && node.hardware_id != hello.hello().hardware_id()))
    ForgetHardware(step, node);
  if (node.replace_allowed) node.replace_allowed = false;
  const bool identity_changed = node.hardware_id != hello.hello().hardware_id() ||
                                node.boot_id != hello.hello().boot_id() ||
                                node.agent_incarnation != hello.hello().agent_incarnation();
  const MonoTime silent_since = node.last_sign;
  const bool power_cycled = node.reported && node.boot_id != hello.hello().boot_id() &&
                            !SWITCHYARD_MUTATION(ignores_boot_id);
  if (node.session != 0 && node.session != hello.session()) {
    step.effects.sessions.push_back({.session = node.session,
                                     .node = node.id,
                                     .kind = SessionEffect::Kind::kRefusal,
                                     .welcome = {},
                                     .heartbeat_sequence = 0,
                                     .refusal = "a newer session took over",
                                     .retry = true});
  }
  node.session = hello.session();
  node.scanning = true;
  node.heard = false;
  node.report_sequence = 0;
  node.last_sign = step.stamp.mono;
  node.hardware_id = hello.hello().hardware_id();
  node.boot_id = hello.hello().boot_id();
  node.agent_incarnation = hello.hello().agent_incarnation();
  node.refusal.clear();
  node.applied_revision = 0;
  AdoptCapabilities(node, hello.hello());
  // Acknowledgement times and witness windows start anew with each session.
  for (const uint64_t id : node.allocations) {
    Allocation& allocation = state.allocations.at(id);
    allocation.acknowledged_at.reset();
    allocation.claimed.reset();
    allocation.watch.reset();
  }
  if (!node.met) NoteOwed(step, found->second);
  node.met = true;
  node.stock_due = node.unclaimed;
  if (identity_changed) step.changed_nodes.insert(found->second);
  if (power_cycled) TakePowerReturn(step, found->second, silent_since);
  ChargeNode(step, node);
  step.effects.sessions.push_back({.session = hello.session(),
                                   .node = node.id,
                                   .kind = SessionEffect::Kind::kWelcome,
                                   .welcome = MakeWelcome(state, node),
                                   .heartbeat_sequence = 0,
                                   .refusal = "",
                                   .retry = false});
  if (!node.stock_due) {
    step.effects.sessions.push_back({.session = hello.session(),
                                     .node = node.id,
                                     .kind = SessionEffect::Kind::kSetAllowed,
                                     .welcome = {},
                                     .heartbeat_sequence = 0,
                                     .refusal = "",
                                     .retry = false});
  }
  step.WakeAt(step.stamp.mono + Milliseconds(state.timing().heartbeat_ms()) * kSilentHeartbeats, TimerKind::kNode,
              found->second);
}

void Report(Step& step, const pb::AgentReport& message) {
  Node* node = Speaker(step, message.session(), message.node());
  if (node == nullptr) return;
  const v1::NodeReport& report = message.report();
  const bool old = report.sequence() <= node->report_sequence;
  if (old && !SWITCHYARD_MUTATION(ignores_report_sequence)) return;  // repeated or overtaken
  node->report_sequence = report.sequence();
  Acknowledge(step, *node, report.applied_revision());
  const bool was_scanning = node->scanning;
  node->scanning = report.scanning() && !SWITCHYARD_MUTATION(ignores_scanning);
  if (node->scanning) return;  // not complete: every bound stands
  if (was_scanning) step.state.round_needed = true;
  const uint32_t index = step.state.node_index.at(node->id);
  std::set<uint64_t> present;
  std::set<uint64_t> orphans;
  for (const v1::AllocationReport& task : report.allocations()) {
    const auto found = step.state.allocations.find(task.allocation());
    const bool known = found != step.state.allocations.end() && found->second.node == index;
    if (!known || (found->second.epoch != task.epoch() && !SWITCHYARD_MUTATION(ignores_epoch))) {
      if (task.phase() != v1::TASK_ENDED) {
        TakeOrphan(step, *node, task);
        orphans.insert(task.allocation());
      } else {
        step.changed_sets[index].removed.insert(task.allocation());  // nobody waits for it: forget it
        node->set_revision = step.stamp.sequence;
      }
      continue;
    }
    present.insert(task.allocation());
    TakeFaults(step, *node, task.faults());
    if (node->unclaimed) CountClaim(step, found->second, task);
    TakeClaim(step, found->second, task);
    TakeTaskReport(step, found->second, task);
  }
  EndMissing(step, *node, report.applied_revision(), present);
  EndMissingOrphans(step, *node, orphans);
  for (const v1::GroupReport& group : report.groups()) TakeGroup(step, *node, group);
  if (node->unclaimed) {
    CountUnallocated(step, *node, report);
    TakeStock(step, *node, report);
  }
  BecomeHeard(step, *node);
  CheckGangs(step, *node);
}

void Heartbeat(Step& step, const pb::AgentHeartbeat& message) {
  Node* node = Speaker(step, message.session(), message.node());
  if (node == nullptr) return;
  const State& state = step.state;
  if (message.heartbeat().applied_revision() > node->applied_revision)
    Acknowledge(step, *node, message.heartbeat().applied_revision());
  const Duration confirm_timeout = Milliseconds(state.timing().confirm_timeout_ms());
  const bool owes = !node->lowerings.empty() && node->lowerings.begin()->second + confirm_timeout < step.stamp.mono;
  if (owes && !SWITCHYARD_MUTATION(renewal_behind_lowering)) return;  // withheld
  const bool was_available = Available(state, *node, step.stamp.mono);
  node->renewed = step.stamp.mono;
  if (node->repowered && node->heard) {  // the session of before goes on: its power was never gone
    node->repowered = false;
    step.changed_nodes.insert(state.node_index.at(node->id));
    step.WakeAt(LeaseExpiry(state, *node), TimerKind::kNode, state.node_index.at(node->id));
    step.state.round_needed = true;
  }
  if (node->expired) {
    node->expired = false;
    step.changed_nodes.insert(state.node_index.at(node->id));
    step.Event("NodeReturned", node->id, "its lease runs again");
    step.WakeAt(LeaseExpiry(state, *node), TimerKind::kNode, state.node_index.at(node->id));
  }
  if (!was_available && Available(state, *node, step.stamp.mono)) step.state.round_needed = true;
  step.effects.sessions.push_back({.session = message.session(),
                                   .node = node->id,
                                   .kind = SessionEffect::Kind::kRenewal,
                                   .welcome = {},
                                   .heartbeat_sequence = message.heartbeat().sequence(),
                                   .refusal = "",
                                   .retry = false});
}

void TakeTelemetry(Step& step, const pb::AgentTelemetry& message) {
  Node* node = Speaker(step, message.session(), message.node());
  if (node == nullptr) return;
  if (message.telemetry().draw_mw() >= 0 && !SWITCHYARD_MUTATION(ignores_draw)) {
    node->draw = Milliwatts(message.telemetry().draw_mw());
    node->draw_modelled = message.telemetry().modelled();
  }
  if (SWITCHYARD_MUTATION(ignores_meters)) return;
  for (const v1::MeterReading& reading : message.telemetry().meters()) TakeMeterReading(step, reading);
}

void EndSession(Step& step, uint64_t session) {
  for (uint32_t index = 0; index < step.state.nodes.size(); ++index) {
    Node& node = step.state.nodes[index];
    if (node.session != session || session == 0) continue;
    node.session = 0;
    node.scanning = false;
    node.draw = Power(-1);
    if (node.flap_window + kFlapWindow < step.stamp.mono) {
      node.flap_window = step.stamp.mono;
      node.flaps = 0;
    }
    if (++node.flaps >= kFlaps) {
      node.damped_until = step.stamp.mono + kFlapDamping;
      step.RoundAt(node.damped_until);
      if (node.flaps == kFlaps)
        step.Event("NodeFlapping", node.id, "lost three sessions in five minutes; takes nothing new for two minutes");
    }
    step.state.round_needed = true;
    step.WakeAt(step.stamp.mono, TimerKind::kNode, index);
  }
}

namespace {

void ExpireLease(Step& step, Node& node) {
  node.expired = true;
  step.changed_nodes.insert(step.state.node_index.at(node.id));
  step.Event("LeaseExpired", node.id, "silent beyond its lease");
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    Allocation& allocation = step.state.allocations.at(id);
    if (allocation.kind != v1::HASHING || allocation.group < 0) continue;
    const Group& group = node.groups[allocation.group];
    const bool counts = group.enforcer == v1::ENFORCER_DEVICE || group.enforcer == v1::ENFORCER_SUPERVISOR;
    const bool by_agent = group.enforcer == v1::ENFORCER_AGENT && SWITCHYARD_MUTATION(agent_enforcer_releases);
    if (!counts && !by_agent) continue;
    FallBack(step, allocation);
    if (SWITCHYARD_MUTATION(expiry_without_row)) step.changed_allocations.erase(id);
  }
  step.state.round_needed = true;
}

// Silence and refusal end alike: a gang does not wait for a member for ever.
void StopWaitingGangs(Step& step, const Node& node) {
  for (const uint64_t id : std::set<uint64_t>(node.allocations)) {
    const auto found = step.state.allocations.find(id);
    if (found == step.state.allocations.end() || found->second.kind != v1::TRAINING || found->second.held) continue;
    Job& job = step.state.jobs.at(found->second.job);
    if (job.row.job().state() == v1::STOPPING) continue;
    StopAttempt(step, job, v1::PENDING,
                fmt::format("member {}/{} on node \"{}\" is unreachable", found->second.task_group, found->second.index,
                            node.id),
                std::nullopt);
  }
}

}  // namespace

void NodeTimer(Step& step, uint32_t index) {
  State& state = step.state;
  Node& node = state.nodes[index];
  const MonoTime now = step.stamp.mono;
  if (node.draining && node.drain_deadline <= step.stamp.utc) StopForDrain(step, node);
  if (node.draining && node.drain_deadline > step.stamp.utc)
    step.WakeAt(now + (node.drain_deadline - step.stamp.utc), TimerKind::kNode, index);
  const MonoTime expiry = LeaseExpiry(state, node);
  if (expiry <= now)
    ExpireLease(step, node);
  else
    step.WakeAt(expiry, TimerKind::kNode, index);
  if (node.lost || !node.reported) return;
  const MonoTime silent_at = node.last_sign + Milliseconds(state.timing().heartbeat_ms()) * kSilentHeartbeats;
  if (silent_at > now) {
    step.WakeAt(silent_at, TimerKind::kNode, index);
  } else {
    state.round_needed = true;
  }
  const MonoTime member_at = node.last_sign + Milliseconds(state.timing().member_timeout_ms());
  if (silent_at <= now || node.session == 0) {
    if (member_at <= now)
      StopWaitingGangs(step, node);
    else
      step.WakeAt(member_at, TimerKind::kNode, index);
  }
}

}  // namespace switchyard::core
