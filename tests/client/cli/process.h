// A child process with its output caught, for tests of programs as users run them.
#ifndef SWITCHYARD_TESTS_CLIENT_CLI_PROCESS_H_
#define SWITCHYARD_TESTS_CLIENT_CLI_PROCESS_H_

#include <map>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace switchyard::client::cli {

struct ProcessResult {
  int exit_code = -1;  // -n: ended by signal n
  std::string out;
  std::string err;
};

class Process {
 public:
  // Starts words[0] with this process's environment and `environment` over it; standard input is `input`. With a
  // `terminal_width` standard output is a terminal of so many columns, else a file.
  Process(const std::vector<std::string>& words, const std::map<std::string, std::string>& environment,
          const std::string& input = "", int terminal_width = 0);
  ~Process();
  void Signal(int number);
  ProcessResult Wait();

 private:
  std::string folder_;
  pid_t pid_ = -1;
  std::thread terminal_reader_;  // a terminal holds little: it must be read while the process writes
  std::string terminal_out_;
};

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_TESTS_CLIENT_CLI_PROCESS_H_
