#include "simulation/world/scheduler_process.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/check.h"
#include "common/faults/mutation.h"
#include "scheduler/core/state.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {
namespace {

// The writer's thread wakes up, takes what waits and decides it.
constexpr Instant kLeastTake = 20;
constexpr Instant kMostTake = 2'000;
// One synced write; now and then the disk has other things to do.
constexpr Instant kLeastCommit = 200;
constexpr Instant kMostCommit = 5'000;
constexpr Instant kSlowCommit = 200'000;
constexpr uint64_t kSlowOneIn = 400;

}  // namespace

SchedulerProcess::SchedulerProcess(Stage* stage, Network* network, VirtualStore* store, Hooks hooks, Leader number)
    : stage_(*stage),
      store_(*store),
      hooks_(std::move(hooks)),
      number_(number),
      gate_({.stage = stage,
             .network = network,
             .leader = number,
             .mono = [this] { return Mono(); },
             .post = [this](store::v1::Command command) { Post(std::move(command), nullptr); }}),
      record_(number) {}

void SchedulerProcess::Start(const v1::ClusterConfiguration& file) {
  SWITCHYARD_CHECK(core_ == nullptr) << "a process starts once";
  started_ = stage_.events.instant();
  term_ = store_.Open(number_, kCivilStart + Milliseconds(stage_.now().milliseconds()),
                      stage_.chance.Draw(Topic::kIncarnation, started_));
  std::vector<core::Row> rows = store_.Load();
  core_ = std::make_unique<core::Core>(core::Options{.checks = stage_.options.checks});
  const absl::Status restored = core_->Restore(rows);
  SWITCHYARD_CHECK(restored.ok()) << std::string(restored.message());
  record_.Begin(std::move(rows));
  batching_.emplace(engine::BatchingOptions{
      .first_sequence = term_.first_sequence, .sequence_slack = kSequenceSlack, .not_before = term_.not_before});
  batching_->SetDeadline(core_->NextDeadline());
  ++stage_.figures.leaders;
  BeginTerm(file);
}

// The term first, then the configuration where it differs: both durable before anybody can connect.
void SchedulerProcess::BeginTerm(const v1::ClusterConfiguration& file) {
  store::v1::Command begin;
  begin.set_is_operator(true);
  begin.mutable_start_term()->set_store_incarnation(term_.incarnation);
  begin.mutable_start_term()->set_term(term_.number);
  Post(std::move(begin), nullptr);

  const Speaker speaker = {file.cluster_id(), term_.incarnation, term_.number};
  // Broken on purpose (see VirtualStore): it does not wait for its term either.
  if (SWITCHYARD_MUTATION(term_not_durable)) gate_.Listen(speaker);
  store::v1::Command next;
  next.set_is_operator(true);
  *next.mutable_load_configuration()->mutable_configuration() = file;
  const bool first = !core_->state().configured;
  Post(std::move(next), [this, speaker, first](const core::Reply& loaded) {
    // One that is refused is left out; the store's own serves on.
    SWITCHYARD_CHECK(loaded.status.ok() || !first) << std::string(loaded.status.message());
    hooks_.configured(core_->state().configuration);
    gate_.Listen(speaker);
  });
}

void SchedulerProcess::Post(store::v1::Command command, engine::Done done) {
  if (!alive()) return;
  const absl::Status posted = batching_->Post(std::move(command), std::move(done));
  SWITCHYARD_CHECK(posted.ok()) << std::string(posted.message());
  PlanTake();
}

// ---- deciding ----

void SchedulerProcess::PlanTake() {
  if (!alive() || !batching_->HasPlace()) return;
  const Instant now = stage_.events.instant();
  const bool waits = batching_->queued() > 0;
  const MonoTime deadline = batching_->next_deadline();
  Instant at = kNoInstant;
  if (waits) {
    at = now + stage_.chance.Between(kLeastTake, kMostTake, Topic::kTake, number_, now);
  } else if (deadline != MonoTime::Never()) {
    at = std::max(now, started_ + InstantOf(deadline));
  }
  if (at >= take_planned_) return;
  take_planned_ = at;
  stage_.events.At(at, [this, at] {
    if (take_planned_ != at) return;
    take_planned_ = kNoInstant;
    TakeAll();
  });
}

void SchedulerProcess::TakeAll() {
  if (!alive()) return;
  while (alive() && batching_->MayTake(Mono())) Decide();
  PlanTake();
}

void SchedulerProcess::Decide() {
  engine::Batch batch = batching_->Take(Mono(), stage_.civil());
  batch.effects = core_->Apply(batch.stamp, batch.commands);
  batching_->Decided(batch, core_->NextDeadline());
  TellSubmits(batch);
  ++stage_.figures.batches;
  stage_.figures.commands += static_cast<int64_t>(batch.commands.size());
  if (!std::exchange(told_start_, true)) stage_.audience.OnStart(stage_.now(), number_, core_->state());
  stage_.audience.OnDecided(stage_.now(), number_, batch.stamp, batch.commands, batch.effects, *core_);
  record_.Add(batch.stamp, std::move(batch.commands), batch.effects, *core_);
  decided_.push_back({std::move(batch)});
  if (SWITCHYARD_MUTATION(reply_before_commit)) {
    InFlight& early = decided_.back();
    engine::Batch copy;
    copy.stamp = early.batch.stamp;
    copy.waiting = std::move(early.batch.waiting);
    copy.effects = early.batch.effects;
    early.released = true;
    Release(std::move(copy));
  }
  CommitNext();
}

void SchedulerProcess::TellSubmits(const engine::Batch& batch) {
  for (const core::Reply& reply : batch.effects.replies) {
    if (!reply.result.has_submit()) continue;
    for (const store::v1::Command& command : batch.commands) {
      if (command.request() == reply.request) hooks_.submitted(command.submit(), reply.result.submit());
    }
  }
}

// ---- committing ----

bool SchedulerProcess::MayLeave(const engine::Batch& batch) const { return batch.stamp.mono < leads_until_; }

void SchedulerProcess::CommitNext() {
  while (alive() && !committing_ && !decided_.empty()) {
    const engine::Batch& batch = decided_.front().batch;
    if (batching_->MustCommit(batch)) {
      committing_ = true;
      const uint64_t sequence = batch.stamp.sequence;
      const bool slow = stage_.chance.OneIn(kSlowOneIn, Topic::kSlowCommit, number_, sequence);
      const Instant span =
          slow ? kSlowCommit : stage_.chance.Between(kLeastCommit, kMostCommit, Topic::kCommit, number_, sequence);
      stage_.events.After(span, [this] { FinishCommit(); });
      return;
    }
    if (!MayLeave(batch)) {
      // It may not speak without asking the store whether it still leads, and the store is out of its reach.
      committing_ = true;
      Fence();
      return;
    }
    InFlight next = std::move(decided_.front());
    decided_.pop_front();
    if (!next.released) Release(std::move(next.batch));
    if (alive()) batching_->Released();
  }
}

void SchedulerProcess::FinishCommit() {
  if (!alive()) return;
  InFlight& next = decided_.front();
  const uint64_t sequence = next.batch.stamp.sequence;
  if (!store_.Commit(number_, sequence, next.batch.stamp.utc, next.batch.effects.rows)) {
    Fence();
    return;
  }
  Durable(next.batch);
  batching_->Committed(sequence);
  InFlight done = std::move(next);
  decided_.pop_front();
  committing_ = false;
  if (!done.released) Release(std::move(done.batch));
  batching_->Released();
  CommitNext();
  PlanTake();
}

void SchedulerProcess::Durable(const engine::Batch& batch) {
  for (const core::Row& row : batch.effects.rows) {
    if (row.kind != core::RowKind::kConfiguration || !row.value.has_value()) continue;
    store::v1::ConfigurationRow loaded;
    SWITCHYARD_CHECK(loaded.ParseFromString(*row.value)) << "the configuration row must be a ConfigurationRow";
    hooks_.configured(loaded.configuration());
  }
  stage_.audience.OnDurable(stage_.now(), number_, batch.stamp.sequence, batch.effects.rows);
}

void SchedulerProcess::Release(engine::Batch batch) {
  engine::Release(std::move(batch), this);
  gate_.Flush();
}

void SchedulerProcess::OnOrders(uint64_t, std::vector<core::NodeOrder> orders) {
  gate_.DeliverOrders(std::move(orders));
}

void SchedulerProcess::OnSessions(uint64_t, std::vector<core::SessionEffect> effects) {
  gate_.DeliverEffects(std::move(effects));
}

// ---- ends ----

void SchedulerProcess::Isolate(Duration span) {
  leads_until_ = Mono() + kLeadership - Milliseconds(kLeadership.count() * kRhoPpm / 1'000'000);
  notices_at_ = stage_.events.instant() + Microseconds(std::max(span, kLeadership + Seconds(1)));
  stage_.events.At(notices_at_, [this] { Die(/*late=*/false); });
}

// The store does not answer: the call hangs until the process gives up. Its streams stay open meanwhile.
void SchedulerProcess::Fence() { SWITCHYARD_CHECK(isolated()) << "only a stale leader is fenced off"; }

void SchedulerProcess::Kill(bool late) {
  if (!alive()) return;
  if (committing_ && !decided_.empty() && batching_->MustCommit(decided_.front().batch)) {
    const engine::Batch& batch = decided_.front().batch;
    const bool written = stage_.chance.OneIn(2, Topic::kCommitAtCrash, number_, batch.stamp.sequence) &&
                         store_.Commit(number_, batch.stamp.sequence, batch.stamp.utc, batch.effects.rows);
    if (written) Durable(batch);
  }
  Die(late);
}

void SchedulerProcess::EndRecord() {
  if (alive()) record_.End(*core_);
}

void SchedulerProcess::Die(bool late) {
  if (!alive()) return;
  EndRecord();
  stage_.audience.OnDead(stage_.now(), number_);
  gate_.Close(late);
  decided_.clear();
  batching_.reset();
  core_.reset();
}

}  // namespace switchyard::simulation
