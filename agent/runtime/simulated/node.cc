#include "agent/runtime/simulated/node.h"

#include <algorithm>
#include <charconv>

#include "agent/runtime/simulated/state_codec.h"
#include "common/platform/logging.h"
#include "common/platform/tls.h"
#include "common/stable_hash.h"
#include "fmt/format.h"

namespace switchyard::agent::simulated {
namespace {

// After a reboot the agent looks at its machine for so long.
constexpr Duration kScanTime = Milliseconds(500);
// A process needs a while to write what it must before it ends: at most this, and never more than its grace.
constexpr int64_t kStopMostMs = 300;
constexpr size_t kIdentityBytes = 8;

std::optional<int64_t> Variable(const v1::DesiredAllocation& order, const std::string& name) {
  for (const v1::EnvironmentVariable& variable : order.launch().environment()) {
    if (variable.name() != name) continue;
    int64_t value = 0;
    const std::string& text = variable.value();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  }
  return std::nullopt;
}

const v1::DeviceModel* FindModel(const v1::Welcome& welcome, const std::string& id) {
  for (const v1::DeviceModel& model : welcome.device_models()) {
    if (model.id() == id) return &model;
  }
  return nullptr;
}

v1::DeviceModel Scaled(v1::DeviceModel model, int64_t ramp_scale_ppm) {
  if (ramp_scale_ppm <= 0) return model;
  model.set_ramp_up_ms(model.ramp_up_ms() * ramp_scale_ppm / 1'000'000);
  model.set_ramp_down_ms(model.ramp_down_ms() * ramp_scale_ppm / 1'000'000);
  return model;
}

}  // namespace

Node::Node(std::string name, const configuration::SimulatedSettings& settings, const platform::Clock& clock,
           std::string state_path)
    : name_(std::move(name)), settings_(settings), clock_(clock), state_path_(std::move(state_path)) {
  settings_.meters.clear();  // the fleet's: not every node's to copy
  identity_.incarnation = platform::RandomHex(kIdentityBytes);
  identity_.boot_id = platform::RandomHex(kIdentityBytes);
  identity_.hardware_id = fmt::format("sim-{:016x}", StableHash().Add(settings.seed).Add(name_).Finish());
  accounted_ = clock.Mono();
}

absl::StatusOr<std::unique_ptr<Node>> Node::Open(const std::string& name,
                                                 const configuration::SimulatedSettings& settings,
                                                 const platform::Clock& clock, const std::string& state_path) {
  std::unique_ptr<Node> node(new Node(name, settings, clock, state_path));
  if (absl::Status loaded = StateCodec::Load(node.get()); !loaded.ok()) return loaded;
  return node;
}

v1::NodeHello Node::Identify() {
  v1::NodeHello hello;
  hello.set_agent_incarnation(identity_.incarnation);
  hello.set_boot_id(identity_.boot_id);
  hello.set_hardware_id(identity_.hardware_id);
  for (const Group& group : groups_) {
    v1::GroupCapability* capability = hello.add_groups();
    capability->set_group(group.name);
    capability->set_enforcer(group.model.enforcer());
    for (const Device& device : group.devices) capability->add_devices(device.id());
  }
  return hello;
}

Defect Node::DrawnDefect(const std::string& device, v1::DeviceKind kind) const {
  if (kind != v1::ASIC && kind != v1::GPU) return Defect::kNone;
  const auto drawn = static_cast<int64_t>(StableHash().Add(settings_.seed).Add(device).Finish() % 1'000'000);
  const configuration::Defects& shares = settings_.defects;
  if (drawn < shares.liars.count()) return Defect::kLiar;
  if (drawn < shares.liars.count() + shares.stuck.count()) return Defect::kStuck;
  if (drawn < shares.liars.count() + shares.stuck.count() + shares.slow.count()) return Defect::kSlow;
  return Defect::kNone;
}

void Node::Configure(const v1::Welcome& welcome) {
  const bool same = configured_ && welcome.SerializeAsString() == welcome_.SerializeAsString();
  if (same) return;
  std::map<std::string, Device> known;
  for (Group& group : groups_) {
    for (Device& device : group.devices) known.emplace(device.id(), std::move(device));
  }
  groups_.clear();
  std::string prefix = name_;
  std::replace(prefix.begin(), prefix.end(), '/', '.');
  for (const v1::DeviceGroup& described : welcome.model().groups()) {
    const v1::DeviceModel* model = FindModel(welcome, described.device_model());
    if (model == nullptr) {
      platform::Log(platform::LogLevel::kError, "device-model-missing",
                    {{"node", name_}, {"model", described.device_model()}});
      continue;
    }
    Group group;
    group.name = described.name();
    group.model = Scaled(*model, welcome.ramp_scale_ppm());
    for (int i = 0; i < described.count(); ++i) {
      const std::string id = fmt::format("{}.{}-{:03}", prefix, group.name, i + 1);
      const auto found = known.find(id);
      const int variation = static_cast<int>(StableHash().Add(id).Finish() % 4);
      group.devices.push_back(
          found != known.end() ? std::move(found->second)
                               : Device(id, DrawnDefect(id, model->kind()), variation, Milliwatts(model->idle_mw())));
      group.rests_at = std::max(group.rests_at, group.devices.back().rests_at());
    }
    groups_.push_back(std::move(group));
  }
  platform_ = Milliwatts(welcome.model().platform_mw());
  welcome_ = welcome;
  configured_ = true;
  Save();
}

void Node::Execute(const std::vector<reconcile::Action>& actions) {
  using Kind = reconcile::Action::Kind;
  Advance();
  bool changed = false;
  for (const reconcile::Action& action : actions) {
    const auto found = tasks_.find(action.allocation);
    Task* task = found == tasks_.end() ? nullptr : &found->second;
    changed |= action.kind != Kind::kRenewFence;
    switch (action.kind) {
      case Kind::kPrepare:
        if (task == nullptr) Prepare(action.order);
        break;
      case Kind::kRelease:
        if (task != nullptr && task->phase == v1::TASK_PREPARED) Release(*task);
        break;
      case Kind::kSetLimit:
        if (task != nullptr) SetLimit(*task, action.order, action.limit);
        break;
      case Kind::kStop:
        if (task != nullptr) Stop(*task, action.grace);
        break;
      case Kind::kForget:
        if (task != nullptr && task->phase == v1::TASK_ENDED) tasks_.erase(found);
        break;
      case Kind::kRenewFence:
        break;  // hollow tasks have no supervisor: their enforcer is what the catalogue says
      case Kind::kFallback:
        for (auto& [id, hashing] : tasks_) FallBack(hashing, clock_.Mono());
        break;
    }
  }
  if (changed) Save();
}

void Node::Prepare(const v1::DesiredAllocation& order) {
  Task task;
  task.order = order;
  task.phase = v1::TASK_PREPARED;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (groups_[g].name == order.group()) task.group = static_cast<int>(g);
  }
  if (task.group >= 0) {
    const std::vector<Device>& devices = groups_[task.group].devices;
    for (const std::string& id : order.devices()) {
      const auto found = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.id() == id; });
      if (found != devices.end()) task.devices.push_back(static_cast<int>(found - devices.begin()));
    }
  }
  task.limit = std::max(Milliwatts(order.grant_mw()), FloorOf(task));
  if (task.devices.size() != static_cast<size_t>(order.devices_size())) {
    task.phase = v1::TASK_ENDED;
    task.exit_code = 128;
    task.reason = fmt::format("{} of {} device(s) are on this node", task.devices.size(), order.devices_size());
  }
  tasks_[order.allocation()] = std::move(task);
}

void Node::Release(Task& task) {
  const MonoTime now = clock_.Mono();
  task.phase = v1::TASK_RUNNING;
  if (task.order.kind() == v1::HASHING) {
    SetHashing(task);
    return;
  }
  if (const std::optional<int64_t> run = Variable(task.order, kRunVariable)) {
    task.ends_at = now + Milliseconds(*run / std::max<int64_t>(settings_.speed, 1));
    task.exit_code = static_cast<int>(std::min<int64_t>(Variable(task.order, kExitVariable).value_or(0), 255));
  }
  Retarget(task, now);
}

void Node::SetLimit(Task& task, const v1::DesiredAllocation& order, Power limit) {
  if (task.phase == v1::TASK_ENDED || task.settled_by != MonoTime::Never()) return;
  const MonoTime now = clock_.Mono();
  std::vector<int> left;  // devices that were taken from it
  if (task.group >= 0 && task.order.kind() == v1::HASHING) {
    const std::vector<Device>& devices = groups_[task.group].devices;
    std::vector<int> kept;
    for (const std::string& id : order.devices()) {
      const auto found = std::find_if(devices.begin(), devices.end(), [&](const Device& d) { return d.id() == id; });
      if (found != devices.end()) kept.push_back(static_cast<int>(found - devices.begin()));
    }
    for (const int device : task.devices) {
      if (std::find(kept.begin(), kept.end(), device) == kept.end()) left.push_back(device);
    }
    task.devices = std::move(kept);
    const Power idle = Milliwatts(groups_[task.group].model.idle_mw());
    for (const int device : left) Command(task.group, device, idle, idle, now);
  }
  task.order = order;
  task.limit = std::max(limit, FloorOf(task));
  if (task.phase != v1::TASK_RUNNING && task.phase != v1::TASK_STOPPING) return;
  if (task.order.kind() == v1::HASHING)
    SetHashing(task);
  else
    Retarget(task, now);
}

void Node::Stop(Task& task, Duration grace) {
  if (task.phase == v1::TASK_ENDED || task.settled_by != MonoTime::Never()) return;
  const MonoTime now = clock_.Mono();
  const bool ran = task.phase != v1::TASK_PREPARED;
  // Hashing and what never ran need no time to end.
  int64_t takes = 0;
  if (ran && task.order.kind() != v1::HASHING) {
    takes = std::min<int64_t>(grace.count(),
                              static_cast<int64_t>(StableHash().Add(task.order.allocation()).Finish() % kStopMostMs));
  }
  if (task.phase != v1::TASK_STOPPING || now + Milliseconds(takes) < task.ends_at) {
    task.ends_at = std::min(task.ends_at, now + Milliseconds(takes));
    task.exit_code = 128 + (grace > Duration() ? 15 : 9);
    task.reason = "stopped by order";
  }
  task.phase = v1::TASK_STOPPING;
  if (task.ends_at <= now) Exit(task, now);
}

void Node::Reboot() {
  const MonoTime now = clock_.Mono();
  Advance();
  identity_.boot_id = platform::RandomHex(kIdentityBytes);
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    const Task& task = it->second;
    const bool external = task.group >= 0 && groups_[task.group].model.power_cycle() == v1::PERSISTENT;
    // Processes are gone. What an external device was told it still does.
    it = external && task.order.kind() == v1::HASHING ? std::next(it) : tasks_.erase(it);
  }
  for (Group& group : groups_) {
    if (group.model.power_cycle() == v1::PERSISTENT) continue;
    const Power draw =
        Milliwatts(group.model.power_cycle() == v1::NEITHER ? group.model.max_mw() : group.model.idle_mw());
    for (Device& device : group.devices) device.Jump(now, draw);
    group.at_rest.reset();
    group.rests_at = now;
  }
  scanned_at_ = now + kScanTime;
  Save();
}

void Node::Wipe() {
  identity_.incarnation = platform::RandomHex(kIdentityBytes);
  scanned_at_ = clock_.Mono() + kScanTime;
  Save();
}

void Node::BecomeClone() {
  identity_.boot_id = platform::RandomHex(kIdentityBytes);
  identity_.hardware_id = "sim-clone-" + platform::RandomHex(kIdentityBytes);
  state_path_.clear();
}

bool Node::SetDefect(const std::string& id, Defect defect) {
  Advance();
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    for (Device& device : group.devices) {
      if (device.id() != id) continue;
      if (defect == Defect::kNone)
        device.Mend(clock_.Mono(), group.model);
      else
        device.set_defect(defect);
      group.at_rest.reset();
      group.rests_at = std::max(group.rests_at, device.rests_at());
      look_at_.insert({device.rests_at(), device.comply_by()});
      Save();
      return true;
    }
  }
  return false;
}

void Node::StreamLogs(const v1::LogRequest& request, std::function<void(v1::LogData)> sink) {
  v1::LogData data;
  data.set_stream(request.stream());
  if (tasks_.contains(request.allocation())) {
    data.set_data("a simulated task: it draws watts and says nothing\n");
  } else {
    data.set_error(fmt::format("allocation {}: is not on node \"{}\"", request.allocation(), name_));
  }
  data.set_end(true);
  sink(std::move(data));
}

void Node::Save() {
  if (state_path_.empty()) return;
  const absl::Status saved = StateCodec::Save(*this);
  if (!saved.ok()) platform::Log(platform::LogLevel::kError, "state-not-kept", {{"node", name_}, {"reason", saved}});
}

}  // namespace switchyard::agent::simulated
