// The real core under a hand-turned clock, with agents that do at once what they are told unless a test tells them
// otherwise. Every batch is checked against the invariants; what the core commits is kept, so that a test can crash and
// restore it.
#ifndef SWITCHYARD_TESTS_SUPPORT_CORE_HARNESS_H_
#define SWITCHYARD_TESTS_SUPPORT_CORE_HARNESS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/units.h"
#include "scheduler/core/core.h"
#include "scheduler/core/state.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::testing {

namespace pb = switchyard::store::v1;

struct FakeTask {
  v1::DesiredAllocation order;
  v1::TaskPhase phase = v1::TASK_WAITING;
  Power draw;  // confirmed as settled
  int exit_code = 0;
  bool unknown = false;  // not of the scheduler's making: an orphan
};

// One agent. It follows its orders when Work() is called; the flags are what a test changes.
struct FakeAgent {
  std::string node;
  uint64_t session = 0;
  bool connected = false;
  bool silent = false;            // sends nothing, hears nothing
  bool takes_sets = false;        // orders go to its session
  bool dark = false;              // without power: silent, and its devices draw nothing and keep their settings
  bool ignores_lowering = false;  // neither applies nor acknowledges
  bool holds_prepare = false;     // stays in PREPARING
  bool slow_to_settle = false;    // acknowledges, but the draw does not fall
  bool modelled = false;          // no readings
  uint64_t revision = 0;
  uint64_t heartbeat = 0;
  uint64_t sequence = 0;
  uint64_t renewed = 0;  // newest heartbeat echoed
  MonoTime lease_end;    // counted from the send of that heartbeat
  std::map<uint64_t, FakeTask> tasks;
  std::vector<std::string> removed_log;
  std::string refusal;
  v1::NodeHello hello;
};

class CoreHarness {
 public:
  explicit CoreHarness(v1::ClusterConfiguration configuration);

  // Connects every configured node and lets it report: the usual start of a test.
  CoreHarness& ConnectAll();
  void Connect(const std::string& node);
  void Disconnect(const std::string& node);
  // A feed dies, and comes back: processes are gone, external devices are at the setting that they kept, and the machine
  // has a new boot id. Until it is connected nobody hears of it.
  void CutPower(const std::string& node);
  void ReturnPower(const std::string& node);

  // Sends a command in a batch of its own; the reply's status.
  absl::Status Send(pb::Command command, pb::CommandResult* result = nullptr);
  uint64_t Submit(const v1::JobSpec& spec);
  absl::Status Cancel(uint64_t job);
  absl::Status Load(const v1::ClusterConfiguration& configuration);
  absl::Status Operator(const std::string& node, v1::NodeActionRequest::Action action, int64_t drain_deadline_ms = 0);

  // Lets the agents do what they were told and report, until nobody has anything to say. Time stands still.
  void Settle();
  // Turns the clock, with heartbeats each second and everything that falls due.
  void Run(Duration span);

  // Ends a task by itself.
  void Exit(uint64_t job, int exit_code);

  // SIGKILL and a new process on the same rows. Every agent keeps what it runs and has to be connected again.
  void Restart();
  // The same on a copy of the rows as Backup() made it, as a store that was restored beside the one before: it has a
  // new incarnation, and every agent forgets the revisions of the old one.
  using Rows = std::map<std::pair<int, std::string>, std::string>;
  Rows Backup() const { return rows_; }
  void RestoreBackup(Rows rows);

  const core::State& state() const { return core_->state(); }
  core::Core& machine() { return *core_; }
  FakeAgent& agent(const std::string& node) { return agents_.at("site/" + node); }
  const core::Job& job(uint64_t id) const { return state().jobs.at(id); }
  v1::JobState state_of(uint64_t id) const { return job(id).row.job().state(); }
  std::vector<const core::Allocation*> allocations_of(uint64_t job) const;
  Power sum(const std::string& budget) const;
  Power headroom(const std::string& budget) const;
  Power grant(uint64_t job) const;  // of all its allocations
  Power bound(uint64_t job) const;
  const std::vector<std::string>& events() const { return events_; }  // "Kind subject: text"
  bool Happened(const std::string& kind) const;
  MonoTime now() const { return now_; }
  void Blame(const std::string& node, const v1::DeviceFault& fault);  // one report that names a device
  void Tell(const std::string& node);  // one report of that agent, now

  // ---- for tests that look at the wire and at the rows ----
  // One batch as it is; replies are kept until the next.
  void Batch(std::vector<pb::Command> commands) { Apply(std::move(commands)); }
  pb::Command NextReport(const std::string& node) {
    return ReportOf(agents_.at("site/" + node));
  }                                                                                 // to be changed before it is sent
  FakeAgent& AnyAgent(const std::string& node) { return agents_["site/" + node]; }  // also before its first session
  void LoseOrders(const std::string& node) { undelivered_.erase("site/" + node); }
  void SendFullSet(const std::string& node);  // as the gate does when an agent holds another set than it should
  const std::vector<core::NodeOrder>& sent() const { return sent_; }  // every order so far
  const std::vector<MonoTime>& sent_at() const { return sent_at_; }   // beside them; of their terms
  const Rows& rows() const { return rows_; }
  const std::vector<core::ReasonChange>& reasons() const { return reasons_; }  // every change that readers were told

 private:
  void Apply(std::vector<pb::Command> commands);
  void Take(const core::Effects& effects);
  bool Work(FakeAgent& agent);
  void FallBack();
  pb::Command ReportOf(FakeAgent& agent);
  void StartTerm();

  std::unique_ptr<core::Core> core_;
  MonoTime now_;
  int64_t utc_ms_ = 1'700'000'000'000;
  uint64_t sequence_ = 0;
  uint64_t incarnation_ = 7;
  uint64_t term_ = 0;
  uint64_t next_session_ = 1;
  uint64_t next_key_ = 1;
  uint64_t next_request_ = 1;
  std::map<std::string, FakeAgent> agents_;
  Rows rows_;
  std::map<std::string, core::NodeOrder> undelivered_;
  std::vector<core::Reply> replies_;
  std::vector<std::string> events_;
  std::vector<core::NodeOrder> sent_;
  std::vector<core::ReasonChange> reasons_;
  std::vector<MonoTime> sent_at_;
};

}  // namespace switchyard::testing

#endif  // SWITCHYARD_TESTS_SUPPORT_CORE_HARNESS_H_
