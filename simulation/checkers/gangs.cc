#include "simulation/checkers/gangs.h"

#include <algorithm>

#include "common/check.h"
#include "fmt/format.h"

namespace switchyard::simulation {

void Gangs::NoteJob(uint64_t id, const store::v1::JobRow& row) {
  if (row.job().spec().kind() != v1::TRAINING) return;
  jobs_[id] = {row.released(), row.job().attempt()};
}

void Gangs::OnStart(MonoTime, Leader leader, const core::State& state) {
  if (leader < newest_) return;
  newest_ = leader;
  if (restore_is_older_) ++era_;
  restore_is_older_ = false;
  jobs_.clear();
  members_.clear();
  for (const auto& [id, job] : state.jobs) NoteJob(id, job.row);
  for (const auto& [id, allocation] : state.allocations) members_[id] = {allocation.job, allocation.attempt};
}

void Gangs::OnDurable(MonoTime, Leader, uint64_t, const std::vector<core::Row>& rows) {
  for (const core::Row& row : rows) {
    if (row.kind == core::RowKind::kJob) {
      const uint64_t id = core::KeyNumber(row.key);
      if (!row.value.has_value()) {
        jobs_.erase(id);
        continue;
      }
      store::v1::JobRow job;
      SWITCHYARD_CHECK(job.ParseFromString(*row.value)) << "job row " << id;
      NoteJob(id, job);
      continue;
    }
    const uint64_t id = AllocationOf(row);
    if (id == 0) continue;
    if (!row.value.has_value()) {
      members_.erase(id);
      continue;
    }
    if (members_.contains(id)) continue;  // its job and attempt never change
    store::v1::AllocationRow allocation;
    SWITCHYARD_CHECK(allocation.ParseFromString(*row.value)) << "allocation row " << id;
    members_[id] = {allocation.job(), allocation.attempt()};
  }
}

void Gangs::OnPrepared(MonoTime, const std::string& node, const v1::DesiredAllocation& order) {
  if (order.kind() != v1::TRAINING) return;
  ever_prepared_.insert({order.allocation(), order.epoch()});
  live_[{node, order.allocation()}] = {node, order.job(), order.launch().attempt(), false, era_};
}

void Gangs::OnGone(MonoTime, const std::string& node, uint64_t allocation, uint32_t) {
  live_.erase({node, allocation});
}

void Gangs::OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  if (order.kind() != v1::TRAINING) return;
  Live& self = live_[{node, order.allocation()}];
  self = {node, order.job(), order.launch().attempt(), true, era_};
  const auto job = jobs_.find(order.job());
  const int32_t attempt = order.launch().attempt();
  if (cloned_.contains(node)) return;
  const bool known = job != jobs_.end() && members_.contains(order.allocation());
  if (known && job->second.attempt == attempt) {
    if (!job->second.released) {
      Fail(now,
           fmt::format("job {} attempt {} runs on \"{}\" and its release is not durable", order.job(), attempt, node));
      return;
    }
    CheckMembers(now, order, job->second);
  }
  for (const auto& [key, live] : live_) {
    if (live.job != order.job() || live.attempt >= attempt || live.era != era_ || !live.runs) continue;
    const auto asleep = asleep_until_.find(live.node);
    if (asleep != asleep_until_.end() && now < asleep->second) continue;
    if (cloned_.contains(live.node)) continue;
    Fail(now, fmt::format("job {} attempt {} begins on \"{}\" while allocation {} of attempt {} runs on \"{}\"",
                          order.job(), attempt, node, key.second, live.attempt, live.node));
    return;
  }
}

void Gangs::CheckMembers(MonoTime now, const v1::DesiredAllocation& order, const GangJob& job) {
  for (const auto& [id, member] : members_) {
    if (member.job != order.job() || member.attempt != job.attempt) continue;
    const bool prepared =
        std::any_of(ever_prepared_.begin(), ever_prepared_.end(), [id = id](const auto& p) { return p.first == id; });
    if (prepared) continue;
    Fail(now, fmt::format("job {} attempt {} runs and its member, allocation {}, was never prepared", order.job(),
                          job.attempt, id));
    return;
  }
}

void Gangs::OnFault(MonoTime now, const Deed& deed) {
  if (deed.fault == FaultKind::kNodeSuspend) asleep_until_[deed.subject] = now + deed.span + Seconds(10);
  if (deed.fault == FaultKind::kClonedAgent) cloned_.insert(deed.subject);
  if (deed.fault == FaultKind::kOlderBackup || deed.fault == FaultKind::kEmptyStore) restore_is_older_ = true;
}

}  // namespace switchyard::simulation
