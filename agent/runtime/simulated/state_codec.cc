#include "agent/runtime/simulated/state_codec.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "agent/runtime/simulated/node.h"
#include "common/platform/files.h"
#include "common/stable_hash.h"
#include "fmt/format.h"

namespace switchyard::agent::simulated {
namespace {

// Changes with the record's layout: a file of another version is refused, not guessed at.
constexpr int64_t kVersion = 1;

// Numbers as eight bytes, texts with their length before them, in one fixed order for both directions.
class Writer {
 public:
  void Number(int64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value)); }
  void Text(const std::string& text) {
    Number(static_cast<int64_t>(text.size()));
    bytes_ += text;
  }
  void Watts(Power power) { Number(power.count()); }
  std::string Finish() {
    Number(static_cast<int64_t>(StableHash().Add(bytes_).Finish()));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

// Any shortage makes everything after it zero and ok() false.
class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {
    ok_ = bytes.size() >= sizeof(int64_t);
    if (!ok_) return;
    end_ = bytes.size() - sizeof(int64_t);
    int64_t hash = 0;
    std::memcpy(&hash, bytes.data() + end_, sizeof(hash));
    ok_ = hash == static_cast<int64_t>(StableHash().Add(std::string_view(bytes).substr(0, end_)).Finish());
  }
  int64_t Number() {
    int64_t value = 0;
    if (!ok_ || end_ - at_ < sizeof(value)) return ok_ = false, 0;
    std::memcpy(&value, bytes_.data() + at_, sizeof(value));
    at_ += sizeof(value);
    return value;
  }
  std::string Text() {
    const auto size = static_cast<uint64_t>(Number());
    if (!ok_ || size > end_ - at_) return ok_ = false, "";
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  Power Watts() { return Power(Number()); }
  bool ok() const { return ok_; }

 private:
  const std::string& bytes_;
  size_t at_ = 0;
  size_t end_ = 0;
  bool ok_ = true;
};

// A moment of this process's clock as UTC, and back; "never" stays never.
int64_t ToUtc(const platform::Clock& clock, MonoTime time) {
  if (time == MonoTime::Never()) return MonoTime::Never().milliseconds();
  return (clock.Utc() + (time - clock.Mono())).milliseconds();
}
MonoTime FromUtc(const platform::Clock& clock, int64_t utc) {
  if (utc == MonoTime::Never().milliseconds()) return MonoTime::Never();
  return clock.Mono() + (UtcTime(utc) - clock.Utc());
}

}  // namespace

absl::Status StateCodec::Save(const Node& node) {
  const platform::Clock& clock = node.clock_;
  Writer out;
  out.Number(kVersion);
  out.Text(node.identity_.incarnation);
  out.Text(node.identity_.boot_id);
  out.Text(node.identity_.hardware_id);
  out.Number(node.configured_);
  out.Text(node.welcome_.SerializeAsString());
  out.Number(ToUtc(clock, node.accounted_));
  for (const Group& group : node.groups_) {
    out.Number(static_cast<int64_t>(group.devices.size()));
    for (const Device& device : group.devices) {
      out.Number(static_cast<int64_t>(device.defect_));
      for (const Power power : {device.setting_, device.ordered_, device.from_, device.peak_, device.to_})
        out.Watts(power);
      for (const MonoTime time : {device.start_, device.top_, device.end_, device.comply_by_})
        out.Number(ToUtc(clock, time));
    }
  }
  out.Number(static_cast<int64_t>(node.tasks_.size()));
  for (const auto& [id, task] : node.tasks_) {
    out.Text(task.order.SerializeAsString());
    out.Number(task.group);
    out.Number(static_cast<int64_t>(task.devices.size()));
    for (size_t i = 0; i < task.devices.size(); ++i) {
      out.Number(task.devices[i]);
      out.Number(i < task.waiting_mw.size() ? task.waiting_mw[i] : -1);
    }
    out.Number(task.phase);
    out.Watts(task.limit);
    out.Number(ToUtc(clock, task.ends_at));
    out.Number(task.exit_code);
    out.Text(task.reason);
    out.Number(ToUtc(clock, task.settled_by));
    out.Number(task.rate.count());
    out.Number(task.hashed_ghms);
    out.Number(task.energy.count());
  }
  const std::string fresh = node.state_path_ + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << out.Finish();
  file.close();
  if (!file || std::rename(fresh.c_str(), node.state_path_.c_str()) != 0) {
    return absl::InternalError(fmt::format("state file \"{}\": {}", node.state_path_, std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status StateCodec::Load(Node* node) {
  if (node->state_path_.empty() || !platform::FileExists(node->state_path_)) return absl::OkStatus();
  absl::StatusOr<std::string> bytes = platform::ReadFile(node->state_path_);
  if (!bytes.ok()) return bytes.status();
  const absl::Status broken = absl::DataLossError(
      fmt::format("state file \"{}\": is damaged or of another version; remove it to begin with a new simulated node",
                  node->state_path_));
  const platform::Clock& clock = node->clock_;
  Reader in(*bytes);
  if (in.Number() != kVersion) return broken;
  node->identity_.incarnation = in.Text();
  node->identity_.boot_id = in.Text();
  node->identity_.hardware_id = in.Text();
  const bool configured = in.Number() != 0;
  v1::Welcome welcome;
  if (!welcome.ParseFromString(in.Text())) return broken;
  node->accounted_ = FromUtc(clock, in.Number());
  if (configured) {
    const std::string path = std::exchange(node->state_path_, "");  // nothing is written before all was read
    node->Configure(welcome);
    node->state_path_ = path;
  }
  for (Group& group : node->groups_) {
    if (in.Number() != static_cast<int64_t>(group.devices.size())) return broken;
    for (Device& device : group.devices) {
      device.defect_ = static_cast<Defect>(in.Number());
      for (Power* power : {&device.setting_, &device.ordered_, &device.from_, &device.peak_, &device.to_})
        *power = in.Watts();
      for (MonoTime* time : {&device.start_, &device.top_, &device.end_, &device.comply_by_})
        *time = FromUtc(clock, in.Number());
      group.rests_at = std::max(group.rests_at, device.rests_at());
      node->look_at_.insert({device.rests_at(), device.comply_by()});
    }
  }
  const int64_t tasks = in.Number();
  for (int64_t i = 0; i < tasks && in.ok(); ++i) {
    Task task;
    if (!task.order.ParseFromString(in.Text())) return broken;
    task.group = static_cast<int>(in.Number());
    const int64_t devices = in.Number();
    for (int64_t d = 0; d < devices && in.ok(); ++d) {
      task.devices.push_back(static_cast<int>(in.Number()));
      task.waiting_mw.push_back(in.Number());
    }
    task.phase = static_cast<v1::TaskPhase>(in.Number());
    task.limit = in.Watts();
    task.ends_at = FromUtc(clock, in.Number());
    task.exit_code = static_cast<int>(in.Number());
    task.reason = in.Text();
    task.settled_by = FromUtc(clock, in.Number());
    task.rate = HashRate(in.Number());
    task.hashed_ghms = in.Number();
    task.energy = Energy(in.Number());
    node->tasks_[task.order.allocation()] = std::move(task);
  }
  return in.ok() ? absl::OkStatus() : broken;
}

}  // namespace switchyard::agent::simulated
