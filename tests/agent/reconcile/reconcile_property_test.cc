// Random messages, lost, repeated and late, against the promises of reconcile.h. The seed of a failure is printed.
#include <random>

#include "gtest/gtest.h"
#include "tests/agent/reconcile/node_under_test.h"

namespace switchyard::agent::reconcile {
namespace {

constexpr int kSteps = 400;
constexpr uint64_t kAllocations = 6;

class RandomNode {
 public:
  explicit RandomNode(uint64_t seed) : random_(seed) {}

  int64_t Below(int64_t bound) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound)); }

  v1::DesiredSet NextSet() {
    const uint64_t base = revision_++;
    std::vector<v1::DesiredAllocation> upserts;
    std::vector<uint64_t> removed;
    for (uint64_t id = 1; id <= kAllocations; ++id) {
      if (Below(3) != 0) continue;
      if (desired_.contains(id) && Below(4) == 0) {
        desired_.erase(id);
        removed.push_back(id);
        continue;
      }
      const v1::JobKind kind = id % 2 == 0 ? v1::HASHING : v1::TRAINING;
      const auto phase =
          static_cast<v1::DesiredPhase>(kind == v1::HASHING ? v1::RUN + Below(2) : v1::PREPARE + Below(3));
      desired_[id] = Order(id, phase, 10 * Below(20), kind, static_cast<uint32_t>(1 + Below(2)));
      upserts.push_back(desired_[id]);
    }
    std::vector<v1::DesiredAllocation> all;
    for (const auto& [id, order] : desired_) all.push_back(order);
    v1::DesiredSet set = FullSet(revision_, all);
    if (Below(2) == 0) {
      set.set_base_revision(base);
      set.clear_upserts();
      for (const v1::DesiredAllocation& order : upserts) *set.add_upserts() = order;
      for (const uint64_t id : removed) set.add_removed(id);
    }
    return set;
  }

  void Message() {
    const int64_t what = Below(10);
    if (what < 4) {
      sets_.push_back(NextSet());
      if (Below(5) != 0) (void)node.reconciler.ReceiveSet(node.now, sets_.back());  // else lost
    } else if (what == 4 && !sets_.empty()) {
      (void)node.reconciler.ReceiveSet(
          node.now, sets_[static_cast<size_t>(Below(static_cast<int64_t>(sets_.size())))]);  // late or repeated
    } else if (what < 7) {
      v1::Renewal renewal;
      const uint64_t sequence = node.reconciler.SendHeartbeat(node.now);
      sent_[sequence] = node.now;
      renewal.set_sequence(
          static_cast<uint64_t>(Below(static_cast<int64_t>(sequence) + 2)));  // perhaps old, perhaps never sent
      Answered(renewal.sequence());
      node.reconciler.ReceiveRenewal(node.now, renewal);
    } else if (what == 7) {
      node.reconciler.SessionStarted();
      sent_.clear();
    }
    node.now = node.now + Milliseconds(Below(12'000));
  }

  // The lease by the letter of the protocol, kept apart from the code under test.
  void Answered(uint64_t sequence) {
    const auto found = sent_.find(sequence);
    if (found != sent_.end()) lease_end = std::max(lease_end, found->second + Seconds(30));
  }

  // The machine does some of what it is told, and things end by themselves.
  void CarrySome(const std::vector<Action>& actions) {
    for (const Action& action : actions) {
      if (Below(3) != 0) node.Carry({action});
    }
    for (TaskTruth& task : node.truth.tasks) {
      if (task.phase == v1::TASK_STOPPING && Below(2) == 0) task.phase = v1::TASK_ENDED;
      if (task.phase == v1::TASK_RUNNING && Below(40) == 0) task.phase = v1::TASK_ENDED;
    }
  }

  NodeUnderTest node;
  MonoTime lease_end;

 private:
  std::mt19937_64 random_;
  uint64_t revision_ = 0;
  std::map<uint64_t, v1::DesiredAllocation> desired_;
  std::vector<v1::DesiredSet> sets_;
  std::map<uint64_t, MonoTime> sent_;
};

bool IsRaise(const Action& action, NodeUnderTest& node) {
  if (action.kind == Action::Kind::kPrepare || action.kind == Action::Kind::kRelease) return true;
  return action.kind == Action::Kind::kSetLimit && action.limit > node.Find(action.allocation)->limit;
}

TEST(ReconcileProperty, NothingRisesWithoutALeaseOrBesideALowering) {
  int raises = 0, fallbacks = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    RandomNode random(seed);
    uint64_t applied = 0;
    for (int step = 0; step < kSteps; ++step) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << " step " << step);
      random.Message();
      NodeUnderTest& node = random.node;
      const std::vector<Action> actions = node.Decide();
      bool raised = false, lowered = false;
      for (const Action& action : actions) {
        if (IsRaise(action, node)) {
          raised = true;
          ++raises;
        } else if (action.kind == Action::Kind::kSetLimit && action.limit < node.Find(action.allocation)->limit) {
          // A prepared task draws nothing: its limit may be set on the way to its release.
          lowered |= node.Find(action.allocation)->phase == v1::TASK_RUNNING;
        }
        fallbacks += action.kind == Action::Kind::kFallback;
      }
      if (raised) {
        EXPECT_LT(node.now, random.lease_end);
        EXPECT_FALSE(lowered);
        EXPECT_NE(node.reconciler.set_hash(node.now), 0u);
      }
      EXPECT_EQ(node.reconciler.LeaseRuns(node.now), node.now < random.lease_end);
      EXPECT_GE(node.reconciler.applied_revision(), applied);
      applied = node.reconciler.applied_revision();
      random.CarrySome(actions);
    }
  }
  // Else nothing was proven.
  EXPECT_GT(raises, 1000);
  EXPECT_GT(fallbacks, 100);
}

TEST(ReconcileProperty, AtLastTheMachineIsAsOrdered) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomNode random(seed);
    for (int step = 0; step < 50; ++step) {
      random.Message();
      random.CarrySome(random.node.Decide());
    }
    NodeUnderTest& node = random.node;
    node.Renew();
    std::vector<v1::DesiredAllocation> orders = {Order(101, v1::RUN, 70), Order(102, v1::PREPARE, 30, v1::TRAINING)};
    node.ReceiveFull(100'000, orders);
    for (int round = 0; round < 20; ++round) {
      node.Carry(node.Decide());
      for (TaskTruth& task : node.truth.tasks) {
        if (task.phase == v1::TASK_STOPPING) task.phase = v1::TASK_ENDED;
      }
    }
    EXPECT_EQ(node.reconciler.applied_revision(), 100'000u);
    ASSERT_NE(node.Find(101), nullptr);
    EXPECT_EQ(node.Find(101)->phase, v1::TASK_RUNNING);
    EXPECT_EQ(node.Find(101)->limit, Milliwatts(70));
    ASSERT_NE(node.Find(102), nullptr);
    EXPECT_EQ(node.Find(102)->phase, v1::TASK_PREPARED);
    for (const TaskTruth& task : node.truth.tasks) EXPECT_TRUE(task.allocation > 100 || task.kind != v1::HASHING);
  }
}

}  // namespace
}  // namespace switchyard::agent::reconcile
