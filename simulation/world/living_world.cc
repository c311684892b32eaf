#include "simulation/world/living_world.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/topology/validate_configuration.h"
#include "scheduler/core/state.h"

namespace switchyard::simulation {
namespace {

// The first scheduler is up, machines boot and agents start within so much of each other.
constexpr Instant kMostProcessStart = 3'000'000;

// A process reads its store for so long before it can say a word.
constexpr Instant kLeastRecovery = 30'000;
constexpr Instant kMostRecovery = 600'000;

// In the last stretch of a script nothing was broken, if it had come to rest so long before the end.
constexpr Duration kQuiet = Minutes(3);

bool ComesToRest(const Script& script) {
  const MonoTime quiet = MonoTime() + script.length - kQuiet;
  return std::all_of(script.deeds.begin(), script.deeds.end(), [quiet](const Deed& deed) {
    return deed.kind != Deed::Kind::kFault || deed.at + deed.span <= quiet;
  });
}

v1::DeviceModel Scaled(v1::DeviceModel model, int64_t scale_ppm) {
  constexpr int64_t kMillion = 1'000'000;
  const auto scale = [scale_ppm](int64_t ramp) { return (ramp * scale_ppm + kMillion - 1) / kMillion; };
  if (scale_ppm <= 0 || scale_ppm == kMillion) return model;
  model.set_ramp_up_ms(scale(model.ramp_up_ms()));
  model.set_ramp_down_ms(scale(model.ramp_down_ms()));
  return model;
}

}  // namespace

LivingWorld::LivingWorld(Stage* stage)
    : stage_(*stage),
      network_(stage),
      meters_(stage),
      clients_(stage,
               [this](const std::string& key, uint64_t attempt) {
                 return FindLeader(stage_.chance.Draw(Topic::kPicksStale, key, attempt));
               }),
      file_(stage->script.configuration) {}

// ---- the whole of it ----

absl::Status LivingWorld::Live() {
  Configured(file_);
  stage_.audience.OnBegin(&stage_.draws);
  StartLeader();
  PlanDeeds();
  const Instant end = InstantOf(MonoTime() + stage_.script.length);
  EventQueue& events = stage_.events;
  while (events.next() <= end) {
    // What the devices did since the last event comes before it.
    const MonoTime now(events.next() / 1000);
    if (stage_.draws.NextBreakpoint() <= now) stage_.draws.Advance(now);
    events.RunNext();
    if (absl::Status verdict = stage_.audience.verdict(); !verdict.ok()) return verdict;
  }
  events.PassTo(end);
  stage_.draws.Advance(stage_.now());
  const SchedulerProcess* const last = leader();
  if (last != nullptr) stage_.audience.OnEnd(stage_.now(), last->state(), ComesToRest(stage_.script));
  return stage_.audience.verdict();
}

void LivingWorld::PlanDeeds() {
  for (const Deed& deed : stage_.script.deeds) {
    stage_.events.At(InstantOf(deed.at), [this, &deed] { Do(deed); });
    if (deed.kind != Deed::Kind::kFault || deed.fault != FaultKind::kOlderBackup) continue;
    const MonoTime taken = std::max(MonoTime(), deed.at - Milliseconds(deed.amount));
    stage_.events.At(InstantOf(taken), [this, &deed] { copies_[&deed] = store_.content(); });
  }
}

// ---- leaders ----

SchedulerProcess* LivingWorld::leader() {
  for (auto it = leaders_.rbegin(); it != leaders_.rend(); ++it) {
    if ((*it)->alive() && !(*it)->isolated()) return it->get();
  }
  return nullptr;
}

// Most who look for a scheduler find the newest; some are still led to a stale one.
SchedulerProcess* LivingWorld::FindLeader(uint64_t draw) {
  SchedulerProcess* newest = nullptr;
  for (auto it = leaders_.rbegin(); it != leaders_.rend(); ++it) {
    if (!(*it)->listening()) continue;
    if (newest == nullptr) {
      newest = it->get();
    } else if (draw % 4 == 0) {
      return it->get();
    }
  }
  return newest;
}

UpperEnd* LivingWorld::FindFor(uint32_t link, uint64_t attempt) {
  SchedulerProcess* const found =
      FindLeader(stage_.chance.Draw(Topic::kPicksStale, link, attempt, stage_.events.instant()));
  return found == nullptr ? nullptr : &found->gate();
}

void LivingWorld::StartLeader() {
  const auto number = static_cast<Leader>(leaders_.size() + 1);
  leaders_.push_back(std::make_unique<SchedulerProcess>(
      &stage_, &network_, &store_,
      SchedulerProcess::Hooks{
          .configured = [this](const v1::ClusterConfiguration& configuration) { Configured(configuration); },
          .submitted = [this](const v1::SubmitRequest& request,
                              const v1::SubmitResponse& response) { Submitted(request, response); }},
      number));
  leaders_.back()->Start(file_);
}

void LivingWorld::StartLeaderAfter(Duration span) {
  const uint64_t planned = ++starts_;
  const Instant recovery =
      stage_.chance.Between(kLeastRecovery, kMostRecovery, Topic::kRecovery, stage_.events.instant());
  stage_.events.After(Microseconds(span) + recovery, [this, planned] {
    if (planned == starts_) StartLeader();  // else it was planned anew
  });
}

// ---- machines ----

void LivingWorld::Configured(const v1::ClusterConfiguration& configuration) {
  v1::ClusterConfiguration whole = configuration;
  topology::ApplyDefaults(&whole);
  std::string bytes = whole.SerializeAsString();
  if (bytes == in_force_) return;
  in_force_ = std::move(bytes);
  built_ = whole;
  stage_.draws.Load(whole);
  meters_.Load(whole);
  for (const v1::Node& node : whole.nodes()) {
    if (!hosts_.contains(node.site() + "/" + node.id())) AddHost(whole, node);
  }
}

std::unique_ptr<Machine> LivingWorld::MakeMachine(const v1::ClusterConfiguration& configuration, const v1::Node& node,
                                                  uint64_t salt, bool wired) {
  const std::string id = node.site() + "/" + node.id();
  std::map<std::string, v1::DeviceModel> models;
  for (const v1::DeviceModel& model : configuration.device_models()) {
    models[model.id()] = Scaled(model, configuration.timing().ramp_scale_ppm());
  }
  const auto& node_models = configuration.node_models();
  const auto model = std::find_if(node_models.begin(), node_models.end(),
                                  [&](const v1::NodeModel& m) { return m.id() == node.model(); });
  SWITCHYARD_CHECK(model != node_models.end()) << "node " << id << " has no model";
  auto machine = std::make_unique<Machine>(id, *model, models, stage_.chance.Draw(Topic::kMachine, id, salt),
                                           wired ? &stage_.draws : nullptr, &stage_.audience);
  for (const auto& [job, run] : runs_) machine->SetRun(job, run.runs, run.exit_code);
  return machine;
}

void LivingWorld::AddHost(const v1::ClusterConfiguration& configuration, const v1::Node& node) {
  const std::string id = node.site() + "/" + node.id();
  const AgentHost::Parts parts = {.stage = &stage_, .network = &network_, .directory = this, .meters = &meters_};
  auto host = std::make_unique<AgentHost>(parts, MakeMachine(configuration, node, 0, /*wired=*/true));
  host->Start(Milliseconds(stage_.chance.Between(0, kMostProcessStart / 1000, Topic::kProcessStart, id)));
  hosts_[id] = std::move(host);
}

AgentHost* LivingWorld::FindHost(const std::string& node) {
  const auto found = hosts_.find(node);
  return found == hosts_.end() ? nullptr : found->second.get();
}

void LivingWorld::Submitted(const v1::SubmitRequest& request, const v1::SubmitResponse& response) {
  const std::optional<Clients::Run> run = clients_.RunOf(request.idempotency_key());
  if (!run.has_value()) return;
  for (const uint64_t job : response.job_ids()) {
    runs_[job] = *run;
    for (const auto& [node, host] : hosts_) host->machine().SetRun(job, run->runs, run->exit_code);
    for (const auto& clone : clones_) clone->machine().SetRun(job, run->runs, run->exit_code);
  }
}

}  // namespace switchyard::simulation
