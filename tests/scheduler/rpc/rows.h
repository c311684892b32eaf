// Rows as the core would write them, for tests of what reads them.
#ifndef SWITCHYARD_TESTS_SCHEDULER_RPC_ROWS_H_
#define SWITCHYARD_TESTS_SCHEDULER_RPC_ROWS_H_

#include <map>
#include <string>
#include <vector>

#include "scheduler/core/row.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::rpc::testing_rows {

inline store::v1::JobRow JobRow(uint64_t id, const std::string& tenant, v1::JobState state) {
  store::v1::JobRow row;
  row.mutable_job()->set_id(id);
  row.mutable_job()->set_state(state);
  row.mutable_job()->mutable_spec()->set_tenant(tenant);
  row.mutable_job()->mutable_spec()->set_kind(v1::TRAINING);
  return row;
}

inline store::v1::AllocationRow AllocationRow(uint64_t id, uint64_t job, const std::string& node) {
  store::v1::AllocationRow row;
  row.set_id(id);
  row.set_job(job);
  row.set_node(node);
  row.set_group("task");
  return row;
}

inline store::v1::NodeRow NodeRow(const std::string& id, const std::string& group,
                                  const std::vector<std::string>& devices) {
  store::v1::NodeRow row;
  row.set_id(id);
  row.add_groups()->set_name(group);
  for (const std::string& device : devices) row.mutable_groups(0)->add_devices(device);
  return row;
}

inline store::v1::EventRow EventRow(uint64_t sequence, int64_t utc_ms) {
  store::v1::EventRow row;
  row.mutable_event()->set_sequence(sequence);
  row.mutable_event()->set_utc_ms(utc_ms);
  row.mutable_event()->set_kind("JobSubmitted");
  return row;
}

inline store::v1::ConfigurationRow ConfigurationRow(const std::map<std::string, std::vector<std::string>>& tenants,
                                                    const std::vector<std::string>& operators) {
  store::v1::ConfigurationRow row;
  for (const auto& [id, members] : tenants) {
    v1::Tenant& tenant = *row.mutable_configuration()->add_tenants();
    tenant.set_id(id);
    for (const std::string& member : members) tenant.add_members(member);
  }
  for (const std::string& name : operators) row.mutable_configuration()->add_operators(name);
  return row;
}

inline core::Row Row(const store::v1::JobRow& row) {
  return {core::RowKind::kJob, core::NumberKey(row.job().id()), row.SerializeAsString()};
}
inline core::Row Row(const store::v1::AllocationRow& row) {
  return {core::RowKind::kAllocation, core::NumberKey(row.id()), row.SerializeAsString()};
}
inline core::Row Row(const store::v1::NodeRow& row) {
  return {core::RowKind::kNode, row.id(), row.SerializeAsString()};
}
inline core::Row Row(const store::v1::EventRow& row) {
  return {core::RowKind::kEvent, core::NumberKey(row.event().sequence()), row.SerializeAsString()};
}
inline core::Row Row(const store::v1::ConfigurationRow& row) {
  return {core::RowKind::kConfiguration, "configuration", row.SerializeAsString()};
}
inline core::Row Deleted(core::RowKind kind, uint64_t id) { return {kind, core::NumberKey(id), std::nullopt}; }

}  // namespace switchyard::rpc::testing_rows

#endif  // SWITCHYARD_TESTS_SCHEDULER_RPC_ROWS_H_
