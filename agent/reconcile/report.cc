// What a node says of itself: the machine's truth in the protocol's words.
#include "agent/reconcile/reconcile.h"

namespace switchyard::agent::reconcile {
namespace {

// The wire's bounds (agent.proto): what is longer is cut, for a report is never refused because a reason was long.
constexpr size_t kReasonBytes = 512;
constexpr size_t kFaultReasonBytes = 256;
constexpr int kExitLost = 128 + 9;

void AddFaults(const std::vector<v1::DeviceFault>& faults, google::protobuf::RepeatedPtrField<v1::DeviceFault>* out) {
  for (const v1::DeviceFault& fault : faults) {
    v1::DeviceFault* added = out->Add();
    *added = fault;
    if (added->reason().size() > kFaultReasonBytes) added->mutable_reason()->resize(kFaultReasonBytes);
  }
}

int64_t OrUnknown(const std::optional<Power>& power) { return power.has_value() ? power->count() : -1; }

// For an order of which the machine shows nothing: it waits for its turn, it is over, or it was lost.
v1::AllocationReport ReportAbsent(const v1::DesiredAllocation& order, uint64_t followed) {
  v1::AllocationReport report;
  report.set_allocation(order.allocation());
  report.set_epoch(order.epoch());
  report.set_job(order.job());
  report.set_kind(order.kind());
  report.set_revision(followed);
  report.set_reading_mw(-1);
  const bool lost = order.phase() == v1::RUN && order.kind() != v1::HASHING;
  if (!lost && order.phase() != v1::STOP) {
    report.set_phase(v1::TASK_PREPARING);
    report.set_confirmed_mw(-1);
    return report;
  }
  report.set_phase(v1::TASK_ENDED);
  report.set_confirmed_mw(0);
  report.set_exit_code(lost ? kExitLost : 0);
  report.set_reason(lost ? "was to run and is not on this machine: lost with a restart of it"
                         : "nothing of it is on this machine");
  return report;
}

}  // namespace

v1::AllocationReport Reconciler::ReportTask(const TaskTruth& task) const {
  v1::AllocationReport report;
  const auto order = set_.allocations().find(task.allocation);
  const bool known = order != set_.allocations().end() && order->second.epoch() == task.epoch;
  const auto followed = followed_.find(task.allocation);
  report.set_allocation(task.allocation);
  report.set_epoch(task.epoch);
  report.set_phase(task.phase);
  report.set_revision(known && followed != followed_.end() ? followed->second : 0);
  report.set_confirmed_mw(task.phase == v1::TASK_ENDED ? 0 : OrUnknown(task.settled));
  report.set_reading_mw(OrUnknown(task.reading));
  report.set_modelled(task.modelled);
  report.set_exit_code(task.exit_code);
  report.set_reason(task.reason.substr(0, kReasonBytes));
  // Devices are named where the scheduler may not know them, and until it has sent its own set over this stream nobody
  // can say what it knows: its store may be an older or an empty one. Repeating hundreds of serials with every step
  // would say nothing.
  if (!known || set_.needs_full()) report.mutable_devices()->Add(task.devices.begin(), task.devices.end());
  report.set_job(task.job);
  report.set_kind(task.kind);
  AddFaults(task.faults, report.mutable_faults());
  report.set_hashes(task.hashes_gh);
  report.set_shares_accepted(task.shares_accepted);
  report.set_shares_rejected(task.shares_rejected);
  report.set_energy_mj(task.energy.count());
  return report;
}

v1::NodeReport Reconciler::Report(MonoTime now, const MachineTruth& truth) const {
  v1::NodeReport report;
  report.set_applied_revision(applied_revision_);
  report.set_set_hash(set_hash(now));
  report.set_scanning(truth.scanning);
  report.set_fell_back(lease_.FallbackDue(now));
  if (truth.scanning) return report;
  const Truths tasks = IndexTruth(truth);
  for (const auto& [id, task] : tasks) *report.add_allocations() = ReportTask(*task);
  if (!set_.needs_full()) {
    for (const auto& [id, order] : set_.allocations()) {
      if (tasks.contains(id)) continue;
      const auto followed = followed_.find(id);
      *report.add_allocations() = ReportAbsent(order, followed == followed_.end() ? 0 : followed->second);
    }
  }
  for (const GroupTruth& group : truth.groups) {
    v1::GroupReport* out = report.add_groups();
    out->set_group(group.group);
    out->set_unallocated_mw(OrUnknown(group.unallocated));
    out->set_unallocated_devices(group.unallocated_devices);
    out->set_revision(applied_revision_);
    AddFaults(group.faults, out->mutable_faults());
  }
  return report;
}

}  // namespace switchyard::agent::reconcile
