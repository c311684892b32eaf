#include "simulation/script/shrink.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/topology/validate_configuration.h"

namespace switchyard::simulation {
namespace {

std::string NodeName(const v1::Node& node) { return node.site() + "/" + node.id(); }

// The node that a deed is about; empty: none.
std::string NodeOf(const Deed& deed) {
  if (deed.kind != Deed::Kind::kFault && deed.kind != Deed::Kind::kOperator) return "";
  if (const auto device = ParseDeviceSubject(deed.subject); device.has_value()) return device->node;
  return deed.subject;
}

// Every configuration of the script, changed alike.
template <typename Change>
void ForConfigurations(Script* script, const Change& change) {
  change(&script->configuration);
  for (Deed& deed : script->deeds) {
    if (deed.kind == Deed::Kind::kReload) change(&deed.configuration);
  }
}

bool Sound(const Script& script) {
  if (!topology::ValidateConfiguration(script.configuration).empty()) return false;
  return std::all_of(script.deeds.begin(), script.deeds.end(), [](const Deed& deed) {
    return deed.kind != Deed::Kind::kReload || topology::ValidateConfiguration(deed.configuration).empty();
  });
}

template <typename Repeated, typename Keep>
void KeepOnly(Repeated* things, const Keep& keep) {
  for (int i = things->size() - 1; i >= 0; --i) {
    if (!keep(things->Get(i))) things->DeleteSubrange(i, 1);
  }
}

void RemoveNodes(Script* script, const std::set<std::string>& gone) {
  ForConfigurations(script, [&](v1::ClusterConfiguration* configuration) {
    KeepOnly(configuration->mutable_nodes(), [&](const v1::Node& node) { return !gone.contains(NodeName(node)); });
  });
  std::erase_if(script->deeds, [&](const Deed& deed) { return gone.contains(NodeOf(deed)); });
}

// Models that no node has, and devices that no model of a node has.
void RemoveUnused(v1::ClusterConfiguration* configuration) {
  std::set<std::string> models, devices;
  for (const v1::Node& node : configuration->nodes()) models.insert(node.model());
  KeepOnly(configuration->mutable_node_models(),
           [&](const v1::NodeModel& model) { return models.contains(model.id()); });
  for (const v1::NodeModel& model : configuration->node_models()) {
    for (const v1::DeviceGroup& group : model.groups()) devices.insert(group.device_model());
  }
  KeepOnly(configuration->mutable_device_models(),
           [&](const v1::DeviceModel& model) { return devices.contains(model.id()); });
}

class Shrinker {
 public:
  Shrinker(Script script, MonoTime at, const Fails& fails, int most_runs)
      : best_(std::move(script)), at_(at), fails_(fails), left_(most_runs) {}

  Shrunk Run() {
    const int runs = left_;
    CutTail();
    bool changed = true;
    // Without a node deeds become idle, and without deeds nodes do: again until nothing goes.
    while (changed && left_ > 0) {
      changed = ShrinkDeeds();
      changed = ShrinkNodes() || changed;
      changed = ShrinkGroups() || changed;
      changed = CloseGaps() || changed;
    }
    const bool finished = left_ > 0;
    Script unused = best_;
    ForConfigurations(&unused, RemoveUnused);
    Try(std::move(unused));
    return {.script = std::move(best_), .runs = runs - left_, .finished = finished};
  }

 private:
  // Takes the candidate if it fails as well.
  bool Try(Script candidate) {
    if (left_ <= 0 || !Sound(candidate)) return false;
    --left_;
    const std::optional<MonoTime> failed = fails_(candidate);
    if (!failed.has_value()) return false;
    at_ = *failed;
    best_ = std::move(candidate);
    return true;
  }

  // Nothing after the violation had a part in it. Where its moment is not known (the process died of it) it is searched
  // for.
  void CutTail() {
    if (at_ > MonoTime()) {
      CutAt(at_);
      return;
    }
    Duration too_short = Seconds(0);
    while (left_ > 0 && best_.length - too_short > Seconds(2)) {
      const Duration middle = too_short + (best_.length - too_short) / 2;
      if (!CutAt(MonoTime() + middle - Seconds(1))) too_short = middle;
    }
  }
  bool CutAt(MonoTime at) {
    Script candidate = best_;
    candidate.length = std::min(candidate.length, at - MonoTime() + Seconds(1));
    std::erase_if(candidate.deeds, [&](const Deed& deed) { return deed.at > at; });
    return Try(std::move(candidate));
  }

  // Delta debugging: halves, quarters, ... single ones, as long as something goes.
  template <typename Count, typename Without>
  bool Minimize(const Count& count, const Without& without) {
    bool any = false;
    size_t piece = std::max<size_t>(count() / 2, 1);
    while (left_ > 0 && count() > 0) {
      bool gone = false;
      // From the end: late deeds rest on early ones.
      for (size_t end = count(); end > 0 && left_ > 0;) {
        const size_t begin = end > piece ? end - piece : 0;
        if (Try(without(begin, end))) gone = any = true;
        end = std::min(begin, count());
      }
      if (piece == 1 && !gone) break;
      if (!gone || piece > count()) piece = std::max<size_t>(std::min(piece, count()) / 2, 1);
    }
    return any;
  }

  bool ShrinkDeeds() {
    const bool any = Minimize([&] { return best_.deeds.size(); },
                              [&](size_t begin, size_t end) {
                                Script candidate = best_;
                                candidate.deeds.erase(candidate.deeds.begin() + static_cast<ptrdiff_t>(begin),
                                                      candidate.deeds.begin() + static_cast<ptrdiff_t>(end));
                                return candidate;
                              });
    CutTail();
    return any;
  }

  bool ShrinkNodes() {
    return Minimize([&] { return static_cast<size_t>(best_.configuration.nodes_size()); },
                    [&](size_t begin, size_t end) {
                      Script candidate = best_;
                      std::set<std::string> gone;
                      for (size_t n = begin; n < end; ++n)
                        gone.insert(NodeName(best_.configuration.nodes(static_cast<int>(n))));
                      RemoveNodes(&candidate, gone);
                      return candidate;
                    });
  }

  // Time in which nobody does anything: everything after it comes sooner.
  bool CloseGaps() {
    constexpr Duration kLong = Seconds(40), kShort = Seconds(20);
    bool any = false;
    for (size_t d = 0; d < best_.deeds.size() && left_ > 0; ++d) {
      const Duration gap = best_.deeds[d].at - (d == 0 ? MonoTime() : best_.deeds[d - 1].at);
      if (gap <= kLong) continue;
      Script candidate = best_;
      for (size_t later = d; later < candidate.deeds.size(); ++later)
        candidate.deeds[later].at = candidate.deeds[later].at - (gap - kShort);
      candidate.length = candidate.length - (gap - kShort);
      any = Try(std::move(candidate)) || any;
    }
    return any;
  }

  // Fewer devices in each group of each model.
  bool ShrinkGroups() {
    bool any = false;
    for (int m = 0; m < best_.configuration.node_models_size(); ++m) {
      for (int g = 0; g < best_.configuration.node_models(m).groups_size(); ++g) {
        while (left_ > 0 && best_.configuration.node_models(m).groups(g).count() > 1) {
          const std::string model = best_.configuration.node_models(m).id();
          Script candidate = best_;
          ForConfigurations(&candidate,
                            [&](v1::ClusterConfiguration* configuration) { HalveGroup(configuration, model, g); });
          if (!Try(std::move(candidate))) break;
          any = true;
        }
      }
    }
    return any;
  }
  static void HalveGroup(v1::ClusterConfiguration* configuration, const std::string& id, int group) {
    for (v1::NodeModel& model : *configuration->mutable_node_models()) {
      if (model.id() == id && group < model.groups_size())
        model.mutable_groups(group)->set_count((model.groups(group).count() + 1) / 2);
    }
  }

  Script best_;
  MonoTime at_;
  const Fails& fails_;
  int left_;
};

}  // namespace

Shrunk Shrink(const Script& script, MonoTime at, const Fails& fails, int most_runs) {
  return Shrinker(script, at, fails, most_runs).Run();
}

}  // namespace switchyard::simulation
