// What agents and meters do in a scenario.
#include "common/check.h"
#include "tests/scenario/names.h"
#include "tests/scenario/scenario.h"

namespace switchyard::scenario {
namespace {

namespace pb = switchyard::store::v1;
namespace v1 = switchyard::v1;
using testing::FakeAgent;
using testing::FakeTask;

}  // namespace

bool Scenario::Agent(const Words& words) {
  if (words.verb() == "connect") {
    for (const std::string& node : Nodes(words)) cluster_->Connect(node);
    cluster_->Settle();
  } else if (words.verb() == "disconnect") {
    for (const std::string& node : Nodes(words)) cluster_->Disconnect(node);
  } else if (words.verb() == "silent") {
    for (const std::string& node : Nodes(words)) cluster_->agent(node).silent = true;
  } else if (words.verb() == "cut-power" || words.verb() == "return-power") {
    for (const std::string& node : Nodes(words)) {
      if (words.verb() == "cut-power") cluster_->CutPower(node);
      else cluster_->ReturnPower(node);
    }
  } else if (words.verb() == "refuses-lowering" || words.verb() == "obeys") {
    for (const std::string& node : Nodes(words)) cluster_->agent(node).ignores_lowering = words.verb() == "refuses-lowering";
  } else if (words.verb() == "draws-on" || words.verb() == "falls") {
    for (const std::string& node : Nodes(words)) cluster_->agent(node).slow_to_settle = words.verb() == "draws-on";
  } else if (words.verb() == "holds-prepare" || words.verb() == "prepares") {
    for (const std::string& node : Nodes(words)) cluster_->agent(node).holds_prepare = words.verb() == "holds-prepare";
  } else if (words.verb() == "no-readings") {
    for (const std::string& node : Nodes(words)) cluster_->agent(node).modelled = true;
  } else if (words.verb() == "lose-orders") {
    for (const std::string& node : Nodes(words)) cluster_->LoseOrders(node);
  } else if (words.verb() == "full-set") {
    for (const std::string& node : Nodes(words)) cluster_->SendFullSet(node);
  } else if (words.verb() == "hello") {
    Hello(words);
  } else if (words.verb() == "reboot" || words.verb() == "wipe") {
    // After a reboot the processes are gone; after a wipe the machine runs on and the agent knows nothing.
    FakeAgent& agent = cluster_->agent(words.at(1));
    cluster_->Disconnect(words.at(1));
    if (words.verb() == "reboot") {
      agent.hello.set_boot_id(agent.hello.boot_id() + "+");
      std::erase_if(agent.tasks, [](const auto& task) { return task.second.order.kind() != v1::HASHING; });
    } else {
      agent.hello.set_agent_incarnation(agent.hello.agent_incarnation() + "+");
      agent.revision = 0;
    }
  } else {
    return false;
  }
  return true;
}

// hello NODE [incarnation= boot= hardware= cluster= term= enforcer=] [quietly]: says hello and, but for `quietly`, reports.
void Scenario::Hello(const Words& words) {
  const std::string& name = words.at(1);
  FakeAgent& agent = cluster_->AnyAgent(name);
  if (words.has("incarnation")) agent.hello.set_agent_incarnation(words.Text("incarnation"));
  if (words.has("boot")) agent.hello.set_boot_id(words.Text("boot"));
  if (words.has("hardware")) agent.hello.set_hardware_id(words.Text("hardware"));
  if (words.has("cluster")) agent.hello.set_cluster_id(words.Text("cluster"));
  if (words.has("term")) {
    agent.hello.set_store_incarnation(cluster_->state().meta.store_incarnation());
    agent.hello.set_term(static_cast<uint64_t>(words.Number("term", 0)));
  }
  if (words.has("enforcer")) {
    for (v1::GroupCapability& group : *agent.hello.mutable_groups()) group.set_enforcer(ToEnforcer(words.Text("enforcer")));
  }
  if (words.size() < 3 || words.at(2) != "quietly") {
    cluster_->Connect(name);
    cluster_->Settle();
    return;
  }
  agent.session = next_session_++;
  agent.connected = true;
  agent.sequence = 0;
  pb::Command hello;
  hello.mutable_hello()->set_session(agent.session);
  hello.mutable_hello()->set_node("site/" + name);
  *hello.mutable_hello()->mutable_hello() = agent.hello;
  cluster_->Batch({hello});
}

bool Scenario::Speak(const Words& words) {
  if (words.verb() == "say") {
    Say(words);
  } else if (words.verb() == "tell") {
    for (const std::string& node : Nodes(words)) cluster_->Tell(node);
  } else if (words.verb() == "scanning") {
    pb::Command report = cluster_->NextReport(words.at(1));
    report.mutable_report()->mutable_report()->set_scanning(true);
    report.mutable_report()->mutable_report()->clear_allocations();
    cluster_->Batch({report});
  } else if (words.verb() == "delay") {
    kept_[words.at(1)] = cluster_->NextReport(words.at(1));
  } else if (words.verb() == "arrives") {
    cluster_->Batch({kept_.at(words.at(1))});
  } else if (words.verb() == "orphan") {
    Orphan(words);
  } else if (words.verb() == "forgets") {
    // The machine does not have the task any more, and nothing says how it ended.
    cluster_->agent(Split(words.at(1), '@').at(1)).tasks.erase(picture_->Find(words.at(1)).id);
  } else if (words.verb() == "fault") {
    pb::Command report = cluster_->NextReport(words.at(1));
    v1::DeviceFault* fault = report.mutable_report()->mutable_report()->mutable_groups(0)->add_faults();
    fault->set_device(words.at(2));
    fault->set_reading_mw(words.Watts("reading", Power()).count());
    fault->set_reason("acknowledged 25W and draws on");
    cluster_->Batch({report});
  } else if (words.verb() == "meter") {
    Meter(words);
  } else if (words.verb() == "draw") {
    Telemetry(words.at(1), "", Words::ToPower(words.at(2)));
  } else {
    return false;
  }
  return true;
}

// say JOB@NODE [rev=r1] [w=POWER] [reading=no] [phase=running]: a report as it stands, but for what is said of one allocation.
void Scenario::Say(const Words& words) {
  const std::string node = Split(words.at(1), '@').at(1);
  const uint64_t id = picture_->Find(words.at(1)).id;
  pb::Command report = cluster_->NextReport(node);
  bool said = false;
  for (v1::AllocationReport& task : *report.mutable_report()->mutable_report()->mutable_allocations()) {
    if (task.allocation() != id) continue;
    said = true;
    if (words.has("rev")) task.set_revision(picture_->RevisionOf(words.Text("rev")));
    if (words.has("w")) task.set_confirmed_mw(words.Watts("w", Power()).count());
    task.set_reading_mw(words.Text("reading") == "no" ? -1 : task.confirmed_mw());
    task.set_modelled(words.Text("reading") == "no");
    if (words.has("phase")) task.set_phase(ToPhase(words.Text("phase")));
    if (words.has("epoch")) task.set_epoch(static_cast<uint32_t>(words.Number("epoch", 0)));
  }
  SWITCHYARD_CHECK(said) << words.at(1) << ": its agent does not know it";
  cluster_->Batch({report});
}

// orphan NODE id=999 kind=training draw=1400W devices=0-1: runs there and is not of this store. It ends when it is told to.
void Scenario::Orphan(const Words& words) {
  FakeTask task;
  task.phase = v1::TASK_RUNNING;
  task.draw = words.Watts("draw", Power());
  const auto id = static_cast<uint64_t>(words.Number("id", 999));
  task.order.set_allocation(id);
  task.order.set_epoch(static_cast<uint32_t>(words.Number("epoch", 1)));
  task.order.set_phase(v1::RUN);
  task.order.set_grant_mw(task.draw.count());
  task.order.set_job(words.has("of") ? Job(words.Text("of")) : static_cast<uint64_t>(words.Number("job", 777)));
  task.order.set_kind(ToKind(words.Text("kind", "training")));
  const core::Node& node = cluster_->state().nodes[cluster_->state().node_index.at("site/" + words.at(1))];
  task.order.set_group(node.groups[0].name);
  const std::vector<std::string> range = Split(words.Text("devices", "0-0"), '-');
  for (int i = std::stoi(range.front()); i <= std::stoi(range.back()); ++i) task.order.add_devices(node.groups[0].devices.at(static_cast<size_t>(i)));
  cluster_->agent(words.at(1)).tasks[id] = task;
  cluster_->Tell(words.at(1));
  cluster_->Settle();
}

void Scenario::Telemetry(const std::string& node, const std::string& budget, Power draw) {
  pb::Command command;
  command.mutable_telemetry()->set_session(cluster_->agent(node).session);
  command.mutable_telemetry()->set_node("site/" + node);
  v1::Telemetry* telemetry = command.mutable_telemetry()->mutable_telemetry();
  telemetry->set_draw_mw(budget.empty() ? draw.count() : -1);
  if (!budget.empty()) {
    v1::MeterReading* reading = telemetry->add_meters();
    reading->set_budget("site/" + budget);
    reading->set_draw_mw(draw.count());
  }
  cluster_->Batch({command});
}

// meter BUDGET POWER via=NODE for=10s [noise=100W]: a reading a second, by turns above and below.
void Scenario::Meter(const Words& words) {
  const Duration span = words.Span("for", Seconds(1));
  const Power noise = words.Watts("noise", Power());
  for (int second = 0; second < span.count() / 1000; ++second) {
    cluster_->Run(Seconds(1));
    Telemetry(words.Text("via"), words.at(1), Words::ToPower(words.at(2)) + (second % 2 == 0 ? noise : -noise));
    cluster_->Settle();
  }
}

}  // namespace switchyard::scenario
