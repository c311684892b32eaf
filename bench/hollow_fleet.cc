#include "bench/hollow_fleet.h"

#include <deque>
#include <grpcpp/grpcpp.h>
#include <utility>

#include "common/check.h"
#include "common/set_hash.h"
#include "fmt/format.h"
#include "switchyard/v1/agent_service.grpc.pb.h"

namespace switchyard::bench {
namespace {

// Every node's heartbeat is due within one lease's sixth; the fleet says them in slices, so that they do not come as a
// flood.
constexpr std::chrono::milliseconds kHeartbeatPeriod(5000);
constexpr int kHeartbeatSlices = 100;

struct Task {
  uint64_t job = 0;
  uint32_t epoch = 0;
  v1::DesiredPhase ordered = v1::PREPARE;
  v1::TaskPhase phase = v1::TASK_PREPARED;
  int64_t grant_mw = 0;
  uint64_t revision = 0;  // of its last order
  int devices = 0;
};

struct HollowNode {
  std::string id;
  std::map<uint64_t, Task> set;
  uint64_t revision = 0;
  uint64_t reports = 0;
  uint64_t heartbeats = 0;
  bool welcomed = false;
};

uint64_t HashOf(const HollowNode& node) {
  SetHash hash;
  for (const auto& [id, task] : node.set) hash.Add(id, task.epoch, task.ordered, task.grant_mw);
  return hash.Finish();
}

}  // namespace

// One stream and its nodes. gRPC's threads and the heartbeats' call it; one lock guards nodes and queue.
class HollowFleet::Stream final : public grpc::ClientBidiReactor<v1::AgentMessage, v1::SchedulerMessage> {
 public:
  Stream(HollowFleet* fleet, std::vector<std::string> nodes) : fleet_(*fleet) {
    for (std::string& id : nodes) {
      nodes_[id].id = id;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    arguments.SetMaxReceiveMessageSize(-1);
    stub_ = v1::AgentService::NewStub(
        grpc::CreateCustomChannel(fleet_.options_.address, grpc::InsecureChannelCredentials(), arguments));
    stub_->async()->Session(&context_, this);
    AddHold();
    StartCall();
    StartRead(&incoming_);
    const std::lock_guard lock(mutex_);
    for (auto& [id, node] : nodes_) SayHello(node);
  }

  void Close() {
    context_.TryCancel();
    RemoveHold();
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return done_; });
  }

  void Hold(bool hold) {
    const std::lock_guard lock(mutex_);
    hold_ = hold;
  }

  void EndHeld() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, node] : nodes_) {
      bool any = false;
      for (auto& [allocation, task] : node.set) {
        if (task.phase != v1::TASK_RUNNING) continue;
        task.phase = v1::TASK_ENDED;
        any = true;
      }
      if (any) SayReport(node);
    }
  }

  // The heartbeats of one slice of the nodes.
  void SayHeartbeats(int slice) {
    const std::lock_guard lock(mutex_);
    int index = 0;
    for (auto& [id, node] : nodes_) {
      if (node.welcomed && index % kHeartbeatSlices == slice) SayHeartbeat(node);
      ++index;
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const std::lock_guard lock(mutex_);
      Receive(incoming_);
    }
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (ok && !queue_.empty()) StartWrite(&queue_.front());
  }

  void OnDone(const grpc::Status&) override {
    // Notified under the lock: the waiter destroys this object when it gets on.
    const std::lock_guard lock(mutex_);
    done_ = true;
    ended_.notify_all();
  }

 private:
  v1::AgentMessage& Add(const HollowNode& node) {
    queue_.emplace_back().set_node(node.id);
    return queue_.back();
  }
  void Flush() {
    if (queue_.size() == 1) StartWrite(&queue_.front());  // otherwise a write is under way
  }

  void SayHello(HollowNode& node) {
    v1::NodeHello* hello = Add(node).mutable_hello();
    hello->set_agent_incarnation("hollow-" + node.id);
    hello->set_boot_id("boot-" + node.id);
    hello->set_hardware_id("hardware-" + node.id);
    hello->set_version("hollow");
    v1::GroupCapability* group = hello->add_groups();
    group->set_group(fleet_.options_.group);
    group->set_enforcer(v1::ENFORCER_SUPERVISOR);
    for (int d = 0; d < fleet_.options_.devices; ++d) group->add_devices(fmt::format("{}/{}", node.id, d));
    Flush();
  }

  void SayHeartbeat(HollowNode& node) {
    v1::Heartbeat* heartbeat = Add(node).mutable_heartbeat();
    heartbeat->set_sequence(++node.heartbeats);
    heartbeat->set_applied_revision(node.revision);
    heartbeat->set_unchanged(true);
    Flush();
  }

  void SayReport(HollowNode& node) {
    v1::NodeReport* report = Add(node).mutable_report();
    report->set_applied_revision(node.revision);
    report->set_set_hash(HashOf(node));
    report->set_sequence(++node.reports);
    int busy = 0;
    for (const auto& [id, task] : node.set) {
      v1::AllocationReport* out = report->add_allocations();
      const int64_t watts = task.phase == v1::TASK_RUNNING ? task.grant_mw : task.devices * fleet_.options_.idle_mw;
      out->set_allocation(id);
      out->set_epoch(task.epoch);
      out->set_phase(task.phase);
      out->set_revision(task.revision);
      out->set_confirmed_mw(task.phase == v1::TASK_ENDED ? watts : task.grant_mw);
      out->set_reading_mw(watts);
      out->set_job(task.job);
      out->set_kind(v1::TRAINING);
      busy += task.devices;
    }
    v1::GroupReport* group = report->add_groups();
    group->set_group(fleet_.options_.group);
    group->set_unallocated_devices(fleet_.options_.devices - busy);
    group->set_unallocated_mw(group->unallocated_devices() * fleet_.options_.idle_mw);
    group->set_revision(node.revision);
    Flush();
  }

  void Receive(const v1::SchedulerMessage& message) {
    HollowNode& node = nodes_.at(message.node());
    SWITCHYARD_CHECK(!message.has_refusal()) << message.node() << ": " << message.refusal().reason();
    if (message.has_welcome()) {
      node.welcomed = true;
      SayHeartbeat(node);
      SayReport(node);
    }
    if (message.has_set()) TakeSet(node, message.set());
  }

  void TakeSet(HollowNode& node, const v1::DesiredSet& set) {
    if (set.base_revision() == 0) node.set.clear();
    std::vector<uint64_t> started;
    for (const v1::DesiredAllocation& order : set.upserts()) {
      const auto [at, inserted] = node.set.try_emplace(order.allocation());
      Task& task = at->second;
      if (inserted) fleet_.Note(order.job(), &JobTimes::ordered, &fleet_.ordered_);
      if (order.phase() == v1::RUN && (inserted || task.ordered == v1::PREPARE)) {
        fleet_.Note(order.job(), &JobTimes::released, &fleet_.released_);
        task.phase = v1::TASK_RUNNING;
        started.push_back(order.allocation());
      }
      if (order.phase() == v1::STOP) task.phase = v1::TASK_ENDED;
      task.job = order.job();
      task.epoch = order.epoch();
      task.ordered = order.phase();
      task.grant_mw = order.grant_mw();
      task.revision = set.revision();
      task.devices = order.devices_size();
    }
    for (const uint64_t id : set.removed()) {
      const auto gone = node.set.find(id);
      if (gone == node.set.end()) continue;
      fleet_.Note(gone->second.job, &JobTimes::forgotten, &fleet_.forgotten_);
      node.set.erase(gone);
    }
    node.revision = set.revision();
    SWITCHYARD_CHECK(HashOf(node) == set.set_hash())
        << node.id << " holds another set than revision " << set.revision();
    SayReport(node);
    if (hold_ || started.empty()) return;
    for (const uint64_t id : started) node.set.at(id).phase = v1::TASK_ENDED;
    SayReport(node);
  }

  HollowFleet& fleet_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::SchedulerMessage incoming_;

  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<std::string, HollowNode> nodes_;
  std::deque<v1::AgentMessage> queue_;  // the first one is under way
  bool hold_ = false;
  bool done_ = false;
};

HollowFleet::HollowFleet(FleetOptions options) : options_(std::move(options)) {
  std::vector<std::vector<std::string>> shares(static_cast<size_t>(options_.streams));
  for (size_t i = 0; i < options_.nodes.size(); ++i) shares[i % shares.size()].push_back(options_.nodes[i]);
  for (std::vector<std::string>& share : shares) streams_.push_back(std::make_unique<Stream>(this, std::move(share)));
  heartbeats_ = std::thread([this] { Heartbeats(); });
}

HollowFleet::~HollowFleet() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  heartbeats_.join();
  for (const auto& stream : streams_) stream->Close();
}

void HollowFleet::Hold(bool hold) {
  for (const auto& stream : streams_) stream->Hold(hold);
}

void HollowFleet::EndHeld() {
  for (const auto& stream : streams_) stream->EndHeld();
}

void HollowFleet::Heartbeats() {
  auto due = std::chrono::steady_clock::now();
  for (int slice = 0;; slice = (slice + 1) % kHeartbeatSlices) {
    due += kHeartbeatPeriod / kHeartbeatSlices;
    {
      std::unique_lock lock(mutex_);
      if (changed_.wait_until(lock, due, [this] { return stopping_; })) return;
    }
    for (const auto& stream : streams_) stream->SayHeartbeats(slice);
  }
}

void HollowFleet::Note(uint64_t job, SteadyTime JobTimes::*event, uint64_t* count) {
  {
    const std::lock_guard lock(mutex_);
    SteadyTime& at = times_[job].*event;
    if (at != SteadyTime()) return;  // of an earlier attempt
    at = std::chrono::steady_clock::now();
    ++*count;
  }
  changed_.notify_all();
}

bool HollowFleet::Await(const uint64_t* count, uint64_t jobs, std::chrono::seconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return *count >= jobs; });
}
bool HollowFleet::AwaitReleased(uint64_t jobs, std::chrono::seconds limit) { return Await(&released_, jobs, limit); }
bool HollowFleet::AwaitForgotten(uint64_t jobs, std::chrono::seconds limit) { return Await(&forgotten_, jobs, limit); }

JobTimes HollowFleet::TimesOf(uint64_t job) const {
  const std::lock_guard lock(mutex_);
  const auto found = times_.find(job);
  return found == times_.end() ? JobTimes() : found->second;
}

}  // namespace switchyard::bench
