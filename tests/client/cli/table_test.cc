#include "client/cli/table.h"

#include <gtest/gtest.h>
#include <sstream>

namespace switchyard::client::cli {
namespace {

Table Jobs() {
  Table table({NumberColumn("ID"), {"NAME"}, NumberColumn("GRANT"), WideColumn("PRINCIPAL"), {"REASON"}});
  table.AddRow(
      {"17", "train-llama", "5.6kW", "uid:1000", "budget \"moses-lake/feeder-a\" has 900W headroom, 1.4kW are needed"});
  table.AddRow({"9", "hash", "17.4MW", "uid:0", ""});
  return table;
}

int WidestLine(const std::string& text) {
  int widest = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) widest = std::max(widest, DisplayWidth(line));
  return widest;
}

TEST(TableTest, AlignsColumnsAndCutsNothingWithoutAWidth) {
  EXPECT_EQ(Jobs().Render({}),
            "ID  NAME          GRANT  REASON\n"
            "17  train-llama   5.6kW  budget \"moses-lake/feeder-a\" has 900W headroom, 1.4kW are needed\n"
            " 9  hash         17.4MW  -\n");
}

TEST(TableTest, CutsTheWidestWordsToTheWidthAndKeepsNumbersWhole) {
  View view;
  view.width = 50;
  EXPECT_EQ(Jobs().Render(view),
            "ID  NAME          GRANT  REASON\n"
            "17  train-llama   5.6kW  budget \"moses-lake/feede…\n"
            " 9  hash         17.4MW  -\n");
}

TEST(TableTest, NoLineIsEverWiderThanTheView) {
  for (int width = 3; width < 100; ++width) {
    View view;
    view.width = width;
    for (const bool wide : {false, true}) {
      view.wide = wide;
      EXPECT_LE(WidestLine(Jobs().Render(view)), width) << Jobs().Render(view);
    }
  }
}

TEST(TableTest, WideColumnsShowOnlyWhenAsked) {
  View view;
  view.wide = true;
  EXPECT_NE(Jobs().Render(view).find("PRINCIPAL"), std::string::npos);
  EXPECT_EQ(Jobs().Render({}).find("PRINCIPAL"), std::string::npos);
}

TEST(TableTest, ColoursOnlyWhereTheViewHasThem) {
  Table table({{"STATE"}, {"NAME"}});
  table.AddRow({Cell("failed", Tone::kBad), "train"});
  View view;
  EXPECT_EQ(table.Render(view).find('\x1b'), std::string::npos);
  view.colour = true;
  EXPECT_NE(table.Render(view).find("\x1b[31mfailed\x1b[0m"), std::string::npos);
}

TEST(TableTest, ControlCharactersOfOthersNeverReachTheTerminal) {
  Table table({{"NAME"}});
  table.AddRow(
      {"evil\x1b[2J\n\xc2\x9b"
       "31mname"});
  EXPECT_EQ(table.Render({}), "NAME\nevil [2J   31mname\n");
}

TEST(TruncateTest, CountsCodePointsAndMarksTheCut) {
  EXPECT_EQ(Truncate("größer", 6), "größer");
  EXPECT_EQ(Truncate("größer", 5), "größ…");
  EXPECT_EQ(Truncate("größer", 1), "…");
  EXPECT_EQ(Truncate("größer", 0), "");
}

TEST(RecordTest, LongValuesGoOnBeneathThemselves) {
  Record record;
  record.Add("state", "pending");
  record.Add("reason", "one two three four five six seven");
  record.AddIfAny("site", "");
  View view;
  view.width = 30;
  EXPECT_EQ(record.Render(view),
            "state   pending\n"
            "reason  one two three four\n"
            "        five six seven\n");
}

TEST(ParagraphTest, BreaksBetweenWordsAndNeverInsideOne) {
  View view;
  view.width = 24;
  EXPECT_EQ(Paragraph("switchyard node admit moses-lake/rack-001-of-the-first-row --checked", 2, view),
            "  switchyard node admit\n  moses-lake/rack-001-of-the-first-row\n  --checked\n");
}

}  // namespace
}  // namespace switchyard::client::cli
