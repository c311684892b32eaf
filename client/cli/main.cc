// The command line `switchyard`. SIGINT and SIGTERM end what goes on in order: a followed stream is done, a wait has
// failed.
#include <atomic>
#include <stop_token>
#include <thread>
#include <unistd.h>

#include "client/cli/command_line.h"
#include "client/cli/terminal.h"
#include "common/platform/program.h"
#include "common/units.h"

namespace {

constexpr switchyard::Duration kStopPatience =
    switchyard::Seconds(2);  // then, or at a second signal, the program just ends
constexpr int kExitInterrupted = 130;

}  // namespace

int main(int argc, char** argv) {
  switchyard::platform::ProgramSignals signals;
  std::stop_source stop;
  std::atomic<bool> done{false};
  std::thread listener([&] {
    signals.Wait();
    if (done) return;
    stop.request_stop();
    signals.WaitFor(kStopPatience);
    if (done) return;
    switchyard::client::cli::RestoreScreen();
    _exit(kExitInterrupted);
  });
  const int exit_code = switchyard::client::cli::RunCommandLine(
      argc, argv, switchyard::platform::VersionText("switchyard"), stop.get_token());
  done = true;
  signals.RequestStop();
  listener.join();
  return exit_code;
}
