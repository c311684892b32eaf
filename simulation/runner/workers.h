// Runs each piece of work in a process of its own, so many at a time: a failed check ends that process and is a result
// like any other, memory of one run never reaches the next, and two cores are used without a thread.
//
// Promises: work is started in the order in which it is handed in; every piece gives exactly one result; a process that
// neither ends nor answers is killed after kPatience.
#ifndef SWITCHYARD_SIMULATION_RUNNER_WORKERS_H_
#define SWITCHYARD_SIMULATION_RUNNER_WORKERS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace switchyard::simulation {

struct WorkResult {
  uint64_t id = 0;
  std::string answer;  // what the work returned
  std::string death;   // how its process ended, if not by itself; then `answer` means nothing
  std::string errors;  // what it wrote on standard error
};

class Workers {
 public:
  static constexpr unsigned kPatienceSeconds = 300;  // a seed takes a fraction of a second; this is for one that hangs

  explicit Workers(int jobs) : jobs_(jobs) {}
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  bool Full() const { return static_cast<int>(running_.size()) >= jobs_; }
  bool Idle() const { return running_.empty(); }

  // REQUIRES: not full.
  void Start(uint64_t id, const std::function<std::string()>& work);
  // The next result. REQUIRES: not idle.
  WorkResult Wait();

 private:
  struct Child {
    uint64_t id;
    pid_t pid;
    int answer, errors;  // read ends; -1: at their end
    WorkResult result;
  };
  bool Drain(int* descriptor, std::string* text);

  const int jobs_;
  std::vector<Child> running_;
};

// One piece alone.
WorkResult RunAlone(const std::function<std::string()>& work);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_RUNNER_WORKERS_H_
