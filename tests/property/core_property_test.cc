// Random histories against the real core: clients, operators, caps, agents that fall silent, refuse and lie low,
// murders and backups that are older than what happened since. After every batch the harness recounts the invariants;
// here the world outside is checked as well: what really draws is never above the ledger, no device is held twice by
// running tasks, and when the trouble ends the queue drains.
#include <algorithm>
#include <cstdint>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/core/sessions.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::testing {
namespace {

// SplitMix64: the same histories on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  int Below(int limit) { return static_cast<int>(Next() % static_cast<uint64_t>(limit)); }
  bool Chance(int percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

class History {
 public:
  explicit History(uint64_t seed) : random_(seed) {
    // Racks that come up at their maximum after a power cycle count it always: such a site must be built for it.
    const bool neither = random_.Chance(30);
    normal_cap_ = neither ? Watts(200'000) : Watts(90'000);
    const Power feeder = neither ? Watts(100'000) : Watts(50'000);
    builder_.MeterCap(normal_cap_).Budget("f1", v1::FEEDER, feeder).Budget("f2", v1::FEEDER, feeder);
    if (neither) builder_.Device("asic").set_power_cycle(v1::NEITHER);
    for (int i = 0; i < 4; ++i) Add("r" + std::to_string(i), "rack", i);
    for (int i = 0; i < 4; ++i) Add("s" + std::to_string(i), "server", i);
    for (int i = 0; i < 2; ++i) Add("b" + std::to_string(i), "box", i);
    if (random_.Chance(30)) builder_.Device("asic").set_enforcer(v1::ENFORCER_AGENT);
    if (random_.Chance(50)) builder_.Device("gpu").set_prepare_mw(Watts(random_.Below(600)).count());
    if (random_.Chance(20)) builder_.Device("gpu").set_transient_mw(Watts(900).count());
    if (random_.Chance(30)) builder_.Device("asic").set_fallback_mw(Watts(1'000).count());
    if (random_.Chance(30)) ramp_ = Watts(8'000);
    builder_.configuration().mutable_sites(0)->mutable_budgets(1)->set_ramp_up_mw(ramp_.count());
    cluster_ = std::make_unique<CoreHarness>(builder_.configuration());
    rises_.emplace_back(MonoTime(), ramp_);
    cluster_->ConnectAll();
    jobs_.push_back(cluster_->Submit(HashingJob()));
  }

  void Run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      Act();
      cluster_->Run(Milliseconds(random_.Below(4000)));
      CheckWorld();
      CheckRamp();
    }
  }

  // Everybody behaves again: every AI job ends or runs, and nothing stays reserved.
  void Recover() {
    builder_.MeterCap(normal_cap_);
    ASSERT_TRUE(cluster_->Load(builder_.configuration()).ok());
    for (const std::string& name : names_) {
      FakeAgent& agent = cluster_->agent(name);
      agent.ignores_lowering = agent.holds_prepare = agent.slow_to_settle = false;
      if (agent.dark) cluster_->ReturnPower(name);
      if (!agent.connected || agent.silent) cluster_->Connect(name);
      ASSERT_TRUE(cluster_->Operator(name, v1::NodeActionRequest::UNCORDON).ok());
      ASSERT_TRUE(cluster_->Operator(name, v1::NodeActionRequest::UNDRAIN).ok());
    }
    for (int round = 0; round < 60; ++round) {
      cluster_->Run(Seconds(20));
      StopOrphans();
      CheckWorld();
      CheckRamp();
      bool waiting = false;
      for (const uint64_t id : jobs_) {
        const v1::Job& job = cluster_->job(id).row.job();
        if (job.spec().kind() == v1::HASHING) continue;
        if (job.state() == v1::RUNNING && job.spec().kind() == v1::TRAINING) cluster_->Exit(id, 0);
        if (job.state() == v1::RUNNING && job.spec().kind() == v1::INFERENCE) {
          ASSERT_TRUE(cluster_->Cancel(id).ok());
        }
        waiting =
            waiting || (job.state() != v1::SUCCEEDED && job.state() != v1::FAILED && job.state() != v1::CANCELLED);
      }
      if (!waiting) break;
    }
    for (const uint64_t id : jobs_) {
      const v1::Job& job = cluster_->job(id).row.job();
      if (job.spec().kind() == v1::HASHING) continue;
      EXPECT_TRUE(job.state() == v1::SUCCEEDED || job.state() == v1::FAILED || job.state() == v1::CANCELLED)
          << "job " << id << " " << job.spec().name() << " is " << v1::JobState_Name(job.state()) << ": "
          << cluster_->job(id).pending.text()
          << (cluster_->state().budgets[0].blocked_by.empty()
                  ? ""
                  : "; blocked by " + cluster_->state().budgets[0].blocked_by[0])
          << Nodes() << "\n"
          << Explanation(id);
    }
    EXPECT_TRUE(cluster_->state().plans.empty());
    for (uint32_t b = 0; b < cluster_->state().ledger.budgets(); ++b)
      EXPECT_EQ(cluster_->state().ledger.Earmarked(b), Power());
  }

 private:
  void StopOrphans() {
    std::vector<std::pair<uint64_t, std::string>> orphans;
    for (const auto& [key, orphan] : cluster_->state().orphans)
      orphans.emplace_back(orphan.id, cluster_->state().nodes[key.first].id);
    for (const auto& [id, node] : orphans) {
      pb::Command stop;
      stop.mutable_orphan_action()->set_allocation(id);
      stop.mutable_orphan_action()->set_node(node);
      stop.mutable_orphan_action()->set_action(v1::OrphanActionRequest::STOP);
      EXPECT_TRUE(cluster_->Send(std::move(stop)).ok());
    }
  }
  std::string Explanation(uint64_t id) {
    pb::Command explain;
    explain.mutable_query()->mutable_explain()->set_id(id);
    pb::CommandResult result;
    return cluster_->Send(std::move(explain), &result).ok() ? result.explain().DebugString() : "";
  }
  std::string Nodes() const {
    std::string text;
    for (const core::Node& node : cluster_->state().nodes) {
      text += "\n  " + node.id + " " + v1::NodeState_Name(core::StateOf(node)) + " allocations " +
              std::to_string(node.allocations.size());
      for (const uint64_t id : node.allocations) {
        const core::Allocation& a = cluster_->state().allocations.at(id);
        text += " [" + std::to_string(id) + " job " + std::to_string(a.job) + " " + v1::DesiredPhase_Name(a.phase) +
                "/" + v1::TaskPhase_Name(a.reported) + " attempt " + std::to_string(a.attempt) +
                (a.held ? " held" : "") + "]";
      }
    }
    for (const auto& [key, orphan] : cluster_->state().orphans) {
      text += "\n  orphan " + std::to_string(orphan.id) + " of job " + std::to_string(orphan.job) + " on " +
              cluster_->state().nodes[key.first].id;
    }
    return text;
  }
  void Add(const std::string& name, const std::string& model, int i) {
    builder_.AddNode(name, model, i % 2 == 0 ? "f1" : "f2");
    names_.push_back(name);
    feed_of_.push_back(i % 2);
  }
  std::string AnyNode() { return names_[static_cast<size_t>(random_.Below(static_cast<int>(names_.size())))]; }

  void Act() {
    switch (random_.Below(14)) {
      case 13:
        CopyOrRestore();
        break;
      case 12:
        TurnFeed(random_.Below(2));
        break;
      case 0:
        jobs_.push_back(
            cluster_->Submit(TrainingJob("t", 1 + random_.Below(3), 1 + random_.Below(8), random_.Below(5) * 100)));
        break;
      case 1: {
        v1::JobSpec spec = TrainingJob("shared", 1, 0, random_.Below(5) * 100);
        spec.mutable_groups(0)->mutable_resources()->set_gpu_milli(100 + random_.Below(800));
        jobs_.push_back(cluster_->Submit(spec));
        break;
      }
      case 2:
        jobs_.push_back(cluster_->Submit(ServiceJob("svc", 1 + random_.Below(4), 1, random_.Below(5) * 100)));
        break;
      case 3: {
        v1::JobSpec spec = TrainingJob("cores", 1 + random_.Below(2), 0, 200);
        spec.mutable_groups(0)->mutable_resources()->set_cpu_devices(1 + random_.Below(4));
        jobs_.push_back(cluster_->Submit(spec));
        break;
      }
      case 4:
        cluster_->Exit(jobs_[static_cast<size_t>(random_.Below(static_cast<int>(jobs_.size())))],
                       random_.Chance(60) ? 0 : 1);
        break;
      case 5: {
        const uint64_t job = jobs_[static_cast<size_t>(random_.Below(static_cast<int>(jobs_.size())))];
        if (job != jobs_.front()) {
          EXPECT_TRUE(cluster_->Cancel(job).ok());
        }
        break;
      }
      case 6:
        Trouble(cluster_->agent(AnyNode()));
        break;
      case 7: {
        const std::string name = AnyNode();
        FakeAgent& agent = cluster_->agent(name);
        agent.ignores_lowering = agent.holds_prepare = agent.slow_to_settle = false;
        if (!agent.dark && (agent.silent || !agent.connected)) cluster_->Connect(name);
        break;
      }
      case 8:
        builder_.MeterCap(Watts(20'000 + random_.Below(80'000)));
        EXPECT_TRUE(cluster_->Load(builder_.configuration()).ok());
        break;
      case 9:
        Restart();
        break;
      case 10: {
        static constexpr v1::NodeActionRequest::Action kWords[] = {
            v1::NodeActionRequest::CORDON, v1::NodeActionRequest::UNCORDON, v1::NodeActionRequest::DRAIN,
            v1::NodeActionRequest::UNDRAIN};
        EXPECT_TRUE(cluster_->Operator(AnyNode(), kWords[random_.Below(4)], random_.Below(5000)).ok());
        break;
      }
      default: {
        const std::string name = AnyNode();
        if (cluster_->agent(name).connected && !cluster_->agent(name).dark) {
          cluster_->Disconnect(name);
          cluster_->Connect(name);
        }
        break;
      }
    }
  }

  void Trouble(FakeAgent& agent) {
    switch (random_.Below(4)) {
      case 0:
        agent.silent = true;
        break;
      case 1:
        agent.ignores_lowering = true;
        break;
      case 2:
        agent.holds_prepare = true;
        break;
      default:
        agent.slow_to_settle = true;
        break;
    }
  }

  void Restart() {
    CheckRamp();
    cluster_->Restart();
    BeginTerm();
  }

  // Takes a backup, or goes back to the last one: of what happened since nothing is known, but what the machines say.
  void CopyOrRestore() {
    if (backup_.empty() || random_.Chance(50)) {
      backup_ = cluster_->Backup();
      backup_jobs_ = jobs_;
      return;
    }
    CheckRamp();
    cluster_->RestoreBackup(backup_);
    jobs_ = backup_jobs_;
    sent_seen_ = cluster_->sent().size();  // its grants are of before, and nobody is sent them
    granted_.clear();
    for (const auto& [id, allocation] : cluster_->state().allocations) {
      if (allocation.kind == v1::HASHING) granted_[id] = allocation.bound.grant();
    }
    for (const std::string& name : names_) kept_[name] = Kept(cluster_->agent(name));
    BeginTerm();
  }

  void BeginTerm() {
    rises_.clear();
    rises_.emplace_back(MonoTime(), ramp_);  // the minute before a term is not known
    for (const std::string& name : names_) {
      if (!cluster_->agent(name).silent && random_.Chance(80)) cluster_->Connect(name);
    }
  }

  // A feed dies; or it comes back, everything behind it at once, and one of its nodes is heard first.
  void TurnFeed(int feed) {
    bool& dead = dead_[feed];
    bool heard = false;
    for (size_t i = 0; i < names_.size(); ++i) {
      if (feed_of_[i] != feed) continue;
      if (!dead) {
        cluster_->CutPower(names_[i]);
      } else if (cluster_->agent(names_[i]).dark) {
        cluster_->ReturnPower(names_[i]);
      }
    }
    for (size_t i = 0; i < names_.size() && dead && !heard; ++i) {
      if (feed_of_[i] != feed || cluster_->agent(names_[i]).connected) continue;
      cluster_->Connect(names_[i]);
      heard = true;
    }
    dead = !dead;
  }

  // Over any minute the grants of hashing under f1 rise by at most its ramp, by what was sent to its nodes.
  void CheckRamp() {
    if (ramp_ == Power()) return;
    for (; sent_seen_ < cluster_->sent().size(); ++sent_seen_) {
      const core::NodeOrder& order = cluster_->sent()[sent_seen_];
      const MonoTime at = cluster_->sent_at()[sent_seen_];
      if (!UnderF1(order.node)) continue;
      for (const v1::DesiredAllocation& upsert : order.upserts) {
        if (upsert.kind() != v1::HASHING) continue;
        Power& grant = granted_[upsert.allocation()];
        const int64_t idle = upsert.group() == "asic" ? 25'000 : 5'000;
        const Power from = std::max(grant, Milliwatts(idle) * upsert.devices_size());
        if (Milliwatts(upsert.grant_mw()) > from) rises_.emplace_back(at, Milliwatts(upsert.grant_mw()) - from);
        grant = Milliwatts(upsert.grant_mw());
      }
      Power minute;
      for (const auto& [when, rise] : rises_) minute += when + Minutes(1) > at ? rise : Power();
      EXPECT_LE(minute, ramp_) << "within the minute before " << at.milliseconds() << " ms";
    }
  }
  bool UnderF1(const std::string& id) const {
    for (size_t i = 0; i < names_.size(); ++i)
      if ("site/" + names_[i] == id) return feed_of_[i] == 0;
    return false;
  }

  // What its devices draw, or will when their power comes back.
  static Power Kept(const FakeAgent& agent) {
    Power kept;
    for (const auto& [id, task] : agent.tasks) kept += task.draw;
    return kept;
  }

  void CheckWorld() {
    const core::State& state = cluster_->state();
    for (const std::string& name : names_) {
      const FakeAgent& agent = cluster_->agent(name);
      const uint32_t index = state.node_index.at("site/" + name);
      const core::Node& node = state.nodes[index];
      std::map<std::string, int> used;
      for (const auto& [id, task] : agent.tasks) {
        if (task.phase != v1::TASK_RUNNING) continue;
        for (const std::string& device : task.order.devices()) used[device] += task.order.device_share_milli();
      }
      for (const auto& [device, milli] : used) EXPECT_LE(milli, 1000) << device;
      Power counted = node.platform_charged;
      for (const core::Group& group : node.groups) counted += group.charged;
      for (const uint64_t id : node.allocations) counted += state.allocations.at(id).charged;
      for (const auto& [key, orphan] : state.orphans) counted += key.first == index ? orphan.charged : Power();
      // What an unclaimed node draws a restored store cannot know; but it gives it nothing more.
      if (node.unclaimed) counted = std::max(counted, kept_.at(name));
      EXPECT_LE(agent.dark ? Power() : Kept(agent), counted) << name << " draws more than the ledger knows";
    }
  }

  Random random_;
  ClusterBuilder builder_;
  Power normal_cap_;
  Power ramp_;  // of f1; 0: none
  std::vector<std::string> names_;
  std::vector<int> feed_of_;  // beside names_: 0 f1, 1 f2
  bool dead_[2] = {};
  size_t sent_seen_ = 0;
  std::map<uint64_t, Power> granted_;              // hashing under f1, as sent last
  std::vector<std::pair<MonoTime, Power>> rises_;  // of this term
  std::unique_ptr<CoreHarness> cluster_;
  std::vector<uint64_t> jobs_;
  CoreHarness::Rows backup_;           // empty: none was taken
  std::vector<uint64_t> backup_jobs_;  // beside it
  std::map<std::string, Power> kept_;  // when the last backup was restored
};

class CoreProperty : public ::testing::TestWithParam<int> {};

TEST_P(CoreProperty, InvariantsHoldThroughTroubleAndTheQueueDrainsAfterIt) {
  for (int i = 0; i < 15; ++i) {
    const uint64_t seed = static_cast<uint64_t>(GetParam()) * 1000 + static_cast<uint64_t>(i);
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed);
    history.Run(60);
    history.Recover();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoreProperty, ::testing::Range(0, 20));

}  // namespace
}  // namespace switchyard::testing
