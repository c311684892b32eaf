// What the engine drives: the core, or in a test something smaller.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_MACHINE_H_
#define SWITCHYARD_SCHEDULER_ENGINE_MACHINE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/core/core.h"

namespace switchyard::engine {

// The part of core::Core that the engine and a replay rely on; the promises are those of scheduler/core/core.h.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual absl::Status Restore(const std::vector<core::Row>& rows) = 0;
  virtual core::Effects Apply(const core::Stamp& stamp, const std::vector<store::v1::Command>& batch) = 0;
  virtual MonoTime NextDeadline() const = 0;
  virtual uint64_t Digest() const = 0;
};

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_MACHINE_H_
