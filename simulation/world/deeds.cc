// The deeds of a script, each at its moment. Which fields of a deed mean what is said in simulation/script/script.h.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/topology/topology.h"
#include "simulation/world/living_world.h"

namespace switchyard::simulation {
namespace {

// Nobody needs less than this to start a process again.
constexpr Duration kLeastDown = Milliseconds(100);

Deed NamedFault(Deed deed, FaultKind kind) {
  deed.fault = kind;
  return deed;
}

}  // namespace

void LivingWorld::Do(const Deed& deed) {
  switch (deed.kind) {
    case Deed::Kind::kFault:
      // An observer sees the world as it is when the fault strikes.
      stage_.audience.OnFault(stage_.now(), deed);
      return Strike(deed);
    case Deed::Kind::kOperator:
      stage_.audience.OnFault(stage_.now(), NamedFault(deed, FaultKind::kOperatorWord));
      return clients_.Do(deed);
    case Deed::Kind::kReload:
      stage_.audience.OnFault(stage_.now(), NamedFault(deed, FaultKind::kReload));
      file_ = deed.configuration;
      return clients_.Do(deed);
    case Deed::Kind::kSubmit:
    case Deed::Kind::kCancel:
      return clients_.Do(deed);
  }
}

void LivingWorld::Strike(const Deed& deed) {
  switch (deed.fault) {
    case FaultKind::kDelay:
    case FaultKind::kLoss:
    case FaultKind::kRepeat:
    case FaultKind::kReorder:
    case FaultKind::kPartition:
    case FaultKind::kOneWayPartition:
      return StrikeMessages(deed);
    case FaultKind::kSchedulerCrash:
    case FaultKind::kStaleLeader:
    case FaultKind::kOlderBackup:
    case FaultKind::kEmptyStore:
      return StrikeScheduler(deed);
    case FaultKind::kDeviceOvershoots:
    case FaultKind::kDeviceLies:
    case FaultKind::kDeviceSticks:
    case FaultKind::kDeviceToNameplate:
    case FaultKind::kDeviceSlow:
      return StrikeDevice(deed);
    case FaultKind::kMeterNoise:
    case FaultKind::kMeterLag:
    case FaultKind::kMeterSticks:
    case FaultKind::kMeterDies:
      meters_.Strike(deed.fault, deed.subject, deed.span, deed.amount);
      return;
    case FaultKind::kFeedLost:
      return LoseFeed(deed);
    case FaultKind::kUtcStep:
      stage_.utc_step += Milliseconds(deed.amount);
      return;
    case FaultKind::kReload:
    case FaultKind::kOperatorWord:
    case FaultKind::kCount:
      SWITCHYARD_CHECK(false) << Name(deed.fault) << " is a deed of its own kind";
      return;
    default:
      return StrikeAgent(deed);
  }
}

void LivingWorld::StrikeMessages(const Deed& deed) {
  if (deed.subject.empty()) return network_.StrikeAll(deed.fault, deed.span, deed.amount);
  if (const AgentHost* const host = FindHost(deed.subject))
    network_.Strike(deed.fault, host->link(), deed.span, deed.amount);
}

// ---- the scheduler ----

void LivingWorld::StrikeScheduler(const Deed& deed) {
  if (deed.fault == FaultKind::kStaleLeader) return Depose(deed);
  SchedulerProcess* const now = leader();
  // Every other crash takes the machine with it: nobody closes its connections.
  if (now != nullptr) now->Kill(/*late=*/stage_.chance.OneIn(2, Topic::kBreakBelow, deed.at.milliseconds()));
  if (deed.fault == FaultKind::kOlderBackup || deed.fault == FaultKind::kEmptyStore) {
    // Whoever is still there writes to a store that is gone.
    for (const auto& stale : leaders_) stale->Kill(/*late=*/false);
    if (deed.fault == FaultKind::kEmptyStore) {
      store_.Lose();
    } else {
      store_.Restore(std::move(copies_[&deed]));
    }
  }
  StartLeaderAfter(std::max(deed.span, kLeastDown));
}

// The leader's leadership is not renewed any more. Another one begins when it has run out; the old one lives on until
// it finds out.
void LivingWorld::Depose(const Deed& deed) {
  SchedulerProcess* const old = leader();
  if (old == nullptr || !old->listening()) return;
  old->Isolate(deed.span);
  const uint64_t planned = ++starts_;
  stage_.events.After(Microseconds(kLeadership), [this, planned, old, salt = deed.at.milliseconds()] {
    if (planned != starts_) return;
    StartLeader();
    old->gate().LoseHalf(static_cast<uint64_t>(salt));
  });
}

// ---- agents and machines ----

void LivingWorld::StrikeAgent(const Deed& deed) {
  AgentHost* const host = FindHost(deed.subject);
  if (host == nullptr) return;
  const MonoTime now = stage_.now();
  const Duration span = std::max(deed.span, kLeastDown);
  switch (deed.fault) {
    case FaultKind::kAgentCrash:
    case FaultKind::kAgentUpgrade:
      host->Stop(/*orderly=*/deed.fault == FaultKind::kAgentUpgrade, /*powerless=*/false);
      host->Start(span);
      break;
    case FaultKind::kNodeReboot:
      host->Stop(/*orderly=*/false, /*powerless=*/true);
      host->machine().Reboot(now, span);
      host->Boot();
      host->Start(span);
      break;
    case FaultKind::kNodeSuspend:
      host->Suspend(span);
      break;
    case FaultKind::kWipedAgent:
      host->Stop(/*orderly=*/false, /*powerless=*/false);
      host->machine().WipeAgent(now);
      host->LoseState();
      host->Start(span);
      break;
    case FaultKind::kClonedAgent:
      Clone(host, deed);
      break;
    case FaultKind::kReplacedHardware:
      host->Stop(/*orderly=*/false, /*powerless=*/true);
      host->machine().LosePower(now, span);
      host->machine().ReplaceHardware(now);
      host->LoseState();
      host->Boot();
      host->Start(span);
      break;
    case FaultKind::kClockDrift:
      host->Drift(deed.amount, deed.span);
      break;
    case FaultKind::kSupervisorKilled:
      host->machine().KillSupervisor(now, static_cast<uint64_t>(deed.amount));
      break;
    default:
      SWITCHYARD_CHECK(false) << Name(deed.fault) << " strikes no agent";
  }
  host->MachineChanged();
}

// Another machine, not wired to this site, whose agent was given this node's name.
void LivingWorld::Clone(AgentHost* host, const Deed& deed) {
  const auto& nodes = built_.nodes();
  const auto node = std::find_if(nodes.begin(), nodes.end(),
                                 [host](const v1::Node& n) { return n.site() + "/" + n.id() == host->node(); });
  if (node == nodes.end()) return;
  const AgentHost::Parts parts = {.stage = &stage_, .network = &network_, .directory = this, .meters = nullptr};
  auto machine = MakeMachine(built_, *node, static_cast<uint64_t>(deed.at.milliseconds()), /*wired=*/false);
  machine->ReplaceHardware(stage_.now());
  auto clone = std::make_unique<AgentHost>(parts, std::move(machine));
  if (deed.amount == 1) clone->CopyState(*host);
  clone->Start(kLeastDown);
  stage_.events.After(Microseconds(std::max(deed.span, kLeastDown)),
                      [made = clone.get()] { made->Stop(false, false); });
  clones_.push_back(std::move(clone));
}

void LivingWorld::LosePower(AgentHost* host, Duration span) {
  host->Stop(/*orderly=*/false, /*powerless=*/true);
  host->machine().LosePower(stage_.now(), span);
  host->Boot();
  host->Start(span);
  host->MachineChanged();
}

void LivingWorld::LoseFeed(const Deed& deed) {
  const absl::StatusOr<topology::Topology> topology = topology::Topology::Build(built_);
  SWITCHYARD_CHECK(topology.ok()) << std::string(topology.status().message());
  const std::optional<uint32_t> budget = topology->FindBudget(deed.subject);
  if (!budget.has_value()) return;
  for (const uint32_t index : topology->NodesUnder(*budget)) {
    const v1::Node& node = built_.nodes(static_cast<int>(index));
    if (AgentHost* const host = FindHost(node.site() + "/" + node.id()))
      LosePower(host, std::max(deed.span, kLeastDown));
  }
}

void LivingWorld::StrikeDevice(const Deed& deed) {
  const std::optional<DeviceSubject> subject = ParseDeviceSubject(deed.subject);
  AgentHost* const host = subject.has_value() ? FindHost(subject->node) : nullptr;
  if (host == nullptr) return;
  // The machine names its devices "<group>/<index>" beside their serials.
  host->machine().Break(stage_.now(), deed.fault, subject->group + "/" + std::to_string(subject->index), deed.span,
                        deed.amount);
  host->MachineChanged();
}

}  // namespace switchyard::simulation
