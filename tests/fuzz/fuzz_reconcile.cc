// What a scheduler says, into agent/reconcile, on a machine that does some of what it is told. The promises of
// reconcile.h that hold whatever comes are checked after every decision.
#include <cstddef>
#include <cstdint>

#include "common/check.h"
#include "tests/agent/reconcile/node_under_test.h"
#include "tests/fuzz/message_maker.h"

namespace switchyard::agent::reconcile {
namespace {

using testing::Bytes;

bool Raises(const Action& action, NodeUnderTest& node) {
  if (action.kind == Action::Kind::kPrepare || action.kind == Action::Kind::kRelease) return true;
  if (action.kind != Action::Kind::kSetLimit) return false;
  const TaskTruth* task = node.Find(action.allocation);
  return task != nullptr && action.limit > task->limit;
}

class HostileScheduler {
 public:
  void Message(Bytes* bytes) {
    v1::SchedulerMessage message;
    testing::Fill(bytes, &message);
    if (bytes->Below(2) == 0) {
      message.set_cluster_id("cluster");
      message.set_store_incarnation(1);
      message.set_term(1 + bytes->Below(3));
    }
    if (!node_.reconciler.AcceptSender(message.cluster_id(), message.store_incarnation(), message.term())) return;
    if (message.has_welcome()) node_.reconciler.Configure(message.welcome());
    if (message.has_renewal()) Renew(bytes, *message.mutable_renewal());
    if (message.has_set()) Receive(bytes, message.mutable_set());
  }

  void Step(Bytes* bytes) {
    node_.now = node_.now + Milliseconds(bytes->Below(8) * 2'000);
    for (TaskTruth& task : node_.truth.tasks) {
      if (task.phase == v1::TASK_STOPPING && bytes->Below(2) == 0) task.phase = v1::TASK_ENDED;
    }
    const std::vector<Action> actions = node_.Decide();
    Check(actions);
    for (const Action& action : actions) {
      if (bytes->Below(4) != 0) node_.Carry({action});
    }
    (void)node_.reconciler.Report(node_.now, node_.truth);
  }

 private:
  void Renew(Bytes* bytes, v1::Renewal& renewal) {
    const uint64_t sent = node_.reconciler.SendHeartbeat(node_.now);
    if (bytes->Below(3) != 0) renewal.set_sequence(sent);
    node_.reconciler.ReceiveRenewal(node_.now, renewal);
  }

  // Mostly with the hash that belongs to it: otherwise nothing is ever taken over.
  void Receive(Bytes* bytes, v1::DesiredSet* set) {
    if (bytes->Below(4) != 0) {
      set->set_base_revision(0);
      std::map<uint64_t, v1::DesiredAllocation> held;
      for (const v1::DesiredAllocation& order : set->upserts()) held[order.allocation()] = order;
      set->set_set_hash(HashOf(held));
      set->set_revision(++revision_);
    }
    node_.reconciler.ReceiveSet(node_.now, *set).IgnoreError();
  }

  void Check(const std::vector<Action>& actions) {
    const bool runs = node_.reconciler.LeaseRuns(node_.now);
    bool raised = false;
    for (const Action& action : actions) {
      const bool raises = Raises(action, node_);
      SWITCHYARD_CHECK(runs || !raises) << "allocation " << action.allocation << " rises without a lease";
      const TaskTruth* task = node_.Find(action.allocation);
      const bool lowers = action.kind == Action::Kind::kStop ||
                          (action.kind == Action::Kind::kSetLimit && task != nullptr && action.limit < task->limit);
      SWITCHYARD_CHECK(!raised || !lowers) << "allocation " << action.allocation << " is lowered after a raise";
      raised = raised || raises;
    }
  }

  NodeUnderTest node_;
  uint64_t revision_ = 0;
};

}  // namespace
}  // namespace switchyard::agent::reconcile

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  switchyard::testing::Bytes bytes(data, size);
  switchyard::agent::reconcile::HostileScheduler scheduler;
  for (int step = 0; step < 60 && !bytes.empty(); ++step) {
    if (bytes.Below(2) == 0) scheduler.Message(&bytes);
    scheduler.Step(&bytes);
  }
  return 0;
}
