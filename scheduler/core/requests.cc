// What clients ask: submit and cancel, each under an idempotency key, and the pruning of history.
#include <algorithm>
#include <set>

#include "common/stable_hash.h"
#include "common/validation/job_spec.h"
#include "fmt/format.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/rows.h"

namespace switchyard::core {
namespace {

constexpr Duration kKeysKept = Hours(24);  // longer than any client retries
// Jobs, and keys, that one pruning removes at most: as many as one submit may make, so that it is no longer a batch than that. There is
// a pruning a minute, so that history keeps its bound at 160 jobs a second that go on for ever.
constexpr int kPrunedAtOnce = 10'000;

bool IsPrincipal(const pb::Command& command, const std::string& listed) {
  if (listed == "*" || listed == command.principal()) return true;
  return std::find(command.aliases().begin(), command.aliases().end(), listed) != command.aliases().end();
}

absl::Status CheckDependencies(const State& state, const v1::JobSpec& spec, size_t index) {
  for (const uint64_t id : spec.after()) {
    if (!state.jobs.contains(id)) {
      return absl::InvalidArgumentError(
          fmt::format("jobs[{}].after: job \"{}\" is not known; name jobs that exist", index, id));
    }
    const v1::JobState before = state.jobs.at(id).row.job().state();
    if (Terminal(before) && before != v1::SUCCEEDED) {
      return absl::FailedPreconditionError(
          fmt::format("jobs[{}].after: job \"{}\" is {} and can never succeed; submit it anew first", index, id,
                      v1::JobState_Name(before)));
    }
  }
  return absl::OkStatus();
}

uint64_t AddJob(Step& step, const pb::Command& command, v1::JobSpec spec, uint64_t array_id, int32_t array_index) {
  State& state = step.state;
  const uint64_t id = state.meta.next_job();
  state.meta.set_next_job(id + 1);
  Job job;
  v1::Job* face = job.row.mutable_job();
  face->set_id(id);
  if (array_index >= 0) {
    face->set_array_id(array_id == 0 ? id : array_id);
    face->set_array_index(array_index);
    spec.set_name(fmt::format("{}-{}", spec.name(), array_index));
  }
  job.shape = ShapeOf(spec);
  *face->mutable_spec() = std::move(spec);
  face->set_state(v1::PENDING);
  face->set_principal(command.principal());
  face->set_submitted_utc_ms(step.stamp.utc.milliseconds());
  job.row.set_queued_utc_ms(step.stamp.utc.milliseconds());
  Job& added = state.jobs.emplace(id, std::move(job)).first->second;
  if (added.row.job().spec().kind() == v1::HASHING) state.hashing_jobs.insert(id);
  step.changed_jobs.insert(id);
  UpdateWaiting(state, added);
  return id;
}

// Jobs that another one that has not ended names in its `after`: how they ended decides over it, now or when it is
// started again.
std::set<uint64_t> AwaitedJobs(const State& state) {
  std::set<uint64_t> awaited;
  for (const auto& [id, job] : state.jobs) {
    const v1::Job& face = job.row.job();
    if (!Terminal(face.state())) awaited.insert(face.spec().after().begin(), face.spec().after().end());
  }
  return awaited;
}

}  // namespace

uint64_t ShapeOf(const v1::JobSpec& spec) {
  v1::JobSpec shape = spec;
  shape.clear_name();
  shape.clear_after();
  shape.clear_array_size();
  for (v1::TaskGroup& group : *shape.mutable_groups()) {
    group.clear_command();
    group.clear_environment();
  }
  return StableHash().Add(Bytes(shape)).Finish();
}

bool IsOperator(const State& state, const pb::Command& command) {
  if (command.is_operator()) return true;
  return std::any_of(state.configuration.operators().begin(), state.configuration.operators().end(),
                     [&](const std::string& listed) { return listed != "*" && IsPrincipal(command, listed); });
}

absl::Status MayActFor(const State& state, const pb::Command& command, const std::string& tenant) {
  for (const v1::Tenant& configured : state.configuration.tenants()) {
    if (configured.id() != tenant) continue;
    if (IsOperator(state, command)) return absl::OkStatus();
    for (const std::string& member : configured.members())
      if (IsPrincipal(command, member)) return absl::OkStatus();
    return absl::PermissionDeniedError(
        fmt::format("tenant \"{}\": principal \"{}\" is not a member; ask an operator to add it to "
                    "tenants[].members",
                    tenant, command.principal()));
  }
  return absl::NotFoundError(fmt::format("tenant \"{}\": not configured; `switchyard tenants` lists them", tenant));
}

absl::StatusOr<v1::SubmitResponse> Submit(Step& step, const pb::Command& command) {
  State& state = step.state;
  if (!state.configured)
    return absl::FailedPreconditionError("no configuration is loaded yet; try again after the scheduler's start");
  if (state.disk_full) {
    return absl::ResourceExhaustedError(
        "the scheduler's store has less than 256 MiB of free disk: submissions are refused, leases live on; "
        "free disk space");
  }
  std::map<std::string, int64_t> added;
  std::vector<v1::JobSpec> specs(command.submit().jobs().begin(), command.submit().jobs().end());
  for (size_t i = 0; i < specs.size(); ++i) {
    validation::ApplyJobDefaults(&specs[i]);
    for (const validation::Problem& problem : validation::ValidateJobSpec(specs[i])) {
      return absl::InvalidArgumentError(fmt::format("jobs[{}].{}: {}", i, problem.path, problem.message));
    }
    if (absl::Status status = MayActFor(state, command, specs[i].tenant()); !status.ok()) return status;
    if (absl::Status status = CheckDependencies(state, specs[i], i); !status.ok()) return status;
    added[specs[i].tenant()] += std::max(1, specs[i].array_size());
  }
  for (const auto& [tenant, count] : added) {
    for (const v1::Tenant& configured : state.configuration.tenants()) {
      if (configured.id() != tenant || state.pending_of_tenant[tenant] + count <= configured.max_pending_jobs())
        continue;
      return absl::ResourceExhaustedError(
          fmt::format("tenant \"{}\": has {} pending job(s), {} more would exceed its bound of {}; wait or cancel some",
                      tenant, state.pending_of_tenant[tenant], count, configured.max_pending_jobs()));
    }
  }
  v1::SubmitResponse response;
  for (const v1::JobSpec& spec : specs) {
    if (spec.array_size() == 0) {
      response.add_job_ids(AddJob(step, command, spec, 0, -1));
      continue;
    }
    uint64_t first = 0;
    for (int32_t i = 0; i < spec.array_size(); ++i) {
      const uint64_t id = AddJob(step, command, spec, first, i);
      if (first == 0) first = id;
      response.add_job_ids(id);
    }
  }
  state.round_needed = true;
  response.set_store_revision(step.stamp.sequence);
  return response;
}

absl::StatusOr<v1::CancelResponse> Cancel(Step& step, const pb::Command& command) {
  State& state = step.state;
  for (const uint64_t id : command.cancel().ids()) {
    const auto found = state.jobs.find(id);
    if (found == state.jobs.end())
      return absl::NotFoundError(fmt::format("job \"{}\": not known; nothing was cancelled", id));
    if (absl::Status status = MayActFor(state, command, found->second.row.job().spec().tenant());
        absl::IsPermissionDenied(status))
      return status;
  }
  for (const uint64_t id : command.cancel().ids()) {
    Job& job = state.jobs.at(id);
    if (Terminal(job.row.job().state())) continue;
    job.row.set_cancel_requested(true);
    StopAttempt(step, job, v1::CANCELLED, fmt::format("cancelled by {}", command.principal()), std::nullopt);
  }
  v1::CancelResponse response;
  response.set_store_revision(step.stamp.sequence);
  return response;
}

void Prune(Step& step) {
  State& state = step.state;
  const UtcTime oldest = step.stamp.utc - Milliseconds(state.timing().history_ms());
  int removed = 0;
  const bool due = !state.finished.empty() && state.finished.begin()->first < oldest;
  const std::set<uint64_t> awaited = due ? AwaitedJobs(state) : std::set<uint64_t>();
  for (auto it = state.finished.begin();
       it != state.finished.end() && it->first < oldest && removed < kPrunedAtOnce;) {
    const uint64_t id = it->second;
    if (awaited.contains(id)) {
      ++it;
      continue;
    }
    it = state.finished.erase(it);
    state.jobs.erase(id);
    state.job_allocations.erase(id);
    state.hashing_jobs.erase(id);
    step.changed_jobs.erase(id);
    step.removed_jobs.insert(id);
    ++removed;
  }
  if (removed > 0) step.meta_changed = true;  // next_job must outlive the rows
  removed = 0;  // jobs that pile up must not keep the keys
  const UtcTime oldest_key = step.stamp.utc - kKeysKept;
  for (auto it = state.idempotency.begin(); it != state.idempotency.end() && removed < kPrunedAtOnce;) {
    if (UtcTime(it->second.utc_ms()) >= oldest_key) {
      ++it;
      continue;
    }
    step.DeleteRow(RowKind::kIdempotency, it->first);
    it = state.idempotency.erase(it);
    ++removed;
  }
}

}  // namespace switchyard::core
