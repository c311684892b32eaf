#include "tests/scenario/scenario.h"

#include <algorithm>

#include "common/check.h"
#include "common/quantity_text.h"
#include "fmt/format.h"
#include "scheduler/core/sessions.h"
#include "tests/scenario/names.h"

namespace switchyard::scenario {
namespace {

namespace pb = switchyard::store::v1;
namespace v1 = switchyard::v1;
using testing::FakeAgent;
using testing::FakeTask;

}  // namespace

std::string Play(const std::string& file) {
  Scenario scenario;
  std::string out, printed;
  bool in_output = false;
  for (const std::string& line : Split(file, '\n')) {
    if (in_output) {
      if (!line.empty()) continue;  // what the file expects: compared as a whole, up to the blank line
      in_output = false;
    }
    out += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    if (line == "----") {
      out += scenario.News() + printed;
      printed.clear();
      in_output = true;
      continue;
    }
    printed += scenario.Do(line);
  }
  SWITCHYARD_CHECK(printed.empty()) << "commands without a block end: add ----";
  return out;
}

std::string Scenario::Do(const std::string& line) {
  out_.clear();
  const Words words(line);
  const bool known = Describe(words) || Clock(words) || Agent(words) || Speak(words) || Client(words) || OperatorSays(words) || Ask(words);
  SWITCHYARD_CHECK(known) << "no such verb: " << line;
  if (picture_ != nullptr) picture_->NameRevisions();
  return std::move(out_);
}

std::string Scenario::News() {
  std::string text;
  if (cluster_ == nullptr) return text;
  for (; events_seen_ < cluster_->events().size(); ++events_seen_) {
    std::string event = cluster_->events()[events_seen_];
    // Jobs go by the names that the scenario gave them.
    for (const auto& [id, name] : names_) {
      for (const char* kind : {"PlanOpened", "PlanPrepares", "PlanClosed", "JobPreempted"}) {
        const std::string numbered = fmt::format("{} {}:", kind, id);
        if (event.rfind(numbered, 0) == 0) event = fmt::format("{} {}:", kind, name) + event.substr(numbered.size());
      }
    }
    text += "event " + event + "\n";
  }
  for (const core::Node& node : cluster_->state().nodes) {
    FakeAgent& agent = cluster_->AnyAgent(node.configured.id());
    if (!agent.refusal.empty()) text += fmt::format("refused {}: {}\n", node.configured.id(), agent.refusal);
    agent.refusal.clear();
  }
  return text;
}

void Scenario::Start() {
  cluster_ = std::make_unique<testing::CoreHarness>(builder_.configuration());
  picture_ = std::make_unique<Picture>(*cluster_, names_);
  events_seen_ = cluster_->events().size();  // that it started is not news
  orders_seen_ = cluster_->sent().size();
}

bool Scenario::Describe(const Words& words) {
  v1::Site& site = *builder_.configuration().mutable_sites(0);
  const auto budget = [&](const std::string& id) -> v1::Budget& {
    for (v1::Budget& candidate : *site.mutable_budgets()) if (candidate.id() == id) return candidate;
    SWITCHYARD_CHECK(false) << id;
    return *site.mutable_budgets(0);
  };
  if (words.verb() == "budget") {
    const v1::BudgetKind kind = Parsed<v1::BudgetKind>([](const std::string& n, v1::BudgetKind* k) { return v1::BudgetKind_Parse(n, k); }, words.at(2));
    builder_.Budget(words.at(1), kind, words.Watts("cap", Watts(1'000'000)), words.Text("in", kind == v1::COOLING_ZONE ? "" : "meter"));
  } else if (words.verb() == "cap") {
    budget(words.at(1)).set_cap_mw(Words::ToPower(words.at(2)).count());
  } else if (words.verb() == "base") {
    budget(words.at(1)).set_base_load_mw(Words::ToPower(words.at(2)).count());
  } else if (words.verb() == "reserve") {
    if (words.at(2) == "default") budget(words.at(1)).clear_fault_reserve_mw();
    else budget(words.at(1)).set_fault_reserve_mw(Words::ToPower(words.at(2)).count());
  } else if (words.verb() == "ramp") {
    budget(words.at(1)).set_ramp_up_mw(Words::ToPower(words.at(2)).count());
  } else if (words.verb() == "pair") {
    v1::FeedPair* pair = site.add_feed_pairs();
    pair->set_id(words.at(1));
    pair->set_a(words.at(2));
    pair->set_b(words.at(3));
    pair->set_failover_cap_mw(words.Watts("cap", Power()).count());
  } else if (words.verb() == "overhead") {
    site.set_overhead_fixed_mw(words.Watts("fixed", Power()).count());
    site.set_overhead_marginal_ppm(words.Number("marginal_ppm", 0));
    site.set_overhead_lag_ms(words.Span("lag", Seconds(30)).count());
  } else if (words.verb() == "hashprice") {
    site.mutable_hashprice(0)->set_value_micro_usd(words.Number("usd", 54) * 1'000'000);
  } else if (words.verb() == "rack" || words.verb() == "server" || words.verb() == "box") {
    builder_.AddNode(words.at(1), words.verb(), words.size() > 2 ? words.at(2) : "meter");
    v1::Node& node = *builder_.configuration().mutable_nodes(builder_.configuration().nodes_size() - 1);
    for (size_t i = 3; i < words.size(); ++i) {
      v1::BudgetEdge* edge = node.add_feeds_from();
      edge->set_budget(words.at(i));
      edge->set_coefficient_ppm(1'000'000);
    }
    node.mutable_feeds_from(0)->set_coefficient_ppm(words.Number("share_ppm", 1'000'000));
    if (node.feeds_from_size() > 1) node.mutable_feeds_from(1)->set_coefficient_ppm(words.Number("rest_ppm", 1'000'000));
    node.set_air_zone(words.Text("air"));
  } else if (words.verb() == "remove") {
    auto* nodes = builder_.configuration().mutable_nodes();
    for (int i = nodes->size() - 1; i >= 0; --i) if (nodes->Get(i).id() == words.at(1)) nodes->DeleteSubrange(i, 1);
  } else if (words.verb() == "move") {
    for (v1::Node& node : *builder_.configuration().mutable_nodes()) {
      if (node.id() == words.at(1)) node.mutable_feeds_from(0)->set_budget(words.at(2));
    }
  } else if (words.verb() == "device") {
    v1::DeviceModel& device = builder_.Device(words.at(1));
    if (words.has("class")) {
      device.set_power_cycle(Parsed<v1::PowerCycleClass>([](const std::string& n, v1::PowerCycleClass* c) { return v1::PowerCycleClass_Parse(n, c); }, words.Text("class")));
    }
    if (words.has("enforcer")) device.set_enforcer(ToEnforcer(words.Text("enforcer")));
    device.set_prepare_mw(words.Watts("prepare", Milliwatts(device.prepare_mw())).count());
    device.set_ramp_down_ms(words.Span("ramp_down", Milliseconds(device.ramp_down_ms())).count());
    device.set_max_mw(words.Watts("max", Milliwatts(device.max_mw())).count());
    device.set_transient_mw(words.Watts("transient", std::max(Milliwatts(device.transient_mw()), Milliwatts(device.max_mw()))).count());
    device.set_fallback_mw(words.Watts("fallback", Milliwatts(device.fallback_mw())).count());
    if (words.has("limiter")) device.set_limiter(words.Text("limiter") == "yes");
  } else if (words.verb() == "timing") {
    v1::Timing& timing = builder_.timing();
    timing.set_dwell_ms(words.Span("dwell", Milliseconds(timing.dwell_ms())).count());
    timing.set_confirm_timeout_ms(words.Span("confirm", Milliseconds(timing.confirm_timeout_ms())).count());
    timing.set_prepare_timeout_ms(words.Span("prepare", Milliseconds(timing.prepare_timeout_ms())).count());
    timing.set_member_timeout_ms(words.Span("member", Milliseconds(timing.member_timeout_ms())).count());
    timing.set_restart_hold_ms(words.Span("hold", Milliseconds(timing.restart_hold_ms())).count());
  } else if (words.verb() == "tenant") {
    v1::Tenant& tenant = builder_.Tenant(words.at(1));
    for (const std::string& member : Split(words.Text("members"), ',')) tenant.add_members(member);
  } else if (words.verb() == "remove-tenant") {
    auto* tenants = builder_.configuration().mutable_tenants();
    for (int i = tenants->size() - 1; i >= 0; --i) if (tenants->Get(i).id() == words.at(1)) tenants->DeleteSubrange(i, 1);
  } else if (words.verb() == "start") {
    Start();
  } else if (words.verb() == "reload") {
    Reply(cluster_->Load(builder_.configuration()), "reloaded");
    cluster_->Settle();
  } else {
    return false;
  }
  return true;
}

bool Scenario::Clock(const Words& words) {
  if (words.verb() == "run") cluster_->Run(Words::ToDuration(words.at(1)));
  else if (words.verb() == "settle") cluster_->Settle();
  else if (words.verb() == "kill-scheduler") cluster_->Restart();
  else if (words.verb() == "new-store") NewStore();
  else if (words.verb() == "backup") backup_ = cluster_->Backup();
  else if (words.verb() == "restore-backup") cluster_->RestoreBackup(backup_);
  else return false;
  return true;
}

std::vector<std::string> Scenario::Nodes(const Words& words) const {
  std::vector<std::string> nodes;
  for (size_t i = 1; i < words.size(); ++i) nodes.push_back(words.at(i));
  if (nodes.empty()) for (const core::Node& node : cluster_->state().nodes) nodes.push_back(node.configured.id());
  return nodes;
}

// Another store, empty, for the same fleet: every agent goes on with what it runs.
void Scenario::NewStore() {
  std::map<std::string, FakeAgent> agents;
  for (const core::Node& node : cluster_->state().nodes) agents[node.configured.id()] = cluster_->agent(node.configured.id());
  names_.clear();
  Start();
  for (auto& [name, agent] : agents) {
    agent.connected = false;
    agent.revision = 0;
    cluster_->AnyAgent(name) = std::move(agent);
  }
}

uint64_t Scenario::Job(const std::string& name) const {
  for (const auto& [id, given] : names_) if (given == name) return id;
  SWITCHYARD_CHECK(false) << "job " << name << " was not submitted";
  return 0;
}

void Scenario::Reply(const absl::Status& status, const std::string& done) {
  out_ += status.ok() ? done + "\n" : fmt::format("refused {}: {}\n", absl::StatusCodeToString(status.code()), std::string(status.message()));
}

bool Scenario::Client(const Words& words) {
  if (words.verb() == "submit") {
    Submit(words);
  } else if (words.verb() == "cancel") {
    const absl::Status status = cluster_->Cancel(Job(words.at(1)));
    if (!status.ok()) Reply(status, "");
    cluster_->Settle();
  } else if (words.verb() == "exit" && words.at(1).find('@') == std::string::npos) {
    cluster_->Exit(Job(words.at(1)), static_cast<int>(words.Number("code", 0)));
  } else if (words.verb() == "exit") {
    const std::string node = Split(words.at(1), '@').at(1);
    FakeTask& task = cluster_->agent(node).tasks.at(picture_->Find(words.at(1)).id);
    task.phase = v1::TASK_ENDED;
    task.exit_code = static_cast<int>(words.Number("code", 0));
    task.draw = Power();
    cluster_->Tell(node);
    cluster_->Settle();
  } else {
    return false;
  }
  return true;
}

void Scenario::Submit(const Words& words) {
  const v1::JobKind kind = ToKind(words.at(2));
  v1::JobSpec spec = kind == v1::HASHING ? testing::HashingJob(words.at(1))
                                         : testing::TrainingJob(words.at(1), static_cast<int>(words.Number("tasks", 1)), static_cast<int>(words.Number("gpus", 0)));
  spec.set_kind(kind);
  spec.set_tenant(words.Text("tenant", "team"));
  if (kind != v1::HASHING) {
    v1::Resources* resources = spec.mutable_groups(0)->mutable_resources();
    resources->set_gpu_milli(static_cast<int32_t>(words.Number("gpu_milli", 0)));
    resources->set_cpu_devices(static_cast<int32_t>(words.Number("cores", 0)));
    resources->set_watts_per_device_mw(words.Watts("watts", Power()).count());
    spec.set_priority(static_cast<int32_t>(words.Number("priority", 100)));
    spec.set_flex_tier(static_cast<int32_t>(words.Number("flex", 0)));
    spec.set_grace_ms(words.Span("grace", Seconds(5)).count());
    spec.set_min_run_ms(words.Span("min_run", Duration()).count());
    if (words.has("retries")) spec.set_max_retries(static_cast<int32_t>(words.Number("retries", 0)));
    if (words.has("fence")) spec.set_fence_after_ms(words.Span("fence", Duration()).count());
  }
  pb::Command command;
  *command.mutable_submit()->add_jobs() = spec;
  command.mutable_submit()->set_idempotency_key(words.Text("key", fmt::format("submit-{}", next_key_++)));
  command.set_principal(words.Text("as"));
  pb::CommandResult result;
  const absl::Status status = cluster_->Send(std::move(command), &result);
  if (status.ok()) names_[result.submit().job_ids(0)] = words.at(1); else Reply(status, "");
  if (words.Text("then") != "wait") cluster_->Settle();
}

bool Scenario::OperatorSays(const Words& words) {
  pb::Command command;
  if (words.verb() == "node") {
    using Request = v1::NodeActionRequest;
    const auto action = Parsed<Request::Action>([](const std::string& n, Request::Action* a) { return Request::Action_Parse(n, a); }, words.at(1));
    command.mutable_node_action()->set_node("site/" + words.at(2));
    command.mutable_node_action()->set_action(action);
    command.mutable_node_action()->set_checked(words.Text("checked", "yes") == "yes");
    command.mutable_node_action()->set_drain_deadline_ms(words.Span("deadline", Duration()).count());
    command.mutable_node_action()->set_idempotency_key(fmt::format("word-{}", next_key_++));
  } else if (words.verb() == "orphan-stop" || words.verb() == "orphan-adopt") {
    command.mutable_orphan_action()->set_allocation(std::stoull(words.at(1)));
    command.mutable_orphan_action()->set_action(words.verb() == "orphan-stop" ? v1::OrphanActionRequest::STOP : v1::OrphanActionRequest::ADOPT);
    command.mutable_orphan_action()->set_idempotency_key(fmt::format("word-{}", next_key_++));
  } else if (words.verb() == "clear-quarantine") {
    command.mutable_clear_quarantine()->set_device(words.at(1));
    command.mutable_clear_quarantine()->set_idempotency_key(fmt::format("word-{}", next_key_++));
  } else if (words.verb() == "disk-free") {
    pb::Command disk;
    disk.mutable_disk_free()->set_bytes(*ParseBytes(words.at(1)));
    cluster_->Batch({disk});
    return true;
  } else {
    return false;
  }
  const absl::Status status = cluster_->Send(std::move(command));
  if (!status.ok()) Reply(status, "");
  cluster_->Settle();
  return true;
}

pb::CommandResult Scenario::Query(pb::Query query) {
  pb::Command command;
  *command.mutable_query() = std::move(query);
  pb::CommandResult result;
  const absl::Status status = cluster_->Send(std::move(command), &result);
  SWITCHYARD_CHECK(status.ok()) << std::string(status.message());
  return result;
}

bool Scenario::Ask(const Words& words) {
  pb::Query query;
  if (words.verb() == "show" && words.at(1) == "orders") {
    for (; orders_seen_ < cluster_->sent().size(); ++orders_seen_) out_ += picture_->Order(cluster_->sent()[orders_seen_]);
  } else if (words.verb() == "show" && words.at(1) == "leases") {
    for (const core::Node& node : cluster_->state().nodes) {
      const MonoTime expiry = core::LeaseExpiry(cluster_->state(), node);
      out_ += fmt::format("lease of {}: {}\n", node.configured.id(), node.expired ? "expired" : expiry == MonoTime::Never() ? "none"
                          : fmt::format("runs out for certain in {}ms", (expiry - cluster_->now()).count()));
    }
  } else if (words.verb() == "show" && words.at(1) == "alarms") {
    query.mutable_alarms();
    const pb::CommandResult result = Query(query);
    for (const v1::Alarm& alarm : result.alarms().alarms()) out_ += fmt::format("alarm {} {}: {}\n", alarm.kind(), alarm.subject(), alarm.text());
  } else if (words.verb() == "show") {
    orders_seen_ = cluster_->sent().size();
    out_ += picture_->Show(words.at(1));
  } else if (words.verb() == "why") {
    query.mutable_why()->set_budget("site/" + words.at(1));
    const pb::CommandResult result = Query(query);
    for (const auto& entry : result.why().entries()) {
      for (const std::string& line : entry.blocked_by()) out_ += fmt::format("{} does not rise: {}\n", words.at(1), line);
      if (entry.blocked_by().empty()) out_ += fmt::format("{} may rise by {}\n", words.at(1), Exact(Power(entry.headroom_mw())));
    }
  } else if (words.verb() == "explain") {
    query.mutable_explain()->set_id(Job(words.at(1)));
    out_ += Query(query).explain().summary() + "\n";
  } else {
    return false;
  }
  return true;
}

}  // namespace switchyard::scenario
