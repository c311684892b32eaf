#include "tests/support/core_harness.h"

#include <algorithm>

#include "common/check.h"
#include "scheduler/core/rows.h"

namespace switchyard::testing {

CoreHarness::CoreHarness(v1::ClusterConfiguration configuration)
    : core_(std::make_unique<core::Core>(core::Options{.checks = core::CheckLevel::kEveryBatch})) {
  pb::Command load;
  *load.mutable_load_configuration()->mutable_configuration() = configuration;
  const absl::Status loaded = Send(std::move(load));
  SWITCHYARD_CHECK(loaded.ok()) << std::string(loaded.message());
  StartTerm();
}

void CoreHarness::StartTerm() {
  pb::Command start;
  start.mutable_start_term()->set_store_incarnation(incarnation_);
  start.mutable_start_term()->set_term(++term_);
  Apply({start});
}

void CoreHarness::Connect(const std::string& name) {
  const std::string id = "site/" + name;
  const core::Node& node = state().nodes[state().node_index.at(id)];
  FakeAgent& agent = agents_[id];
  agent.node = id;
  agent.session = next_session_++;
  agent.connected = true;
  agent.silent = agent.dark = agent.takes_sets = false;
  agent.sequence = 0;
  if (agent.hello.hardware_id().empty()) {
    agent.hello.set_agent_incarnation("incarnation-" + name);
    agent.hello.set_boot_id("boot-1");
    agent.hello.set_hardware_id("hardware-" + name);
    for (const core::Group& group : node.groups) {
      v1::GroupCapability* capability = agent.hello.add_groups();
      capability->set_group(group.name);
      capability->set_enforcer(group.model.enforcer());
      for (int i = 0; i < group.count; ++i) capability->add_devices(name + "-" + group.name + "-" + std::to_string(i));
    }
  }
  pb::Command hello;
  hello.mutable_hello()->set_session(agent.session);
  hello.mutable_hello()->set_node(id);
  *hello.mutable_hello()->mutable_hello() = agent.hello;
  Apply({hello});
  if (!agent.connected) return;
  pb::Command heartbeat;
  heartbeat.mutable_heartbeat()->set_session(agent.session);
  heartbeat.mutable_heartbeat()->set_node(id);
  heartbeat.mutable_heartbeat()->mutable_heartbeat()->set_sequence(++agent.heartbeat);
  Apply({heartbeat});
  Work(agent);
  Apply({ReportOf(agent)});
}

void CoreHarness::Disconnect(const std::string& name) {
  FakeAgent& agent = agents_.at("site/" + name);
  agent.connected = false;
  pb::Command ended;
  ended.mutable_session_ended()->set_session(agent.session);
  Apply({ended});
}

void CoreHarness::CutPower(const std::string& name) {
  FakeAgent& agent = agents_.at("site/" + name);
  agent.silent = agent.dark = true;
}

void CoreHarness::ReturnPower(const std::string& name) {
  FakeAgent& agent = agents_.at("site/" + name);
  agent.dark = false;
  agent.connected = false;
  agent.revision = 0;
  agent.hello.set_boot_id(agent.hello.boot_id() + "+");
  agent.lease_end = now_ + state().lease();  // the devices' own timers begin anew
  const core::Node& node = state().nodes[state().node_index.at(agent.node)];
  std::erase_if(agent.tasks, [&](const auto& task) {
    const v1::DesiredAllocation& order = task.second.order;
    return order.kind() != v1::HASHING ||
           std::none_of(node.groups.begin(), node.groups.end(), [&](const core::Group& group) {
             return group.name == order.group() && group.model.power_cycle() == v1::PERSISTENT;
           });
  });
  SendFullSet(name);
}

CoreHarness& CoreHarness::ConnectAll() {
  std::vector<std::string> names;
  for (const core::Node& node : state().nodes) names.push_back(node.configured.id());
  for (const std::string& name : names) Connect(name);
  Settle();
  return *this;
}

absl::Status CoreHarness::Send(pb::Command command, pb::CommandResult* result) {
  command.set_request(next_request_++);
  if (command.principal().empty()) command.set_principal("uid:0");
  if (command.principal() == "uid:0") command.set_is_operator(true);
  const uint64_t request = command.request();
  Apply({std::move(command)});
  for (const core::Reply& reply : replies_) {
    if (reply.request != request) continue;
    if (result != nullptr) *result = reply.result;
    return reply.status;
  }
  SWITCHYARD_CHECK(false) << "no reply";
  return absl::OkStatus();
}

uint64_t CoreHarness::Submit(const v1::JobSpec& spec) {
  pb::Command command;
  *command.mutable_submit()->add_jobs() = spec;
  command.mutable_submit()->set_idempotency_key("key-" + std::to_string(next_key_++));
  pb::CommandResult result;
  const absl::Status status = Send(std::move(command), &result);
  SWITCHYARD_CHECK(status.ok()) << std::string(status.message());
  return result.submit().job_ids(0);
}

absl::Status CoreHarness::Cancel(uint64_t job) {
  pb::Command command;
  command.mutable_cancel()->add_ids(job);
  command.mutable_cancel()->set_idempotency_key("key-" + std::to_string(next_key_++));
  return Send(std::move(command));
}

absl::Status CoreHarness::Load(const v1::ClusterConfiguration& configuration) {
  pb::Command command;
  *command.mutable_load_configuration()->mutable_configuration() = configuration;
  return Send(std::move(command));
}

absl::Status CoreHarness::Operator(const std::string& node, v1::NodeActionRequest::Action action,
                                   int64_t drain_deadline_ms) {
  pb::Command command;
  command.mutable_node_action()->set_node("site/" + node);
  command.mutable_node_action()->set_action(action);
  command.mutable_node_action()->set_checked(true);
  command.mutable_node_action()->set_drain_deadline_ms(drain_deadline_ms);
  command.mutable_node_action()->set_idempotency_key("key-" + std::to_string(next_key_++));
  return Send(std::move(command));
}

void CoreHarness::Apply(std::vector<pb::Command> commands) {
  replies_.clear();
  const core::Stamp stamp{.mono = now_, .utc = UtcTime(utc_ms_), .sequence = ++sequence_};
  Take(core_->Apply(stamp, commands));
  if (!state().term_started) return;
  const absl::Status status = core_->CheckInvariants();
  SWITCHYARD_CHECK(status.ok()) << std::string(status.message());
}

void CoreHarness::Take(const core::Effects& effects) {
  for (const core::Row& row : effects.rows) {
    const auto key = std::make_pair(static_cast<int>(row.kind), row.key);
    if (row.value.has_value())
      rows_[key] = *row.value;
    else
      rows_.erase(key);
    if (row.kind != core::RowKind::kEvent || !row.value.has_value()) continue;
    pb::EventRow event;
    SWITCHYARD_CHECK(event.ParseFromString(*row.value));
    events_.push_back(event.event().kind() + " " + event.event().subject() + ": " + event.event().text());
  }
  for (const core::Reply& reply : effects.replies) replies_.push_back(reply);
  reasons_.insert(reasons_.end(), effects.reasons.begin(), effects.reasons.end());
  for (const core::NodeOrder& order : effects.orders) {
    sent_.push_back(order);
    sent_at_.push_back(now_);
    core::NodeOrder& waiting = undelivered_[order.node];
    if (order.reset)
      waiting = order;
    else {
      waiting.node = order.node;
      waiting.revision = order.revision;
      waiting.upserts.insert(waiting.upserts.end(), order.upserts.begin(), order.upserts.end());
      waiting.removed.insert(waiting.removed.end(), order.removed.begin(), order.removed.end());
    }
  }
  for (const core::SessionEffect& effect : effects.sessions) {
    const auto agent = agents_.find(effect.node);
    if (agent == agents_.end() || agent->second.session != effect.session) continue;
    if (effect.kind == core::SessionEffect::Kind::kRefusal) {
      agent->second.refusal = effect.refusal;
      agent->second.connected = false;
    } else if (effect.kind == core::SessionEffect::Kind::kSetAllowed) {
      agent->second.takes_sets = true;
    } else if (effect.kind == core::SessionEffect::Kind::kRenewal) {
      agent->second.renewed = effect.heartbeat_sequence;
      agent->second.lease_end = now_ + state().lease();  // heartbeats travel in no time here
    }
  }
}

// Hashing whose lease ran out is at its fallback, whoever is silent: the device or the supervisor sees to it. Where
// only the agent could, a silent agent's devices go on.
void CoreHarness::FallBack() {
  for (auto& [id, agent] : agents_) {
    if (now_ < agent.lease_end || agent.dark) continue;
    const core::Node& node = state().nodes[state().node_index.at(id)];
    for (auto& [allocation, task] : agent.tasks) {
      if (task.order.kind() != v1::HASHING || task.unknown || task.phase != v1::TASK_RUNNING) continue;
      for (const core::Group& group : node.groups) {
        const bool dead_hand = group.enforcer == v1::ENFORCER_DEVICE || group.enforcer == v1::ENFORCER_SUPERVISOR;
        if (group.name != task.order.group() || (agent.silent && !dead_hand)) continue;
        const int64_t each = std::max(group.model.idle_mw(), task.order.fallback_mw());
        task.draw = std::min(task.draw, Milliwatts(each) * task.order.devices_size());
      }
    }
  }
}

bool CoreHarness::Work(FakeAgent& agent) {
  if (!agent.connected || agent.silent) return false;
  const auto waiting = agent.takes_sets ? undelivered_.find(agent.node) : undelivered_.end();
  bool changed = false;
  if (waiting != undelivered_.end()) {
    const core::NodeOrder& order = waiting->second;
    const bool lowers = std::any_of(order.upserts.begin(), order.upserts.end(), [&](const v1::DesiredAllocation& o) {
      const auto task = agent.tasks.find(o.allocation());
      return task != agent.tasks.end() && (o.grant_mw() < task->second.order.grant_mw() || o.phase() == v1::STOP);
    });
    if (agent.ignores_lowering && lowers) return false;
    for (const v1::DesiredAllocation& upsert : order.upserts) {
      const auto [at, is_new] = agent.tasks.try_emplace(upsert.allocation());
      at->second.order = upsert;
      // AI that shall run and is not there was lost with the machine's boot: it is never started anew.
      if (!is_new || upsert.phase() != v1::RUN || upsert.kind() == v1::HASHING) continue;
      at->second.phase = v1::TASK_ENDED;
      at->second.exit_code = 128 + 9;
    }
    for (const uint64_t id : order.removed) agent.tasks.erase(id);
    agent.revision = order.revision;
    undelivered_.erase(waiting);
    changed = true;
  }
  for (auto& [id, task] : agent.tasks) {
    const v1::TaskPhase before = task.phase;
    const Power draw_before = task.draw;
    if (task.phase == v1::TASK_ENDED || task.unknown) continue;
    const Power grant = Milliwatts(task.order.grant_mw());
    switch (task.order.phase()) {
      case v1::PREPARE:
        task.phase = agent.holds_prepare ? v1::TASK_PREPARING : v1::TASK_PREPARED;
        break;
      case v1::RUN:
        task.phase = v1::TASK_RUNNING;
        break;
      case v1::STOP:
        task.phase = v1::TASK_ENDED;
        break;
      default:
        break;
    }
    if (task.phase == v1::TASK_ENDED)
      task.draw = task.order.kind() == v1::HASHING ? Milliwatts(25'000) * task.order.devices_size() : Power();
    else if (task.order.kind() == v1::HASHING && grant > task.draw && now_ >= agent.lease_end)
      continue;  // nothing rises without a lease
    else if (grant > task.draw || !agent.slow_to_settle)
      task.draw = grant;
    changed = changed || before != task.phase || draw_before != task.draw;
  }
  return changed;
}

pb::Command CoreHarness::ReportOf(FakeAgent& agent) {
  pb::Command command;
  command.mutable_report()->set_session(agent.session);
  command.mutable_report()->set_node(agent.node);
  v1::NodeReport* report = command.mutable_report()->mutable_report();
  report->set_applied_revision(agent.revision);
  report->set_sequence(++agent.sequence);
  const core::Node& node = state().nodes[state().node_index.at(agent.node)];
  for (const core::Group& group : node.groups) {
    int held = 0;
    for (const auto& [id, task] : agent.tasks)
      if (task.order.group() == group.name) held += task.order.devices_size();
    v1::GroupReport* out = report->add_groups();
    out->set_group(group.name);
    out->set_unallocated_devices(group.count - held);
    out->set_unallocated_mw(group.model.idle_mw() * (group.count - held));
  }
  for (const auto& [id, task] : agent.tasks) {
    v1::AllocationReport* out = report->add_allocations();
    out->set_allocation(id);
    out->set_epoch(task.order.epoch());
    out->set_phase(task.phase);
    out->set_revision(agent.revision);
    out->set_confirmed_mw(task.draw.count());
    out->set_reading_mw(agent.modelled ? -1 : task.draw.count());
    out->set_modelled(agent.modelled);
    out->set_exit_code(task.exit_code);
    out->set_job(task.order.job());
    out->set_kind(task.order.kind());
    for (const std::string& device : task.order.devices()) out->add_devices(device);
  }
  return command;
}

void CoreHarness::SendFullSet(const std::string& name) {
  const core::Node& node = state().nodes[state().node_index.at("site/" + name)];
  core::NodeOrder full{.node = node.id, .revision = node.set_revision, .reset = true, .upserts = {}, .removed = {}};
  for (const uint64_t id : node.allocations) {
    if (!state().allocations.at(id).held) full.upserts.push_back(core::ToDesired(state(), state().allocations.at(id)));
  }
  undelivered_[node.id] = std::move(full);
}

void CoreHarness::Blame(const std::string& node, const v1::DeviceFault& fault) {
  pb::Command command = ReportOf(agents_.at("site/" + node));
  *command.mutable_report()->mutable_report()->mutable_groups(0)->add_faults() = fault;
  Apply({std::move(command)});
}

void CoreHarness::Tell(const std::string& node) { Apply({ReportOf(agents_.at("site/" + node))}); }

void CoreHarness::Settle() {
  for (int round = 0; round < 100; ++round) {
    bool changed = false;
    for (auto& [id, agent] : agents_) {
      if (!Work(agent)) continue;
      changed = true;
      Apply({ReportOf(agent)});
    }
    if (core_->NextDeadline() <= now_) {
      Apply({[] {
        pb::Command c;
        c.mutable_advance();
        return c;
      }()});
      changed = true;
    }
    if (!changed) return;
  }
  SWITCHYARD_CHECK(false) << "the cluster does not come to rest";
}

void CoreHarness::Run(Duration span) {
  const MonoTime end = now_ + span;
  Settle();
  while (now_ < end) {
    const MonoTime beat(((now_.milliseconds() / 1000) + 1) * 1000);
    const MonoTime next = std::min({end, beat, std::max(core_->NextDeadline(), now_ + Milliseconds(1))});
    utc_ms_ += (next - now_).count();
    now_ = next;
    FallBack();
    std::vector<pb::Command> commands(1);
    commands[0].mutable_advance();
    if (now_ == beat) {
      for (auto& [id, agent] : agents_) {
        if (!agent.connected || agent.silent) continue;
        pb::Command& command = commands.emplace_back();
        command.mutable_heartbeat()->set_session(agent.session);
        command.mutable_heartbeat()->set_node(id);
        command.mutable_heartbeat()->mutable_heartbeat()->set_sequence(++agent.heartbeat);
        command.mutable_heartbeat()->mutable_heartbeat()->set_applied_revision(agent.revision);
      }
    }
    Apply(std::move(commands));
    Settle();
  }
}

void CoreHarness::Exit(uint64_t job, int exit_code) {
  for (auto& [id, agent] : agents_) {
    bool touched = false;
    for (auto& [allocation, task] : agent.tasks) {
      if (task.order.job() != job || task.phase == v1::TASK_ENDED) continue;
      task.phase = v1::TASK_ENDED;
      task.exit_code = exit_code;
      task.draw = Power();
      touched = true;
    }
    if (touched && agent.connected && !agent.silent) Apply({ReportOf(agent)});
  }
  Settle();
}

void CoreHarness::Restart() {
  std::vector<core::Row> rows;
  for (const auto& [key, value] : rows_) rows.push_back({static_cast<core::RowKind>(key.first), key.second, value});
  core_ = std::make_unique<core::Core>(core::Options{.checks = core::CheckLevel::kEveryBatch});
  const absl::Status status = core_->Restore(rows);
  SWITCHYARD_CHECK(status.ok()) << std::string(status.message());
  undelivered_.clear();
  for (auto& [id, agent] : agents_) {
    agent.connected = agent.takes_sets = false;  // their streams broke
    agent.lease_end = MonoTime() + (agent.lease_end - now_);
  }
  now_ = MonoTime();
  StartTerm();
}

void CoreHarness::RestoreBackup(Rows rows) {
  rows_ = std::move(rows);
  ++incarnation_;
  for (auto& [id, agent] : agents_) agent.revision = 0;
  Restart();
}

std::vector<const core::Allocation*> CoreHarness::allocations_of(uint64_t job) const {
  std::vector<const core::Allocation*> found;
  for (const auto& [id, allocation] : state().allocations)
    if (allocation.job == job) found.push_back(&allocation);
  return found;
}
Power CoreHarness::sum(const std::string& budget) const {
  return state().ledger.Sum(state().budget_index.at("site/" + budget));
}
Power CoreHarness::headroom(const std::string& budget) const {
  return state().ledger.Headroom(state().budget_index.at("site/" + budget));
}
Power CoreHarness::grant(uint64_t job) const {
  Power sum;
  for (const core::Allocation* allocation : allocations_of(job)) sum += allocation->bound.grant();
  return sum;
}
Power CoreHarness::bound(uint64_t job) const {
  Power sum;
  for (const core::Allocation* allocation : allocations_of(job)) sum += allocation->bound.value();
  return sum;
}
bool CoreHarness::Happened(const std::string& kind) const {
  return std::any_of(events_.begin(), events_.end(),
                     [&](const std::string& event) { return event.rfind(kind + " ", 0) == 0; });
}

}  // namespace switchyard::testing
