#include "simulation/world/report_digest.h"

#include "common/stable_hash.h"

namespace switchyard::simulation {
namespace {

void AddFaults(const google::protobuf::RepeatedPtrField<v1::DeviceFault>& faults, StableHash* facts, StableHash* all) {
  facts->Add(faults.size());
  for (const v1::DeviceFault& fault : faults) {
    facts->Add(fault.device()).Add(fault.reason());
    all->Add(fault.reading_mw());
  }
}

bool OutsideDeadBand(int64_t said, int64_t now, int64_t dead_band_ppm) {
  if (said == now) return false;
  if (said < 0 || now < 0) return true;  // known and not known
  const auto difference = static_cast<__int128>(said > now ? said - now : now - said);
  return difference * 1'000'000 > static_cast<__int128>(said) * dead_band_ppm;
}

}  // namespace

ReportDigest Digest(const v1::NodeReport& report) {
  StableHash facts;
  StableHash steps;
  StableHash all;
  facts.Add(report.applied_revision()).Add(report.set_hash()).Add(report.scanning()).Add(report.fell_back());
  for (const v1::AllocationReport& task : report.allocations()) {
    facts.Add(task.allocation()).Add(task.epoch()).Add(static_cast<int>(task.phase())).Add(task.revision());
    // That a bound is known at all is a fact; how low it has come is a step.
    facts.Add(task.confirmed_mw() < 0).Add(task.modelled()).Add(task.exit_code()).Add(task.reason());
    facts.Add(task.job()).Add(static_cast<int>(task.kind())).Add(task.devices_size());
    for (const std::string& device : task.devices()) facts.Add(device);
    AddFaults(task.faults(), &facts, &all);
    steps.Add(task.confirmed_mw());
    all.Add(task.reading_mw())
        .Add(task.hashes())
        .Add(task.shares_accepted())
        .Add(task.shares_rejected())
        .Add(task.energy_mj());
  }
  for (const v1::GroupReport& group : report.groups()) {
    facts.Add(group.group()).Add(group.unallocated_mw() < 0).Add(group.unallocated_devices()).Add(group.revision());
    AddFaults(group.faults(), &facts, &all);
    steps.Add(group.unallocated_mw());
  }
  return {.facts = facts.Finish(), .steps = steps.Finish(), .all = all.Finish()};
}

bool WorthSaying(const v1::Telemetry& said, const v1::Telemetry& now, int64_t dead_band_ppm) {
  if (now.meters_size() > 0 || said.modelled() != now.modelled() || said.groups_size() != now.groups_size())
    return true;
  if (OutsideDeadBand(said.draw_mw(), now.draw_mw(), dead_band_ppm)) return true;
  for (int i = 0; i < now.groups_size(); ++i) {
    if (said.groups(i).group() != now.groups(i).group()) return true;
    if (OutsideDeadBand(said.groups(i).draw_mw(), now.groups(i).draw_mw(), dead_band_ppm)) return true;
  }
  return false;
}

}  // namespace switchyard::simulation
