// A node for tests of its reconciliation: a machine that does at once what it is told, unless the test says otherwise,
// and a scheduler's side that makes sets with the right hash.
#ifndef SWITCHYARD_TESTS_AGENT_RECONCILE_NODE_UNDER_TEST_H_
#define SWITCHYARD_TESTS_AGENT_RECONCILE_NODE_UNDER_TEST_H_

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/reconcile/reconcile.h"
#include "common/set_hash.h"

namespace switchyard::agent::reconcile {

inline v1::DesiredAllocation Order(uint64_t id, v1::DesiredPhase phase, int64_t grant_mw,
                                   v1::JobKind kind = v1::HASHING, uint32_t epoch = 1) {
  v1::DesiredAllocation order;
  order.set_allocation(id);
  order.set_epoch(epoch);
  order.set_phase(phase);
  order.set_grant_mw(grant_mw);
  order.set_kind(kind);
  order.set_grace_ms(5000);
  order.add_devices("device-" + std::to_string(id));
  return order;
}

inline uint64_t HashOf(const std::map<uint64_t, v1::DesiredAllocation>& orders) {
  SetHash hash;
  for (const auto& [id, order] : orders) hash.Add(id, order.epoch(), order.phase(), order.grant_mw());
  return hash.Finish();
}

inline v1::DesiredSet FullSet(uint64_t revision, const std::vector<v1::DesiredAllocation>& orders) {
  v1::DesiredSet set;
  set.set_revision(revision);
  std::map<uint64_t, v1::DesiredAllocation> held;
  for (const v1::DesiredAllocation& order : orders) {
    *set.add_upserts() = order;
    held[order.allocation()] = order;
  }
  set.set_set_hash(HashOf(held));
  return set;
}

inline TaskTruth Task(uint64_t id, v1::TaskPhase phase, int64_t limit_mw, v1::JobKind kind = v1::HASHING,
                      uint32_t epoch = 1) {
  TaskTruth task;
  task.allocation = id;
  task.epoch = epoch;
  task.kind = kind;
  task.phase = phase;
  task.limit = Milliwatts(limit_mw);
  task.devices = {"device-" + std::to_string(id)};
  return task;
}

class NodeUnderTest {
 public:
  NodeUnderTest() : reconciler("site/node", MonoTime(0)) {
    v1::Welcome welcome;
    welcome.set_lease_ms(30'000);
    welcome.set_start_grace_ms(10'000);
    reconciler.Configure(welcome);
    truth.scanning = false;
  }

  // A heartbeat that is sent and answered now.
  void Renew() {
    v1::Renewal renewal;
    renewal.set_sequence(reconciler.SendHeartbeat(now));
    reconciler.ReceiveRenewal(now, renewal);
  }

  void ReceiveFull(uint64_t revision, const std::vector<v1::DesiredAllocation>& orders) {
    (void)reconciler.ReceiveSet(now, FullSet(revision, orders));
  }

  std::vector<Action> Decide() { return reconciler.Decide(now, truth); }

  TaskTruth* Find(uint64_t id) {
    for (TaskTruth& task : truth.tasks) {
      if (task.allocation == id) return &task;
    }
    return nullptr;
  }

  // The machine does what it is told, at once.
  void Carry(const std::vector<Action>& actions) {
    using Kind = Action::Kind;
    for (const Action& action : actions) {
      TaskTruth* task = Find(action.allocation);
      switch (action.kind) {
        case Kind::kPrepare:
          truth.tasks.push_back(Task(action.allocation, v1::TASK_PREPARED, action.order.grant_mw(), action.order.kind(),
                                     action.order.epoch()));
          truth.tasks.back().devices.assign(action.order.devices().begin(), action.order.devices().end());
          break;
        case Kind::kRelease:
          task->phase = v1::TASK_RUNNING;
          break;
        case Kind::kSetLimit:
          task->limit = action.limit;
          break;
        case Kind::kStop:
          if (task != nullptr && task->phase != v1::TASK_ENDED) task->phase = v1::TASK_STOPPING;
          break;
        case Kind::kForget:
          std::erase_if(truth.tasks, [&](const TaskTruth& t) { return t.allocation == action.allocation; });
          break;
        case Kind::kFallback:
          for (TaskTruth& t : truth.tasks)
            if (t.kind == v1::HASHING) t.limit = std::min(t.limit, std::max(t.floor, t.fallback));
          break;
        case Kind::kRenewFence:
          break;
      }
    }
  }

  // Looks and acts until nothing is left to do.
  void Settle() {
    for (int round = 0; round < 10; ++round) Carry(Decide());
  }

  static bool Has(const std::vector<Action>& actions, Action::Kind kind, uint64_t allocation = 0) {
    return std::any_of(actions.begin(), actions.end(),
                       [&](const Action& a) { return a.kind == kind && a.allocation == allocation; });
  }

  const v1::AllocationReport* Reported(uint64_t id) {
    report = reconciler.Report(now, truth);
    for (const v1::AllocationReport& task : report.allocations()) {
      if (task.allocation() == id) return &task;
    }
    return nullptr;
  }

  MonoTime now{1000};
  MachineTruth truth;
  Reconciler reconciler;
  v1::NodeReport report;
};

}  // namespace switchyard::agent::reconcile

#endif  // SWITCHYARD_TESTS_AGENT_RECONCILE_NODE_UNDER_TEST_H_
