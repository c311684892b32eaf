#include "simulation/script/script_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulation/script/generate.h"
#include "simulation/script/recipe.h"

namespace switchyard::simulation {
namespace {

using ::testing::HasSubstr;

TEST(ScriptText, WhatIsPrintedAndReadIsTheSameScript) {
  for (const Recipe& recipe : Recipes()) {
    for (uint64_t seed = 0; seed < 15; ++seed) {
      const Script script = Generate(seed, recipe.name);
      const std::string text = PrintScript(script);
      const absl::StatusOr<Script> read = ParseScript(text);
      ASSERT_TRUE(read.ok()) << read.status().message();
      EXPECT_EQ(PrintScript(*read), text) << recipe.name << " seed " << seed;
      ASSERT_EQ(read->deeds.size(), script.deeds.size());
      EXPECT_EQ(read->seed, script.seed);
      EXPECT_EQ(read->profile, script.profile);
      EXPECT_EQ(read->length, script.length);
      EXPECT_EQ(read->configuration.SerializeAsString(), script.configuration.SerializeAsString());
      for (size_t d = 0; d < script.deeds.size(); ++d) {
        const Deed &a = script.deeds[d], &b = read->deeds[d];
        EXPECT_EQ(a.at, b.at);
        EXPECT_EQ(a.kind, b.kind);
        EXPECT_EQ(a.key, b.key);
        EXPECT_EQ(a.job.SerializeAsString(), b.job.SerializeAsString());
        EXPECT_EQ(a.after, b.after);
        EXPECT_EQ(a.runs, b.runs);
        EXPECT_EQ(a.exit_code, b.exit_code);
        EXPECT_EQ(a.fault, b.fault);
        EXPECT_EQ(a.subject, b.subject);
        EXPECT_EQ(a.span, b.span);
        EXPECT_EQ(a.amount, b.amount);
        EXPECT_EQ(a.word, b.word);
        EXPECT_EQ(a.configuration.SerializeAsString(), b.configuration.SerializeAsString());
      }
    }
  }
}

TEST(ScriptText, ADeedIsALineThatAPersonReads) {
  Deed fault;
  fault.at = MonoTime(12'340);
  fault.fault = FaultKind::kDeviceLies;
  fault.subject = "s/n03/asic/4";
  fault.span = Seconds(12);
  EXPECT_EQ(PrintDeed(fault, {}), "at 12.340s fault device-lies s/n03/asic/4 for 12.000s amount 0");
  Deed word;
  word.at = MonoTime(21'500);
  word.kind = Deed::Kind::kOperator;
  word.subject = "s/n03";
  word.word = "drain";
  word.span = Seconds(10);
  EXPECT_EQ(PrintDeed(word, {}), "at 21.500s operator s/n03 says drain deadline 10.000s");
}

TEST(ScriptText, AReloadOfCapsNamesThemAndAnyOtherHasABlock) {
  Script script = Generate(1);
  script.deeds.clear();
  Deed reload;
  reload.kind = Deed::Kind::kReload;
  reload.configuration = script.configuration;
  reload.configuration.mutable_sites(0)->mutable_budgets(0)->set_cap_mw(5'000'000'000);
  script.deeds.push_back(reload);
  EXPECT_THAT(PrintScript(script), HasSubstr("at 0.000s reload caps s/meter 5000000.000W\n"));
  script.deeds[0].configuration.mutable_timing()->set_dwell_ms(1);
  const std::string text = PrintScript(script);
  EXPECT_THAT(text, HasSubstr("at 0.000s reload configuration 2\n"));
  const auto read = ParseScript(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->deeds[0].configuration.timing().dwell_ms(), 1);
}

TEST(ScriptText, WhatIsNoScriptIsRefusedWithItsLine) {
  const std::string whole = PrintScript(Generate(1));
  const auto error = [&](const std::string& text) {
    const auto read = ParseScript(text);
    return read.ok() ? std::string("read") : std::string(read.status().message());
  };
  EXPECT_THAT(error(""), HasSubstr("script 1"));
  EXPECT_THAT(error("script 2\n"), HasSubstr("line 1"));
  EXPECT_THAT(error("script 1\n"), HasSubstr("configuration"));
  EXPECT_THAT(error("script 1\nat 1s fault no-such-fault - for 1s amount 0\n"), HasSubstr("line 2"));
  EXPECT_THAT(error("script 1\nat soon cancel x\n"), HasSubstr("moment"));
  EXPECT_THAT(error("script 1\nat 1s operator s/n00 says sing\n"), HasSubstr("sing"));
  EXPECT_THAT(error("script 1\nat 2s cancel a\nat 1s cancel b\n"), HasSubstr("order of time"));
  EXPECT_THAT(error("script 1\nconfiguration\n  no_such_field: 1\nend\n"), HasSubstr("ClusterConfiguration"));
  EXPECT_THAT(error("script 1\nconfiguration\n"), HasSubstr("end"));
  EXPECT_THAT(error("script 1\nat 1s reload configuration 7\nconfiguration\nend\n"), HasSubstr("configuration 7"));
  EXPECT_THAT(error("script 1\nat 1s reload caps s/none 5W\nconfiguration\nend\n"), HasSubstr("s/none"));
  EXPECT_EQ(error("# a comment\n" + whole), "read");
}

}  // namespace
}  // namespace switchyard::simulation
