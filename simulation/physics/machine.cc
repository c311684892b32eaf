// What the machine is made of, its power, and the passing of time.
#include "simulation/physics/machine.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "common/stable_hash.h"
#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

constexpr int kPlatformLine = 0, kLooseLine = 1;
// What boards, fans and supplies draw of the platform watts that are counted for their worst, once they have booted.
constexpr int64_t kPlatformPercent = 85;
constexpr Duration kBoot = Seconds(3);
// An agent that starts looks at its machine for so long.
constexpr int64_t kScanLeastMs = 300;
// One moment of looking serves all devices whose ramps end within it.
constexpr int64_t kLookGrainMs = 250;
// Half a period of an AI load.
constexpr int64_t kSwingLeastMs = 4000, kSwingMostMs = 12'000;

uint64_t Hash(uint64_t seed, const std::string& about, int number = 0) {
  return StableHash().Add(seed).Add(about).Add(number).Finish();
}

}  // namespace

Machine::Machine(std::string node, const v1::NodeModel& model, const std::map<std::string, v1::DeviceModel>& devices,
                 uint64_t seed, DrawBook* draws, MachineObserver* observer)
    : node_(std::move(node)), model_(model), models_(devices), seed_(seed), draws_(draws), observer_(observer) {
  if (draws_ != nullptr) {
    platform_line_ = draws_->Line(node_, "", kPlatformLine);
    loose_line_ = draws_->Line(node_, "", kLooseLine);
  }
  const MonoTime now = draws_ == nullptr ? MonoTime() : draws_->now();
  Build();
  // Who knows what a rack did before the scheduler knew it: of those that count their nameplate always one in three is
  // at its maximum, of the others one device in forty. (A whole rack of those, under a cap that it exceeds, would stay
  // there: nothing lowers a device that has no allocation.)
  for (Group& group : groups_) {
    const bool asic = group.model.kind() == v1::ASIC;
    const bool rack = asic && group.model.power_cycle() == v1::NEITHER && Hash(seed_, node_ + group.name) % 3 == 0;
    for (Device& device : group.devices) {
      const bool hot = rack || (asic && group.model.power_cycle() == v1::PERSISTENT &&
                                Hash(seed_, device.id() + " before") % 40 == 0);
      const Power draw = Milliwatts(hot ? group.model.max_mw() : group.model.idle_mw());
      device.Jump(now, draw, draw);
    }
  }
  PowerOn(now);
}

void Machine::Build() {
  groups_.clear();
  std::string prefix = node_;
  std::replace(prefix.begin(), prefix.end(), '/', '.');
  for (const v1::DeviceGroup& described : model_.groups()) {
    const auto found = models_.find(described.device_model());
    if (found == models_.end()) continue;
    Group& group = groups_.emplace_back();
    group.name = described.name();
    group.model = found->second;
    const std::string hardware = hardware_ == 0 ? "" : fmt::format(".r{}", hardware_);
    for (int i = 0; i < described.count(); ++i) {
      const std::string id = fmt::format("{}{}.{}-{:03}", prefix, hardware, group.name, i + 1);
      const uint64_t drawn = Hash(seed_, id);
      const auto speed = static_cast<int64_t>(600 + drawn % 401);
      const Duration half =
          Milliseconds(kSwingLeastMs + static_cast<int64_t>((drawn >> 20) % (kSwingMostMs - kSwingLeastMs)));
      const DrawBook::LineId line = draws_ == nullptr ? 0 : draws_->Line(node_, group.name, i);
      group.devices.emplace_back(id, speed, half, line, MonoTime(), Milliwatts(group.model.idle_mw()));
    }
  }
}

v1::NodeHello Machine::Identify() const {
  v1::NodeHello hello;
  hello.set_agent_incarnation(fmt::format("{:016x}", Hash(seed_, node_ + " incarnation", incarnation_)));
  hello.set_boot_id(fmt::format("{:016x}", Hash(seed_, node_ + " boot", boot_)));
  hello.set_hardware_id(fmt::format("sim-{:016x}", Hash(seed_, node_ + " hardware", hardware_)));
  for (const Group& group : groups_) {
    v1::GroupCapability* capability = hello.add_groups();
    capability->set_group(group.name);
    capability->set_enforcer(group.model.enforcer());
    for (const Device& device : group.devices) capability->add_devices(device.id());
  }
  return hello;
}

std::vector<std::string> Machine::DeviceIds() const {
  std::vector<std::string> ids;
  for (const Group& group : groups_) {
    for (const Device& device : group.devices) ids.push_back(device.id());
  }
  return ids;
}

std::map<std::string, std::vector<uint64_t>> Machine::Users(MonoTime) const {
  std::map<std::string, std::vector<uint64_t>> users;
  for (const Group& group : groups_) {
    for (const Device& device : group.devices) {
      if (!device.users.empty()) users[device.id()] = device.users;
    }
  }
  return users;
}

int Machine::FindInGroup(const Group& group, const std::string& id) const {
  // Ids end in the number of the device.
  const size_t dash = id.rfind('-');
  int number = 0;
  if (dash != std::string::npos) std::from_chars(id.data() + dash + 1, id.data() + id.size(), number);
  const size_t index = static_cast<size_t>(std::max(number - 1, 0));
  return index < group.devices.size() && group.devices[index].id() == id ? static_cast<int>(index) : -1;
}

std::optional<std::pair<size_t, size_t>> Machine::FindDevice(const std::string& name) const {
  const bool with_node =
      name.size() > node_.size() && name.compare(0, node_.size(), node_) == 0 && name[node_.size()] == '/';
  const std::string rest = with_node ? name.substr(node_.size() + 1) : name;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (const int found = FindInGroup(groups_[g], name); found >= 0) return std::pair(g, static_cast<size_t>(found));
    const std::string& group = groups_[g].name;
    if (rest.size() <= group.size() + 1 || rest.compare(0, group.size(), group) != 0 || rest[group.size()] != '/')
      continue;
    size_t index = 0;
    const auto [end, error] = std::from_chars(rest.data() + group.size() + 1, rest.data() + rest.size(), index);
    const bool whole = error == std::errc() && end == rest.data() + rest.size();
    if (whole && index < groups_[g].devices.size()) return std::pair(g, index);
  }
  return std::nullopt;
}

// ---- what goes to the book ----

void Machine::Draw(MonoTime now, size_t g, size_t d) {
  Group& group = groups_[g];
  Device& device = group.devices[d];
  const Course& course = device.course();
  group.summed = group.shown = false;
  group.rests_at = std::max({group.rests_at, device.rests_at(), device.comply_by()});
  LookAgainAt(device.rests_at());
  LookAgainAt(device.comply_by());
  for (const uint64_t user : device.users) {
    if (const auto task = tasks_.find(user); task != tasks_.end()) task->second.shown = false;
  }
  if (draws_ == nullptr) return;
  const std::array<DrawSegment, 2> segments = {DrawSegment{course.start, course.top, course.from, course.peak},
                                               DrawSegment{course.top, course.end, course.peak, course.to}};
  const bool straight = course.top == course.end;
  const DrawWave wave = {course.low, course.half};
  draws_->Follow(now, device.line(), std::span(segments).first(straight ? 1 : 2), wave);
}

void Machine::DrawPlatform(MonoTime now) {
  if (draws_ == nullptr) return;
  const Power worst = Milliwatts(model_.platform_mw());
  const Power usual = worst / 100 * kPlatformPercent;
  const Power first = off_ ? Power() : now < booted_by_ ? worst : usual;
  const Power then = off_ ? Power() : usual;
  const std::array<DrawSegment, 2> segments = {
      DrawSegment{now, now, first, first},
      DrawSegment{std::max(booted_by_, now), std::max(booted_by_, now), then, then}};
  draws_->Follow(now, platform_line_, std::span(segments).first(off_ || now >= booted_by_ ? 1 : 2));
}

// Tasks without devices of their own: shares of CPUs, which the platform's budgets feel.
void Machine::DrawLoose(MonoTime now) {
  Power high, low;
  for (const auto& [id, task] : tasks_) {
    if (task.group >= 0 || !Draws(task)) continue;
    high += task.limit / 100 * 95;
    low += task.limit / 100 * 55;
  }
  if (off_ || suspended_) high = low = Power();
  if (draws_ == nullptr) return;
  const Duration half =
      Milliseconds(kSwingLeastMs + static_cast<int64_t>(Hash(seed_, node_) % (kSwingMostMs - kSwingLeastMs)));
  const DrawSegment segment = {now, now, high, high};
  draws_->Follow(now, loose_line_, std::span(&segment, 1), {low, high == low ? Duration() : half});
}

void Machine::Order(MonoTime now, size_t g, size_t d, Power setting, Power high, Power low) {
  Group& group = groups_[g];
  if (all_off_ || (off_ && OnHost(group))) return;
  if (group.devices[d].Command(now, setting, high, low, group.model)) Draw(now, g, d);
}

void Machine::LookAgainAt(MonoTime at) {
  const int64_t grains = (at.milliseconds() + kLookGrainMs - 1) / kLookGrainMs;
  look_at_.insert(MonoTime(grains * kLookGrainMs));
}

// ---- time ----

MonoTime Machine::NextChange(MonoTime now) const {
  if (off_) return fence_acted_ ? on_at_ : std::min(on_at_, std::max(fence_, now + Milliseconds(1)));
  MonoTime next = look_at_.empty() ? MonoTime::Never() : *look_at_.begin();
  for (const auto& [id, task] : tasks_) {
    // A sleeping host ends nothing, but ASICs come to rest meanwhile.
    if (!suspended_) next = std::min(next, task.ends_at);
    if (task.exited && task.phase != v1::TASK_ENDED) next = std::min(next, task.settled_by);
    const bool fenced =
        task.order.kind() != v1::HASHING && task.order.fence_after_ms() > 0 && fence_ != MonoTime::Never();
    if (fenced && !suspended_ && !task.exited)
      next = std::min(next, fence_ + Milliseconds(task.order.fence_after_ms()));
  }
  if (!fence_acted_ && !(suspended_ && now >= fence_)) next = std::min(next, fence_);
  if (scanned_at_ > now) next = std::min(next, scanned_at_);
  for (const auto& [g, d] : broken_) next = std::min(next, groups_[g].devices[d].mend_at);
  return std::max(next, now + Milliseconds(1));
}

void Machine::Advance(MonoTime now) {
  if (off_) {
    // Firmware counts on without its host: the dead-man timers of what still has power.
    if (!fence_acted_ && now >= fence_) {
      FallBack(now, true);
      fence_acted_ = true;
    }
    if (now < on_at_) return;
    PowerOn(now);
  }
  look_at_.erase(look_at_.begin(), look_at_.upper_bound(now));
  for (size_t i = 0; i < broken_.size(); ++i) {
    Device& device = groups_[broken_[i].first].devices[broken_[i].second];
    if (now >= device.mend_at) Mend(now, std::string(device.id()));
  }
  ActOnFence(now);
  for (auto& [id, task] : tasks_) {
    if (!suspended_ && now >= task.ends_at && !task.exited) {
      if (task.phase == v1::TASK_RUNNING)
        task.reason = "ended by itself";
      else
        task.exit_code = task.stop_code;
      Exit(now, task);
    }
    if (task.exited && task.phase != v1::TASK_ENDED) AwaitRest(now, task);
    if (task.exited && task.phase != v1::TASK_ENDED && AtRest(task, now)) {
      task.phase = v1::TASK_ENDED;
      task.shown = false;
      if (task.group >= 0) {
        for (const int device : task.devices) std::erase(groups_[task.group].devices[device].users, id);
        groups_[task.group].shown = false;
      }
    }
    if (task.phase == v1::TASK_RUNNING && !task.waiting.empty()) RaiseWaiting(now, task);
  }
}

// What supervisors and firmware do when nobody renews the lease: hashing falls back, AI ends where its job says so.
void Machine::ActOnFence(MonoTime now) {
  if (now < fence_) return;
  if (!fence_acted_) {
    FallBack(now, true);
    fence_acted_ = !suspended_;  // what sleeps is fenced when it wakes
  }
  if (suspended_) return;
  for (auto& [id, task] : tasks_) {
    const Duration after = Milliseconds(task.order.fence_after_ms());
    if (task.order.kind() == v1::HASHING || after <= Duration() || task.exited || now < fence_ + after) continue;
    task.reason = "fenced: its node was without a lease for too long";
    task.exit_code = 128 + 9;
    Exit(now, task);
  }
}

// ---- power ----

void Machine::Reboot(MonoTime now, Duration off) { PowerOff(now, off, false); }
void Machine::LosePower(MonoTime now, Duration off) { PowerOff(now, off, true); }

void Machine::PowerOff(MonoTime now, Duration off, bool everything) {
  Advance(now);
  suspended_ = false;
  off_ = true;
  all_off_ |= everything;
  on_at_ = std::max(on_at_, now + std::max(off, Milliseconds(1)));
  if (everything) {
    fence_ = MonoTime::Never();
    fence_acted_ = true;
  }
  for (auto it = tasks_.begin(); it != tasks_.end();) {
    MachineTask& task = it->second;
    Count(now, task);
    // The controller of a rack remembers what its miners hash for; whether they do when power is back is their class's
    // affair.
    const bool external =
        task.group >= 0 && !OnHost(groups_[task.group]) && task.order.kind() == v1::HASHING && !task.exited;
    const bool goes_on = external && (!everything || groups_[task.group].model.power_cycle() == v1::PERSISTENT);
    if (goes_on) {
      ++it;
      continue;
    }
    if (!task.exited && observer_ != nullptr)
      observer_->OnGone(now, node_, task.order.allocation(), task.order.epoch());
    if (task.group >= 0) {
      for (const int device : task.devices) std::erase(groups_[task.group].devices[device].users, it->first);
    }
    it = tasks_.erase(it);
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (!everything && !OnHost(groups_[g])) continue;
    for (size_t d = 0; d < groups_[g].devices.size(); ++d) {
      groups_[g].devices[d].GoDark(now);
      Draw(now, g, d);
    }
  }
  DrawPlatform(now);
  DrawLoose(now);
}

void Machine::PowerOn(MonoTime now) {
  const bool first = !off_;
  const bool everything = all_off_ || first;
  off_ = all_off_ = false;
  if (!first) ++boot_;
  booted_by_ = now + kBoot;
  for (size_t g = 0; g < groups_.size(); ++g) {
    Group& group = groups_[g];
    if (!everything && !OnHost(group)) continue;
    for (size_t d = 0; d < group.devices.size(); ++d) {
      Device& device = group.devices[d];
      const bool keeps = group.model.power_cycle() == v1::PERSISTENT;
      const Power idle = Milliwatts(group.model.idle_mw());
      if (first) {
      } else if (keeps && device.setting() > idle && !OnHost(group)) {
        device.Jump(now, device.setting(), device.setting());  // it hashes on at its last setting
      } else if (group.model.power_cycle() == v1::NEITHER) {
        device.Jump(now, Milliwatts(group.model.max_mw()), Milliwatts(group.model.max_mw()));
      } else {
        device.Jump(now, idle, idle);
      }
      Draw(now, g, d);
    }
  }
  DrawPlatform(now);
  DrawLoose(now);
  scanned_at_ = now + Milliseconds(kScanLeastMs);
}

void Machine::Suspend(MonoTime now) {
  Advance(now);
  if (off_ || suspended_) return;
  suspended_ = true;
  suspended_at_ = now;
  for (size_t g = 0; g < groups_.size(); ++g) {
    if (!OnHost(groups_[g])) continue;
    const Power idle = Milliwatts(groups_[g].model.idle_mw());
    for (size_t d = 0; d < groups_[g].devices.size(); ++d) {
      Device& device = groups_[g].devices[d];
      device.Command(now, std::max(idle, device.setting()), idle, idle, groups_[g].model);
      Draw(now, g, d);
    }
  }
  DrawLoose(now);
}

void Machine::Resume(MonoTime now) {
  if (!suspended_) return;
  suspended_ = false;
  const Duration slept = now - suspended_at_;
  for (auto& [id, task] : tasks_) {
    // Its work waited; a deadline for its end did not.
    if (task.phase == v1::TASK_RUNNING && task.ends_at != MonoTime::Never()) task.ends_at = task.ends_at + slept;
  }
  Advance(now);
  for (auto& [id, task] : tasks_) {
    if (task.exited || task.group < 0 || !OnHost(groups_[task.group])) continue;
    if (task.order.kind() == v1::HASHING && task.phase == v1::TASK_RUNNING)
      SetHashing(now, task);
    else
      Retarget(now, task);
  }
  DrawLoose(now);
}

}  // namespace switchyard::simulation
