// The end of a batch: marks become rows and orders, each entity once however often it changed.
#include <algorithm>

#include "scheduler/core/rows.h"
#include "scheduler/core/state.h"

namespace switchyard::core {

namespace {

// Events of a batch are numbered within it: no counter needs a row of its own.
constexpr uint64_t kEventsPerBatch = 1 << 20;
// A busy site has a few thousand events a day: weeks of them, and a bound on what a start reads.
constexpr size_t kEventsKept = 100'000;
// Numbers of allocations and plans are reserved in blocks, so that none is ever used again though its row is gone.
constexpr uint64_t kNumberBlock = 4096;

}  // namespace

void Step::Event(const std::string& kind, const std::string& subject, const std::string& text) {
  pb::EventRow row;
  v1::Event* event = row.mutable_event();
  event->set_sequence(stamp.sequence * kEventsPerBatch + events++);
  event->set_utc_ms(stamp.utc.milliseconds());
  event->set_kind(kind);
  event->set_subject(subject);
  event->set_text(text);
  PutRow(RowKind::kEvent, NumberKey(event->sequence()), Bytes(row));
  state.event_keys.push_back(event->sequence());
  if (state.event_keys.size() <= kEventsKept) return;
  DeleteRow(RowKind::kEvent, NumberKey(state.event_keys.front()));
  state.event_keys.pop_front();
}

uint64_t Step::NextAllocation() {
  if (state.next_allocation >= state.meta.next_allocation()) {
    state.meta.set_next_allocation(state.next_allocation + kNumberBlock);
    meta_changed = true;
  }
  return state.next_allocation++;
}

uint64_t Step::NextPlan() {
  if (state.next_plan >= state.meta.next_plan()) {
    state.meta.set_next_plan(state.next_plan + kNumberBlock);
    meta_changed = true;
  }
  return state.next_plan++;
}

void Step::OrderChanged(const Allocation& allocation) {
  Allocation& mutable_allocation = const_cast<Allocation&>(allocation);
  mutable_allocation.ordered_revision = stamp.sequence;
  mutable_allocation.acknowledged_at.reset();
  state.nodes[allocation.node].set_revision = stamp.sequence;
  changed_sets[allocation.node].upserts.insert(allocation.id);
  changed_allocations.insert(allocation.id);
}

namespace {

void FinishJobs(Step& step) {
  for (const uint64_t id : step.changed_jobs) {
    if (step.removed_jobs.contains(id)) continue;
    Job& job = step.state.jobs.at(id);
    v1::Job* face = job.row.mutable_job();
    face->set_store_revision(step.stamp.sequence);
    const bool hashes = face->spec().kind() == v1::HASHING && face->state() == v1::RUNNING;
    if (face->state() == v1::PENDING || (hashes && !job.pending.constraint().empty()))
      *face->mutable_pending() = job.pending;
    else
      face->clear_pending();
    step.PutRow(RowKind::kJob, NumberKey(id), Bytes(job.row));
  }
  for (const uint64_t id : step.removed_jobs) step.DeleteRow(RowKind::kJob, NumberKey(id));
}

void FinishAllocations(Step& step) {
  for (const uint64_t id : step.changed_allocations) {
    const auto found = step.state.allocations.find(id);
    if (found == step.state.allocations.end()) continue;
    step.PutRow(RowKind::kAllocation, NumberKey(id), Bytes(ToRow(step.state, found->second)));
  }
  for (const uint64_t id : step.removed_allocations) step.DeleteRow(RowKind::kAllocation, NumberKey(id));
  for (const auto& [node, id] : step.changed_orphans) {
    const std::string key = OrphanKey(step.state.nodes[node], id);
    const auto found = step.state.orphans.find({node, id});
    if (found == step.state.orphans.end())
      step.DeleteRow(RowKind::kAllocation, key);
    else
      step.PutRow(RowKind::kAllocation, key, Bytes(ToRow(step.state, found->second)));
  }
}

void FinishOrders(Step& step) {
  for (const auto& key : step.stop_orphans) step.changed_sets[key.first];
  for (auto& [index, change] : step.changed_sets) {
    NodeOrder order;
    order.node = step.state.nodes[index].id;
    order.revision = step.stamp.sequence;
    order.reset = change.reset;
    for (const uint64_t id : change.upserts) {
      const auto found = step.state.allocations.find(id);
      if (found != step.state.allocations.end() && !found->second.held)
        order.upserts.push_back(ToDesired(step.state, found->second));
    }
    for (const auto& key : step.stop_orphans) {
      const auto found = step.state.orphans.find(key);
      if (key.first != index || found == step.state.orphans.end()) continue;
      step.state.nodes[index].set_revision = step.stamp.sequence;
      order.upserts.push_back(ToDesired(step.state, found->second));
      order.upserts.back().set_phase(v1::STOP);
    }
    order.removed.assign(change.removed.begin(), change.removed.end());
    step.effects.orders.push_back(std::move(order));
  }
}

}  // namespace

void Finish(Step& step) {
  FinishJobs(step);
  FinishAllocations(step);
  for (const uint64_t id : step.changed_plans) {
    const auto found = step.state.plans.find(id);
    if (found != step.state.plans.end()) step.PutRow(RowKind::kPlan, NumberKey(id), Bytes(found->second.row));
  }
  for (const uint64_t id : step.removed_plans) step.DeleteRow(RowKind::kPlan, NumberKey(id));
  for (const uint32_t index : step.changed_nodes) {
    step.PutRow(RowKind::kNode, step.state.nodes[index].id, Bytes(ToRow(step.state.nodes[index])));
  }
  for (const std::string& id : step.removed_node_rows) step.DeleteRow(RowKind::kNode, id);
  for (const std::string& id : step.changed_tenants) {
    step.PutRow(RowKind::kTenant, id, Bytes(step.state.tenants[id]));
  }
  FinishOrders(step);
  if (step.meta_changed) {
    step.state.meta.set_last_utc_ms(step.stamp.utc.milliseconds());
    step.PutRow(RowKind::kMeta, "meta", Bytes(step.state.meta));
  }
}

}  // namespace switchyard::core
