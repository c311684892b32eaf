// Device and node models: what a machine is, in watts.
#include "common/topology/checker.h"
#include "common/topology/validate_configuration.h"

namespace switchyard::topology {
namespace {

void CheckOperatingPoints(const std::string& at, const std::string& subject, const v1::DeviceModel& model, Checker* checker) {
  checker->Count(at, subject, "operating points", model.operating_points_size(), 0, kMaxOperatingPoints);
  if (model.operating_points_size() > 0 && model.kind() == v1::GPU) {
    checker->Add(at, subject, "a GPU with operating points, allowed for asic and cpu, which hash; remove them");
  }
  std::set<std::string> seen;
  int64_t last_mw = 0, last_ghs = 0;
  for (int i = 0; i < model.operating_points_size(); ++i) {
    const v1::OperatingPoint& point = model.operating_points(i);
    const std::string path = fmt::format("{}[{}]", at, i);
    checker->NewName(path + ".name", "operating point", point.name(), &seen);
    const Power power = Milliwatts(point.mw());
    if (point.mw() < model.min_mw() || point.mw() > model.max_mw()) {
      checker->Add(path + ".mw", subject,
                   fmt::format("operating point \"{}\" at {}, allowed is min {} to max {}; correct one of them", point.name(), FormatPower(power),
                               FormatPower(Milliwatts(model.min_mw())), FormatPower(Milliwatts(model.max_mw()))));
    }
    if (i > 0 && point.mw() <= last_mw) {
      checker->Add(path + ".mw", subject, fmt::format("operating point \"{}\" at {} after one at {}, required are rising watts; put them in order",
                                                      point.name(), FormatPower(power), FormatPower(Milliwatts(last_mw))));
    }
    if (point.ghs() <= last_ghs) {
      checker->Add(path + ".ghs", subject,
                   fmt::format("operating point \"{}\" with {}, required is more than {} of the one before; remove a point that only costs watts",
                               point.name(), FormatHashRate(HashRate(point.ghs())), FormatHashRate(HashRate(last_ghs))));
    }
    last_mw = point.mw();
    last_ghs = point.ghs();
  }
}

// What a device holds by itself when nobody renews its lease: a point that it knows, or a limit that it takes.
void CheckFallback(const std::string& at, const std::string& subject, const v1::DeviceModel& model, Checker* checker) {
  if (model.fallback_mw() == 0) return;
  const Power fallback = Milliwatts(model.fallback_mw());
  if (model.operating_points_size() == 0) {
    checker->Add(at, subject,
                 fmt::format("fallback {}, but without operating points it never hashes, and only hashing is lowered when a lease ends; remove it",
                             FormatPower(fallback)));
    return;
  }
  if (model.kind() != v1::ASIC && model.limiter()) {
    return checker->Range(at, subject, "fallback", fallback, Milliwatts(model.min_mw()), Milliwatts(model.max_mw()));
  }
  std::string allowed;
  for (const v1::OperatingPoint& point : model.operating_points()) {
    if (point.mw() == model.fallback_mw()) return;
    allowed += " or " + FormatPower(Milliwatts(point.mw()));
  }
  checker->Add(at, subject,
               fmt::format("fallback {} is none of its operating points, allowed is 0W (off){}; choose one of these", FormatPower(fallback), allowed));
}

void CheckDeviceModel(const std::string& at, const v1::DeviceModel& model, Checker* checker) {
  const std::string subject = Checker::Subject("device model", model.id());
  if (model.kind() != v1::CPU && model.kind() != v1::GPU && model.kind() != v1::ASIC) {
    checker->Add(at + ".kind", subject, "kind missing, allowed are cpu, gpu and asic; set one");
  }
  if (model.power_cycle() != v1::SELF_IDLE && model.power_cycle() != v1::PERSISTENT && model.power_cycle() != v1::NEITHER) {
    checker->Add(at + ".power_cycle", subject, "power_cycle missing, allowed are self_idle, persistent and neither; set what it does after a power cycle");
  }
  if (model.enforcer() < v1::ENFORCER_DEVICE || model.enforcer() > v1::ENFORCER_NONE) {
    checker->Add(at + ".enforcer", subject, "enforcer missing, allowed are device, supervisor, agent and none; set who lowers it when all else fails");
  }
  const struct {
    const char* field;
    const char* word;
    int64_t value;
  } steps[] = {{".idle_mw", "idle", model.idle_mw()},
               {".min_mw", "min", model.min_mw()},
               {".max_mw", "max", model.max_mw()},
               {".transient_mw", "transient", model.transient_mw()}};
  for (size_t i = 0; i < std::size(steps); ++i) {
    const bool nameplate = i == 2;  // a device that never draws anything is a forgotten figure
    checker->Range(at + steps[i].field, subject, steps[i].word, Milliwatts(steps[i].value), Milliwatts(nameplate ? 1 : 0), kMaxDevicePower);
    if (i > 0 && steps[i].value < steps[i - 1].value) {
      checker->Add(at + steps[i].field, subject,
                   fmt::format("{} {} is below {} {}, required is idle <= min <= max <= transient; correct one of them", steps[i].word,
                               FormatPower(Milliwatts(steps[i].value)), steps[i - 1].word, FormatPower(Milliwatts(steps[i - 1].value))));
    }
  }
  checker->Range(at + ".prepare_mw", subject, "prepare_watts", Milliwatts(model.prepare_mw()), Milliwatts(0), kMaxDevicePower);
  const auto possible = [](int64_t mw) { return mw >= 0 && mw <= kMaxDevicePower.count(); };  // else it is named above
  if (model.prepare_mw() > 0 && possible(model.prepare_mw()) && possible(model.idle_mw()) && model.idle_mw() + model.prepare_mw() > model.max_mw()) {
    checker->Add(at + ".prepare_mw", subject,
                 fmt::format("prepare_watts {} above idle {} is more than max {}, required is idle + prepare_watts <= max; correct one of them",
                             FormatPower(Milliwatts(model.prepare_mw())), FormatPower(Milliwatts(model.idle_mw())), FormatPower(Milliwatts(model.max_mw()))));
  }
  checker->Range(at + ".ramp_up_ms", subject, "ramp_up", Milliseconds(model.ramp_up_ms()), Seconds(0), kMaxRamp);
  checker->Range(at + ".ramp_down_ms", subject, "ramp_down", Milliseconds(model.ramp_down_ms()), Seconds(0), kMaxRamp);
  checker->Range(at + ".memory_bytes", subject, "memory", model.memory_bytes(), 0, int64_t{1} << 50);
  CheckOperatingPoints(at + ".operating_points", subject, model, checker);
  CheckFallback(at + ".fallback_mw", subject, model, checker);
}

void CheckGroup(const std::string& at, const std::string& subject, const v1::DeviceGroup& group, const Names& names, Checker* checker) {
  if (group.name() == "platform") {
    checker->Add(at + ".name", subject, "a device group \"platform\", but that word means the node's own watts; rename it");
  }
  if (!names.device_models.contains(group.device_model())) {
    checker->Add(at + ".device_model", subject,
                 fmt::format("device model \"{}\" is not known; define it under device_models or correct the name", group.device_model()));
  }
  checker->Range(at + ".count", subject, "count", int64_t{group.count()}, 1, kMaxDevicesPerGroup);
  checker->Range(at + ".liquid_ppm", subject, "liquid share", group.liquid_ppm(), 0, 1'000'000);
}

void CheckNodeModel(const std::string& at, const v1::NodeModel& model, const Names& names, Checker* checker) {
  const std::string subject = Checker::Subject("node model", model.id());
  checker->Range(at + ".platform_mw", subject, "platform", Milliwatts(model.platform_mw()), Milliwatts(0), kMaxDevicePower);
  checker->Range(at + ".cpu_milli", subject, "cpus (thousandths)", model.cpu_milli(), 0, int64_t{4096} * 1000);
  checker->Range(at + ".memory_bytes", subject, "memory", model.memory_bytes(), 0, int64_t{1} << 50);
  checker->Range(at + ".disk_bytes", subject, "disk", model.disk_bytes(), 0, int64_t{1} << 50);
  checker->Count(at + ".groups", subject, "device groups", model.groups_size(), 1, kMaxDeviceGroups);
  std::set<std::string> seen;
  for (int i = 0; i < model.groups_size(); ++i) {
    const std::string path = fmt::format("{}.groups[{}]", at, i);
    checker->NewName(path + ".name", "device group", model.groups(i).name(), &seen);
    CheckGroup(path, subject, model.groups(i), names, checker);
  }
  checker->Count(at + ".counts", subject, "counts", model.counts_size(), 0, kMaxNamedCounts);
  seen.clear();
  for (int i = 0; i < model.counts_size(); ++i) {
    const std::string path = fmt::format("{}.counts[{}]", at, i);
    checker->NewName(path + ".name", "count", model.counts(i).name(), &seen);
    checker->Range(path + ".count", subject, "count", model.counts(i).count(), 1, int64_t{1} << 40);
  }
  checker->Labels(at + ".labels", subject, model.labels(), kMaxNodeLabels);
}

}  // namespace

void CheckModels(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker) {
  checker->Count("device_models", "cluster", "device models", configuration.device_models_size(), 0, kMaxModels);
  std::set<std::string> seen;
  for (int i = 0; i < configuration.device_models_size(); ++i) {
    const std::string at = fmt::format("device_models[{}]", i);
    checker->NewName(at + ".id", "device model", configuration.device_models(i).id(), &seen);
    CheckDeviceModel(at, configuration.device_models(i), checker);
  }
  checker->Count("node_models", "cluster", "node models", configuration.node_models_size(), 0, kMaxModels);
  seen.clear();
  for (int i = 0; i < configuration.node_models_size(); ++i) {
    const std::string at = fmt::format("node_models[{}]", i);
    checker->NewName(at + ".id", "node model", configuration.node_models(i).id(), &seen);
    CheckNodeModel(at, configuration.node_models(i), names, checker);
  }
}

}  // namespace switchyard::topology
