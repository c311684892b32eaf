#include "simulation/checkers/explains.h"

#include <algorithm>

#include "fmt/format.h"
#include "scheduler/core/views.h"
#include "scheduler/placement/constraint.h"

namespace switchyard::simulation {
namespace {

constexpr Duration kAskEvery = Seconds(25);
// A job that is explained as one that starts is given so long, and a batch, to do so: a round that its time alone
// brings needs one.
constexpr Duration kStartsWithin = Seconds(2);

v1::ExplainResponse ExplainJob(const core::State& state, uint64_t job, const core::Stamp& stamp) {
  store::v1::Command command;
  command.set_is_operator(true);
  command.mutable_query()->mutable_explain()->set_id(job);
  v1::ExplainResponse response;
  core::Explain(state, command, stamp, &response).IgnoreError();
  return response;
}

bool Starts(const v1::ExplainResponse& response) {
  return response.state() == v1::PENDING && response.binding().constraint().empty();
}

bool OnlyTimePassed(const std::vector<store::v1::Command>& commands) {
  return std::all_of(commands.begin(), commands.end(),
                     [](const store::v1::Command& c) { return c.has_heartbeat() || c.has_query(); });
}

}  // namespace

void Explains::OnStart(MonoTime, Leader leader, const core::State&) {
  newest_ = std::max(newest_, leader);
  last_ = Asked();
}

void Explains::OnDead(MonoTime, Leader) { last_ = Asked(); }

void Explains::Decided(MonoTime now, Leader leader, const core::Stamp& stamp,
                       const std::vector<store::v1::Command>& commands, const core::Effects&,
                       const core::State& state) {
  if (leader != newest_) return;
  if (last_.job != 0) {
    const auto job = state.jobs.find(last_.job);
    const bool waits = job != state.jobs.end() && job->second.row.job().state() == v1::PENDING;
    ++last_.batches;
    if (last_.starts) {
      if (!waits) {
        last_ = Asked();
      } else if (now >= last_.at + kStartsWithin && last_.batches > 1) {
        const v1::ExplainResponse again = ExplainJob(state, last_.job, stamp);
        const bool planned = std::any_of(state.plans.begin(), state.plans.end(),
                                         [&](const auto& p) { return p.second.row.job() == last_.job; });
        if (Starts(again) && !planned && !state.round_needed) {
          Fail(now, fmt::format("job {} is explained with \"{}\" since {} ms and {} batches, and is pending", last_.job,
                                again.summary(), (now - last_.at).count(), last_.batches));
        }
        last_ = Asked();
      }
    } else {
      const bool started = job != state.jobs.end() && job->second.row.job().state() == v1::PREPARING;
      if (started && OnlyTimePassed(commands)) {
        Fail(now, fmt::format("job {} was explained as held back by \"{}\", nothing happened, and it starts", last_.job,
                              last_.binding));
      }
      last_ = Asked();
    }
  }
  if (last_.job == 0 && now >= asked_at_ + kAskEvery) Ask(now, stamp, state);
}

void Explains::Ask(MonoTime now, const core::Stamp& stamp, const core::State& state) {
  if (state.pending.empty()) return;
  auto next = state.pending.upper_bound(after_);
  if (next == state.pending.end()) next = state.pending.begin();
  after_ = *next;
  asked_at_ = now;
  const auto job = state.jobs.find(after_);
  if (job == state.jobs.end() || job->second.row.job().state() != v1::PENDING ||
      job->second.row.job().spec().kind() == v1::HASHING)
    return;
  ++asked_;
  const v1::ExplainResponse response = ExplainJob(state, after_, stamp);
  // What only waits for a moment (a back-off) may go on when it comes.
  if (response.binding().constraint() == placement::Name(placement::Constraint::kBackoff)) return;
  last_ = {after_, Starts(response), response.binding().constraint(), now, 0};
}

}  // namespace switchyard::simulation
