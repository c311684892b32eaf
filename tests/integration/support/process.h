// Programs as tests of whole clusters see them: started, signalled, waited for, their output in a file. And the
// machine's own word about any process, ours or not.
#ifndef SWITCHYARD_TESTS_INTEGRATION_SUPPORT_PROCESS_H_
#define SWITCHYARD_TESTS_INTEGRATION_SUPPORT_PROCESS_H_

#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace switchyard::integration {

// Waits for a condition of the world. False after `patience_s`: far more than anything takes, for a machine with other
// work.
bool Eventually(const std::function<bool()>& condition, int patience_s = 60);

std::string ReadFile(const std::string& path);  // empty where there is none
void WriteFile(const std::string& path, const std::string& text);
std::vector<std::string> Lines(const std::string& text);

// A child process; killed with its object.
class Process {
 public:
  // Output is appended to the two files, which may be the same.
  Process(const std::vector<std::string>& command, const std::string& out, const std::string& err);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  bool Running();
  void Signal(int number) const;
  // Exit status, or minus the signal that ended it.
  int Wait();
  int End(int signal) {
    Signal(signal);
    return Wait();
  }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
};

// A process by its number and its start, which together are never used again.
struct ProcessId {
  pid_t pid = 0;
  int64_t start_ticks = 0;  // 0: no such process, or a zombie
  bool operator==(const ProcessId&) const = default;
};
ProcessId Identify(pid_t pid);
inline bool Alive(const ProcessId& process) { return process.start_ticks != 0 && Identify(process.pid) == process; }

// Every process but this one that has `text` in its command line or environment.
std::vector<pid_t> ProcessesWith(const std::string& text);

}  // namespace switchyard::integration

#endif  // SWITCHYARD_TESTS_INTEGRATION_SUPPORT_PROCESS_H_
