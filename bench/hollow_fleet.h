// Many nodes on few streams, for benchmarks of the scheduler: they speak the agents' protocol in full (hello,
// heartbeats, sets with their hash, complete reports) and run nothing. What is ordered is done at once: a prepared task
// is prepared, a released one runs, and ends at once or on command.
//
// Each node has `devices` devices of one group. What a set says is checked against its hash; a difference ends the
// process, for a benchmark of a wrong protocol measures nothing.
#ifndef SWITCHYARD_BENCH_HOLLOW_FLEET_H_
#define SWITCHYARD_BENCH_HOLLOW_FLEET_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace switchyard::bench {

using SteadyTime = std::chrono::steady_clock::time_point;

// When the fleet heard of the one task of a job. Zero: not yet.
struct JobTimes {
  SteadyTime ordered;    // the order to prepare arrived
  SteadyTime released;   // the order to run arrived
  SteadyTime forgotten;  // the scheduler has taken note of the end, durably
};

struct FleetOptions {
  std::string address;             // "HOST:PORT"
  std::vector<std::string> nodes;  // "<site>/<node>"
  std::string group;               // name of the device group
  int devices = 0;                 // of each node
  int64_t idle_mw = 0;             // of one device
  int streams = 4;
};

class HollowFleet {
 public:
  explicit HollowFleet(FleetOptions options);
  ~HollowFleet();  // ends the streams
  HollowFleet(const HollowFleet&) = delete;
  HollowFleet& operator=(const HollowFleet&) = delete;

  // Tasks released from now on run until EndHeld(), or end at once (the default).
  void Hold(bool hold);
  void EndHeld();

  // Waits until so many jobs in all were released, or forgotten. False: not within `limit`.
  bool AwaitReleased(uint64_t jobs, std::chrono::seconds limit);
  bool AwaitForgotten(uint64_t jobs, std::chrono::seconds limit);

  JobTimes TimesOf(uint64_t job) const;

 private:
  class Stream;
  friend class Stream;

  void Heartbeats();
  void Note(uint64_t job, SteadyTime JobTimes::*event, uint64_t* count);
  bool Await(const uint64_t* count, uint64_t jobs, std::chrono::seconds limit);

  const FleetOptions options_;
  std::vector<std::unique_ptr<Stream>> streams_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, JobTimes> times_;  // guarded by mutex_, as all below
  uint64_t ordered_ = 0, released_ = 0, forgotten_ = 0;
  bool stopping_ = false;

  std::thread heartbeats_;
};

}  // namespace switchyard::bench

#endif  // SWITCHYARD_BENCH_HOLLOW_FLEET_H_
