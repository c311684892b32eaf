#include "simulation/checkers/checker.h"

#include <algorithm>

#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::simulation {

void Checker::Fail(MonoTime now, const std::string& text) {
  if (!verdict_.ok()) return;
  verdict_ = absl::InternalError(
      fmt::format("{}: at {}.{:03} s {}", name_, now.milliseconds() / 1000, now.milliseconds() % 1000, text));
}

uint64_t AllocationOf(const core::Row& row) {
  return row.kind == core::RowKind::kAllocation && row.key.size() == 8 ? core::KeyNumber(row.key) : 0;
}

BatchKinds KindsOf(const std::vector<store::v1::Command>& commands) {
  using Body = store::v1::Command::BodyCase;
  BatchKinds kinds;
  for (const store::v1::Command& command : commands) {
    switch (command.body_case()) {
      case Body::kLoadConfiguration:
        kinds.configuration = true;
        break;
      case Body::kStartTerm:
      case Body::kHello:
      case Body::kReport:
      case Body::kTelemetry:
      case Body::kHeartbeat:
      case Body::kSessionEnded:
        kinds.evidence = true;
        break;
      case Body::kNodeAction:
      case Body::kOrphanAction:
      case Body::kClearQuarantine:
        kinds.operators = true;
        break;
      default:
        break;
    }
  }
  return kinds;
}

const std::string& NodeOf(const store::v1::Command& command) {
  static const std::string kNone;
  using Body = store::v1::Command::BodyCase;
  switch (command.body_case()) {
    case Body::kHello:
      return command.hello().node();
    case Body::kReport:
      return command.report().node();
    case Body::kTelemetry:
      return command.telemetry().node();
    case Body::kHeartbeat:
      return command.heartbeat().node();
    default:
      return kNone;
  }
}

void ReleasedOverhead::Note(MonoTime now, uint32_t budget, const ReachedBudget& reached, Power before, Power after) {
  if (after >= before || reached.overhead_ppm == 0 || reached.overhead_lag <= Duration()) return;
  const int64_t whole = 1'000'000 + reached.overhead_ppm;
  const auto part = static_cast<int64_t>(
      (static_cast<__int128>((before - after).count()) * reached.overhead_ppm + whole - 1) / whole);
  held_[budget].push_back({now + reached.overhead_lag, Power(part)});
}

Power ReleasedOverhead::Held(MonoTime now, uint32_t budget) {
  const auto found = held_.find(budget);
  if (found == held_.end()) return Power();
  Power sum;
  while (!found->second.empty() && found->second.front().until <= now) found->second.pop_front();
  for (const Part& part : found->second) sum += part.watts;
  return sum;
}

void Calm::Note(MonoTime now, const Deed& deed) {
  if (deed.fault == FaultKind::kClockDrift || deed.fault == FaultKind::kUtcStep)
    return;  // what the protocol bears in silence
  troubled_until_ = std::max(troubled_until_, now + deed.span);
}

std::string InWatts(Power power) { return FormatPower(power); }

}  // namespace switchyard::simulation
