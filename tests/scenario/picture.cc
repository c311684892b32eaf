#include "tests/scenario/picture.h"

#include <cstdlib>
#include <set>

#include "absl/strings/ascii.h"
#include "common/check.h"
#include "fmt/format.h"
#include "scheduler/core/plans.h"
#include "scheduler/core/sessions.h"

namespace switchyard::scenario {
namespace {

namespace v1 = switchyard::v1;

std::string Lower(std::string text, const std::string& prefix = "") {
  if (text.rfind(prefix, 0) == 0) text.erase(0, prefix.size());
  for (char& c : text) c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return text;
}

std::string Short(const std::string& id) { return id.substr(id.find('/') + 1); }

// "0-3,7" of ascending positions.
std::string Ranges(const std::vector<int32_t>& positions) {
  std::string text;
  for (size_t i = 0; i < positions.size();) {
    size_t last = i;
    while (last + 1 < positions.size() && positions[last + 1] == positions[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", positions[i]);
    if (last > i) text += fmt::format("-{}", positions[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace

std::string Exact(Power power) {
  const int64_t mw = power.count();
  std::string text = fmt::format("{}{}", mw < 0 ? "-" : "", std::abs(mw) / 1000);
  if (mw % 1000 != 0) text += fmt::format(".{:03}", std::abs(mw) % 1000);
  return text + "W";
}

std::string Picture::Revision(uint64_t revision) {
  if (revision == 0) return "none";
  return revisions_.try_emplace(revision, fmt::format("r{}", revisions_.size() + 1)).first->second;
}

void Picture::NameRevisions() {
  std::set<uint64_t> revisions;
  for (const auto& [id, allocation] : cluster_.state().allocations) {
    revisions.insert({allocation.ordered_revision, allocation.bound.confirmed_revision()});
    for (const power::OrderedGrant& order : allocation.bound.grants()) revisions.insert(order.revision);
  }
  for (const uint64_t revision : revisions) Revision(revision);
}

uint64_t Picture::RevisionOf(const std::string& name) const {
  for (const auto& [revision, given] : revisions_) if (given == name) return revision;
  SWITCHYARD_CHECK(false) << "revision " << name << " was not printed yet";
  return 0;
}

std::string Picture::JobName(uint64_t id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? fmt::format("job{}", id) : found->second;
}

std::string Picture::NameOf(const core::Allocation& allocation) const {
  const std::string task = allocation.kind == v1::HASHING ? "" : fmt::format("/{}", allocation.index);
  return fmt::format("{}{}@{}", JobName(allocation.job), task, Short(cluster_.state().nodes[allocation.node].id));
}

const core::Allocation& Picture::Find(const std::string& name) const {
  for (const auto& [id, allocation] : cluster_.state().allocations) {
    if (NameOf(allocation) == name) return allocation;
  }
  SWITCHYARD_CHECK(false) << "allocation " << name << " is not there";
  return cluster_.state().allocations.begin()->second;
}

std::string Picture::Show(const std::string& what) {
  NameRevisions();
  if (what == "budgets") return Budgets();
  if (what == "allocations") return Allocations();
  if (what == "orphans") return Orphans();
  if (what == "nodes") return Nodes();
  if (what == "jobs") return Jobs();
  if (what == "plans") return Plans();
  SWITCHYARD_CHECK(false) << "show " << what << ": allowed are budgets, allocations, orphans, nodes, jobs, plans";
  return "";
}

std::string Picture::Budgets() const {
  std::string text;
  const power::Ledger& ledger = cluster_.state().ledger;
  for (uint32_t b = 0; b < ledger.budgets(); ++b) {
    const core::Budget& budget = cluster_.state().budgets[b];
    text += fmt::format("budget {}: cap {}, counts {}, headroom {}", Short(budget.id), Exact(ledger.limit(b).cap), Exact(ledger.Sum(b)),
                        Exact(ledger.Headroom(b)));
    if (ledger.Earmarked(b) > Power()) text += fmt::format(", earmarked {}", Exact(ledger.Earmarked(b)));
    if (ledger.HeldOverhead(b) > Power()) text += fmt::format(", overhead held {}", Exact(ledger.HeldOverhead(b)));
    if (ledger.limit(b).fault_reserve > Power()) text += fmt::format(", reserve {}", Exact(ledger.limit(b).fault_reserve));
    if (ledger.Overage(b)) text += ", OVER";
    text += "\n";
    for (const std::string& why : budget.blocked_by) text += fmt::format("  blocked by {}\n", why);
  }
  return text;
}

std::string Picture::Allocations() {
  std::string text;
  for (const auto& [id, allocation] : cluster_.state().allocations) {
    const core::Node& node = cluster_.state().nodes[allocation.node];
    text += fmt::format("{}: {}/{}", NameOf(allocation), Lower(v1::DesiredPhase_Name(allocation.phase)),
                        Lower(v1::TaskPhase_Name(allocation.reported), "TASK_"));
    if (allocation.group >= 0) {
      text += fmt::format(", {} {}", node.groups[static_cast<size_t>(allocation.group)].name, Ranges(allocation.devices));
      if (allocation.share_milli != 1000) text += fmt::format(" share {}", allocation.share_milli);
    }
    text += fmt::format(", grant {} at {}, bound {}", Exact(allocation.bound.grant()), Revision(allocation.ordered_revision),
                        Exact(allocation.bound.value()));
    if (allocation.charged != allocation.bound.value()) text += fmt::format(", counts {}", Exact(allocation.charged));
    text += fmt::format(", confirmed {} at {} by {}", Exact(allocation.bound.confirmed()), Revision(allocation.bound.confirmed_revision()),
                        allocation.witness);
    if (allocation.claimed.has_value()) text += fmt::format(", claims {}", Exact(*allocation.claimed));
    if (allocation.held) text += ", held";
    text += "\n";
  }
  return text.empty() ? "no allocations\n" : text;
}

std::string Picture::Orphans() const {
  std::string text;
  for (const auto& [key, orphan] : cluster_.state().orphans) {
    text += fmt::format("orphan {} on {}: {} of job {}, bound {}{}\n", orphan.id, Short(cluster_.state().nodes[key.first].id),
                        Lower(v1::JobKind_Name(orphan.kind)), orphan.job, Exact(orphan.bound.value()), orphan.orphan_stop ? ", ordered to stop" : "");
  }
  return text.empty() ? "no orphans\n" : text;
}

std::string Picture::Nodes() {
  std::string text;
  for (const core::Node& node : cluster_.state().nodes) {
    text += fmt::format("node {}: {}, platform {}", Short(node.id), Lower(v1::NodeState_Name(core::StateOf(node))), Exact(node.platform_charged));
    for (const core::Group& group : node.groups) {
      text += fmt::format(", unallocated {} {}", group.name, Exact(group.charged));
      if (!group.quarantined.empty()) text += fmt::format(" ({} in quarantine)", group.quarantined.size());
    }
    if (!core::Available(cluster_.state(), node, cluster_.now())) text += ", takes nothing new";
    text += "\n";
  }
  return text;
}

std::string Picture::Jobs() const {
  std::string text;
  for (const auto& [id, job] : cluster_.state().jobs) {
    const v1::Job& face = job.row.job();
    text += fmt::format("job {}: {}, attempt {}", JobName(id), Lower(v1::JobState_Name(face.state())), face.attempt());
    if (face.failures() > 0) text += fmt::format(", failures {}", face.failures());
    if (face.requeues() > 0) text += fmt::format(", requeues {}", face.requeues());
    if (job.row.has_stop_grace_ms()) text += fmt::format(", grace cut to {}ms", job.row.stop_grace_ms());
    if (!face.reason().empty()) text += fmt::format(", {}", face.reason());
    if (face.state() == v1::PENDING && !job.pending.constraint().empty()) text += fmt::format("\n  waits for {}: {}", job.pending.constraint(), job.pending.text());
    text += "\n";
  }
  return text.empty() ? "no jobs\n" : text;
}

std::string Picture::Plans() const {
  std::string text;
  for (const auto& [id, plan] : cluster_.state().plans) {
    text += fmt::format("plan {} for {}:", id, JobName(plan.row.job()));
    if (const size_t tasks = core::PreparingTasks(cluster_.state(), plan).size(); tasks > 0)
      text += fmt::format(" {} of {} prepared,", core::PreparedTasks(cluster_.state(), plan), tasks);
    for (const testing::pb::PlanBudget& need : plan.row.budgets()) {
      text += fmt::format(" {} {} of {}", Short(need.budget()), Exact(Power(need.earmarked_mw())), Exact(Power(need.needed_mw())));
    }
    for (const testing::pb::PlanVictim& victim : plan.row.victims()) {
      const auto found = cluster_.state().allocations.find(victim.allocation());
      text += fmt::format(", ends {}", found == cluster_.state().allocations.end() ? "what has ended" : NameOf(found->second));
    }
    text += "\n";
  }
  return text.empty() ? "no plans\n" : text;
}

std::string Picture::Order(const core::NodeOrder& order) {
  std::string text = fmt::format("order to {} at {}{}:", Short(order.node), Revision(order.revision), order.reset ? ", the full set" : "");
  for (const v1::DesiredAllocation& upsert : order.upserts) {
    const auto found = cluster_.state().allocations.find(upsert.allocation());
    const std::string name = found == cluster_.state().allocations.end() ? fmt::format("allocation {}", upsert.allocation()) : NameOf(found->second);
    text += fmt::format(" {} {} {};", name, Lower(v1::DesiredPhase_Name(upsert.phase())), Exact(Power(upsert.grant_mw())));
  }
  if (!order.removed.empty()) text += fmt::format(" forget {};", order.removed.size());
  if (order.upserts.empty() && order.removed.empty()) text += " nothing;";
  text.back() = '\n';
  return text;
}

}  // namespace switchyard::scenario
