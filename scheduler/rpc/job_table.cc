#include "scheduler/rpc/job_table.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

bool Ended(v1::JobState state) { return state == v1::SUCCEEDED || state == v1::FAILED || state == v1::CANCELLED; }

// The number in an 8-byte big-endian key; nothing: not such a key.
std::optional<uint64_t> NumberOf(const std::string& key) {
  if (key.size() != 8) return std::nullopt;
  uint64_t number = 0;
  for (const char byte : key) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

absl::Status Unreadable(const core::Row& row) {
  return absl::DataLossError(
      fmt::format("row of kind {} with a key of {} bytes: it cannot be read; the store is damaged, restore a backup",
                  static_cast<int>(row.kind), row.key.size()));
}

}  // namespace

int64_t BoundOf(const store::v1::AllocationRow& allocation) {
  int64_t bound = std::max<int64_t>(0, allocation.confirmed_mw());
  for (const store::v1::GrantAt& grant : allocation.grants()) bound = std::max(bound, grant.grant_mw());
  return bound;
}

absl::Status JobTable::Apply(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed) {
  switch (row.kind) {
    case core::RowKind::kJob:
      return ApplyJob(sequence, row, changed);
    case core::RowKind::kAllocation:
      return ApplyAllocation(sequence, row, changed);
    case core::RowKind::kNode:
      return ApplyNode(row);
    default:
      return absl::OkStatus();
  }
}

absl::Status JobTable::ApplyJob(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed) {
  const std::optional<uint64_t> id = NumberOf(row.key);
  if (!id) return Unreadable(row);
  if (!row.value) {
    const auto found = jobs_.find(*id);
    if (found == jobs_.end()) return absl::OkStatus();
    Unindex(found->second.job);
    for (const auto& [allocation, unused] : found->second.allocations) job_of_allocation_.erase(allocation);
    jobs_.erase(found);
    return absl::OkStatus();
  }
  store::v1::JobRow stored;
  if (!stored.ParseFromString(*row.value)) return Unreadable(row);
  auto [place, added] = jobs_.try_emplace(*id);
  Entry& entry = place->second;
  if (!added) Unindex(entry.job);
  entry.job = std::move(*stored.mutable_job());
  entry.job.set_id(*id);
  entry.revision = std::max(entry.revision, sequence);
  Index(entry.job);
  if (const auto waiting = waiting_.find(*id); waiting != waiting_.end()) {
    entry.allocations.merge(waiting->second);
    waiting_.erase(waiting);
  }
  changed->insert(*id);
  return absl::OkStatus();
}

void JobTable::Apply(const core::ReasonChange& change) {
  const auto found = jobs_.find(change.job);
  if (found == jobs_.end() || Ended(found->second.job.state())) return;
  if (change.reason.constraint().empty()) {
    found->second.job.clear_pending();
  } else {
    *found->second.job.mutable_pending() = change.reason;
  }
}

absl::Status JobTable::ApplyAllocation(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed) {
  // An orphan's number is its agent's word, so that its key begins with its node; it is no task of a job here.
  if (row.key.size() > sizeof(uint64_t)) return absl::OkStatus();
  const std::optional<uint64_t> id = NumberOf(row.key);
  if (!id) return Unreadable(row);
  // A deletion does not say whose it was, and an orphan that is adopted may change its job.
  if (const auto owner = job_of_allocation_.find(*id); owner != job_of_allocation_.end()) {
    if (const auto job = jobs_.find(owner->second); job != jobs_.end()) {
      job->second.allocations.erase(*id);
      job->second.revision = std::max(job->second.revision, sequence);
      changed->insert(owner->second);
    } else if (const auto waiting = waiting_.find(owner->second); waiting != waiting_.end()) {
      waiting->second.erase(*id);
      if (waiting->second.empty()) waiting_.erase(waiting);
    }
    job_of_allocation_.erase(owner);
  }
  if (!row.value) return absl::OkStatus();
  store::v1::AllocationRow stored;
  if (!stored.ParseFromString(*row.value)) return Unreadable(row);
  if (stored.orphan() || stored.job() == 0) return absl::OkStatus();
  const uint64_t job_id = stored.job();
  job_of_allocation_[*id] = job_id;
  const auto job = jobs_.find(job_id);
  if (job == jobs_.end()) {
    waiting_[job_id][*id] = std::move(stored);
    return absl::OkStatus();
  }
  job->second.allocations[*id] = std::move(stored);
  job->second.revision = std::max(job->second.revision, sequence);
  changed->insert(job_id);
  return absl::OkStatus();
}

absl::Status JobTable::ApplyNode(const core::Row& row) {
  if (!row.value) {
    devices_.erase(row.key);
    return absl::OkStatus();
  }
  store::v1::NodeRow stored;
  if (!stored.ParseFromString(*row.value)) return Unreadable(row);
  auto& groups = devices_[row.key];
  groups.clear();
  for (const store::v1::GroupRow& group : stored.groups()) {
    groups[group.name()].assign(group.devices().begin(), group.devices().end());
  }
  return absl::OkStatus();
}

void JobTable::Index(const v1::Job& job) {
  by_tenant_[job.spec().tenant()].insert(job.id());
  by_state_[job.state()].insert(job.id());
  if (!Ended(job.state())) live_.insert(job.id());
}

void JobTable::Unindex(const v1::Job& job) {
  const auto tenant = by_tenant_.find(job.spec().tenant());
  tenant->second.erase(job.id());
  if (tenant->second.empty()) by_tenant_.erase(tenant);
  by_state_[job.state()].erase(job.id());
  live_.erase(job.id());
}

void JobTable::FillTask(const store::v1::AllocationRow& allocation, v1::Task* task) const {
  task->set_allocation(allocation.id());
  task->set_node(allocation.node());
  task->set_attempt(allocation.attempt());
  task->set_grant_mw(allocation.grant_mw());
  task->set_bound_mw(BoundOf(allocation));
  if (allocation.reported() != v1::TASK_PHASE_UNSPECIFIED) task->set_phase(allocation.reported());
  *task->mutable_ports() = allocation.ports();
  task->clear_devices();
  const auto node = devices_.find(allocation.node());
  if (node == devices_.end()) return;
  const auto group = node->second.find(allocation.device_group());
  if (group == node->second.end()) return;
  for (const store::v1::DeviceRange& range : allocation.devices()) {
    for (int64_t position = range.first(); position < int64_t{range.first()} + range.count(); ++position) {
      if (task->devices_size() == kDevicesListedMax) return;
      if (position >= 0 && position < static_cast<int64_t>(group->second.size()))
        task->add_devices(group->second[position]);
    }
  }
}

v1::Job JobTable::Join(const Entry& entry) const {
  v1::Job job = entry.job;
  job.set_store_revision(std::max(job.store_revision(), entry.revision));
  const bool may_lack = job.state() == v1::RUNNING && job.spec().kind() == v1::HASHING;
  if (job.state() != v1::PENDING && !may_lack) job.clear_pending();
  std::set<uint64_t> placed;
  for (v1::Task& task : *job.mutable_tasks()) {
    const auto found = entry.allocations.find(task.allocation());
    if (found == entry.allocations.end()) continue;
    placed.insert(found->first);
    FillTask(found->second, &task);
  }
  // Hashing is not placed task by task: its tasks are its allocations. As many as fit into one message are listed.
  size_t bytes = job.ByteSizeLong();
  for (const auto& [id, allocation] : entry.allocations) {
    if (placed.count(id) > 0 || allocation.attempt() < job.attempt()) continue;
    v1::Task task;
    task.set_group(allocation.group());
    task.set_index(allocation.index());
    FillTask(allocation, &task);
    bytes += task.ByteSizeLong() + 8;
    if (bytes > kServedBytesMax) break;
    *job.add_tasks() = std::move(task);
  }
  return job;
}

std::optional<v1::Job> JobTable::Get(uint64_t id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  return Join(found->second);
}

std::optional<std::string> JobTable::TenantOf(uint64_t id) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  return found->second.job.spec().tenant();
}

bool JobTable::Matches(const Query& query, const v1::Job& job) const {
  return (query.state == v1::JOB_STATE_UNSPECIFIED || job.state() == query.state) &&
         (query.kind == v1::JOB_KIND_UNSPECIFIED || job.spec().kind() == query.kind) &&
         (query.tenant.empty() || job.spec().tenant() == query.tenant);
}

JobTable::Page JobTable::List(const Query& query, const std::function<bool(const std::string& tenant)>& visible) const {
  static const std::set<uint64_t> kNone;
  // The smaller of the indices that apply is walked; without one, all jobs are.
  const std::set<uint64_t>* index = nullptr;
  if (query.state != v1::JOB_STATE_UNSPECIFIED) {
    const auto found = by_state_.find(query.state);
    index = found == by_state_.end() ? &kNone : &found->second;
  }
  if (!query.tenant.empty()) {
    const auto found = by_tenant_.find(query.tenant);
    const std::set<uint64_t>* ids = found == by_tenant_.end() ? &kNone : &found->second;
    if (index == nullptr || ids->size() < index->size()) index = ids;
  }

  Page page;
  size_t bytes = 0;
  int scanned = 0;
  uint64_t last = 0;
  // Returns whether to go on to an older job.
  const auto visit = [&](uint64_t id, const Entry& entry) {
    if (static_cast<int>(page.jobs.size()) == query.page_size || scanned == kScanPerPageMax) {
      page.next = last;
      return false;
    }
    ++scanned;
    if (Matches(query, entry.job) && visible(entry.job.spec().tenant())) {
      v1::Job job = Join(entry);
      const size_t size = job.ByteSizeLong() + 8;
      if (!page.jobs.empty() && bytes + size > kServedBytesMax) {
        page.next = last;
        return false;
      }
      bytes += size;
      page.jobs.push_back(std::move(job));
    }
    last = id;
    return true;
  };
  if (index != nullptr) {
    auto at = query.before == 0 ? index->end() : index->lower_bound(query.before);
    while (at != index->begin() && visit(*std::prev(at), jobs_.at(*std::prev(at)))) --at;
  } else {
    auto at = query.before == 0 ? jobs_.end() : jobs_.lower_bound(query.before);
    while (at != jobs_.begin() && visit(std::prev(at)->first, std::prev(at)->second)) --at;
  }
  return page;
}

uint64_t JobTable::NextLive(uint64_t id) const {
  const auto next = live_.upper_bound(id);
  return next == live_.end() ? 0 : *next;
}

}  // namespace switchyard::rpc
