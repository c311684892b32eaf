#include <gtest/gtest.h>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

TEST(HashingTest, FillsWhatTheCapLeavesAndNotAWattMore) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(45'000)).Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(5));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
  EXPECT_LE(cluster.sum("meter"), Watts(45'000));
  EXPECT_GE(cluster.sum("meter"), Watts(43'000)) << "the loss is at most one device step";
}

TEST(HashingTest, AnUnreportedRackCountsItsNameplateAndBlocksTheRest) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(45'000)).Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.Connect("r1");
  cluster.Settle();
  EXPECT_EQ(cluster.sum("meter"), Watts(500 + 500 + 30'000 + 250));
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  EXPECT_LE(cluster.sum("meter"), Watts(45'000));
  EXPECT_GT(cluster.grant(job), Watts(10'000));
}

TEST(HashingTest, BelowBreakEvenIsOff) {
  ClusterBuilder builder;
  builder.Rack("r1");
  builder.configuration().mutable_sites(0)->mutable_hashprice(0)->set_value_micro_usd(1'000'000);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.grant(job), Power());
  ClusterBuilder better;
  better.Rack("r1");
  ASSERT_TRUE(cluster.Load(better.configuration()).ok());
  cluster.Run(Seconds(3));
  EXPECT_EQ(cluster.grant(job), Watts(30'000));
}

TEST(HashingTest, ALoweredCapLowersAtOnceAndIsRecordedUntilConfirmed) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.grant(job), Watts(60'000));
  cluster.agent("r1").slow_to_settle = cluster.agent("r2").slow_to_settle = true;
  builder.MeterCap(Watts(20'000));
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Settle();
  EXPECT_LE(cluster.grant(job), Watts(19'000));
  EXPECT_EQ(cluster.bound(job), Watts(60'000)) << "acknowledged is not drawn less";
  EXPECT_TRUE(cluster.Happened("OverageBegan"));
  cluster.agent("r1").slow_to_settle = cluster.agent("r2").slow_to_settle = false;
  cluster.Run(Seconds(2));
  EXPECT_LE(cluster.sum("meter"), Watts(20'000));
  EXPECT_TRUE(cluster.Happened("OverageEnded"));
}

TEST(HashingTest, CancelStopsEveryRack) {
  ClusterBuilder builder;
  builder.Rack("r1").Rack("r2");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  ASSERT_TRUE(cluster.Cancel(job).ok());
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(job), v1::CANCELLED);
  EXPECT_TRUE(cluster.allocations_of(job).empty());
  EXPECT_EQ(cluster.sum("meter"), Watts(2 * (500 + 250)));
}

// Quarantine inside an allocation of a class that counts its nameplate once left the ledger with the device counted twice.
TEST(HashingTest, ADeviceThatDoesNotComplyCountsItsNameplateOnceAndIsNamed) {
  for (const v1::PowerCycleClass power_cycle : {v1::PERSISTENT, v1::NEITHER}) {
    ClusterBuilder builder;
    builder.Rack("r1");
    builder.Device("asic").set_power_cycle(power_cycle);
    CoreHarness cluster(builder.configuration());
    cluster.ConnectAll();
    const uint64_t job = cluster.Submit(HashingJob());
    cluster.Run(Seconds(3));
    v1::DeviceFault fault;
    fault.set_device("r1-asic-3");
    fault.set_reading_mw(3'000'000);
    fault.set_reason("acknowledged sleep and draws 3kW");
    cluster.Blame("r1", fault);
    cluster.Run(Seconds(3));
    EXPECT_TRUE(cluster.Happened("DeviceQuarantined"));
    ASSERT_EQ(cluster.allocations_of(job).size(), 1u);
    EXPECT_EQ(cluster.allocations_of(job)[0]->devices.size(), 9u);
    EXPECT_EQ(cluster.sum("meter"), Watts(500 + 30'000)) << "nine that hash and one at nameplate";
  }
}

// Lowering such a miner frees nothing in the ledger: a plan that was to live on it would wait for ever.
TEST(HashingTest, AMinerThatCountsItsNameplateAlwaysHashesInFullAndPlansLiveOnOthers) {
  ClusterBuilder builder;
  builder.MeterCap(Watts(50'000)).Rack("r1").AddNode("r2", "stubborn", "meter").Server("gpu");
  v1::ClusterConfiguration& configuration = builder.configuration();
  v1::DeviceModel& device = *configuration.add_device_models();
  device = builder.Device("asic");
  device.set_id("stubborn-asic");
  device.set_power_cycle(v1::NEITHER);
  for (v1::OperatingPoint& point : *device.mutable_operating_points()) point.set_ghs(point.ghs() / 2);  // yields first by value
  for (const v1::NodeModel& rack : configuration.node_models()) {
    if (rack.id() != "rack") continue;
    v1::NodeModel model = rack;
    model.set_id("stubborn");
    model.mutable_groups(0)->set_device_model("stubborn-asic");
    *configuration.add_node_models() = model;
    break;
  }
  CoreHarness cluster(configuration);
  cluster.ConnectAll();
  const uint64_t hashing = cluster.Submit(HashingJob());
  cluster.Run(Seconds(10));
  const auto granted_on = [&](const std::string& node) {
    Power sum;
    for (const core::Allocation* allocation : cluster.allocations_of(hashing)) {
      if (cluster.state().nodes[allocation->node].id == "site/" + node) sum += allocation->bound.grant();
    }
    return sum;
  };
  EXPECT_EQ(granted_on("r2"), Watts(30'000));
  const Power before = granted_on("r1");
  const uint64_t training = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(10));
  EXPECT_EQ(cluster.state_of(training), v1::RUNNING);
  EXPECT_EQ(granted_on("r2"), Watts(30'000));
  EXPECT_LT(granted_on("r1"), before);
}

}  // namespace
}  // namespace switchyard::testing
