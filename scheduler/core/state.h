// The whole state of the core, and the working context of one batch. Functions of the other files take a Step: it
// carries the stamp, marks what changed, and is the only way by which anything leaves.
#ifndef SWITCHYARD_SCHEDULER_CORE_STATE_H_
#define SWITCHYARD_SCHEDULER_CORE_STATE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/core/entities.h"
#include "scheduler/core/timers.h"
#include "scheduler/placement/node_view.h"
#include "scheduler/power/fill_memo.h"
#include "scheduler/power/ledger.h"

namespace switchyard::core {

class State {
 public:
  pb::MetaRow meta;
  bool configured = false;
  bool term_started = false;
  MonoTime term_start;
  uint64_t term_revision = 0;  // of the batch that began it: every set of this term has it or a later one
  v1::ClusterConfiguration configuration;
  UtcTime configuration_loaded;

  std::vector<Node> nodes;  // in the configuration's order
  std::map<std::string, uint32_t> node_index;
  std::vector<Budget> budgets;
  std::map<std::string, uint32_t> budget_index;
  power::Ledger ledger;

  std::map<uint64_t, Job> jobs;
  std::map<uint64_t, Allocation> allocations;
  std::map<std::pair<uint32_t, uint64_t>, Allocation> orphans;  // by node and the id that the node reports
  std::map<uint64_t, Plan> plans;                               // in order of age
  std::map<std::string, pb::TenantRow> tenants;
  std::map<std::string, pb::IdempotencyRow> idempotency;
  std::map<std::string, pb::TokenRow> tokens;

  // Derived, so that a round and a report do not search.
  std::set<uint64_t> pending;  // jobs with tasks to place that wait for no other job
  std::map<uint64_t, std::set<uint64_t>>
      dependents;                               // jobs with tasks to place, by the job whose success they wait for
  std::set<uint64_t> hashing_jobs;              // of that kind, in whatever state
  std::map<std::string, TenantUse> tenant_use;  // what CheckInvariants recounts
  std::vector<placement::NodeView> views;       // of the last round; empty: the nodes were changed
  power::FillMemo fill_memo;                    // of the last division of hashing
  std::map<uint64_t, std::set<uint64_t>> job_allocations;
  std::map<std::string, int> pending_of_tenant;
  std::multimap<UtcTime, uint64_t> finished;  // for pruning

  bool round_needed = false;        // something that a round looks at changed
  std::deque<uint64_t> event_keys;  // of the events that are kept, oldest first
  bool disk_full = false, disk_low = false;
  std::optional<int64_t> clock_offset_ms;  // utc - mono at the last batch: a jump is an event
  std::optional<UtcTime> clock_utc;        // at the last batch
  bool clock_stands = false;               // it was set back, and that was told
  Timers timers;
  uint64_t next_allocation = 1, next_plan = 1;  // below the durable ends in `meta`

  const v1::Timing& timing() const { return configuration.timing(); }
  Duration lease() const { return Milliseconds(timing().lease_ms()); }
};

// One batch in the making.
class Step {
 public:
  Step(State& state, const Stamp& stamp) : state(state), stamp(stamp) {}

  State& state;
  const Stamp stamp;
  Effects effects;

  // Marks of what changed; rows and orders are made of them once, at the end of the batch (finish.cc).
  std::set<uint64_t> changed_jobs, removed_jobs;
  std::set<uint64_t> changed_allocations, removed_allocations;
  std::set<std::pair<uint32_t, uint64_t>> changed_orphans;
  std::vector<std::pair<uint32_t, uint64_t>> stop_orphans;  // ordered to end by this batch
  std::set<uint64_t> changed_plans, removed_plans;
  std::set<uint32_t> changed_nodes;
  std::set<std::string> changed_tenants;
  std::set<std::string> removed_node_rows;
  struct SetChange {
    bool reset = false;
    std::set<uint64_t> upserts;
    std::set<uint64_t> removed;
  };
  std::map<uint32_t, SetChange> changed_sets;
  bool meta_changed = false;
  uint32_t events = 0;  // of this batch, for their numbers

  uint64_t NextAllocation();
  uint64_t NextPlan();

  // Asks to be called again at `at` at the latest.
  void WakeAt(MonoTime at, TimerKind kind, uint64_t id) { state.timers.Arm(kind, id, at); }
  // Asks for a scheduling round at `at`. A round arms nothing again, so each time stands for itself.
  void RoundAt(MonoTime at) { state.timers.Arm(TimerKind::kRound, static_cast<uint64_t>(at.milliseconds()), at); }

  // Appends to the history that operators read: kind in the past tense, subject the entity's id.
  void Event(const std::string& kind, const std::string& subject, const std::string& text);
  void PutRow(RowKind kind, std::string key, std::string value) {
    effects.rows.push_back({kind, std::move(key), std::move(value)});
  }
  void DeleteRow(RowKind kind, std::string key) { effects.rows.push_back({kind, std::move(key), std::nullopt}); }

  // The order of an allocation changed: it goes out with this batch's revision.
  void OrderChanged(const Allocation& allocation);
};

// finish.cc: turns the marks into rows and orders.
void Finish(Step& step);

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_STATE_H_
