#include "common/platform/yaml_reader.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

using testing::HasSubstr;

std::string Error(const std::string& text) { return std::string(ParseYaml(text, "site.yaml").status().message()); }

TEST(YamlReaderTest, ValuesKnowWhereTheyStand) {
  const std::vector<YamlValue> documents = *ParseYaml("name: fill\nsites:\n  - id: a\n    cap: 18MW\n---\nname: \"2\"\n", "f");
  ASSERT_EQ(documents.size(), 2u);
  const YamlValue* sites = documents[0].Find("sites");
  ASSERT_NE(sites, nullptr);
  const YamlValue* cap = sites->items[0].Find("cap");
  EXPECT_EQ(cap->scalar, "18MW");
  EXPECT_EQ(cap->position.line, 4);
  EXPECT_EQ(cap->position.column, 10);
  EXPECT_EQ(sites->items[0].entries[1].position.column, 5);
  EXPECT_FALSE(cap->quoted);
  EXPECT_TRUE(documents[1].Find("name")->quoted);
}

TEST(YamlReaderTest, AKeyWithNothingBehindItIsNull) {
  const std::vector<YamlValue> documents = *ParseYaml("a:\nb: ~\nc: ''\n", "f");
  EXPECT_EQ(documents[0].Find("a")->kind, YamlValue::Kind::kNull);
  EXPECT_EQ(documents[0].Find("b")->kind, YamlValue::Kind::kNull);
  EXPECT_EQ(documents[0].Find("c")->kind, YamlValue::Kind::kScalar);
}

TEST(YamlReaderTest, EveryDoubledKeyIsReportedWithItsPlace) {
  EXPECT_EQ(Error("a: 1\nb: 2\na: 3\nc:\n  d: 1\n  d: 2\n"),
            "site.yaml:3:1: key \"a\" stands twice in this map, allowed is once; remove one\n"
            "site.yaml:6:3: key \"d\" stands twice in this map, allowed is once; remove one");
}

TEST(YamlReaderTest, WhatIsNotYamlIsReportedWithItsPlace) {
  EXPECT_THAT(Error("a: [1, 2\nb: 3\n"), HasSubstr("site.yaml:2:"));
  EXPECT_THAT(Error("a: b: c\n"), HasSubstr("not readable as YAML"));
  EXPECT_THAT(Error("\ta: 1\n"), HasSubstr("site.yaml:1:"));
}

TEST(YamlReaderTest, AnchorsAliasesAndTagsAreRefused) {
  EXPECT_THAT(Error("a: &x 1\nb: *x\n"), testing::AllOf(HasSubstr("site.yaml:1:4: an anchor"), HasSubstr("site.yaml:2:4: an alias")));
  EXPECT_THAT(Error("a: !!python/object 1\n"), HasSubstr("a tag"));
}

TEST(YamlReaderTest, NestingIsBounded) {
  EXPECT_THAT(Error(std::string(1000, '[')), HasSubstr("nested deeper than 32 levels"));
  EXPECT_TRUE(ParseYaml(std::string(32, '[') + std::string(32, ']'), "f").ok());
  EXPECT_THAT(Error("? [a, b]\n: 1\n"), HasSubstr("used as a key"));
}

TEST(YamlReaderTest, AnEmptyTextHasNoDocument) {
  EXPECT_TRUE(ParseYaml("", "f")->empty());
  EXPECT_TRUE(ParseYaml("# only a comment\n", "f")->empty());
}

TEST(YamlReaderTest, TheNearestNameIsASlipAwayOrNothing) {
  const std::vector<std::string> names{"feeds_from", "fault_reserve", "cap", "kind"};
  EXPECT_EQ(NearestName("feed_from", names), "feeds_from");
  EXPECT_EQ(NearestName("fault_resreve", names), "fault_reserve");
  EXPECT_EQ(NearestName("knid", names), "kind");
  EXPECT_EQ(NearestName("completely_other", names), "");
  EXPECT_EQ(NearestName("x", names), "");
}

}  // namespace
}  // namespace switchyard::platform
