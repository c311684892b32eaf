#include "scheduler/engine/batch_content.h"

#include <set>

namespace switchyard::engine {
namespace {

// Whether a row of this kind that was written, not deleted, satisfies the predicate.
template <typename RowMessage, typename Predicate>
bool AnyWritten(const Batch& batch, core::RowKind kind, const Predicate& predicate) {
  for (const core::Row& row : batch.effects.rows) {
    RowMessage message;
    if (row.kind == kind && row.value.has_value() && message.ParseFromString(*row.value) && predicate(message))
      return true;
  }
  return false;
}

}  // namespace

bool HoldsExpiry(const Batch& batch) {
  return AnyWritten<store::v1::EventRow>(batch, core::RowKind::kEvent, [](const store::v1::EventRow& row) {
    return row.event().kind() == "LeaseExpired";
  });
}

bool OpensPlan(const Batch& batch) {
  return AnyWritten<store::v1::PlanRow>(batch, core::RowKind::kPlan, [&](const store::v1::PlanRow& row) {
    return row.opened_utc_ms() == batch.stamp.utc.milliseconds();
  });
}

bool FillsPlan(const Batch& batch) {
  std::set<uint64_t> closed;
  for (const core::Row& row : batch.effects.rows) {
    if (row.kind == core::RowKind::kPlan && !row.value.has_value()) closed.insert(core::KeyNumber(row.key));
  }
  if (closed.empty()) return false;
  return AnyWritten<store::v1::AllocationRow>(
      batch, core::RowKind::kAllocation,
      [&](const store::v1::AllocationRow& row) { return row.phase() == v1::RUN && closed.contains(row.plan()); });
}

}  // namespace switchyard::engine
