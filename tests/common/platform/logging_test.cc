#include "common/platform/logging.h"

#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

TEST(LoggingTest, ALineIsTheEventAndItsFieldsWithUnits) {
  EXPECT_EQ(FormatLogLine("lease-expired", {{"node", "moses-lake/rack-007"}, {"bound", Watts(1'200'000)}, {"after", Seconds(30)}, {"count", 3}, {"firm", true}}),
            "lease-expired node=moses-lake/rack-007 bound=1.2MW after=30s count=3 firm=true");
}

TEST(LoggingTest, AValueThatCouldBreakTheLineIsQuoted) {
  EXPECT_EQ(FormatLogLine("event", {{"text", "two words"}, {"empty", ""}}), "event text=\"two words\" empty=\"\"");
  EXPECT_EQ(FormatLogLine("event", {{"text", "a\nforged line"}}), "event text=\"a\\nforged line\"");
  EXPECT_EQ(FormatLogLine("event", {{"text", "say \"no\"\x1b[31m"}}), "event text=\"say \\\"no\\\"\\x1b[31m\"");
  EXPECT_EQ(FormatLogLine("event", {{"error", absl::NotFoundError("gone")}}), "event error=\"NOT_FOUND: gone\"");
}

TEST(LoggingTest, EveryByteThatIsNoTextIsEscaped) {
  for (int byte = 1; byte < 0x20; ++byte) {
    const std::string line = FormatLogLine("event", {{"text", std::string(1, static_cast<char>(byte))}});
    for (const char c : line) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << byte;
  }
}

TEST(LoggingTest, LevelsAreReadByName) {
  EXPECT_EQ(*ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(*ParseLogLevel("error"), LogLevel::kError);
  EXPECT_EQ(std::string(ParseLogLevel("loud").status().message()), "log level \"loud\": not known, allowed are debug, info, warning and error");
}

TEST(LoggingTest, LinesBelowTheLevelAreNotWritten) {
  testing::internal::CaptureStderr();
  StartLogging(LogLevel::kWarning);
  Log(LogLevel::kInfo, "hidden");
  Log(LogLevel::kWarning, "shown", {{"n", 1}});
  const std::string written = testing::internal::GetCapturedStderr();
  StartLogging(LogLevel::kInfo);
  EXPECT_EQ(written.find("hidden"), std::string::npos);
  EXPECT_NE(written.find("Z warning shown n=1\n"), std::string::npos) << written;
}

}  // namespace
}  // namespace switchyard::platform
