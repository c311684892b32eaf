#include "simulation/script/trouble.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/check.h"
#include "simulation/script/cluster.h"
#include "simulation/script/dice.h"
#include "simulation/script/workload.h"

namespace switchyard::simulation {
namespace {

using enum FaultKind;

enum class Subject { kNone, kLink, kNode, kDevice, kMeter, kFeeder };

// How one kind strikes: at what, for how long, how hard.
struct Manner {
  FaultKind kind;
  Subject subject;
  Duration least, most;
  int64_t amount_least = 0, amount_most = 0;
};
constexpr Manner kManners[] = {
    {kDelay, Subject::kLink, Seconds(5), Seconds(60), 200, 6000},
    {kLoss, Subject::kLink, Seconds(5), Seconds(60), 20'000, 400'000},
    {kRepeat, Subject::kLink, Seconds(5), Seconds(60), 50'000, 500'000},
    {kReorder, Subject::kLink, Seconds(5), Seconds(60), 100, 4000},
    {kPartition, Subject::kLink, Seconds(2), Seconds(120)},
    {kOneWayPartition, Subject::kLink, Seconds(2), Seconds(90), 0, 1},
    {kSchedulerCrash, Subject::kNone, Milliseconds(300), Seconds(15)},
    {kStaleLeader, Subject::kNone, Seconds(3), Seconds(25)},
    {kOlderBackup, Subject::kNone, Seconds(1), Seconds(15), 10'000, 120'000},
    {kEmptyStore, Subject::kNone, Seconds(1), Seconds(15)},
    {kAgentCrash, Subject::kNode, Milliseconds(500), Seconds(60)},
    {kAgentUpgrade, Subject::kNode, Milliseconds(500), Seconds(8)},
    {kNodeReboot, Subject::kNode, Seconds(3), Seconds(60)},
    {kNodeSuspend, Subject::kNode, Seconds(2), Seconds(90)},
    {kWipedAgent, Subject::kNode, Seconds(1), Seconds(20)},
    {kClonedAgent, Subject::kNode, Seconds(5), Seconds(40), 0, 1},
    {kReplacedHardware, Subject::kNode, Seconds(10), Seconds(60)},
    {kClockDrift, Subject::kNode, Seconds(0), Seconds(0), -kRhoPpm, kRhoPpm},
    {kSupervisorKilled, Subject::kNode, Seconds(0), Seconds(0), 0, 1'000'000},
    {kDeviceOvershoots, Subject::kDevice, Seconds(5), Seconds(40), 20'000, 300'000},
    {kDeviceLies, Subject::kDevice, Seconds(10), Seconds(60)},
    {kDeviceSticks, Subject::kDevice, Seconds(10), Seconds(60)},
    {kDeviceToNameplate, Subject::kDevice, Seconds(10), Seconds(40)},
    {kDeviceSlow, Subject::kDevice, Seconds(20), Seconds(90), 1'200'000, 6'000'000},
    {kMeterNoise, Subject::kMeter, Seconds(10), Seconds(90), 1, 20},  // thousandths of the cap; made mW below
    {kMeterLag, Subject::kMeter, Seconds(10), Seconds(90), 500, 8000},
    {kMeterSticks, Subject::kMeter, Seconds(10), Seconds(60)},
    {kMeterDies, Subject::kMeter, Seconds(10), Seconds(90)},
    {kFeedLost, Subject::kFeeder, Seconds(3), Seconds(30)},
    {kUtcStep, Subject::kNone, Seconds(0), Seconds(0), -3'600'000, 3'600'000},
};

const Manner& MannerOf(FaultKind kind) {
  for (const Manner& manner : kManners) {
    if (manner.kind == kind) return manner;
  }
  SWITCHYARD_CHECK(false) << Name(kind) << " has no manner";
  return kManners[0];
}

constexpr Duration kEverybodysSpan = Seconds(20);  // of a fault on all links at once

class Maker {
 public:
  Maker(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration,
        const std::vector<Deed>& work)
      : seed_(seed),
        recipe_(recipe),
        configuration_(configuration),
        dice_(seed, "trouble"),
        last_(MonoTime() + recipe.length - recipe.quiet) {
    for (const Deed& deed : work) {
      if (deed.kind == Deed::Kind::kSubmit && deed.at < last_ - Seconds(8)) submits_.push_back(deed.at);
    }
    std::sort(submits_.begin(), submits_.end());
    sharp_.push_back({MonoTime() + Milliseconds(200), Seconds(10)});  // nobody has been heard
    for (const v1::NodeModel& model : configuration.node_models()) node_models_.emplace(model.id(), &model);
  }

  std::vector<Deed> Make() {
    MakeReloads(dice_.For("reloads"));
    MakeDrift(dice_.For("drift"));
    std::vector<std::pair<FaultKind, uint64_t>> order;
    for (const Strikes& strikes : recipe_.half_of_all ? HalfOfAll(dice_.For("kinds")) : recipe_.strikes) {
      const int times = dice_.For(Name(strikes.kind)).Int(strikes.least, strikes.most);
      for (int i = 0; i < times; ++i) order.emplace_back(strikes.kind, static_cast<uint64_t>(i) + 1);
    }
    // A later one may strike where an earlier one left its mark: any of two kinds may be the later.
    Dice shuffle = dice_.For("order");
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<size_t>(shuffle.Between(0, static_cast<int64_t>(i) - 1))]);
    for (const auto& [kind, number] : order) Strike(kind, dice_.For(Name(kind), number));
    MendAtQuiet();
    return std::move(deeds_);
  }

 private:
  std::vector<Strikes> HalfOfAll(Dice dice) {
    std::vector<Strikes> strikes;
    if (seed_ % 10 == 0) return strikes;
    for (const Manner& manner : kManners) {
      if (!dice.Chance(50)) continue;
      // An empty or older store forgets the jobs of half an hour, a lost feeder stops half a site: once is enough.
      const bool grave = manner.kind == kEmptyStore || manner.kind == kOlderBackup || manner.kind == kFeedLost;
      strikes.push_back({manner.kind, 1, grave ? 1 : 2});
    }
    if (words_) strikes.push_back({kOperatorWord, 3, 6});
    return strikes;
  }

  // Half of them at a moment that matters, a quarter within a lease of the fault before.
  MonoTime Moment(Duration span, Dice* dice) {
    const int draw = dice->Int(0, 99);
    MonoTime at = dice->Moment(MonoTime(), last_);
    if (draw < 40 && !submits_.empty()) {
      at = dice->Pick(submits_) + dice->Span(Seconds(0), dice->Chance(60) ? Milliseconds(1200) : Seconds(8));
    } else if (draw < 58) {
      const Sharp& sharp = dice->Pick(sharp_);
      at = sharp.at + dice->Span(Seconds(0), sharp.width);
    } else if (draw < 80 && struck_ > MonoTime()) {
      at = struck_ + dice->Span(Seconds(0), Milliseconds(configuration_.timing().lease_ms()));
    }
    struck_ = std::clamp(at, MonoTime() + Milliseconds(100), last_ - span - Seconds(5));
    return struck_;
  }

  // Where and when: in one case of three on a node that something ails already.
  struct Place {
    MonoTime at;
    std::string subject;
  };
  Place PickPlace(Subject subject, Duration span, Dice* dice) {
    const bool of_node = subject == Subject::kNode || subject == Subject::kLink || subject == Subject::kDevice;
    if (!of_node || sores_.empty() || !dice->Chance(35)) {
      Place place{.at = MonoTime(), .subject = PickSubject(subject, dice)};
      if (place.subject.empty() && subject == Subject::kLink) span = std::min(span, kEverybodysSpan);
      place.at = Moment(span, dice);
      return place;
    }
    const Sore& sore = dice->Pick(sores_);
    const MonoTime at = dice->Moment(sore.from, sore.until + Seconds(15));
    return {
        .at = std::min(at, last_ - span - Seconds(5)),
        .subject = subject == Subject::kDevice ? AnyDevice(configuration_.nodes(sore.node), dice) : NameOf(sore.node)};
  }

  Deed* Add(Deed::Kind kind, MonoTime at) {
    deeds_.emplace_back();
    deeds_.back().kind = kind;
    deeds_.back().at = at;
    return &deeds_.back();
  }
  void Say(MonoTime at, const std::string& node, const std::string& word, Duration span = Duration()) {
    Deed* deed = Add(Deed::Kind::kOperator, std::min(at, last_ - Milliseconds(500)));
    deed->subject = node;
    deed->word = word;
    deed->span = span;
  }

  void Strike(FaultKind kind, Dice dice) {
    if (kind == kOperatorWord) return SpeakAtBadMoment(&dice);
    const Manner& manner = MannerOf(kind);
    Duration span = dice.Chance(70) ? dice.Span(manner.least, manner.least + (manner.most - manner.least) / 3)
                                    : dice.Span(manner.least, manner.most);
    span = std::min(span, recipe_.length / 5);
    const Place place = PickPlace(manner.subject, span, &dice);
    if (place.subject.empty() && manner.subject == Subject::kLink) span = std::min(span, kEverybodysSpan);
    Deed* deed = Add(Deed::Kind::kFault, place.at);
    deed->fault = kind;
    deed->subject = place.subject;
    deed->span = span;
    deed->amount = dice.Between(manner.amount_least, manner.amount_most);
    if (kind == kMeterNoise) deed->amount *= CapOf(configuration_, BudgetIndex(place.subject)).count() / 1000;
    if (const int node = NodeIndex(place.subject); node >= 0) sores_.push_back({node, place.at, place.at + span});
    if (kind == kStaleLeader) {
      sharp_.push_back({place.at, span});  // two leaders speak
    } else if (manner.subject == Subject::kNone && kind != kUtcStep) {
      sharp_.push_back({place.at + span, Seconds(6)});  // a new term
    }
    Answer(*deed, &dice);
  }

  // What people do about it.
  void Answer(Deed fault, Dice* dice) {
    const MonoTime over = fault.at + fault.span;
    switch (fault.fault) {
      case kReplacedHardware:
        if (dice->Chance(40)) Say(fault.at + fault.span / 2, fault.subject, "node lost");
        Say(over + dice->Span(Seconds(1), Seconds(15)), fault.subject, "node replace");
        break;
      case kDeviceOvershoots:
      case kDeviceLies:
      case kDeviceSticks:
      case kDeviceToNameplate:
      case kDeviceSlow: {
        const std::string node = ParseDeviceSubject(fault.subject)->node;
        Say(over + dice->Span(Seconds(3), Seconds(25)), node, "quarantine clear");
        broken_.insert(node);
        break;
      }
      case kOlderBackup:
      case kEmptyStore:
        // Jobs that the new store does not know are orphans; hashing is submitted anew.
        for (const v1::Node& node : configuration_.nodes()) {
          if (dice->Chance(60))
            Say(over + dice->Span(Seconds(20), Seconds(60)), node.site() + "/" + node.id(),
                dice->Chance(70) ? "orphan stop" : "orphan adopt");
        }
        deeds_.push_back(SubmitHashing(std::min(over + dice->Span(Seconds(3), Seconds(15)), last_),
                                       "hash-after-" + std::to_string(++stores_), configuration_));
        orphans_ = true;
        break;
      case kWipedAgent:
      case kClonedAgent:
      case kStaleLeader:
        orphans_ = true;
        break;
      default:
        break;
    }
  }

  void SpeakAtBadMoment(Dice* dice) {
    const Duration span = dice->Span(Seconds(10), Seconds(80));
    const auto [at, node] = PickPlace(Subject::kNode, span, dice);
    switch (dice->Int(0, 5)) {
      case 0:
      case 1:
        Say(at, node, "cordon");
        Say(at + span, node, "uncordon");
        break;
      case 2:
      case 3:
        Say(at, node, "drain", dice->Span(Seconds(0), Seconds(30)));
        Say(at + span, node, "undrain");
        break;
      case 4:
        Say(at, node, dice->Chance(50) ? "orphan stop" : "orphan adopt");
        break;
      default:
        Say(at, node, dice->Chance(50) ? "node admit" : "quarantine clear");
        break;
    }
    closed_.insert(node);
  }

  // ---- configuration ----

  // One step of the configuration in force; an original step takes it back.
  struct Change {
    MonoTime at;
    std::function<void(v1::ClusterConfiguration*)> apply;
  };

  void MakeReloads(Dice dice) {
    std::vector<Change> changes;
    for (int i = 0; i < recipe_.cap_falls; ++i) CapFalls(&changes, &dice);
    if (recipe_.half_of_all && seed_ % 10 != 0) {
      if (dice.Chance(50)) {
        const int times = dice.Int(1, 3);
        for (int i = 0; i < times; ++i) dice.Chance(70) ? CapFalls(&changes, &dice) : Otherwise(&changes, &dice);
      }
      words_ = dice.Chance(50);
    }
    if (changes.empty()) return;
    std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) { return a.at < b.at; });
    v1::ClusterConfiguration current = configuration_;
    for (const Change& change : changes) {
      change.apply(&current);
      Add(Deed::Kind::kReload, change.at)->configuration = current;
      sharp_.push_back({change.at, Milliseconds(40)});  // not yet on the disk
    }
    Add(Deed::Kind::kReload, last_ - Seconds(1))->configuration = configuration_;
  }

  void CapFalls(std::vector<Change>* changes, Dice* dice) {
    if (loads_.empty()) loads_ = Loads(configuration_);
    const auto budget = static_cast<size_t>(dice->Between(0, static_cast<int64_t>(loads_.size()) - 1));
    const Power cap = CapOf(configuration_, budget);
    const Power floor = loads_[budget].always + loads_[budget].always / 50 + Watts(100);
    const Power lower = std::min(cap, floor + (cap - floor) * dice->Between(40, 92) / 100);
    const Duration span = dice->Span(Seconds(8), Seconds(75));
    const MonoTime at = Moment(span, dice);
    changes->push_back({at, [budget, lower](v1::ClusterConfiguration* out) { SetCap(out, budget, lower); }});
    changes->push_back({at + span, [budget, cap](v1::ClusterConfiguration* out) { SetCap(out, budget, cap); }});
  }

  // Prices, overhead, dwell and weights move.
  void Otherwise(std::vector<Change>* changes, Dice* dice) {
    const MonoTime at = Moment(Seconds(60), dice);
    const int64_t percent = dice->Between(60, 140);
    const v1::Site& site = configuration_.sites(0);
    switch (dice->Int(0, 3)) {
      case 0: {
        const int64_t price = site.hashprice(0).value_micro_usd() * percent / 100;
        changes->push_back({at, [price](v1::ClusterConfiguration* out) {
                              out->mutable_sites(0)->mutable_hashprice(0)->set_value_micro_usd(price);
                            }});
        break;
      }
      case 1: {
        const int64_t ppm = site.overhead_marginal_ppm() + dice->Between(-10'000, 10'000);
        changes->push_back(
            {at, [ppm](v1::ClusterConfiguration* out) { out->mutable_sites(0)->set_overhead_marginal_ppm(ppm); }});
        break;
      }
      case 2: {
        const int64_t dwell = std::max<int64_t>(1, configuration_.timing().dwell_ms() * percent / 100);
        changes->push_back(
            {at, [dwell](v1::ClusterConfiguration* out) { out->mutable_timing()->set_dwell_ms(dwell); }});
        break;
      }
      default: {
        const int64_t weight = dice->Between(1, 5);
        changes->push_back({at, [weight](v1::ClusterConfiguration* out) {
                              out->mutable_tenants(out->tenants_size() - 1)->set_weight(weight);
                            }});
        break;
      }
    }
  }

  void MakeDrift(Dice dice) {
    for (const v1::Node& node : configuration_.nodes()) {
      if (!dice.Chance(recipe_.drift_percent)) continue;
      Deed* deed = Add(Deed::Kind::kFault, MonoTime());
      deed->fault = kClockDrift;
      deed->subject = node.site() + "/" + node.id();
      // A slow clock is the dangerous one: its lease lasts longer.
      deed->amount = dice.Chance(70) ? -kRhoPpm : dice.Between(-kRhoPpm, kRhoPpm);
    }
  }

  void MendAtQuiet() {
    const MonoTime mended = last_ - Milliseconds(500);
    for (const std::string& node : closed_) {
      Say(mended, node, "uncordon");
      Say(mended, node, "undrain");
    }
    for (const std::string& node : broken_) Say(mended, node, "quarantine clear");
    if (!orphans_) return;
    for (const v1::Node& node : configuration_.nodes()) {
      Deed* deed = Add(Deed::Kind::kOperator, last_ + Seconds(15));  // when the last agent has said what it found
      deed->subject = node.site() + "/" + node.id();
      deed->word = "orphan stop";
    }
  }

  // ---- subjects ----

  size_t BudgetIndex(const std::string& name) const {
    const std::vector<std::string> names = BudgetNames(configuration_);
    return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
  }

  std::string NameOf(int node) const {
    return configuration_.nodes(node).site() + "/" + configuration_.nodes(node).id();
  }
  // Of a node's or a device's name; -1: it is neither.
  int NodeIndex(const std::string& subject) const {
    const std::optional<DeviceSubject> device = ParseDeviceSubject(subject);
    for (int n = 0; n < configuration_.nodes_size(); ++n) {
      if (NameOf(n) == subject || (device.has_value() && NameOf(n) == device->node)) return n;
    }
    return -1;
  }
  std::string AnyDevice(const v1::Node& node, Dice* dice) const {
    const v1::DeviceGroup& group = node_models_.at(node.model())->groups(0);
    return ToText(
        {.node = node.site() + "/" + node.id(), .group = group.name(), .index = dice->Int(0, group.count() - 1)});
  }

  const v1::Node& AnyNode(bool miner, Dice* dice) const {
    std::vector<int> nodes;
    for (int n = 0; n < configuration_.nodes_size(); ++n) {
      if (!miner || configuration_.nodes(n).model().starts_with("miners-")) nodes.push_back(n);
    }
    return configuration_.nodes(dice->Pick(nodes));
  }

  std::string PickSubject(Subject subject, Dice* dice) const {
    const v1::Site& site = configuration_.sites(0);
    switch (subject) {
      case Subject::kNone:
        return "";
      case Subject::kLink:
        if (dice->Chance(15)) return "";  // everybody's
        [[fallthrough]];
      case Subject::kNode: {
        const v1::Node& node = AnyNode(dice->Chance(15), dice);
        return node.site() + "/" + node.id();
      }
      case Subject::kDevice:
        return AnyDevice(AnyNode(dice->Chance(60), dice), dice);
      case Subject::kMeter:  // the site's meter and the feeders have one
        return site.id() + "/" + site.budgets(dice->Int(0, 2)).id();
      case Subject::kFeeder:
        return site.id() + "/" + site.budgets(dice->Int(1, 2)).id();
    }
    return "";
  }

  const uint64_t seed_;
  const Recipe& recipe_;
  const v1::ClusterConfiguration& configuration_;
  const Dice dice_;
  const MonoTime last_;  // the quiet stretch begins
  struct Sharp {
    MonoTime at;
    Duration width;
  };
  struct Sore {
    int node;
    MonoTime from, until;
  };
  std::vector<MonoTime> submits_;  // ascending
  std::vector<Sharp> sharp_;       // short states: the start, a reload on its way, a new term
  std::vector<Sore> sores_;
  MonoTime struck_;
  bool words_ = false, orphans_ = false;
  int stores_ = 0;
  std::set<std::string> closed_, broken_;
  std::vector<BudgetLoad> loads_;
  std::map<std::string, const v1::NodeModel*> node_models_;
  std::vector<Deed> deeds_;
};

}  // namespace

std::vector<Deed> MakeTrouble(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration,
                              const std::vector<Deed>& work) {
  return Maker(seed, recipe, configuration, work).Make();
}

}  // namespace switchyard::simulation
