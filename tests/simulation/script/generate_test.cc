// Every script that a seed can become: sound, whole, and rich in what it promises.
#include "simulation/script/generate.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "common/topology/topology.h"
#include "common/topology/validate_configuration.h"
#include "common/validation/job_spec.h"
#include "simulation/script/cluster.h"
#include "simulation/script/recipe.h"
#include "simulation/script/script_text.h"

namespace switchyard::simulation {
namespace {

std::string Problems(const std::vector<validation::Problem>& problems) {
  std::string text;
  for (const validation::Problem& problem : problems) text += "\n  " + problem.path + ": " + problem.message;
  return text;
}

void ExpectSound(const Script& script) {
  const std::string subject = script.profile + " seed " + std::to_string(script.seed);
  ASSERT_EQ(Problems(topology::ValidateConfiguration(script.configuration)), "") << subject;
  MonoTime last;
  for (const Deed& deed : script.deeds) {
    EXPECT_GE(deed.at, last) << subject;
    EXPECT_GE(deed.at, MonoTime()) << subject;
    EXPECT_LE(deed.at, MonoTime() + script.length) << subject;
    last = deed.at;
    if (deed.kind == Deed::Kind::kReload) {
      ASSERT_EQ(Problems(topology::ValidateConfiguration(deed.configuration)), "")
          << subject << " " << PrintDeed(deed, script.configuration);
    }
    if (deed.kind == Deed::Kind::kSubmit) {
      ASSERT_EQ(Problems(validation::ValidateJobSpec(deed.job)), "") << subject << " " << deed.key;
    }
  }
}

TEST(Generate, MakesSoundClustersJobsAndReloadsOfTwoThousandSeeds) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    ExpectSound(Generate(seed));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Generate, MakesSoundScriptsOfEveryProfile) {
  for (const Recipe& recipe : Recipes()) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      ExpectSound(Generate(seed, recipe.name));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

TEST(Generate, GivesTheSameScriptForTheSameSeedAndAnotherForTheNext) {
  for (const Recipe& recipe : Recipes()) {
    EXPECT_EQ(PrintScript(Generate(7, recipe.name)), PrintScript(Generate(7, recipe.name))) << recipe.name;
    EXPECT_NE(PrintScript(Generate(7, recipe.name)), PrintScript(Generate(8, recipe.name))) << recipe.name;
  }
}

TEST(Generate, AnEverydayScriptLastsThirtyMinutesOverFortyNodesUnderFourLevels) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Script script = Generate(seed);
    EXPECT_EQ(script.length, Minutes(30));
    EXPECT_EQ(script.configuration.nodes_size(), 40);
    int most_devices = 0;
    for (const v1::NodeModel& model : script.configuration.node_models()) {
      if (!model.id().starts_with("miners-")) continue;
      most_devices = std::max(most_devices, model.groups(0).count());
      EXPECT_GE(model.groups(0).count(), 8);
    }
    EXPECT_EQ(most_devices == kLargeRack, seed % 20 == 0) << seed;
    if (seed % 20 != 0) {
      EXPECT_LE(most_devices, 16) << seed;
    }
    std::set<v1::BudgetKind> levels;
    const auto topology = topology::Topology::Build(script.configuration);
    ASSERT_TRUE(topology.ok());
    for (const topology::ChainEdge& edge : topology->ChainFor(0, 0))
      levels.insert(topology->budgets()[edge.budget].kind);
    for (const v1::BudgetKind kind : {v1::METER, v1::FEEDER, v1::PDU, v1::RACK, v1::COOLING_ZONE, v1::SURVIVOR}) {
      EXPECT_TRUE(levels.contains(kind)) << v1::BudgetKind_Name(kind);
    }
  }
}

TEST(Generate, CapsHoldWhatIsAlwaysDrawnAndLessThanEverything) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const Script script = Generate(seed);
    const std::vector<BudgetLoad> loads = Loads(script.configuration);
    EXPECT_LT(CapOf(script.configuration, 0), loads[0].most) << "a meter that never binds, seed " << seed;
    for (size_t b = 0; b < loads.size(); ++b)
      EXPECT_GT(CapOf(script.configuration, b), loads[b].always) << seed << " budget " << b;
  }
}

// From the last fault's end on nothing is broken, and no client asks for anything.
TEST(Generate, TheLastStretchOfEveryScriptIsQuiet) {
  for (const Recipe& recipe : Recipes()) {
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const Script script = Generate(seed, recipe.name);
      const MonoTime quiet = MonoTime() + recipe.length - recipe.quiet;
      for (const Deed& deed : script.deeds) {
        if (deed.kind == Deed::Kind::kOperator && deed.word == "orphan stop")
          continue;  // the mending of what is found then
        EXPECT_LE(deed.at + (deed.kind == Deed::Kind::kFault ? deed.span : Duration()), quiet)
            << recipe.name << " seed " << seed << " " << PrintDeed(deed, script.configuration);
      }
    }
  }
}

TEST(Generate, EveryTenthSeedIsWithoutFaults) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const Script script = Generate(seed);
    const bool any = std::any_of(script.deeds.begin(), script.deeds.end(), [](const Deed& deed) {
      return deed.kind == Deed::Kind::kFault || deed.kind == Deed::Kind::kReload || deed.kind == Deed::Kind::kOperator;
    });
    EXPECT_EQ(any, seed % 10 != 0) << seed;
  }
}

TEST(Generate, EverydayScriptsUseEveryKindOfFaultAboutHalfOfThemEach) {
  std::map<FaultKind, int> seen;
  int kinds = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::set<FaultKind> used;
    for (const Deed& deed : Generate(seed).deeds) {
      if (deed.kind == Deed::Kind::kFault) used.insert(deed.fault);
      if (deed.kind == Deed::Kind::kReload) used.insert(FaultKind::kReload);
      if (deed.kind == Deed::Kind::kOperator) used.insert(FaultKind::kOperatorWord);
    }
    for (const FaultKind kind : used) ++seen[kind];
    kinds += static_cast<int>(used.size());
  }
  for (int kind = 0; kind < kFaultKinds; ++kind) {
    EXPECT_GT(seen[static_cast<FaultKind>(kind)], 50) << Name(static_cast<FaultKind>(kind));
  }
  EXPECT_GT(kinds, 200 * kFaultKinds * 4 / 10);
  EXPECT_LT(kinds, 200 * kFaultKinds * 6 / 10);
}

TEST(Generate, EverydayScriptsSubmitEveryKindOfJobAndCancelSome) {
  std::map<v1::JobKind, int> kinds;
  int shares = 0, arrays = 0, chains = 0, walls = 0, failing = 0, cancels = 0, again = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::set<std::string> keys;
    for (const Deed& deed : Generate(seed).deeds) {
      cancels += deed.kind == Deed::Kind::kCancel ? 1 : 0;
      if (deed.kind != Deed::Kind::kSubmit) continue;
      ++kinds[deed.job.kind()];
      if (!keys.insert(deed.key).second) ++again;
      shares += deed.job.groups(0).resources().gpu_milli() > 0 ? 1 : 0;
      arrays += deed.job.array_size() > 0 ? 1 : 0;
      chains += deed.after.empty() ? 0 : 1;
      walls += deed.job.wall_time_ms() > 0 ? 1 : 0;
      failing += deed.exit_code != 0 ? 1 : 0;
    }
  }
  EXPECT_GE(kinds[v1::HASHING], 20);
  EXPECT_GE(kinds[v1::TRAINING], 20 * 15);
  EXPECT_GE(kinds[v1::INFERENCE], 20 * 3);
  for (const int count : {shares, arrays, chains, walls, failing, cancels, again}) EXPECT_GE(count, 20);
}

TEST(Recipe, AProfileIsShortAndHasASituation) {
  std::set<std::string> names;
  for (const Recipe& recipe : Recipes()) {
    EXPECT_TRUE(names.insert(recipe.name).second) << recipe.name << " stands twice";
    EXPECT_FALSE(recipe.situation.empty()) << recipe.name;
    if (!recipe.name.empty()) {
      EXPECT_LE(recipe.length, Minutes(10)) << recipe.name;
    }
  }
  EXPECT_EQ(FindRecipe("no such profile"), nullptr);
}

}  // namespace
}  // namespace switchyard::simulation
