#include "agent/session/report_digest.h"

#include <cstdint>

namespace switchyard::agent::session {

ReportDigest Digest(const v1::NodeReport& report) {
  ReportDigest digest;
  v1::NodeReport rest = report;
  rest.clear_sequence();
  rest.SerializeToString(&digest.all);
  for (v1::AllocationReport& task : *rest.mutable_allocations()) {
    task.clear_reading_mw();
    task.clear_hashes();
    task.clear_shares_accepted();
    task.clear_shares_rejected();
    task.clear_energy_mj();
    for (v1::DeviceFault& fault : *task.mutable_faults()) fault.clear_reading_mw();
  }
  for (v1::GroupReport& group : *rest.mutable_groups()) {
    for (v1::DeviceFault& fault : *group.mutable_faults()) fault.clear_reading_mw();
  }
  rest.SerializeToString(&digest.steps);
  for (v1::AllocationReport& task : *rest.mutable_allocations()) {
    // That a bound is known at all is a fact; how low it has come is a step.
    task.set_confirmed_mw(task.confirmed_mw() < 0 ? -1 : 0);
  }
  for (v1::GroupReport& group : *rest.mutable_groups()) group.set_unallocated_mw(group.unallocated_mw() < 0 ? -1 : 0);
  rest.SerializeToString(&digest.facts);
  return digest;
}

bool OutsideDeadBand(int64_t said, int64_t now, int64_t dead_band_ppm) {
  if (said == now) return false;
  if (said < 0 || now < 0) return true;  // known and not known
  const auto difference = static_cast<__int128>(said > now ? said - now : now - said);
  return difference * 1'000'000 > static_cast<__int128>(said) * dead_band_ppm;
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

}  // namespace switchyard::agent::session
