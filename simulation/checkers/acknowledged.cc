#include "simulation/checkers/acknowledged.h"

#include <algorithm>

#include "common/check.h"
#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

bool CancelIsIn(const store::v1::JobRow& row) {
  const v1::JobState state = row.job().state();
  return row.cancel_requested() || state == v1::CANCELLED || state == v1::SUCCEEDED || state == v1::FAILED ||
         state == v1::STOPPING;
}

}  // namespace

void Acknowledged::OnStart(MonoTime now, Leader leader, const core::State& state) {
  if (leader < newest_) return;
  newest_ = leader;
  if (!restore_is_older_) {
    CheckAll(now, state);
    return;
  }
  restore_is_older_ = false;
  // A new history: what is in it counts from now on.
  answers_.clear();
  acknowledged_.clear();
  cancelled_.clear();
  lost_.insert(durable_.begin(), durable_.end());
  durable_.clear();
  forgotten_.clear();
  durably_cancelled_.clear();
  for (const auto& [id, job] : state.jobs) durable_.insert(id);
}

void Acknowledged::CheckAll(MonoTime now, const core::State& state) {
  for (const uint64_t id : acknowledged_) {
    const auto job = state.jobs.find(id);
    if (job == state.jobs.end()) {
      if (!forgotten_.contains(id))
        Fail(now, fmt::format("job {} was acknowledged and is not in the store of leader {}", id, newest_));
      continue;
    }
    if (cancelled_.contains(id) && !CancelIsIn(job->second.row)) {
      Fail(now, fmt::format("job {}: its cancel was acknowledged and leader {} does not know of it", id, newest_));
    }
  }
}

void Acknowledged::OnDurable(MonoTime, Leader leader, uint64_t, const std::vector<core::Row>& rows) {
  if (leader != newest_ && newest_ != 0) return;
  for (const core::Row& row : rows) {
    if (row.kind != core::RowKind::kJob) continue;
    const uint64_t id = core::KeyNumber(row.key);
    if (!row.value.has_value()) {
      forgotten_.insert(id);
      continue;
    }
    durable_.insert(id);
    store::v1::JobRow job;
    SWITCHYARD_CHECK(job.ParseFromString(*row.value)) << "job row " << id;
    if (CancelIsIn(job)) durably_cancelled_.insert(id);
  }
}

void Acknowledged::OnAnswer(MonoTime now, const std::string& key, const store::v1::Command& command,
                            const core::Reply& reply) {
  if (!reply.status.ok() || restore_is_older_) return;
  if (command.has_submit() && reply.result.has_submit()) {
    const std::vector<uint64_t> ids(reply.result.submit().job_ids().begin(), reply.result.submit().job_ids().end());
    // An answer that was on its way when the history was given up.
    const auto gone = [this](uint64_t id) { return !durable_.contains(id) && lost_.contains(id); };
    if (std::any_of(ids.begin(), ids.end(), gone)) return;
    const auto [answer, first] = answers_.try_emplace(key, ids);
    if (!first && answer->second != ids) {
      Fail(now, fmt::format("key \"{}\" was answered with job {} and then with job {}", key,
                            answer->second.empty() ? 0 : answer->second[0], ids.empty() ? 0 : ids[0]));
    }
    for (const uint64_t id : ids) {
      acknowledged_.insert(id);
      if (!durable_.contains(id)) Fail(now, fmt::format("job {} is acknowledged and not durable", id));
    }
  }
  if (command.has_cancel()) {
    for (const uint64_t id : command.cancel().ids()) {
      if (!acknowledged_.contains(id)) continue;
      cancelled_.insert(id);
      if (!durably_cancelled_.contains(id))
        Fail(now, fmt::format("the cancel of job {} is acknowledged and not durable", id));
    }
  }
}

void Acknowledged::OnFault(MonoTime, const Deed& deed) {
  if (deed.fault == FaultKind::kOlderBackup || deed.fault == FaultKind::kEmptyStore) restore_is_older_ = true;
}

void Acknowledged::OnEnd(MonoTime now, const core::State& state, bool) { CheckAll(now, state); }

}  // namespace switchyard::simulation
