// SIGHUP: a changed file is applied whole, or refused whole with every reason, under a living cluster.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

class ConfigurationReloadTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(SiteOptions{.real_nodes = 1, .racks = 1});
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(1));
    cluster_->WriteSimulatedAgent("sim", "s/r1");
    cluster_->StartAgent("sim");
    ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/r1"); }));
  }
  // How many lines of the log name the word so far.
  long Logged(const std::string& word) {
    const std::vector<std::string> lines = Lines(cluster_->SchedulerLog());
    return std::count_if(lines.begin(), lines.end(),
                         [&](const std::string& line) { return line.find(word) != std::string::npos; });
  }
  void Reload(const std::string& text, const std::string& outcome) {
    const long before = Logged(outcome);
    WriteFile(cluster_->Path("site.yaml"), text);
    cluster_->scheduler().Signal(SIGHUP);
    ASSERT_TRUE(Eventually([&] { return Logged(outcome) > before; })) << outcome;
  }
  v1::BudgetStatus Meter() {
    const auto budgets = cluster_->client().ListBudgets("s");
    EXPECT_TRUE(budgets.ok() && budgets->budgets_size() == 1) << budgets.status();
    return budgets.ok() && budgets->budgets_size() == 1 ? budgets->budgets(0) : v1::BudgetStatus();
  }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(ConfigurationReloadTest, ALowerCapLowersHashingAndAHigherOneRaisesIt) {
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(HashingYaml("fill", "127.0.0.1:1")), v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return Meter().hashing_mw() >= 4 * 3'510'000; }));
  ASSERT_NO_FATAL_FAILURE(Reload(SiteYaml({.racks = 1, .cap = "14kW"}), "configuration-loaded"));
  ASSERT_TRUE(Eventually([this] {
    const v1::BudgetStatus meter = Meter();
    return meter.cap_mw() == 14'000'000 && meter.bound_mw() <= 14'000'000;
  }));
  EXPECT_LT(Meter().hashing_mw(), 4 * 3'510'000);
  ASSERT_NO_FATAL_FAILURE(Reload(SiteYaml({.racks = 1}), "configuration-loaded"));
  EXPECT_TRUE(Eventually([this] { return Meter().hashing_mw() >= 4 * 3'510'000; }));
}

TEST_F(ConfigurationReloadTest, AFileWithErrorsIsRefusedWholeWithEachOfThem) {
  std::string text = SiteYaml({.racks = 1, .cap = "50kW"});
  text += "tenant: {}\n";                               // no such key
  text.replace(text.find("idle: 25W"), 9, "idle: 25");  // no unit
  ASSERT_NO_FATAL_FAILURE(Reload(text, "configuration-refused"));
  EXPECT_TRUE(Eventually([this] { return Logged("configuration-refused") == 2; })) << cluster_->SchedulerLog();
  EXPECT_THAT(cluster_->SchedulerLog(), HasSubstr("site.yaml:"));
  EXPECT_EQ(Meter().cap_mw(), 100'000'000) << "not even its cap was taken";
  EXPECT_TRUE(cluster_->Ready("s/n1"));
}

TEST_F(ConfigurationReloadTest, ANodeThatRunsATaskIsNotTakenAway) {
  const uint64_t id = cluster_->SubmitOne(TrainingYaml("train", "exec sleep 1000"));
  ASSERT_TRUE(cluster_->Reaches(id, v1::RUNNING));
  ASSERT_NO_FATAL_FAILURE(Reload(SiteYaml({.real_nodes = 0, .racks = 1, .cap = "50kW"}), "configuration-refused"));
  EXPECT_THAT(cluster_->SchedulerLog(), HasSubstr("drain s/n1"));
  EXPECT_EQ(Meter().cap_mw(), 100'000'000);
  EXPECT_EQ(cluster_->Job(id).state(), v1::RUNNING);
}

TEST_F(ConfigurationReloadTest, ANewNodeJoins) {
  ASSERT_NO_FATAL_FAILURE(Reload(SiteYaml({.real_nodes = 2, .racks = 1}), "configuration-loaded"));
  cluster_->WriteRealAgent("n2", "s/n2");
  cluster_->StartAgent("n2");
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n2"); }));
  const uint64_t id =
      cluster_->SubmitOne(TrainingYaml("gang", "true", "count: 2\nspread_over: node\nresources: {cpu_devices: 1}\n"));
  EXPECT_TRUE(cluster_->Reaches(id, v1::SUCCEEDED));
}

}  // namespace
}  // namespace switchyard::integration
