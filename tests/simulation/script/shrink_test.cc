// Shrinking, against predicates of which the smallest answer is known.
#include "simulation/script/shrink.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <iterator>
#include <vector>

#include "common/topology/validate_configuration.h"
#include "simulation/script/generate.h"

namespace switchyard::simulation {
namespace {

bool Has(const Script& script, const Deed& wanted) {
  return std::any_of(script.deeds.begin(), script.deeds.end(), [&](const Deed& deed) {
    return deed.at == wanted.at && deed.kind == wanted.kind && deed.key == wanted.key && deed.subject == wanted.subject;
  });
}
bool HasNode(const Script& script, const std::string& id) {
  return std::any_of(script.configuration.nodes().begin(), script.configuration.nodes().end(),
                     [&](const v1::Node& node) { return node.id() == id; });
}

TEST(Shrink, FindsTheTwoDeedsAndTheNodeThatMatter) {
  const Script script = Generate(3);
  std::vector<Deed> submits;
  std::copy_if(script.deeds.begin(), script.deeds.end(), std::back_inserter(submits),
               [](const Deed& deed) { return deed.kind == Deed::Kind::kSubmit; });
  const Deed first = submits[submits.size() / 5], second = submits[submits.size() / 2];
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    if (Has(candidate, first) && Has(candidate, second) && HasNode(candidate, "n05"))
      return second.at + Milliseconds(1);
    return std::nullopt;
  };
  const Shrunk shrunk = Shrink(script, second.at + Milliseconds(1), fails, 2000);
  EXPECT_TRUE(shrunk.finished);
  EXPECT_LE(shrunk.script.deeds.size(), 2u);
  EXPECT_TRUE(fails(shrunk.script).has_value());
  ASSERT_EQ(shrunk.script.configuration.nodes_size(), 1);
  EXPECT_EQ(shrunk.script.configuration.nodes(0).id(), "n05");
  EXPECT_LE(shrunk.script.length, second.at - MonoTime() + Seconds(2)) << "the run ends with the violation";
  EXPECT_EQ(shrunk.script.configuration.node_models_size(), 1);
}

TEST(Shrink, KeepsARackAsLargeAsItMustBe) {
  const Script script = Generate(20);  // one miner of 300 devices
  const auto largest = [](const v1::ClusterConfiguration& configuration) {
    int most = 0;
    for (const v1::NodeModel& model : configuration.node_models()) most = std::max(most, model.groups(0).count());
    return most;
  };
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    if (largest(candidate.configuration) >= 100) return MonoTime(1000);
    return std::nullopt;
  };
  const Shrunk shrunk = Shrink(script, MonoTime(1000), fails, 500);
  EXPECT_GE(largest(shrunk.script.configuration), 100);
  EXPECT_LT(largest(shrunk.script.configuration), 200);
  EXPECT_TRUE(shrunk.script.deeds.empty());
}

TEST(Shrink, StopsWhenItsRunsAreUsedUpAndReturnsWhatFails) {
  const Script script = Generate(4);
  int runs = 0;
  const Deed last = script.deeds.back();
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    ++runs;
    return Has(candidate, last) ? std::optional(last.at) : std::nullopt;
  };
  const Shrunk shrunk = Shrink(script, last.at, fails, 7);
  EXPECT_EQ(runs, 7);
  EXPECT_EQ(shrunk.runs, 7);
  EXPECT_FALSE(shrunk.finished);
  EXPECT_TRUE(Has(shrunk.script, last));
}

TEST(Shrink, SearchesForTheMomentThatItIsNotTold) {
  const Script script = Generate(6);
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    return candidate.length >= Seconds(700) ? std::optional(MonoTime()) : std::nullopt;
  };
  const Shrunk shrunk = Shrink(script, MonoTime(), fails, 1000);
  EXPECT_GE(shrunk.script.length, Seconds(700));
  EXPECT_LE(shrunk.script.length, Seconds(703));
}

TEST(Shrink, TriesNothingThatIsUnsound) {
  const Script script = Generate(5);
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    EXPECT_TRUE(topology::ValidateConfiguration(candidate.configuration).empty());
    for (const Deed& deed : candidate.deeds) {
      if (deed.kind == Deed::Kind::kReload) {
        EXPECT_TRUE(topology::ValidateConfiguration(deed.configuration).empty());
      }
    }
    return candidate.configuration.nodes_size() >= 3 ? std::optional(MonoTime(5000)) : std::nullopt;
  };
  EXPECT_EQ(Shrink(script, MonoTime(5000), fails, 400).script.configuration.nodes_size(), 3);
}

}  // namespace
}  // namespace switchyard::simulation
