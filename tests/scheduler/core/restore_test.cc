// What a restart reads back: every kind of row, and what it says of rows that cannot be true.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/rows.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using core::RowKind;
using ::testing::HasSubstr;
using Rows = std::map<std::pair<int, std::string>, std::string>;

// A cluster with something in every table: hashing, a gang, a service, a finished job, a plan, an orphan, quarantine, a token.
std::unique_ptr<CoreHarness> FullCluster() {
  ClusterBuilder builder;
  builder.MeterCap(Watts(38'000)).Rack("r1").Server("s1").Server("s2").Box("b1");
  auto cluster = std::make_unique<CoreHarness>(builder.configuration());
  cluster->ConnectAll();
  cluster->Submit(HashingJob());
  const uint64_t done = cluster->Submit(TrainingJob("done", 1, 1));
  cluster->Submit(ServiceJob("serve", 2, 1));
  cluster->Run(Seconds(3));
  cluster->Exit(done, 0);
  FakeTask orphan;
  orphan.unknown = true;
  orphan.phase = v1::TASK_RUNNING;
  orphan.draw = Watts(700);
  orphan.order.set_allocation(5000);
  orphan.order.set_epoch(1);
  orphan.order.set_job(77);
  orphan.order.set_kind(v1::TRAINING);
  orphan.order.set_group("gpu");
  orphan.order.add_devices("s2-gpu-7");
  cluster->agent("s2").tasks[5000] = orphan;
  cluster->Tell("s2");
  pb::Command report = cluster->NextReport("r1");
  v1::DeviceFault* fault = report.mutable_report()->mutable_report()->mutable_groups(0)->add_faults();
  fault->set_device("r1-asic-4");
  fault->set_reading_mw(2'900'000);
  fault->set_reason("sticks");
  cluster->Batch({report});
  cluster->Settle();
  pb::Command token;
  token.mutable_create_token()->set_node("site/b1");
  token.mutable_create_token()->set_sha256("hash");
  token.mutable_create_token()->set_expires_utc_ms(2'000'000'000'000);
  EXPECT_TRUE(cluster->Send(token).ok());
  cluster->agent("r1").slow_to_settle = true;
  cluster->Submit(TrainingJob("waiting", 1, 6));
  cluster->Settle();
  EXPECT_EQ(cluster->state().plans.size(), 1u);
  EXPECT_TRUE(cluster->Operator("s1", v1::NodeActionRequest::CORDON).ok());
  return cluster;
}

absl::Status RestoreRows(core::Core& machine, const Rows& rows) {
  std::vector<core::Row> list;
  for (const auto& [key, value] : rows) list.push_back({static_cast<RowKind>(key.first), key.second, value});
  return machine.Restore(list);
}

TEST(RestoreTest, EveryKindOfRowComesBackAsItWas) {
  const std::unique_ptr<CoreHarness> cluster = FullCluster();
  const core::State& before = cluster->state();
  for (int kind = 0; kind < core::kRowKinds; ++kind) {
    const auto first = cluster->rows().lower_bound({kind, ""});
    ASSERT_TRUE(first != cluster->rows().end() && first->first.first == kind) << "no row of kind " << kind;
  }
  core::Core machine({.checks = core::CheckLevel::kEveryBatch});
  const absl::Status status = RestoreRows(machine, cluster->rows());
  ASSERT_TRUE(status.ok()) << std::string(status.message());
  const core::State& after = machine.state();
  EXPECT_EQ(core::Bytes(after.configuration), core::Bytes(before.configuration));
  ASSERT_EQ(after.allocations.size(), before.allocations.size());
  for (const auto& [id, allocation] : before.allocations) {
    EXPECT_EQ(after.allocations.at(id).bound.value(), allocation.bound.value());
    EXPECT_EQ(after.allocations.at(id).charged, allocation.charged);
    EXPECT_EQ(core::ToDesired(after, after.allocations.at(id)).SerializeAsString(), core::ToDesired(before, allocation).SerializeAsString());
  }
  ASSERT_EQ(after.orphans.size(), 1u);
  EXPECT_EQ(after.orphans.begin()->second.bound.value(), Watts(700));
  ASSERT_EQ(after.jobs.size(), before.jobs.size());
  for (const auto& [id, job] : before.jobs) {
    EXPECT_EQ(after.jobs.at(id).row.job().state(), job.row.job().state());
    EXPECT_EQ(after.jobs.at(id).row.released(), job.row.released());
    EXPECT_EQ(core::Bytes(after.jobs.at(id).row.job().spec()), core::Bytes(job.row.job().spec()));
  }
  ASSERT_EQ(after.plans.size(), before.plans.size());
  for (const auto& [id, plan] : before.plans) EXPECT_EQ(core::Bytes(after.plans.at(id).row), core::Bytes(plan.row));
  for (size_t n = 0; n < before.nodes.size(); ++n) EXPECT_EQ(core::Bytes(core::ToRow(after.nodes[n])), core::Bytes(core::ToRow(before.nodes[n])));
  EXPECT_EQ(after.pending, before.pending);
  EXPECT_EQ(after.finished.size(), before.finished.size());
  EXPECT_EQ(after.idempotency.size(), before.idempotency.size());
  EXPECT_EQ(after.tokens.at("site/b1").sha256(), "hash");
  EXPECT_EQ(core::Bytes(after.tenants.at("team")), core::Bytes(before.tenants.at("team")));
  for (uint32_t b = 0; b < before.ledger.budgets(); ++b) {
    EXPECT_EQ(after.ledger.Sum(b), before.ledger.Sum(b));
    EXPECT_EQ(after.ledger.Earmarked(b), before.ledger.Earmarked(b));
  }
}

TEST(RestoreTest, NumbersAreNeverGivenTwice) {
  const std::unique_ptr<CoreHarness> cluster = FullCluster();
  core::Core machine({.checks = core::CheckLevel::kEveryBatch});
  ASSERT_TRUE(RestoreRows(machine, cluster->rows()).ok());
  EXPECT_GE(machine.state().next_allocation, cluster->state().next_allocation);
  EXPECT_GE(machine.state().next_plan, cluster->state().next_plan);
  EXPECT_GE(machine.state().meta.next_job(), cluster->state().meta.next_job());
}

TEST(RestoreTest, AnEmptyStoreIsACoreThatWaitsForItsConfiguration) {
  core::Core machine({.checks = core::CheckLevel::kEveryBatch});
  ASSERT_TRUE(machine.Restore({}).ok());
  EXPECT_FALSE(machine.state().configured);
}

// A row that cannot be true, and what is said of it.
struct Damage {
  std::string name;
  std::function<void(Rows&)> damage;
  std::string says;
};
std::ostream& operator<<(std::ostream& out, const Damage& damage) { return out << damage.name; }

std::function<void(Rows&)> Garbage(RowKind kind) {
  return [kind](Rows& rows) { rows.lower_bound({static_cast<int>(kind), ""})->second = "\xff\xff\xff"; };
}
// Changes the first allocation row that `wanted` picks.
std::function<void(Rows&)> Allocation(const std::function<bool(pb::AllocationRow&)>& change) {
  return [change](Rows& rows) {
    for (auto& [key, value] : rows) {
      pb::AllocationRow row;
      if (key.first != static_cast<int>(RowKind::kAllocation) || !row.ParseFromString(value) || row.orphan() || !change(row)) continue;
      value = row.SerializeAsString();
      return;
    }
    ADD_FAILURE() << "no such allocation";
  };
}
std::function<void(Rows&)> Plan(const std::function<void(pb::PlanRow&)>& change) {
  return [change](Rows& rows) {
    std::string& value = rows.lower_bound({static_cast<int>(RowKind::kPlan), ""})->second;
    pb::PlanRow row;
    ASSERT_TRUE(row.ParseFromString(value));
    change(row);
    value = row.SerializeAsString();
  };
}

class DamageTest : public ::testing::TestWithParam<Damage> {};

TEST_P(DamageTest, IsDataLossThatNamesTheRow) {
  Rows rows = FullCluster()->rows();
  GetParam().damage(rows);
  core::Core machine({.checks = core::CheckLevel::kEveryBatch});
  const absl::Status status = RestoreRows(machine, rows);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << std::string(status.message());
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(Rows, DamageTest, ::testing::Values(
    Damage{"Meta", Garbage(RowKind::kMeta), "meta row"},
    Damage{"Configuration", Garbage(RowKind::kConfiguration), "configuration row"},
    Damage{"Job", Garbage(RowKind::kJob), "job row"},
    Damage{"Allocation", Garbage(RowKind::kAllocation), "allocation row"},
    Damage{"Plan", Garbage(RowKind::kPlan), "plan row"},
    Damage{"Node", Garbage(RowKind::kNode), "node row"},
    Damage{"Tenant", Garbage(RowKind::kTenant), "tenant row"},
    Damage{"Idempotency", Garbage(RowKind::kIdempotency), "idempotency row"},
    Damage{"Token", Garbage(RowKind::kToken), "token row"},
    Damage{"AllocationOnAnUnknownNode", Allocation([](auto& row) { row.set_node("site/x9"); return true; }), "site/x9"},
    Damage{"AllocationOnAnUnknownGroup", Allocation([](auto& row) { row.set_device_group("tpu"); return true; }), "device group \"tpu\""},
    Damage{"AllocationOnADeviceThatIsNotThere", Allocation([](auto& row) { row.mutable_devices(0)->set_first(4000); return true; }), "device 4000"},
    Damage{"AllocationOfAnUnknownJob", Allocation([](auto& row) { row.set_job(99'999); return true; }), "of job \"99999\""},
    Damage{"ADeviceHeldTwice", [](Rows& rows) {
             pb::AllocationRow twin;
             for (const auto& [key, value] : rows) {
               pb::AllocationRow row;
               if (key.first == static_cast<int>(RowKind::kAllocation) && row.ParseFromString(value) && row.kind() == v1::INFERENCE) twin = row;
             }
             twin.set_id(6000);
             rows[{static_cast<int>(RowKind::kAllocation), core::NumberKey(6000)}] = twin.SerializeAsString();
           }, "held twice"},
    Damage{"PlanInAnUnknownBudget", Plan([](auto& row) { row.mutable_budgets(0)->set_budget("site/x"); }), "plan row \"site/x\""},
    Damage{"PlanOfAnUnknownJob", Plan([](auto& row) { row.set_job(99'999); }), "plan row"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace switchyard::testing
