#include "simulation/checkers/sessions.h"

#include <algorithm>

#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

// A report may be on its way for a while after it was made; where messages are being troubled nothing can be said.
constexpr Duration kReportAge = Seconds(10);
constexpr Duration kAfterTrouble = Seconds(90);

}  // namespace

void Sessions::OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  holds_[node].try_emplace(order.allocation(), now);
}

void Sessions::OnGone(MonoTime, const std::string& node, uint64_t allocation, uint32_t) {
  holds_[node].erase(allocation);
}

void Sessions::OnStart(MonoTime, Leader leader, const core::State&) {
  if (leader < newest_) return;
  newest_ = leader;
  if (restore_is_older_) {
    revisions_.clear();
    durable_ = 0;
  }
  restore_is_older_ = false;
  flying_.clear();
}

void Sessions::Decided(MonoTime now, Leader leader, const core::Stamp& stamp, const std::vector<store::v1::Command>&,
                       const core::Effects& effects, const core::State&) {
  if (leader != newest_) return;
  if (stamp.sequence <= durable_ && !effects.rows.empty())
    Fail(now, fmt::format("leader {} decides batch {}, and batch {} is durable", leader, stamp.sequence, durable_));
  if (!effects.rows.empty()) flying_.insert(stamp.sequence);
  for (const core::NodeOrder& order : effects.orders) {
    uint64_t& last = revisions_[order.node];
    if (order.revision < last) {
      Fail(now, fmt::format("the set of \"{}\" goes from revision {} to {}", order.node, last, order.revision));
    }
    last = std::max(last, order.revision);
  }
}

void Sessions::OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>&) {
  if (leader < newest_) {
    Fail(now, fmt::format("batch {} of stale leader {} became durable under leader {}", sequence, leader, newest_));
    return;
  }
  if (sequence <= durable_ && !restore_is_older_)
    Fail(now, fmt::format("batch {} became durable after batch {}", sequence, durable_));
  durable_ = std::max(durable_, sequence);
  flying_.erase(flying_.begin(), flying_.upper_bound(sequence));
}

void Sessions::OnDown(MonoTime now, const v1::SchedulerMessage& message, bool accepted) {
  if (!accepted || cloned_.contains(message.node())) return;
  const Sender sender = {message.store_incarnation(), message.term()};
  Sender& followed = followed_[message.node()];
  if (sender < followed) {
    Fail(now, fmt::format("the agent of \"{}\" follows term {} of store {} after term {} of store {}", message.node(),
                          sender.second, sender.first, followed.second, followed.first));
  }
  followed = std::max(followed, sender);
}

void Sessions::OnUp(MonoTime now, Leader leader, const v1::AgentMessage& message) {
  if (!message.has_report() || message.report().scanning() || leader != newest_) return;
  const v1::NodeReport& report = message.report();
  const auto followed = followed_.find(message.node());
  const bool cloned = cloned_.contains(message.node());
  // A batch without rows has nothing to make durable.
  if (flying_.contains(report.applied_revision()) && !cloned) {
    Fail(now, fmt::format("\"{}\" has applied revision {}, which is decided and not durable", message.node(),
                          report.applied_revision()));
  }
  if (cloned || followed == followed_.end() || !calm_.For(now, kAfterTrouble)) return;
  const auto holds = holds_.find(message.node());
  if (holds == holds_.end()) return;
  for (const auto& [id, since] : holds->second) {
    if (now < since + kReportAge) continue;
    const bool named = std::any_of(report.allocations().begin(), report.allocations().end(),
                                   [id = id](const v1::AllocationReport& r) { return r.allocation() == id; });
    if (named) continue;
    Fail(now, fmt::format("a report of \"{}\" leaves out allocation {}, which its machine has held since {} ms",
                          message.node(), id, since.milliseconds()));
  }
}

void Sessions::OnFault(MonoTime now, const Deed& deed) {
  switch (deed.fault) {
    case FaultKind::kOlderBackup:
    case FaultKind::kEmptyStore:
      restore_is_older_ = true;
      break;
    case FaultKind::kClonedAgent:
      cloned_.insert(deed.subject);
      break;
    case FaultKind::kWipedAgent:
    case FaultKind::kReplacedHardware:
      followed_.erase(deed.subject);
      break;
    case FaultKind::kDelay:
    case FaultKind::kLoss:
    case FaultKind::kRepeat:
    case FaultKind::kReorder:
    case FaultKind::kPartition:
    case FaultKind::kOneWayPartition:
    case FaultKind::kNodeSuspend:
      calm_.Note(now, deed);
      break;
    default:
      break;
  }
}

}  // namespace switchyard::simulation
