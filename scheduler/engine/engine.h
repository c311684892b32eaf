// The single writer. Commands come in from any thread; one thread stamps them and drives the core in batches; a second makes each
// batch's rows durable and only then lets its effects out, in the order of the batches.
//
//   Post -> queue -> writer: stamp, Apply -> committer: Commit(rows) -> sink.OnRows, replies, sink.OnOrders, sink.OnSessions
//
// While a batch commits the writer decides the next one, so that at most two are in flight; what arrives meanwhile gathers in the
// queue and becomes one batch (group commit without a window to wait for). There is no tick: when the core's next deadline is due
// an Advance command joins the batch. A commit that fails ends the process: memory is ahead of the disk, and nothing that the
// disk does not know may be heard outside.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_ENGINE_H_
#define SWITCHYARD_SCHEDULER_ENGINE_ENGINE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "common/platform/clock.h"
#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/engine/batching.h"
#include "scheduler/engine/machine.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::engine {

class Recorder;

// Makes rows durable in one step: store::Store::Commit.
using Commit = std::function<absl::Status(uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows)>;

struct EngineOptions {
  Machine* machine = nullptr;              // restored; driven by the engine alone from Start to Stop
  const platform::Clock* clock = nullptr;
  EffectSink* sink = nullptr;
  Commit commit;
  uint64_t first_sequence = 1;             // store::Term::first_sequence
  uint64_t sequence_slack = 4096;          // store::kSequenceSlack: a commit at least every so many batches, rows or not
  UtcTime not_before;                      // store::Term::not_before
  Recorder* recorder = nullptr;            // optional
  // Told why, on the committer's thread; must not return in a program. Default: writes the reason to standard error and aborts.
  std::function<void(const absl::Status&)> on_failed_commit;
  // Optional: civil time moved against the steady clock by more than a second between two batches. Writer's thread.
  std::function<void(Duration step)> on_clock_step;
};

// Counts since the start, for the metrics page.
struct EngineStats {
  uint64_t commands = 0;
  uint64_t batches = 0;
  uint64_t commits = 0;               // batches that were written
  uint64_t rows = 0;
  uint64_t refused = 0;               // commands that met a full queue
  int64_t commit_microseconds = 0;    // sum over commits
  int64_t decide_microseconds = 0;    // sum over batches
  uint64_t queued = 0;                // now
  uint64_t durable_sequence = 0;      // of the last batch released
};

// Thread rule: everything may be called from any thread, but Start and Stop from one. Not from within a Done or a sink: Call, Stop.
class Engine {
 public:
  explicit Engine(EngineOptions options);
  ~Engine();  // stops
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Start();
  // Takes no more commands, decides and commits those that it has, releases their effects, and ends the threads.
  void Stop();

  // Commands of one thread are decided in the order posted. The engine gives the request number. Without `done` nobody waits, and
  // a refusal for a full queue is returned alone.
  absl::Status Post(store::v1::Command command, Done done = nullptr);

  // Posts and waits for the reply.
  core::Reply Call(store::v1::Command command);

  EngineStats Stats() const;

 private:
  void Write();
  bool TakeBatch(Batch* batch);
  void Decide(Batch* batch);

  void CommitBatches();
  bool MakeDurable(const Batch& batch);

  const EngineOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable writer_wakes_;     // a command, a place in flight, the stop
  std::condition_variable committer_wakes_;  // a decided batch, the writer's end
  Batching batching_;                        // guarded by mutex_, as all down to stats_
  bool accepting_ = false;
  bool stopping_ = false;
  bool writer_ended_ = false;
  bool failed_ = false;                      // a commit failed: nothing leaves any more
  std::deque<Batch> decided_;
  EngineStats stats_;

  std::thread writer_;
  std::thread committer_;
};

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_ENGINE_H_
