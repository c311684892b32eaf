#include "agent/session/log_window.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace switchyard::agent::session {
namespace {

v1::LogData Data(const std::string& text, bool end = false) {
  v1::LogData data;
  data.set_data(text);
  data.set_end(end);
  return data;
}

TEST(LogWindowTest, SendsWhatTheReaderGaveCreditForAndTheRestLater) {
  std::vector<std::string> sent;
  LogWindow window(4, [&](v1::LogData data) { sent.push_back(data.data() + (data.end() ? "$" : "")); });
  EXPECT_TRUE(window.Add(Data("abcd")));
  EXPECT_TRUE(window.Add(Data("efgh")));
  EXPECT_FALSE(window.Add(Data("", true)));
  EXPECT_EQ(sent, (std::vector<std::string>{"abcd"}));
  window.Grant(1);
  EXPECT_EQ(sent, (std::vector<std::string>{"abcd", "efgh", "$"}));
}

TEST(LogWindowTest, SendsEverythingWithoutALimit) {
  int sent = 0;
  LogWindow window(0, [&](v1::LogData) { ++sent; });
  for (int i = 0; i < 100; ++i) window.Add(Data("line"));
  EXPECT_EQ(sent, 100);
}

TEST(LogWindowTest, EndsAStreamWhoseReaderIsTooSlow) {
  std::vector<v1::LogData> sent;
  LogWindow window(1, [&](v1::LogData data) { sent.push_back(std::move(data)); });
  const std::string piece(1 << 20, 'x');
  window.Add(Data(piece));
  bool open = true;
  for (size_t bytes = 0; open && bytes <= 2 * kLogWaitingBytes; bytes += piece.size()) open = window.Add(Data(piece));
  EXPECT_FALSE(open);
  window.Grant(1 << 30);
  ASSERT_FALSE(sent.empty());
  EXPECT_TRUE(sent.back().end());
  EXPECT_NE(sent.back().error(), "");
}

}  // namespace
}  // namespace switchyard::agent::session
