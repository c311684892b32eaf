#include "common/platform/program.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

using Event = ProgramSignals::Event;

TEST(ProgramTest, SignalsAreReadAsEventsInTheirMeaning) {
  ProgramSignals signals;
  raise(SIGHUP);
  EXPECT_EQ(signals.Wait(), Event::kReload);
  raise(SIGTERM);
  EXPECT_EQ(signals.Wait(), Event::kStop);
  raise(SIGINT);
  EXPECT_EQ(signals.WaitFor(Seconds(60)), Event::kStop);
}

TEST(ProgramTest, WithoutASignalTheWaitEnds) {
  ProgramSignals signals;
  EXPECT_EQ(signals.WaitFor(Milliseconds(0)), std::nullopt);
}

TEST(ProgramTest, ARequestFromAnotherThreadStopsForGood) {
  ProgramSignals signals;
  std::thread other([&] { signals.RequestStop(); });
  EXPECT_EQ(signals.Wait(), Event::kStop);
  other.join();
  EXPECT_EQ(signals.WaitFor(Milliseconds(0)), Event::kStop);
}

TEST(ProgramTest, ASignalToTheProcessIsNotLostWhileNobodyWaits) {
  ProgramSignals signals;
  ASSERT_EQ(kill(getpid(), SIGHUP), 0);
  EXPECT_EQ(signals.Wait(), Event::kReload);
}

TEST(ProgramTest, AChildGetsItsSignalsBack) {
  ProgramSignals signals;
  const pid_t child = fork();
  if (child == 0) {
    UnblockSignals();
    raise(SIGTERM);
    _exit(7);  // reached only if SIGTERM is still blocked
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGTERM);
}

TEST(ProgramTest, TheVersionNamesTheProgram) { EXPECT_TRUE(VersionText("switchyardd").starts_with("switchyardd 0.")); }

}  // namespace
}  // namespace switchyard::platform
