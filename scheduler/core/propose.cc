// From entities to a proposal: node views, the watts that a placement may count on, and who makes way.
#include <algorithm>

#include "scheduler/core/hashing.h"
#include "scheduler/core/jobs.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/round.h"
#include "scheduler/core/sessions.h"

namespace switchyard::core {
namespace {

using placement::Constraint;
using placement::Shortfall;
using placement::TaskPlacement;

constexpr int32_t kPortsOfNode = 64;

// Lends the ledger's watts to the placement: headroom, and what hashing (or preempted jobs) would give up, less what
// open plans were promised.
class LedgerPower final : public placement::PowerOracle {
 public:
  LedgerPower(const State& state, const v1::JobSpec& spec, std::vector<Power> available)
      : state_(state), spec_(spec), available_(std::move(available)) {}

  bool Charge(const TaskPlacement& placement) override {
    const std::map<uint32_t, Power> needs = NeedOf(state_, spec_, placement, taken_);
    for (const auto& [budget, watts] : needs) {
      // Where nothing may rise a yield would only be opened to time out.
      const bool blocked = !state_.budgets[budget].blocked_by.empty();
      if (watts <= available_[budget] && !blocked) continue;
      const power::Limit& limit = state_.ledger.limit(budget);
      const bool never = watts > limit.cap - limit.base - limit.fault_reserve;
      why_ = {.constraint = never     ? Constraint::kBudgetCap
                            : blocked ? Constraint::kBudgetBlocked
                                      : Constraint::kBudgetHeadroom,
              .amount = (watts - available_[budget]).count(),
              .subject = state_.budgets[budget].id,
              .rejected_nodes = {}};
      return false;
    }
    for (const auto& [budget, watts] : needs) available_[budget] -= watts;
    // Whole devices have one taker: only of shares may a later member take the same.
    const bool shared = placement.device_group >= 0 && placement.share_milli < 1000;
    TakenDevices devices = shared ? DevicesOf(placement) : TakenDevices();
    std::erase_if(devices, [&](const auto& device) { return !taken_.insert(device).second; });
    charged_.push_back({needs, std::move(devices)});
    return true;
  }
  Shortfall Why() const override { return why_; }
  size_t Mark() const override { return charged_.size(); }
  void Rollback(size_t mark) override {
    while (charged_.size() > mark) {
      for (const auto& [budget, watts] : charged_.back().needs) available_[budget] += watts;
      for (const auto& device : charged_.back().first_taken) taken_.erase(device);
      charged_.pop_back();
    }
  }
  std::map<uint32_t, Power> Needs() const {
    std::map<uint32_t, Power> sum;
    for (const Charged& charged : charged_)
      for (const auto& [budget, watts] : charged.needs) sum[budget] += watts;
    return sum;
  }

 private:
  struct Charged {
    std::map<uint32_t, Power> needs;
    TakenDevices first_taken;  // by this member
  };
  const State& state_;
  const v1::JobSpec& spec_;
  std::vector<Power> available_;
  std::vector<Charged> charged_;
  TakenDevices taken_;
  Shortfall why_;
};

std::vector<std::pair<std::string, std::string>> LabelsOf(const Node& node) {
  std::map<std::string, std::string> labels;
  for (const v1::Label& label : node.model.labels()) labels[label.key()] = label.value();
  for (const v1::Label& label : node.configured.labels()) labels[label.key()] = label.value();
  return {labels.begin(), labels.end()};
}

placement::DeviceGroupView GroupView(const Group& group) {
  placement::DeviceGroupView view;
  view.kind = group.model.kind();
  view.model = group.model.id();
  view.memory_bytes = group.model.memory_bytes();
  view.idle = Milliwatts(group.model.idle_mw());
  view.min = Milliwatts(group.model.min_mw());
  view.max = Milliwatts(group.model.max_mw());
  view.limiter = group.model.limiter();
  return view;
}

void FreeDevices(const Group& group, placement::DeviceGroupView& view) {
  view.reclaimable.clear();
  if (group.model.kind() == v1::ASIC) return;  // nothing but hashing runs there
  view.free_milli.resize(static_cast<size_t>(group.count));
  for (int32_t d = 0; d < group.count; ++d) {
    view.free_milli[d] = group.quarantined.contains(d) || group.devices.empty() ? 0 : 1000 - group.used_milli[d];
  }
}

// The entry of a named count, made where there is none.
int64_t& CountOf(placement::NodeView& view, const std::string& name) {
  const auto at = std::lower_bound(view.counts_free.begin(), view.counts_free.end(), name,
                                   [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
  if (at != view.counts_free.end() && at->first == name) return at->second;
  return view.counts_free.insert(at, {name, 0})->second;
}

void Reclaim(placement::DeviceGroupView& view, const Allocation& allocation, const Group& group) {
  if (view.free_milli.empty()) return;
  if (view.reclaimable.empty()) view.reclaimable.assign(view.free_milli.size(), false);
  for (const int32_t device : allocation.devices) {
    if (group.quarantined.contains(device)) continue;
    view.free_milli[device] += allocation.share_milli;
    view.reclaimable[device] = true;
  }
}

bool Preemptible(const State& state, const Job* preemptor, const Allocation& allocation, UtcTime utc) {
  if (preemptor == nullptr || allocation.kind == v1::HASHING) return false;
  const auto job = state.jobs.find(allocation.job);
  return job != state.jobs.end() && MayPreempt(*preemptor, job->second, utc);
}

// What only a reload changes.
placement::NodeView MakeView(const State& state, uint32_t index) {
  const Node& node = state.nodes[index];
  placement::NodeView view;
  view.index = index;
  view.id = node.id;
  view.site = node.site;
  view.rack = node.configured.rack();
  view.switch_name = node.configured.switch_name();
  view.owner = node.configured.owner();
  view.labels = LabelsOf(node);
  view.taints.assign(node.configured.taints().begin(), node.configured.taints().end());
  for (const Group& group : node.groups) view.groups.push_back(GroupView(group));
  return view;
}

// What is there and whole, before the allocations are taken off.
void ResetView(const State& state, MonoTime now, placement::NodeView& view) {
  const Node& node = state.nodes[view.index];
  view.available = Available(state, node, now);
  view.cpu_milli_free = node.model.cpu_milli();
  view.memory_free = node.model.memory_bytes();
  view.disk_free = node.model.disk_bytes();
  view.ports_free = kPortsOfNode;
  view.hashing_value = 0;
  view.counts_free.clear();
  for (const v1::NamedCount& count : node.model.counts()) CountOf(view, count.name()) = count.count();
  for (size_t g = 0; g < node.groups.size(); ++g) FreeDevices(node.groups[g], view.groups[g]);
}

// Takes an allocation off its node's view, or shows its devices as reclaimable.
void TakeOff(const State& state, const Allocation& allocation, UtcTime utc, const Job* preemptor,
             placement::NodeView& view) {
  const bool reclaimable =
      (allocation.kind == v1::HASHING && !allocation.exited) || Preemptible(state, preemptor, allocation, utc);
  if (reclaimable && allocation.group >= 0)
    Reclaim(view.groups[allocation.group], allocation, state.nodes[allocation.node].groups[allocation.group]);
  if (allocation.kind == v1::HASHING) {
    view.hashing_value += HashingValue(state, allocation, utc);
    return;
  }
  if (reclaimable) return;
  view.cpu_milli_free -= allocation.cpu_milli;
  view.memory_free -= allocation.memory_bytes;
  view.disk_free -= allocation.disk_bytes;
  view.ports_free -= static_cast<int32_t>(allocation.ports.size());
  for (const v1::NamedCount& count : allocation.counts) CountOf(view, count.name()) -= count.count();
}

// Devices promised to an open plan are nobody else's.
void HidePlanned(const State& state, std::vector<placement::NodeView>& views) {
  for (const auto& [id, plan] : state.plans) {
    if (!PreparingTasks(state, plan).empty()) continue;  // its allocations hold them
    const Job& job = state.jobs.at(plan.row.job());
    for (const pb::PlanMember& member : plan.row.members()) {
      placement::NodeView& view = views[state.node_index.at(member.node())];
      for (const v1::TaskGroup& group : job.row.job().spec().groups()) {
        if (group.name() != member.group()) continue;
        view.cpu_milli_free -= group.resources().cpu_milli();
        view.memory_free -= group.resources().memory_bytes();
        view.disk_free -= group.resources().disk_bytes();
        view.ports_free -= group.resources().ports();
      }
      const std::vector<Group>& groups = state.nodes[view.index].groups;
      for (size_t g = 0; g < groups.size(); ++g) {
        if (groups[g].name != member.device_group() || view.groups[g].free_milli.empty()) continue;
        for (const pb::DeviceRange& range : member.devices()) {
          for (int32_t d = range.first(); d < range.first() + range.count(); ++d) {
            view.groups[g].free_milli[d] = std::max(0, view.groups[g].free_milli[d] - member.share_milli());
          }
        }
      }
    }
  }
}

std::vector<Power> AvailableWatts(const State& state, const std::vector<Power>& yieldable) {
  std::vector<Power> available = yieldable;
  const std::vector<Power> promised = OpenNeeds(state);
  for (uint32_t b = 0; b < available.size(); ++b) available[b] += state.ledger.Headroom(b) - promised[b];
  return available;
}

// Jobs that may make way, those that lose least first: lowest priority, then the youngest.
std::vector<uint64_t> Victims(const State& state, const Job& job, UtcTime utc) {
  std::vector<uint64_t> victims;
  for (const auto& [id, allocations] : state.job_allocations) {
    const auto candidate = state.jobs.find(id);
    if (allocations.empty() || candidate == state.jobs.end()) continue;
    if (MayPreempt(job, candidate->second, utc)) victims.push_back(id);
  }
  std::stable_sort(victims.begin(), victims.end(), [&](uint64_t a, uint64_t b) {
    const v1::Job& ja = state.jobs.at(a).row.job();
    const v1::Job& jb = state.jobs.at(b).row.job();
    if (ja.spec().priority() != jb.spec().priority()) return ja.spec().priority() < jb.spec().priority();
    return ja.started_utc_ms() != jb.started_utc_ms() ? ja.started_utc_ms() > jb.started_utc_ms() : a > b;
  });
  return victims;
}

void AddJobWatts(const State& state, uint64_t job, std::vector<Power>& available) {
  for (const uint64_t id : state.job_allocations.at(job)) {
    const Allocation& allocation = state.allocations.at(id);
    if (allocation.group < 0) continue;
    for (const power::Edge& edge : state.ledger.chain(state.nodes[allocation.node].groups[allocation.group].chain)) {
      available[edge.budget] += ScaleUp(allocation.charged, edge.coefficient);
    }
  }
  // Of one that prepares, what its plan has and what that is promised come back too.
  for (const auto& [id, plan] : state.plans) {
    if (plan.row.job() != job) continue;
    for (const pb::PlanBudget& need : plan.row.budgets())
      available[state.budget_index.at(need.budget())] += Milliwatts(need.needed_mw());
  }
}

// Jobs whose devices the placements take.
std::set<uint64_t> OwnersOf(const State& state, const Job& job, const std::vector<TaskPlacement>& placements,
                            UtcTime utc) {
  std::set<uint64_t> owners;
  for (const TaskPlacement& placement : placements) {
    const bool crowded = !HasRoom(state, job.row.job().spec(), placement);
    for (const uint64_t id : state.nodes[placement.node].allocations) {
      const Allocation& allocation = state.allocations.at(id);
      if (crowded && Preemptible(state, &job, allocation, utc)) owners.insert(allocation.job);
      if (allocation.group != placement.device_group || !Preemptible(state, &job, allocation, utc)) continue;
      const Group* group =
          placement.device_group < 0 ? nullptr : &state.nodes[placement.node].groups[placement.device_group];
      for (const int32_t device : placement.devices) {
        const bool holds = std::binary_search(allocation.devices.begin(), allocation.devices.end(), device);
        if (holds && group->used_milli[device] + placement.share_milli > 1000) owners.insert(allocation.job);
      }
    }
  }
  return owners;
}

bool Immediate(const State& state, const Proposal& proposal) {
  const std::vector<Power> promised = OpenNeeds(state);
  for (const auto& [budget, watts] : proposal.needs) {
    if (!state.budgets[budget].blocked_by.empty() || watts > state.ledger.Headroom(budget) - promised[budget])
      return false;
  }
  return std::none_of(proposal.placements.begin(), proposal.placements.end(),
                      [](const TaskPlacement& p) { return p.needs_yield; });
}

}  // namespace

bool HasRoom(const State& state, const v1::JobSpec& spec, const TaskPlacement& placement,
             std::span<const TaskPlacement> beside) {
  const Node& node = state.nodes[placement.node];
  int64_t cpu = node.model.cpu_milli(), memory = node.model.memory_bytes(), disk = node.model.disk_bytes();
  for (const uint64_t id : node.allocations) {
    const Allocation& allocation = state.allocations.at(id);
    cpu -= allocation.cpu_milli;
    memory -= allocation.memory_bytes;
    disk -= allocation.disk_bytes;
  }
  const auto take = [&](const TaskPlacement& member) {
    for (const v1::TaskGroup& group : spec.groups()) {
      if (group.name() != member.group) continue;
      cpu -= group.resources().cpu_milli();
      memory -= group.resources().memory_bytes();
      disk -= group.resources().disk_bytes();
    }
  };
  for (const TaskPlacement& member : beside) {
    if (member.node == placement.node) take(member);
  }
  take(placement);
  return cpu >= 0 && memory >= 0 && disk >= 0;
}

bool MayPreempt(const Job& job, const Job& victim, UtcTime utc) {
  const v1::Job& face = victim.row.job();
  if (face.spec().kind() == v1::HASHING || face.spec().not_preemptible() || Terminal(face.state()) ||
      face.state() == v1::STOPPING)
    return false;
  if (face.spec().priority() >= job.row.job().spec().priority() || face.requeues() >= face.spec().max_requeues())
    return false;
  if (face.spec().min_run_ms() == 0) return true;
  // Its minimum begins with its release; until then it is still to come.
  if (face.state() != v1::RUNNING) return false;
  return UtcTime(face.started_utc_ms()) + Milliseconds(face.spec().min_run_ms()) <= utc;
}

std::vector<placement::NodeView> MakeViews(const State& state, MonoTime now, UtcTime utc, const Job* preemptor) {
  std::vector<placement::NodeView> views;
  RefreshViews(state, now, utc, preemptor, views);
  return views;
}

void RefreshViews(const State& state, MonoTime now, UtcTime utc, const Job* preemptor,
                  std::vector<placement::NodeView>& views) {
  if (views.size() != state.nodes.size()) {
    views.clear();
    views.reserve(state.nodes.size());
    for (uint32_t n = 0; n < state.nodes.size(); ++n) views.push_back(MakeView(state, n));
  }
  for (placement::NodeView& view : views) ResetView(state, now, view);
  // In one pass over all allocations, which costs less than to look each up by its node.
  for (const auto& [id, allocation] : state.allocations)
    TakeOff(state, allocation, utc, preemptor, views[allocation.node]);
  HidePlanned(state, views);
}

JobSize SizeOf(const State& state, const v1::JobSpec& spec) {
  // Before a placement is known, a device counts as the hungriest model that the job may get.
  JobSize size;
  for (const v1::TaskGroup& group : spec.groups()) {
    const v1::Resources& r = group.resources();
    size.gpu_milli += (r.gpus() * int64_t{1000} + r.gpu_milli()) * group.count();
    const bool gpu = r.gpus() > 0 || r.gpu_milli() > 0;
    const int64_t devices = gpu ? std::max(1, r.gpus()) : r.cpu_devices();
    Power most;
    for (const v1::DeviceModel& model : state.configuration.device_models()) {
      if (model.kind() != (gpu ? v1::GPU : v1::CPU)) continue;
      if (gpu && r.gpu_models_size() > 0 &&
          std::find(r.gpu_models().begin(), r.gpu_models().end(), model.id()) == r.gpu_models().end())
        continue;
      Power watts = Milliwatts(model.max_mw());
      if (model.limiter() && r.gpu_milli() > 0) watts = watts * r.gpu_milli() / 1000;
      if (model.limiter() && r.watts_per_device_mw() > 0) watts = std::min(watts, Milliwatts(r.watts_per_device_mw()));
      most = std::max(most, watts);
    }
    size.watts += most * devices * group.count();
  }
  return size;
}

Proposal ProposeStart(const State& state, const Job& job, const std::vector<placement::TaskToPlace>& tasks,
                      std::vector<placement::NodeView>& views, const std::vector<Power>& yieldable, MonoTime now,
                      UtcTime utc, placement::RankMemo* memo) {
  const v1::JobSpec& spec = job.row.job().spec();
  std::vector<placement::HeldTask> held;
  const auto members = state.job_allocations.find(job.row.job().id());
  if (members != state.job_allocations.end()) {
    for (const uint64_t id : members->second)
      held.push_back({state.allocations.at(id).task_group, state.allocations.at(id).node});
  }
  Proposal proposal;
  std::vector<Power> available = AvailableWatts(state, yieldable);
  LedgerPower power(state, spec, available);
  placement::PlaceResult result =
      placement::PlaceGang(spec, tasks, views, power, /*allow_reclaim=*/true, held, memo);
  if (!result.shortfall.has_value()) {
    proposal.placements = std::move(result.placements);
    proposal.needs = power.Needs();
    proposal.immediate = Immediate(state, proposal);
    return proposal;
  }
  const Shortfall first = *result.shortfall;
  // Lower priorities make way: as few as are needed for the watts, and the owners of the devices that are taken.
  const std::vector<uint64_t> victims = Victims(state, job, utc);
  std::vector<placement::NodeView> reclaiming;
  if (!victims.empty()) reclaiming = MakeViews(state, now, utc, &job);
  std::set<uint64_t> for_watts;
  for (size_t count = 0; count <= victims.size() && !victims.empty(); ++count) {
    LedgerPower lent(state, spec, available);
    placement::PlaceResult attempt = placement::PlaceGang(spec, tasks, reclaiming, lent, /*allow_reclaim=*/true, held);
    if (!attempt.shortfall.has_value()) {
      proposal.placements = std::move(attempt.placements);
      proposal.needs = lent.Needs();
      proposal.preempted = OwnersOf(state, job, proposal.placements, utc);
      proposal.preempted.insert(for_watts.begin(), for_watts.end());
      return proposal;
    }
    const Constraint binding = attempt.shortfall->constraint;
    if (binding != Constraint::kBudgetHeadroom && binding != Constraint::kBudgetCap && count > 0) break;
    if (count == victims.size()) break;
    AddJobWatts(state, victims[count], available);
    for_watts.insert(victims[count]);
  }
  proposal.shortfall = first;
  return proposal;
}

}  // namespace switchyard::core
