#include "agent/runtime/simulated/fleet.h"

#include <set>

#include "gtest/gtest.h"
#include "tests/agent/simulated/simulated_models.h"

namespace switchyard::agent::simulated {
namespace {

class FleetTest : public testing::Test {
 protected:
  FleetTest() {
    file_.state_dir = directory_ / "state";
    file_.nodes = {"site/node", "site/other"};
    file_.simulated.draw_file = directory_ / "draw";
    file_.simulated.device_draw_file = directory_ / "devices";
  }
  std::unique_ptr<Fleet> Open() {
    auto fleet = Fleet::Open(file_, clock_);
    EXPECT_TRUE(fleet.ok()) << fleet.status();
    for (const std::unique_ptr<Node>& node : (*fleet)->nodes()) node->Configure(NodeWelcome());
    return *std::move(fleet);
  }

  TemporaryDirectory directory_;
  platform::ManualClock clock_{MonoTime(0), UtcTime(1'795'000'000'000)};
  configuration::AgentFile file_;
};

TEST_F(FleetTest, WritesTrueDrawsWhereTheyChangedAndAllOfThemOnceASecond) {
  {
    const std::unique_ptr<Fleet> fleet = Open();
    Start(fleet->Find("site/node"), HashingOrder(1, 0, 230'000));
    for (int i = 0; i < 20; ++i) {
      fleet->Sample();
      clock_.Advance(kSampleInterval);
    }
  }
  const std::string text = ReadAll(directory_ / "draw");
  EXPECT_EQ(text.rfind("# t_utc_ms node group milliwatts\n1795000000000 site/node platform 85000\n", 0), 0u) << text;
  std::map<std::string, int> lines;
  std::istringstream in(text);
  std::string time, node, group, draw;
  std::getline(in, time);
  while (in >> time >> node >> group >> draw) ++lines[node + " " + group];
  EXPECT_EQ(lines["site/node asic"], 20);     // it ramps
  EXPECT_EQ(lines["site/node platform"], 2);  // two snapshots
  EXPECT_EQ(lines["site/other asic"], 2);
  const std::string devices = ReadAll(directory_ / "devices");
  EXPECT_NE(devices.find("1795000000000 site/node site.node.asic-001 10000\n"), std::string::npos) << devices;
}

TEST_F(FleetTest, ReadsItsMetersWithTheirLagAtTheFirstNodeBeneath) {
  configuration::SimulatedMeter meter;
  meter.budget = "site/feeder";
  meter.base = Watts(5);
  meter.terms = {{{"site/node", "site/other"}, "", kOne}, {{"site/other"}, "gpu", PartsPerMillion(500'000)}};
  meter.lag = Milliseconds(300);
  file_.simulated.meters = {meter};
  const std::unique_ptr<Fleet> fleet = Open();
  fleet->Sample();
  EXPECT_EQ(fleet->Find("site/node")->Measure().meters_size(), 0);
  clock_.Advance(Milliseconds(300));
  EXPECT_EQ(fleet->Find("site/other")->Measure().meters_size(), 0);
  const v1::Telemetry telemetry = fleet->Find("site/node")->Measure();
  ASSERT_EQ(telemetry.meters_size(), 1);
  EXPECT_EQ(telemetry.meters(0).budget(), "site/feeder");
  // Each node: 85 W platform, 4 x 10 W, 2 x 50 W; then 5 W and half of 100 W.
  EXPECT_EQ(telemetry.meters(0).draw_mw(), 2 * 225'000 + 5'000 + 50'000);
  EXPECT_EQ(telemetry.meters(0).age_ms(), 300);
  EXPECT_EQ(fleet->Find("site/node")->Measure().meters_size(), 0);
}

TEST_F(FleetTest, RefusesAMeterOverWhatItDoesNotHost) {
  configuration::SimulatedMeter meter;
  meter.budget = "site/feeder";
  meter.terms = {{{"site/elsewhere"}, "", kOne}};
  file_.simulated.meters = {meter};
  EXPECT_EQ(Fleet::Open(file_, clock_).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(FleetTest, MakesAnImpostorOnOtherHardware) {
  const std::unique_ptr<Fleet> fleet = Open();
  const auto clone = fleet->MakeClone("site/node");
  ASSERT_TRUE(clone.ok());
  EXPECT_EQ((*clone)->name(), "site/node");
  EXPECT_NE((*clone)->Identify().hardware_id(), fleet->Find("site/node")->Identify().hardware_id());
  EXPECT_FALSE(fleet->MakeClone("site/nobody").ok());
}

TEST_F(FleetTest, GoesOnAppendingAfterHalfALine) {
  std::ofstream(directory_ / "draw") << "# t_utc_ms node group milliwatts\n1794999999999 site/no";
  Open()->Sample();
  EXPECT_NE(ReadAll(directory_ / "draw").find("site/no\n# t_utc_ms"), std::string::npos);
}

}  // namespace
}  // namespace switchyard::agent::simulated
