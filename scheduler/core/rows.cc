#include "scheduler/core/rows.h"

#include <algorithm>

#include "absl/status/status.h"
#include "common/check.h"
#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace switchyard::core {

std::string Bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  SWITCHYARD_CHECK(message.SerializeToCodedStream(&coded));
  coded.Trim();
  return bytes;
}

std::string OrphanKey(const Node& node, uint64_t id) { return node.id + '\0' + NumberKey(id); }

std::vector<int32_t> Positions(const google::protobuf::RepeatedPtrField<pb::DeviceRange>& ranges) {
  std::vector<int32_t> positions;
  for (const pb::DeviceRange& range : ranges) {
    for (int32_t i = 0; i < range.count(); ++i) positions.push_back(range.first() + i);
  }
  return positions;
}

void SetRanges(const std::vector<int32_t>& positions, google::protobuf::RepeatedPtrField<pb::DeviceRange>* ranges) {
  ranges->Clear();
  for (const int32_t position : positions) {
    pb::DeviceRange* last = ranges->empty() ? nullptr : ranges->Mutable(ranges->size() - 1);
    if (last != nullptr && last->first() + last->count() == position) {
      last->set_count(last->count() + 1);
      continue;
    }
    last = ranges->Add();
    last->set_first(position);
    last->set_count(1);
  }
}

pb::AllocationRow ToRow(const State& state, const Allocation& allocation) {
  const Node& node = state.nodes[allocation.node];
  pb::AllocationRow row;
  row.set_id(allocation.id);
  row.set_node(node.id);
  row.set_job(allocation.job);
  row.set_group(allocation.task_group);
  row.set_index(allocation.index);
  row.set_attempt(allocation.attempt);
  row.set_epoch(allocation.epoch);
  row.set_kind(allocation.kind);
  if (allocation.group >= 0) row.set_device_group(node.groups[allocation.group].name);
  SetRanges(allocation.devices, row.mutable_devices());
  row.set_share_milli(allocation.share_milli);
  row.set_grant_mw(allocation.bound.grant().count());
  for (const power::OrderedGrant& order : allocation.bound.grants()) {
    pb::GrantAt* grant = row.add_grants();
    grant->set_revision(order.revision);
    grant->set_grant_mw(order.grant.count());
  }
  row.set_confirmed_revision(allocation.bound.confirmed_revision());
  row.set_confirmed_mw(allocation.bound.confirmed().count());
  row.set_transient_mw(allocation.transient.count());
  row.set_fallback_mw(allocation.fallback.count());
  row.set_retained_mw(allocation.retained.count());
  row.set_witness(allocation.witness);
  row.set_phase(allocation.phase);
  row.set_reported(allocation.reported);
  for (const v1::OperatingSegment& segment : allocation.segments) *row.add_segments() = segment;
  row.set_orphan(allocation.orphan);
  row.set_adopt_stop(allocation.orphan_stop);
  row.set_cpu_milli(allocation.cpu_milli);
  row.set_memory_bytes(allocation.memory_bytes);
  row.set_disk_bytes(allocation.disk_bytes);
  for (const int32_t port : allocation.ports) row.add_ports(port);
  for (const v1::NamedCount& count : allocation.counts) *row.add_counts() = count;
  row.set_plan(allocation.plan);
  row.set_started_utc_ms(allocation.started.milliseconds());
  row.set_run_since_utc_ms(allocation.running_since.milliseconds());
  row.set_energy_mj(allocation.energy_mj);
  row.set_hashes_gh(allocation.hashes_gh);
  row.set_shares_accepted(allocation.shares_accepted);
  row.set_shares_rejected(allocation.shares_rejected);
  row.set_ordered_revision(allocation.ordered_revision);
  for (const std::string& device : allocation.orphan_devices) row.add_device_ids(device);
  row.set_held(allocation.held);
  row.set_exited(allocation.exited);
  row.set_exit_code(allocation.exit_code);
  row.set_exit_reason(allocation.exit_reason);
  return row;
}

absl::StatusOr<Allocation> FromRow(const State& state, const pb::AllocationRow& row) {
  Allocation allocation;
  allocation.id = row.id();
  const auto node = state.node_index.find(row.node());
  if (node == state.node_index.end()) {
    return absl::DataLossError(
        fmt::format("allocation \"{}\": on node \"{}\", which the stored configuration does not have; "
                    "restore a backup or ask for help before starting",
                    row.id(), row.node()));
  }
  allocation.node = node->second;
  if (!row.device_group().empty()) {
    const std::vector<Group>& groups = state.nodes[allocation.node].groups;
    const auto group =
        std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.name == row.device_group(); });
    if (group == groups.end()) {
      return absl::DataLossError(
          fmt::format("allocation \"{}\": on device group \"{}\", which node \"{}\" does not have", row.id(),
                      row.device_group(), row.node()));
    }
    allocation.group = static_cast<int32_t>(group - groups.begin());
  }
  allocation.devices = Positions(row.devices());
  for (const int32_t device : allocation.devices) {
    if (device < 0 || allocation.group < 0 || device >= state.nodes[allocation.node].groups[allocation.group].count) {
      return absl::DataLossError(
          fmt::format("allocation \"{}\": device {} of node \"{}\" is not there", row.id(), device, row.node()));
    }
  }
  allocation.share_milli = row.share_milli();
  allocation.job = row.job();
  allocation.task_group = row.group();
  allocation.index = row.index();
  allocation.attempt = row.attempt();
  allocation.epoch = row.epoch();
  allocation.kind = row.kind();
  allocation.phase = row.phase();
  allocation.reported = row.reported();
  std::vector<power::OrderedGrant> grants;
  for (const pb::GrantAt& grant : row.grants()) grants.push_back({grant.revision(), Milliwatts(grant.grant_mw())});
  allocation.bound = power::Bound::FromRow(row.confirmed_revision(), Milliwatts(row.confirmed_mw()), std::move(grants));
  allocation.transient = Milliwatts(row.transient_mw());
  allocation.fallback = Milliwatts(row.fallback_mw());
  allocation.retained = Milliwatts(row.retained_mw());
  allocation.witness = row.witness();
  allocation.segments.assign(row.segments().begin(), row.segments().end());
  allocation.ordered_revision = row.ordered_revision();
  allocation.plan = row.plan();
  allocation.orphan = row.orphan();
  allocation.orphan_stop = row.adopt_stop();
  allocation.held = row.held();
  allocation.exited = row.exited();
  allocation.exit_code = row.exit_code();
  allocation.exit_reason = row.exit_reason();
  allocation.orphan_devices.assign(row.device_ids().begin(), row.device_ids().end());
  allocation.cpu_milli = row.cpu_milli();
  allocation.memory_bytes = row.memory_bytes();
  allocation.disk_bytes = row.disk_bytes();
  allocation.ports.assign(row.ports().begin(), row.ports().end());
  allocation.counts.assign(row.counts().begin(), row.counts().end());
  allocation.started = UtcTime(row.started_utc_ms());
  allocation.running_since = UtcTime(row.run_since_utc_ms());
  allocation.energy_mj = row.energy_mj();
  allocation.hashes_gh = row.hashes_gh();
  allocation.shares_accepted = row.shares_accepted();
  allocation.shares_rejected = row.shares_rejected();
  return allocation;
}

pb::NodeRow ToRow(const Node& node) {
  pb::NodeRow row;
  row.set_id(node.id);
  row.set_model(node.configured.model());
  row.set_reported(node.reported);
  row.set_admitted(node.admitted);
  row.set_lost(node.lost);
  row.set_replace_allowed(node.replace_allowed);
  row.set_cordoned(node.cordoned);
  row.set_draining(node.draining);
  row.set_drain_deadline_utc_ms(node.drain_deadline.milliseconds());
  row.set_expired(node.expired);
  row.set_repowered(node.repowered);
  row.set_unclaimed(node.unclaimed);
  row.set_agent_incarnation(node.agent_incarnation);
  row.set_boot_id(node.boot_id);
  row.set_hardware_id(node.hardware_id);
  for (const Group& group : node.groups) {
    pb::GroupRow* out = row.add_groups();
    out->set_name(group.name);
    out->set_enforcer(group.enforcer);
    for (const std::string& device : group.devices) out->add_devices(device);
    out->set_pool_mw(group.pool.has_value() ? group.pool->count() : -1);
    for (const auto& [position, quarantine] : group.quarantined) *out->add_quarantined() = quarantine;
  }
  return row;
}

void FromRow(const pb::NodeRow& row, Node* node) {
  node->reported = row.reported();
  node->admitted = row.admitted();
  node->lost = row.lost();
  node->replace_allowed = row.replace_allowed();
  node->cordoned = row.cordoned();
  node->draining = row.draining();
  node->drain_deadline = UtcTime(row.drain_deadline_utc_ms());
  node->expired = row.expired();
  node->repowered = row.repowered();
  node->unclaimed = row.unclaimed();
  node->agent_incarnation = row.agent_incarnation();
  node->boot_id = row.boot_id();
  node->hardware_id = row.hardware_id();
  if (row.model() != node->configured.model()) return;  // re-equipped: its devices are unknown until it reports
  for (const pb::GroupRow& in : row.groups()) {
    for (Group& group : node->groups) {
      if (group.name != in.name()) continue;
      group.enforcer = in.enforcer();
      if (in.devices_size() == group.count) group.devices.assign(in.devices().begin(), in.devices().end());
      if (in.pool_mw() >= 0) group.pool = Milliwatts(in.pool_mw());
      for (const pb::QuarantineRow& quarantine : in.quarantined()) {
        if (quarantine.device() < group.count) group.quarantined[quarantine.device()] = quarantine;
      }
    }
  }
}

v1::Task ToTask(const State& state, const Allocation& allocation) {
  v1::Task task;
  task.set_group(allocation.task_group);
  task.set_index(allocation.index);
  task.set_allocation(allocation.id);
  const Node& node = state.nodes[allocation.node];
  task.set_node(node.id);
  task.set_phase(allocation.reported);
  task.set_attempt(allocation.attempt);
  task.set_grant_mw(allocation.bound.grant().count());
  task.set_bound_mw(allocation.bound.value().count());
  task.set_exited(allocation.exited);
  task.set_exit_code(allocation.exit_code);
  task.set_reason(allocation.exit_reason);
  for (const int32_t port : allocation.ports) task.add_ports(port);
  if (allocation.group >= 0 && allocation.devices.size() <= 64) {
    const Group& group = node.groups[allocation.group];
    for (const int32_t device : allocation.devices) {
      if (static_cast<size_t>(device) < group.devices.size()) task.add_devices(group.devices[device]);
    }
  }
  return task;
}

v1::AllocationStatus ToStatus(const State& state, const Allocation& allocation) {
  v1::AllocationStatus status;
  const v1::Task task = ToTask(state, allocation);
  status.set_id(allocation.id);
  status.set_job(allocation.job);
  status.set_task(fmt::format("{}/{}", allocation.task_group, allocation.index));
  status.set_kind(allocation.kind);
  status.set_phase(allocation.reported);
  status.set_grant_mw(task.grant_mw());
  status.set_bound_mw(task.bound_mw());
  status.set_witness(allocation.witness);
  *status.mutable_devices() = task.devices();
  for (const std::string& device : allocation.orphan_devices) {
    if (status.devices_size() < 64) status.add_devices(device);
  }
  status.set_device_count(static_cast<int32_t>(allocation.devices.size()));
  status.set_attempt(allocation.attempt);
  status.set_node(task.node());
  status.set_orphan(allocation.orphan);
  return status;
}

namespace {

// How the members of a gang find each other: in rank order, by the host part that their nodes declare.
void AddGang(const State& state, const Allocation& allocation, v1::TaskLaunch* launch) {
  const auto members = state.job_allocations.find(allocation.job);
  if (members == state.job_allocations.end()) return;
  std::vector<const Allocation*> ranks;
  for (const uint64_t id : members->second) {
    const Allocation& member = state.allocations.at(id);
    if (member.attempt == allocation.attempt && !member.held) ranks.push_back(&member);
  }
  const v1::JobSpec& spec = state.jobs.at(allocation.job).row.job().spec();
  const auto group_rank = [&](const std::string& name) {
    for (int g = 0; g < spec.groups_size(); ++g)
      if (spec.groups(g).name() == name) return g;
    return spec.groups_size();
  };
  std::sort(ranks.begin(), ranks.end(), [&](const Allocation* a, const Allocation* b) {
    const int ga = group_rank(a->task_group), gb = group_rank(b->task_group);
    return ga != gb ? ga < gb : a->index < b->index;
  });
  for (const Allocation* member : ranks) {
    if (member->id == allocation.id) launch->set_rank(launch->gang_size());
    v1::GangMember* out = launch->add_gang();
    const Node& node = state.nodes[member->node];
    out->set_node(node.id);
    out->set_address("127.0.0.1");
    for (const v1::Label& label : node.configured.labels()) {
      if (label.key() == "address") out->set_address(label.value());
    }
    for (const int32_t port : member->ports) out->add_ports(port);
  }
}

}  // namespace

v1::DesiredAllocation ToDesired(const State& state, const Allocation& allocation) {
  v1::DesiredAllocation desired;
  desired.set_allocation(allocation.id);
  desired.set_epoch(allocation.epoch);
  desired.set_phase(allocation.phase);
  desired.set_grant_mw(allocation.bound.grant().count());
  const Node& node = state.nodes[allocation.node];
  if (allocation.group >= 0) {
    const Group& group = node.groups[allocation.group];
    desired.set_group(group.name);
    for (const int32_t device : allocation.devices) {
      if (static_cast<size_t>(device) < group.devices.size()) desired.add_devices(group.devices[device]);
    }
  }
  desired.set_device_share_milli(allocation.share_milli);
  for (const v1::OperatingSegment& segment : allocation.segments) *desired.add_segments() = segment;
  desired.set_job(allocation.job);
  desired.set_kind(allocation.kind);
  desired.set_fallback_mw(allocation.fallback.count());
  const auto job = state.jobs.find(allocation.job);
  if (job == state.jobs.end()) return desired;
  const v1::JobSpec& spec = job->second.row.job().spec();
  desired.set_grace_ms(job->second.row.has_stop_grace_ms() ? job->second.row.stop_grace_ms() : spec.grace_ms());
  desired.set_fence_after_ms(spec.fence_after_ms());
  v1::TaskLaunch* launch = desired.mutable_launch();
  launch->set_job_name(spec.name());
  launch->set_group(allocation.task_group);
  launch->set_index(allocation.index);
  launch->set_attempt(allocation.attempt);
  launch->set_tenant(spec.tenant());
  launch->set_run_as(spec.run_as());
  for (const int32_t port : allocation.ports) launch->add_ports(port);
  if (spec.kind() == v1::HASHING) {
    *launch->mutable_hashing() = spec.hashing();
    return desired;
  }
  for (const v1::TaskGroup& group : spec.groups()) {
    if (group.name() != allocation.task_group) continue;
    *launch->mutable_command() = group.command();
    *launch->mutable_environment() = group.environment();
    launch->set_working_directory(group.working_directory());
    *launch->mutable_limits() = group.resources();
  }
  if (job->second.row.job().array_id() != 0) {
    v1::EnvironmentVariable* index = launch->add_environment();
    index->set_name("SWITCHYARD_ARRAY_INDEX");
    index->set_value(std::to_string(job->second.row.job().array_index()));
  }
  if (spec.kind() == v1::TRAINING) AddGang(state, allocation, launch);
  return desired;
}

}  // namespace switchyard::core
