// Each reason for which a reload is refused whole, and what may change under a running cluster.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

using ::testing::HasSubstr;

// Two feeders, a server and a rack that work, a tenant with a job.
void Describe(ClusterBuilder& builder, const std::string& first_budget = "a", const std::string& second_model = "rack") {
  builder.MeterCap(Watts(60'000)).Budget("a", v1::FEEDER, Watts(50'000)).Budget("b", v1::FEEDER, Watts(50'000));
  builder.Server("s1", first_budget).AddNode("r1", second_model, "b");
}

struct Refusal {
  std::string name;
  std::function<v1::ClusterConfiguration()> next;
  absl::StatusCode code;
  std::string says;
};
std::ostream& operator<<(std::ostream& out, const Refusal& refusal) { return out << refusal.name; }

v1::ClusterConfiguration Changed(const std::function<void(v1::ClusterConfiguration&)>& change) {
  ClusterBuilder builder;
  Describe(builder);
  change(builder.configuration());
  return builder.configuration();
}

class ReloadRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(ReloadRefusalTest, NamesTheReasonAndAppliesNothing) {
  ClusterBuilder builder;
  Describe(builder);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(3));
  ASSERT_EQ(cluster.state_of(job), v1::RUNNING);
  const uint64_t digest = cluster.machine().Digest();
  const absl::Status status = cluster.Load(GetParam().next());
  EXPECT_EQ(status.code(), GetParam().code) << std::string(status.message());
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().says));
  EXPECT_EQ(cluster.machine().Digest(), digest);
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.state_of(job), v1::RUNNING);
}

INSTANTIATE_TEST_SUITE_P(Reasons, ReloadRefusalTest, ::testing::Values(
    Refusal{"AnotherCluster", [] { return Changed([](auto& c) { c.set_cluster_id("other"); }); },
            absl::StatusCode::kFailedPrecondition, "a store is never moved to another cluster"},
    Refusal{"ANodeThatIsNotLostIsGone", [] { return Changed([](auto& c) { c.mutable_nodes()->DeleteSubrange(1, 1); }); },
            absl::StatusCode::kFailedPrecondition, "node \"site/r1\": is gone from the file but not lost"},
    Refusal{"AWorkingNodeMoves", [] { ClusterBuilder b; Describe(b, "b"); return b.configuration(); },
            absl::StatusCode::kFailedPrecondition, "node \"site/s1\": moves to other budgets"},
    Refusal{"AWorkingNodeChangesItsModel", [] { ClusterBuilder b; Describe(b, "a", "box"); return b.configuration(); },
            absl::StatusCode::kFailedPrecondition, "node \"site/r1\": changes its model"},
    Refusal{"ATenantWithARunningJobIsGone", [] { return Changed([](auto& c) { c.mutable_tenants(0)->set_id("others"); }); },
            absl::StatusCode::kFailedPrecondition, "tenant \"team\": is gone from the file but has 2 running job(s)"},
    Refusal{"ARaisedNameplateDoesNotFit", [] { return Changed([](auto& c) {
              for (v1::DeviceModel& device : *c.mutable_device_models()) {
                if (device.id() == "asic") { device.set_max_mw(9'000'000); device.set_transient_mw(9'000'000); }
              }
            }); }, absl::StatusCode::kFailedPrecondition, "the raised nameplate of \"asic\""},
    Refusal{"ItIsWrongInItself", [] { return Changed([](auto& c) { c.mutable_nodes(0)->set_model("nothing"); }); },
            absl::StatusCode::kInvalidArgument, "nothing"}),
    [](const auto& info) { return info.param.name; });

TEST(ReloadTest, EveryObjectionIsNamedAtOnce) {
  ClusterBuilder builder;
  Describe(builder);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Settle();
  ClusterBuilder next;
  Describe(next, "b");
  next.configuration().mutable_nodes()->DeleteSubrange(1, 1);
  next.configuration().mutable_tenants(0)->set_id("others");
  const absl::Status status = cluster.Load(next.configuration());
  for (const char* subject : {"site/s1", "site/r1", "team"}) EXPECT_THAT(std::string(status.message()), HasSubstr(subject));
}

TEST(ReloadTest, ANodeThatWasNeverHeardOrIsLostMayGo) {
  ClusterBuilder builder;
  builder.Server("s1").Server("s2").Server("s3");
  CoreHarness cluster(builder.configuration());
  cluster.Connect("s1");
  cluster.Connect("s2");
  cluster.Disconnect("s2");
  ASSERT_TRUE(cluster.Operator("s2", v1::NodeActionRequest::MARK_LOST).ok());
  ClusterBuilder next;
  next.Server("s1");
  ASSERT_TRUE(cluster.Load(next.configuration()).ok());
  EXPECT_EQ(cluster.state().nodes.size(), 1u);
  EXPECT_EQ(cluster.sum("meter"), Watts(1800));
  cluster.Restart();
  EXPECT_EQ(cluster.sum("meter"), Watts(1800)) << "their rows are gone as well";
}

TEST(ReloadTest, OverheadThatIsStillReleasedOutlivesAReload) {
  ClusterBuilder builder;
  Describe(builder);
  v1::Site& site = *builder.configuration().mutable_sites(0);
  site.set_overhead_marginal_ppm(250'000);
  site.set_overhead_lag_ms(20'000);
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  cluster.Submit(HashingJob());
  cluster.Run(Seconds(60));
  const uint64_t job = cluster.Submit(TrainingJob("train", 1, 8));
  cluster.Run(Seconds(60));
  ASSERT_TRUE(cluster.Cancel(job).ok());
  cluster.Run(Seconds(3));
  const Power held = cluster.state().ledger.HeldOverhead(0);
  ASSERT_GT(held, Power());
  builder.configuration().mutable_timing()->set_dwell_ms(2000);
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  EXPECT_EQ(cluster.state().ledger.HeldOverhead(0), held);
  cluster.Run(Seconds(25));
  EXPECT_EQ(cluster.state().ledger.HeldOverhead(0), Power());
}

TEST(ReloadTest, ALoweredCapIsAppliedAndTheSameFileAgainIsNoChange) {
  ClusterBuilder builder;
  builder.Rack("r1");
  CoreHarness cluster(builder.configuration());
  cluster.ConnectAll();
  const uint64_t job = cluster.Submit(HashingJob());
  cluster.Run(Seconds(2));
  builder.MeterCap(Watts(10'500));
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  cluster.Run(Seconds(2));
  EXPECT_EQ(cluster.grant(job), Watts(10'000));
  const size_t events = cluster.events().size();
  ASSERT_TRUE(cluster.Load(builder.configuration()).ok());
  EXPECT_EQ(cluster.events().size(), events);
  EXPECT_EQ(cluster.grant(job), Watts(10'000));
}

}  // namespace
}  // namespace switchyard::testing
