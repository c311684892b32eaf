// The core as the engine's machine. Only a header, so that the engine links without the core: whoever makes one links
// scheduler_core.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_CORE_MACHINE_H_
#define SWITCHYARD_SCHEDULER_ENGINE_CORE_MACHINE_H_

#include <vector>

#include "scheduler/core/core.h"
#include "scheduler/engine/machine.h"

namespace switchyard::engine {

class CoreMachine final : public Machine {
 public:
  explicit CoreMachine(core::Options options) : core_(options) {}
  absl::Status Restore(const std::vector<core::Row>& rows) override { return core_.Restore(rows); }
  core::Effects Apply(const core::Stamp& stamp, const std::vector<store::v1::Command>& batch) override {
    return core_.Apply(stamp, batch);
  }
  MonoTime NextDeadline() const override { return core_.NextDeadline(); }
  uint64_t Digest() const override { return core_.Digest(); }
  const core::Core& core() const { return core_; }

 private:
  core::Core core_;
};

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_CORE_MACHINE_H_
