#include "agent/session/event_loop.h"

#include <string>
#include <thread>
#include <unistd.h>

#include "gtest/gtest.h"

namespace switchyard::agent::session {
namespace {

TEST(EventLoopTest, RunsPostsTimersAndReadersInOneThread) {
  const platform::SystemClock clock;
  EventLoop loop(clock);
  std::string said;
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  loop.At(loop.now() + Milliseconds(2), [&] {
    said += "timer ";
    ASSERT_EQ(write(pipes[1], "x", 1), 1);
  });
  loop.WatchReadable(pipes[0], [&] {
    said += "reader";
    loop.UnwatchReadable(pipes[0]);
    loop.Stop();
  });
  std::thread poster([&] { loop.Post([&] { said += "post "; }); });
  poster.join();
  loop.Run();
  EXPECT_EQ(said, "post timer reader");
  close(pipes[0]);
  close(pipes[1]);
}

TEST(EventLoopTest, EndsEachRoundOfEventsWithWhatIsDoneAfterThem) {
  const platform::SystemClock clock;
  EventLoop loop(clock);
  int posts = 0, seen = -1;
  loop.AfterEvents([&] {
    if (seen < 0) seen = posts;
  });
  for (int i = 0; i < 5; ++i) loop.Post([&] { ++posts; });
  loop.Post([&] { loop.Stop(); });
  loop.Run();
  EXPECT_EQ(seen, 5);
}

TEST(EventLoopTest, DropsPostsAfterItsEnd) {
  const platform::SystemClock clock;
  EventLoop loop(clock);
  loop.Stop();
  loop.Run();
  bool called = false;
  loop.Post([&] { called = true; });
  loop.Run();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace switchyard::agent::session
