// Everything that happened to one leader's core, kept in memory, and its replay into a fresh one: the same rows and the
// same stamped commands must give the same effects and the same state.
#ifndef SWITCHYARD_SIMULATION_WORLD_RECORD_H_
#define SWITCHYARD_SIMULATION_WORLD_RECORD_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/core/core.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

// Of all that a batch caused, so that two that differ in one order or row differ here.
uint64_t DigestOf(const core::Stamp& stamp, const core::Effects& effects);

class Record {
 public:
  // The core's own digest reads its whole state: it is taken at every so many batches, and of the last one.
  static constexpr uint64_t kStateEvery = 1024;

  explicit Record(Leader leader) : leader_(leader) {}

  // The rows that the term began with.
  void Begin(std::vector<core::Row> rows) { rows_ = std::move(rows); }
  // A batch was decided.
  void Add(const core::Stamp& stamp, std::vector<store::v1::Command> commands, const core::Effects& effects,
           const core::Core& core);
  // The leader is gone, or the run over. Call it once.
  void End(const core::Core& core) { last_state_ = core.Digest(); }

  // Over all batches and the states that were looked at.
  uint64_t digest() const;
  size_t batches() const { return batches_.size(); }

  // The first `most` batches once more. ABORTED names the first one whose effects or state differ. REQUIRES: End was
  // called.
  absl::Status Replay(size_t most = SIZE_MAX) const;

 private:
  struct Batch {
    core::Stamp stamp;
    std::vector<store::v1::Command> commands;
    uint64_t effects = 0;
    uint64_t state = 0;  // 0: not looked at
  };

  absl::Status Differs(const Batch& batch, const char* what) const;

  Leader leader_;
  std::vector<core::Row> rows_;
  std::vector<Batch> batches_;
  uint64_t chain_ = 0;
  uint64_t last_state_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_RECORD_H_
