// What every program of the project does alike: its version, and an orderly end. Signals are never handled in a handler: they
// are blocked in all threads and read as events by one.
#ifndef SWITCHYARD_COMMON_PLATFORM_PROGRAM_H_
#define SWITCHYARD_COMMON_PLATFORM_PROGRAM_H_

#include <optional>
#include <string>

#include "common/units.h"

namespace switchyard::platform {

// "switchyardd 0.1.0"
std::string VersionText(const std::string& program);

// Constructed in main before any other thread starts: blocks SIGTERM, SIGINT and SIGHUP for all of them, and ignores SIGPIPE
// (a closed peer is an error of a write, not the end of a process). A child made by fork must call UnblockSignals before exec.
class ProgramSignals {
 public:
  enum class Event { kStop, kReload };

  ProgramSignals();
  ~ProgramSignals();
  ProgramSignals(const ProgramSignals&) = delete;
  ProgramSignals& operator=(const ProgramSignals&) = delete;

  // Waits for SIGTERM or SIGINT (kStop), SIGHUP (kReload) or RequestStop.
  Event Wait();
  // The same for at most `limit`.
  std::optional<Event> WaitFor(Duration limit);
  // From any thread: the program shall end. Every later Wait returns kStop.
  void RequestStop();

  // Readable (poll) when WaitFor would return at once, for programs with an event loop of their own: the signals, the request.
  int signal_descriptor() const { return signal_descriptor_; }
  int request_descriptor() const { return request_descriptor_; }

 private:
  int signal_descriptor_;
  int request_descriptor_;
};

// Lets this process open as many files and sockets as the machine allows it: 10,000 agents are 10,000 sockets.
void RaiseDescriptorLimit();

// Async-signal-safe: gives a forked child the default signal mask and dispositions back.
void UnblockSignals();

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_PROGRAM_H_
