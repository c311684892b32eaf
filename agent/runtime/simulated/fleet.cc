#include "agent/runtime/simulated/fleet.h"

#include <algorithm>
#include <utility>

#include "common/platform/files.h"
#include "fmt/format.h"

namespace switchyard::agent::simulated {
namespace {

constexpr char kPlatform[] = "platform";

std::string StatePath(const std::string& directory, std::string node) {
  std::replace(node.begin(), node.end(), '/', '.');
  return platform::JoinPath(directory, node);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Fleet>> Fleet::Open(const configuration::AgentFile& file, const platform::Clock& clock) {
  std::unique_ptr<Fleet> fleet(new Fleet(file, clock));
  const std::string directory = platform::JoinPath(file.state_dir, "simulated");
  if (absl::Status made = platform::MakeDirectories(directory, 0700); !made.ok()) return made;
  if (!file.simulated.draw_file.empty()) {
    absl::StatusOr<std::unique_ptr<DrawFile>> opened = DrawFile::Open(file.simulated.draw_file, "group");
    if (!opened.ok()) return opened.status();
    fleet->group_file_ = *std::move(opened);
  }
  if (!file.simulated.device_draw_file.empty()) {
    absl::StatusOr<std::unique_ptr<DrawFile>> opened = DrawFile::Open(file.simulated.device_draw_file, "device");
    if (!opened.ok()) return opened.status();
    fleet->device_file_ = *std::move(opened);
  }
  for (const std::string& name : file.nodes) {
    absl::StatusOr<std::unique_ptr<Node>> node = Node::Open(name, file.simulated, clock, StatePath(directory, name));
    if (!node.ok()) return node.status();
    if (fleet->device_file_ != nullptr) {
      (*node)->OnDeviceChange([raw = fleet.get(), name](const std::string& device, Power draw) {
        raw->device_file_->Append(raw->clock_.Utc(), name, device, draw);
      });
    }
    fleet->index_.emplace(name, fleet->nodes_.size());
    fleet->nodes_.push_back(*std::move(node));
  }
  fleet->draws_.resize(fleet->nodes_.size());
  fleet->written_.resize(fleet->nodes_.size());
  uint64_t seed = file.simulated.seed;
  for (const configuration::SimulatedMeter& settings : file.simulated.meters) {
    fleet->meters_.push_back(std::make_unique<Meter>(settings, ++seed));
    for (const configuration::MeterTerm& term : settings.terms) {
      for (const std::string& name : term.nodes) {
        if (fleet->index_.contains(name)) continue;
        return absl::InvalidArgumentError(
            fmt::format("meter of \"{}\": node \"{}\" is not of this agent, a simulated meter sums what this "
                        "process hosts; add the node or remove it from the meter",
                        settings.budget, name));
      }
    }
    if (fleet->nodes_.empty()) continue;
    // The agent of the first node beneath it reads the meter.
    const bool named = !settings.terms.empty() && !settings.terms.front().nodes.empty();
    Node* reader = named ? fleet->Find(settings.terms.front().nodes.front()) : fleet->nodes_.front().get();
    reader->AddMeter([meter = fleet->meters_.back().get()](MonoTime now, v1::MeterReading* reading) {
      return meter->Read(now, reading);
    });
  }
  return fleet;
}

Node* Fleet::Find(const std::string& name) {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : nodes_[found->second].get();
}

Power Fleet::DrawOf(const std::string& node, const std::string& group) {
  const size_t index = index_.at(node);
  const std::vector<Power>& draws = draws_[index];
  Power sum;
  for (size_t i = 0; i < draws.size(); ++i) {
    const std::string& name = i == 0 ? kPlatform : nodes_[index]->groups()[i - 1].name;
    if (group.empty() || group == name) sum += draws[i];
  }
  return sum;
}

void Fleet::Sample() {
  const MonoTime now = clock_.Mono();
  const UtcTime utc = clock_.Utc();
  const bool snapshot = samples_++ % kSnapshotSamples == 0;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    Node& node = *nodes_[n];
    std::vector<Power>& draws = draws_[n];
    draws.assign(1, node.PlatformDraw());
    for (size_t g = 0; g < node.groups().size(); ++g) draws.push_back(node.GroupDraw(g, now));
    // A node that was never told what it is has no draw that could be said.
    if (group_file_ == nullptr || !node.configured()) continue;
    const std::vector<Power>& written = written_[n];
    for (size_t i = 0; i < draws.size(); ++i) {
      if (!snapshot && i < written.size() && written[i] == draws[i]) continue;
      group_file_->Append(utc, node.name(), i == 0 ? kPlatform : node.groups()[i - 1].name, draws[i]);
    }
    written_[n] = draws;
  }
  for (const std::unique_ptr<Meter>& meter : meters_) {
    meter->Sample(now, [this](const std::string& node, const std::string& group) { return DrawOf(node, group); });
  }
  if (group_file_ != nullptr) group_file_->Flush();
  if (device_file_ != nullptr) device_file_->Flush();
}

absl::StatusOr<std::unique_ptr<Node>> Fleet::MakeClone(const std::string& name) const {
  if (!index_.contains(name)) return absl::NotFoundError(fmt::format("node \"{}\": is not of this agent", name));
  absl::StatusOr<std::unique_ptr<Node>> clone = Node::Open(name, file_.simulated, clock_, "");
  if (clone.ok()) (*clone)->BecomeClone();
  return clone;
}

std::string Fleet::SetDefect(const std::string& device, Defect defect) {
  for (const std::unique_ptr<Node>& node : nodes_) {
    if (node->SetDefect(device, defect)) return node->name();
  }
  return "";
}

}  // namespace switchyard::agent::simulated
