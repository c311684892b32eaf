// A program that a benchmark starts beside itself, and that never outlives it.
#ifndef SWITCHYARD_BENCH_CHILD_PROCESS_H_
#define SWITCHYARD_BENCH_CHILD_PROCESS_H_

#include <map>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::bench {

class ChildProcess {
 public:
  // Starts arguments[0], a path. Its output goes where the benchmark's goes.
  static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& arguments);

  ChildProcess(ChildProcess&& other) noexcept : pid_(other.pid_) { other.pid_ = -1; }
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess() { Stop(); }

  // SIGTERM, and waits for its end.
  void Stop();
  // Waits until the program has written `path`, whole and renamed into place. UNAVAILABLE: it ended or took longer than
  // a minute.
  absl::StatusOr<std::string> AwaitFile(const std::string& path);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

// Where the running program lies: "<build>/bin".
std::string ProgramDirectory();

// Unlabelled values of a Prometheus page, by name. `address`: "127.0.0.1:PORT".
absl::StatusOr<std::map<std::string, double>> ReadMetrics(const std::string& address);

}  // namespace switchyard::bench

#endif  // SWITCHYARD_BENCH_CHILD_PROCESS_H_
