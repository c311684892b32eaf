#include "simulation/checkers/coverage.h"

#include <algorithm>
#include <string>

namespace switchyard::simulation {
namespace {

// A changed file that was put in place is pending until it is applied and durable; an operator's client needs about so
// long.
constexpr Duration kReloadTakes = Seconds(2);

bool OfDevice(FaultKind kind) { return kind >= FaultKind::kDeviceOvershoots && kind <= FaultKind::kDeviceSlow; }

}  // namespace

const char* Impossible(FaultKind, ProtocolState) { return nullptr; }

void CoverageTable::Add(const CoverageTable& other) {
  for (size_t k = 0; k < hits_.size(); ++k) {
    for (size_t s = 0; s < hits_[k].size(); ++s) hits_[k][s] += other.hits_[k][s];
  }
}

void Coverage::OnStart(MonoTime, Leader leader, const core::State& state) {
  if (leader < newest_) return;
  newest_ = leader;
  state_ = &state;
}

void Coverage::Decided(MonoTime now, Leader leader, const core::Stamp& stamp,
                       const std::vector<store::v1::Command>& commands, const core::Effects& effects,
                       const core::State& state) {
  if (leader != newest_) return;
  state_ = &state;
  term_offset_ = now - stamp.mono;
  if (KindsOf(commands).configuration && !effects.rows.empty()) reload_sequence_ = stamp.sequence;
}

void Coverage::OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>&) {
  if (leader != newest_ || reload_sequence_ == 0 || sequence < reload_sequence_) return;
  reload_sequence_ = 0;
  reload_until_ = std::min(reload_until_, now);
}

void Coverage::OnDead(MonoTime, Leader leader) {
  if (leader == newest_) state_ = nullptr;
}

ProtocolStates Coverage::StatesAt(MonoTime now, const Deed& deed) const {
  const MonoTime mono = now - term_offset_;
  const std::string device_node = deed.subject.substr(0, deed.subject.find('/', deed.subject.find('/') + 1));
  const std::string& node = OfDevice(deed.fault) ? device_node : deed.subject;
  const auto found = state_->node_index.find(node);
  ProtocolStates states = now < reload_until_ ? Bit(ProtocolState::kReloadPending) : 0;
  if (found != state_->node_index.end()) return states | StatesOf(*state_, found->second, mono);
  // A budget's is that of what hangs beneath it; one of the scheduler, or of all links, that of everybody.
  const auto budget = state_->budget_index.find(deed.subject);
  if (budget != state_->budget_index.end()) {
    for (const uint32_t n : state_->budgets[budget->second].nodes) states |= StatesOf(*state_, n, mono);
    return states;
  }
  for (uint32_t n = 0; n < state_->nodes.size(); ++n) states |= StatesOf(*state_, n, mono);
  return states;
}

void Coverage::OnFault(MonoTime now, const Deed& deed) {
  if (state_ != nullptr) {
    const ProtocolStates states = StatesAt(now, deed);
    for (int s = 0; s < kProtocolStates; ++s) {
      if ((states >> s & 1) != 0) ++table_.at(deed.fault, static_cast<ProtocolState>(s));
    }
  }
  if (deed.fault == FaultKind::kReload) reload_until_ = now + kReloadTakes;
}

}  // namespace switchyard::simulation
