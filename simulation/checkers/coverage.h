// The table fault kind x protocol state: how often a fault of a kind struck while its subject was in a state. Over a
// large enough run an empty cell is a hole in the simulation unless it is listed as impossible, with the reason; a hit
// in a listed cell says that the list is wrong.
#ifndef SWITCHYARD_SIMULATION_CHECKERS_COVERAGE_H_
#define SWITCHYARD_SIMULATION_CHECKERS_COVERAGE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "simulation/checkers/checker.h"
#include "simulation/checkers/protocol_state.h"

namespace switchyard::simulation {

class CoverageTable {
 public:
  int64_t& at(FaultKind kind, ProtocolState state) {
    return hits_[static_cast<size_t>(kind)][static_cast<size_t>(state)];
  }
  int64_t at(FaultKind kind, ProtocolState state) const {
    return hits_[static_cast<size_t>(kind)][static_cast<size_t>(state)];
  }
  void Add(const CoverageTable& other);

 private:
  std::array<std::array<int64_t, kProtocolStates>, kFaultKinds> hits_{};
};

// Why a fault of this kind cannot strike in this state; null: it can.
const char* Impossible(FaultKind kind, ProtocolState state);

class Coverage final : public Checker {
 public:
  Coverage() : Checker("coverage") {}

  void OnStart(MonoTime now, Leader leader, const core::State& state) override;
  void Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>& commands,
               const core::Effects& effects, const core::State& state) override;
  void OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) override;
  void OnDead(MonoTime now, Leader leader) override;
  void OnFault(MonoTime now, const Deed& deed) override;

  const CoverageTable& table() const { return table_; }

 private:
  ProtocolStates StatesAt(MonoTime now, const Deed& deed) const;

  CoverageTable table_;
  Leader newest_ = 0;
  const core::State* state_ = nullptr;  // of the newest leader, while it lives
  Duration term_offset_;                // true time less the term's clock
  MonoTime reload_until_;               // a changed file was put in place, or its batch is not yet durable
  uint64_t reload_sequence_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_CHECKERS_COVERAGE_H_
