// What readers see of output that its writer goes on writing and rotating.
#include "agent/runtime/process/output_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "agent/runtime/process/log_streams.h"
#include "agent/supervisor/output_files.h"

namespace switchyard::agent::process {
namespace {

class OutputReaderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "output.XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static std::string ReadAll(OutputReader& reader) {
    std::string all;
    for (OutputChunk chunk; !(chunk = reader.Next()).data.empty();) all += chunk.data;
    return all;
  }
  static std::string Lines(int from, int to) {
    std::string text;
    for (int i = from; i < to; ++i) text += "line " + std::to_string(i) + "\n";
    return text;
  }

  std::string directory_;
};

TEST_F(OutputReaderTest, ReadsAcrossFilesAndGoesOnWhereItStopped) {
  supervisor::OutputWriter writer(directory_, 200, 100);
  OutputReader reader(directory_, 0);
  EXPECT_EQ(ReadAll(reader), "");
  writer.Write(false, Lines(0, 100));
  EXPECT_EQ(ReadAll(reader), Lines(0, 100));
  EXPECT_EQ(ReadAll(reader), "");
  writer.Write(false, Lines(100, 101));
  EXPECT_EQ(ReadAll(reader), Lines(100, 101));
}

TEST_F(OutputReaderTest, TailIsCountedInWholeLinesOverAllFiles) {
  supervisor::OutputWriter writer(directory_, 100, 100);
  writer.Write(false, Lines(0, 50));
  for (const int lines : {1, 2, 9, 10, 11, 49}) {
    OutputReader reader(directory_, lines);
    EXPECT_EQ(ReadAll(reader), Lines(50 - lines, 50)) << lines;
  }
  OutputReader more(directory_, 1000);
  EXPECT_EQ(ReadAll(more), Lines(0, 50));
}

TEST_F(OutputReaderTest, LineThatIsNotFinishedBelongsToTheTail) {
  supervisor::OutputWriter writer(directory_, 1 << 20, 2);
  writer.Write(false, "one\ntwo\nthr");
  OutputReader reader(directory_, 1);
  EXPECT_EQ(ReadAll(reader), "two\nthr");
}

TEST_F(OutputReaderTest, ReaderThatIsTooSlowGoesOnWithTheOldestThatIsKept) {
  supervisor::OutputWriter writer(directory_, 50, 2);
  OutputReader reader(directory_, 0);
  writer.Write(false, "first\n");
  EXPECT_EQ(ReadAll(reader), "first\n");
  writer.Write(false, Lines(0, 100));
  const std::string rest = ReadAll(reader);
  EXPECT_FALSE(rest.empty());
  EXPECT_TRUE(Lines(0, 100).ends_with(rest)) << rest;
}

TEST_F(OutputReaderTest, StreamsAreToldApartAndLongLinesComeWhole) {
  supervisor::OutputWriter writer(directory_, 1 << 20, 2);
  const std::string line = std::string(100'000, 'x') + "\n";
  writer.Write(false, line);
  writer.Write(true, "bad\n");
  OutputReader reader(directory_, 0);
  std::string output, error;
  for (OutputChunk chunk; !(chunk = reader.Next()).data.empty();) {
    EXPECT_LE(chunk.data.size(), 65536u);
    (chunk.is_stderr ? error : output) += chunk.data;
  }
  EXPECT_EQ(output, line);
  EXPECT_EQ(error, "bad\n");
}

TEST_F(OutputReaderTest, FollowerSendsNoMoreThanItsCreditAndEndsWithItsTask) {
  supervisor::OutputWriter writer(directory_, 1 << 20, 2);
  writer.Write(false, "0123456789\n");
  bool ended = false;
  LogStreams streams([&](const std::string&) { return ended; });
  std::string seen;
  bool end = false;
  v1::LogRequest request;
  request.set_stream(4);
  request.set_follow(true);
  request.set_credit_bytes(4);
  const auto sink = [&](const v1::LogData& data) {
    EXPECT_EQ(data.stream(), 4u);
    seen += data.data();
    end |= data.end();
  };
  streams.Open(request, directory_, sink);
  streams.Pump();
  EXPECT_EQ(seen, "0123");
  request.set_credit_bytes(100);
  streams.Open(request, "", sink);
  streams.Pump();
  EXPECT_EQ(seen, "0123456789\n");
  EXPECT_FALSE(end);
  writer.Write(false, "last\n");
  ended = true;
  streams.Pump();
  EXPECT_EQ(seen, "0123456789\nlast\n");
  EXPECT_TRUE(end);
  EXPECT_TRUE(streams.empty());
}

}  // namespace
}  // namespace switchyard::agent::process
