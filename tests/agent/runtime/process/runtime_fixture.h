// A node with its real runtime, a state directory of its own and orders made of a few words. Every wait is for a condition of the
// machine as Observe shows it.
#ifndef SWITCHYARD_TESTS_AGENT_RUNTIME_PROCESS_RUNTIME_FIXTURE_H_
#define SWITCHYARD_TESTS_AGENT_RUNTIME_PROCESS_RUNTIME_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "agent/runtime/process/process_runtime.h"
#include "agent/supervisor/cgroup.h"
#include "agent/supervisor/task_directory.h"
#include "agent/supervisor/task_status.h"
#include "agent/supervisor/text_file.h"
#include "tests/agent/supervisor/wait_for.h"

namespace switchyard::agent::process {

using reconcile::Action;
using supervisor::WaitFor;

class ProcessRuntimeTest : public ::testing::Test {
 protected:
  static constexpr int64_t kIdleMw = 5000;
  static constexpr int64_t kMaxMw = 15000;

  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "runtime.XXXXXX";
    root_ = mkdtemp(pattern.data());
    chmod(root_.c_str(), 0755);
    file_.nodes = {"bench/node-1"};
    file_.state_dir = root_ + "/state";
    file_.supervisor_program = std::string(SWITCHYARD_BINARY_DIR) + "/bin/switchyard-supervisor";
    file_.hardware_id = "bench";
    file_.boot_id_file = root_ + "/boot_id";
    file_.cpus = {0};
    std::ofstream(file_.boot_id_file) << "first-boot\n";
    StartAgent();
  }

  void TearDown() override {
    if (!agent_) StartAgent();
    for (const reconcile::TaskTruth& task : agent_->Observe().tasks) agent_->Execute({StopOf(task.allocation, Duration())});
    EXPECT_TRUE(WaitFor([&] {
      for (const reconcile::TaskTruth& task : agent_->Observe().tasks) {
        if (task.phase != v1::TASK_ENDED) return false;
        Action forget;
        forget.kind = Action::Kind::kForget;
        forget.allocation = task.allocation;
        agent_->Execute({forget});
      }
      return true;
    }));
    const auto cgroup = supervisor::Cgroup::At("/sys/fs/cgroup", "switchyard/" + agent_->Identify().agent_incarnation().substr(0, 12));
    agent_.reset();
    for (const supervisor::CgroupHierarchy& hierarchy : cgroup.hierarchies()) rmdir(hierarchy.path.c_str());
    std::filesystem::remove_all(root_);
  }

  void StartAgent(bool welcomed = true) {
    auto made = ProcessRuntime::Create(file_, clock_, [this] { ++wakes_; });
    ASSERT_TRUE(made.ok()) << made.status();
    agent_ = *std::move(made);
    if (welcomed) agent_->Configure(Welcome());
  }

  static v1::Welcome Welcome() {
    v1::Welcome welcome;
    v1::DeviceModel* device = welcome.add_device_models();
    device->set_id("core");
    device->set_kind(v1::CPU);
    device->set_idle_mw(kIdleMw);
    device->set_max_mw(kMaxMw);
    welcome.mutable_model()->set_platform_mw(20'000);
    v1::DeviceGroup* group = welcome.mutable_model()->add_groups();
    group->set_name("cores");
    group->set_device_model("core");
    group->set_count(1);
    return welcome;
  }

  v1::DesiredAllocation Order(uint64_t allocation, const std::string& script) {
    v1::DesiredAllocation order;
    order.set_allocation(allocation);
    order.set_epoch(1);
    order.set_job(100 + allocation);
    order.set_kind(v1::TRAINING);
    order.set_grant_mw(kMaxMw);
    order.add_devices("cpu-bench-0");
    order.mutable_launch()->set_job_name("job");
    order.mutable_launch()->set_tenant("ml");
    for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), script}) order.mutable_launch()->add_command(word);
    return order;
  }

  static Action Of(Action::Kind kind, const v1::DesiredAllocation& order) {
    Action action;
    action.kind = kind;
    action.allocation = order.allocation();
    action.order = order;
    action.limit = Power(order.grant_mw());
    return action;
  }
  static Action StopOf(uint64_t allocation, Duration grace) {
    Action action;
    action.kind = Action::Kind::kStop;
    action.allocation = allocation;
    action.grace = grace;
    return action;
  }
  Action Lease(Duration from_now) {
    Action action;
    action.kind = Action::Kind::kRenewFence;
    action.lease_end = clock_.Mono() + from_now;
    return action;
  }

  void Prepare(const v1::DesiredAllocation& order) {
    agent_->Execute({Of(Action::Kind::kPrepare, order)});
    ASSERT_TRUE(Becomes(order.allocation(), v1::TASK_PREPARED)) << Truth(order.allocation()).reason;
  }
  void Run(const v1::DesiredAllocation& order) {
    Prepare(order);
    agent_->Execute({Of(Action::Kind::kRelease, order)});
  }

  reconcile::TaskTruth Truth(uint64_t allocation) {
    for (const reconcile::TaskTruth& task : agent_->Observe().tasks) {
      if (task.allocation == allocation) return task;
    }
    return {};
  }
  bool Becomes(uint64_t allocation, v1::TaskPhase phase) {
    return WaitFor([&] {
      const v1::TaskPhase now = Truth(allocation).phase;
      return now == phase || now == v1::TASK_ENDED;
    }) && Truth(allocation).phase == phase;
  }

  std::string Directory(uint64_t allocation) { return TaskDirectory(file_.state_dir, {allocation, 1}); }
  supervisor::TaskStatus Status(uint64_t allocation) { return supervisor::ReadTaskStatus(Directory(allocation)).value(); }
  std::string Work(uint64_t allocation, const std::string& name) {
    return supervisor::ReadText(Directory(allocation) + "/work/" + name).value_or("");
  }

  std::string root_;
  configuration::AgentFile file_;
  platform::SystemClock clock_;
  std::atomic<int> wakes_ = 0;
  std::unique_ptr<ProcessRuntime> agent_;
};

}  // namespace switchyard::agent::process

#endif  // SWITCHYARD_TESTS_AGENT_RUNTIME_PROCESS_RUNTIME_FIXTURE_H_
