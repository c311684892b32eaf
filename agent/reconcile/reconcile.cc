#include "agent/reconcile/reconcile.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "common/faults/mutation.h"
#include "common/stable_hash.h"

namespace switchyard::agent::reconcile {
namespace {

bool Live(const TaskTruth& task) { return task.phase != v1::TASK_ENDED; }
bool Stoppable(const TaskTruth& task) { return Live(task) && task.phase != v1::TASK_STOPPING; }

// What the limit is when the order was carried out: nothing can be held below what it draws with everything off.
Power Target(const v1::DesiredAllocation& order, const TaskTruth& task) {
  if (SWITCHYARD_MUTATION(ignores_grant)) return std::max({Milliwatts(order.grant_mw()), task.floor, task.limit});
  return std::max(Milliwatts(order.grant_mw()), task.floor);
}

// Everything of an order that a limit depends on: the same grant may be spread over other devices.
uint64_t LimitHash(const v1::DesiredAllocation& order) {
  StableHash hash;
  hash.Add(order.epoch()).Add(order.grant_mw()).Add(order.devices_size());
  for (const std::string& device : order.devices()) hash.Add(device);
  for (const v1::OperatingSegment& segment : order.segments()) hash.Add(segment.count()).Add(segment.point());
  return hash.Finish();
}

Action SetLimit(const v1::DesiredAllocation& order, Power limit) {
  Action action;
  action.kind = Action::Kind::kSetLimit;
  action.allocation = order.allocation();
  action.order = order;
  action.limit = limit;
  return action;
}

Action ByOrder(Action::Kind kind, const v1::DesiredAllocation& order) {
  Action action;
  action.kind = kind;
  action.allocation = order.allocation();
  action.order = order;
  action.limit = Milliwatts(order.grant_mw());
  return action;
}

Action Stop(uint64_t allocation, Duration grace) {
  Action action;
  action.kind = Action::Kind::kStop;
  action.allocation = allocation;
  action.grace = grace;
  return action;
}

Action Plain(Action::Kind kind, uint64_t allocation = 0) {
  Action action;
  action.kind = kind;
  action.allocation = allocation;
  return action;
}

}  // namespace

bool CarriedOut(const v1::DesiredAllocation& order, const TaskTruth& task) {
  if (!Stoppable(task)) return true;
  if (task.epoch > order.epoch()) return true;  // the machine knows better than an older store: it is reported and left
  if (task.epoch < order.epoch() || order.phase() == v1::STOP) return false;
  // Before its release it draws nothing that a limit could lower; the limit is set before the release.
  return task.phase != v1::TASK_RUNNING || task.limit <= Target(order, task);
}

Truths IndexTruth(const MachineTruth& truth) {
  Truths tasks;
  for (const TaskTruth& task : truth.tasks) {
    const TaskTruth*& kept = tasks[task.allocation];
    const bool better = kept == nullptr || std::pair(Live(task), task.epoch) > std::pair(Live(*kept), kept->epoch);
    if (better) kept = &task;
  }
  return tasks;
}

void Reconciler::Configure(const v1::Welcome& welcome) {
  lease_.Configure(Milliseconds(welcome.lease_ms()), Milliseconds(welcome.start_grace_ms()));
}

bool Reconciler::AcceptSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term) {
  const bool foreign = !cluster_id_.empty() && cluster_id != cluster_id_;
  if (cluster_id.empty() || (foreign && !SWITCHYARD_MUTATION(ignores_cluster_id))) return false;
  if (SWITCHYARD_MUTATION(ignores_store_incarnation)) store_incarnation = store_incarnation_;
  const bool older = std::tie(store_incarnation, term) < std::tie(store_incarnation_, term_);
  if (older && !SWITCHYARD_MUTATION(old_leader_accepted)) return false;
  if (store_incarnation != store_incarnation_) {
    set_.ForgetRevision();
    applied_revision_ = 0;
    followed_.clear();
  }
  RestoreSender(cluster_id, store_incarnation, term);
  return true;
}

void Reconciler::RestoreSender(const std::string& cluster_id, uint64_t store_incarnation, uint64_t term) {
  cluster_id_ = cluster_id;
  store_incarnation_ = store_incarnation;
  term_ = term;
}

void Reconciler::SessionStarted() {
  set_.ForgetBase();
  lease_.ForgetSent();
}

absl::Status Reconciler::ReceiveSet(MonoTime now, const v1::DesiredSet& set) {
  const absl::Status status = set_.Receive(set, lease_.Stretch(now));
  for (auto it = followed_.begin(); it != followed_.end();) {
    it = set_.allocations().contains(it->first) ? std::next(it) : followed_.erase(it);
  }
  return status;
}

void Reconciler::ReceiveRenewal(MonoTime now, const v1::Renewal& renewal) { lease_.Renew(now, renewal.sequence()); }

uint64_t Reconciler::set_hash(MonoTime now) const {
  // Asked for only under a lease: a set that came before it would have to be asked for again.
  return lease_.Runs(now) && !MayRaise(now) ? 0 : set_.hash();
}

bool Reconciler::MayRaise(MonoTime now) const {
  return !set_.needs_full() && lease_.Runs(now) && set_.stretch() == lease_.Stretch(now);
}

std::vector<Action> Reconciler::Decide(MonoTime now, const MachineTruth& truth) {
  std::vector<Action> actions;
  Fence(now, truth, &actions);
  if (truth.scanning) return actions;
  const Truths tasks = IndexTruth(truth);
  NoteFollowed(tasks);
  Lower(tasks, &actions);
  StopUnordered(now, tasks, &actions);
  // A raise waits until the machine shows that everything of its revision that lowers or stops was carried out.
  const bool lowered = applied_revision_ == set_.revision() || SWITCHYARD_MUTATION(raise_before_lowering);
  if (MayRaise(now) && lowered) Raise(tasks, &actions);
  Forget(tasks, &actions);
  return actions;
}

// The lease's end goes to the supervisors first: they hold it without us. Without a lease what is interruptible is
// lowered.
void Reconciler::Fence(MonoTime now, const MachineTruth& truth, std::vector<Action>* actions) {
  if (lease_.Runs(now) && lease_.end() != fence_told_) {
    Action action = Plain(Action::Kind::kRenewFence);
    action.lease_end = *lease_.end();
    actions->push_back(action);
    fence_told_ = lease_.end();
  }
  if (!lease_.FallbackDue(now)) return;
  const bool above = std::any_of(truth.tasks.begin(), truth.tasks.end(), [](const TaskTruth& task) {
    return task.kind == v1::HASHING && task.phase == v1::TASK_RUNNING &&
           task.limit > std::max(task.floor, task.fallback);
  });
  if (!above && !truth.scanning) return;
  actions->push_back(Plain(Action::Kind::kFallback));
  asserted_.clear();
}

void Reconciler::NoteFollowed(const Truths& tasks) {
  if (set_.needs_full()) return;
  bool all = true;
  for (const auto& [id, order] : set_.allocations()) {
    const auto task = tasks.find(id);
    if (task == tasks.end() || CarriedOut(order, *task->second)) {
      followed_[id] = set_.revision();
    } else {
      all = false;
    }
  }
  if (all) applied_revision_ = set_.revision();
}

void Reconciler::Lower(const Truths& tasks, std::vector<Action>* actions) {
  // Also without a base or a lease: the last set held may lower and stop, it was a leader's order.
  for (const auto& [id, order] : set_.allocations()) {
    const auto task = tasks.find(id);
    if (task != tasks.end() && Live(*task->second)) LowerOne(order, *task->second, actions);
  }
}

void Reconciler::LowerOne(const v1::DesiredAllocation& order, const TaskTruth& task, std::vector<Action>* actions) {
  if (task.epoch > order.epoch()) return;
  if (order.phase() == v1::STOP || task.epoch < order.epoch()) {
    const Duration grace = Milliseconds(order.grace_ms());
    const auto before = stopped_.find(task.allocation);
    // A stop that goes on is ordered again only by a new process or with less grace.
    if (task.phase == v1::TASK_STOPPING && before != stopped_.end() && before->second <= grace) return;
    const Duration least = before == stopped_.end() ? grace : std::min(grace, before->second);
    stopped_[task.allocation] = least;
    actions->push_back(Stop(task.allocation, least));
    return;
  }
  const bool holds_limit = task.phase == v1::TASK_RUNNING || task.phase == v1::TASK_PREPARED;
  if (!holds_limit || task.limit <= Target(order, task)) return;
  actions->push_back(SetLimit(order, Target(order, task)));
  asserted_[order.allocation()] = LimitHash(order);
}

void Reconciler::Raise(const Truths& tasks, std::vector<Action>* actions) {
  for (const auto& [id, order] : set_.allocations()) {
    if (order.phase() == v1::STOP) continue;
    const auto task = tasks.find(id);
    if (task != tasks.end()) {
      if (task->second->epoch == order.epoch()) RaiseOne(order, *task->second, actions);
      continue;
    }
    // Hashing starts wherever it is missing. An AI member that is to run and is not there was lost: its attempt ends,
    // for starting it anew would run user instructions that no release covers.
    if (order.phase() == v1::RUN && order.kind() != v1::HASHING) continue;
    if (DevicesFree(order, tasks)) actions->push_back(ByOrder(Action::Kind::kPrepare, order));
  }
}

void Reconciler::RaiseOne(const v1::DesiredAllocation& order, const TaskTruth& task, std::vector<Action>* actions) {
  if (order.phase() != v1::RUN && !SWITCHYARD_MUTATION(ignores_order_phase)) return;
  if (task.phase == v1::TASK_PREPARED) {
    if (task.limit != Target(order, task)) actions->push_back(SetLimit(order, Target(order, task)));
    actions->push_back(ByOrder(Action::Kind::kRelease, order));
    asserted_[order.allocation()] = LimitHash(order);
    return;
  }
  if (task.phase != v1::TASK_RUNNING) return;
  // Asserted once by each process of the agent, whatever the limit reads: a driver may have been reloaded meanwhile.
  uint64_t& asserted = asserted_[order.allocation()];
  const uint64_t hash = LimitHash(order);
  if (task.limit == Target(order, task) && asserted == hash) return;
  asserted = hash;
  actions->push_back(SetLimit(order, Target(order, task)));
}

// Hashing that nobody ordered. An empty or older store must never stop a fleet: it takes a set learned under the lease that runs
// now.
void Reconciler::StopUnordered(MonoTime now, const Truths& tasks, std::vector<Action>* actions) {
  if (!MayRaise(now)) return;
  for (const auto& [id, task] : tasks) {
    const bool stops = task->kind == v1::HASHING || SWITCHYARD_MUTATION(new_incarnation_stops_orphans);
    if (!set_.allocations().contains(id) && stops && Stoppable(*task)) {
      actions->push_back(Stop(id, Duration()));
    }
  }
}

// What ended and is not in the set any more, or not in this epoch. Not by a set that was learned without a lease.
void Reconciler::Forget(const Truths& tasks, std::vector<Action>* actions) {
  if (set_.needs_full() || set_.stretch() == 0) return;
  for (const auto& [id, task] : tasks) {
    const auto order = set_.allocations().find(id);
    const bool wanted = order != set_.allocations().end() && task->epoch >= order->second.epoch();
    if (wanted || Live(*task)) continue;
    actions->push_back(Plain(Action::Kind::kForget, id));
    asserted_.erase(id);
    stopped_.erase(id);
  }
}

// A last guard of invariant D on the machine itself: devices of another task that has not ended are not taken, unless
// both hold shares of them.
bool Reconciler::DevicesFree(const v1::DesiredAllocation& order, const Truths& tasks) const {
  const std::set<std::string> wanted(order.devices().begin(), order.devices().end());
  for (const auto& [id, task] : tasks) {
    if (!Live(*task)) continue;
    const auto other = set_.allocations().find(id);
    const bool both_share = order.device_share_milli() > 0 && order.device_share_milli() < 1000 &&
                            other != set_.allocations().end() && other->second.device_share_milli() > 0 &&
                            other->second.device_share_milli() < 1000;
    if (both_share) continue;
    if (std::any_of(task->devices.begin(), task->devices.end(),
                    [&](const std::string& d) { return wanted.contains(d); }))
      return false;
  }
  return true;
}

}  // namespace switchyard::agent::reconcile
