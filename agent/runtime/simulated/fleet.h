// Hundreds of simulated nodes in one process, what they truly draw, and the meters above them.
//
// Thread rule: the loop's thread only.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_FLEET_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_FLEET_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/runtime/simulated/draw_file.h"
#include "agent/runtime/simulated/meter.h"
#include "agent/runtime/simulated/node.h"
#include "common/configuration/agent_file.h"
#include "common/platform/clock.h"

namespace switchyard::agent::simulated {

// True draws are sampled so often; everything is written once in kSnapshotSamples samples.
inline constexpr Duration kSampleInterval = Milliseconds(100);
inline constexpr int kSnapshotSamples = 10;

class Fleet {
 public:
  // One node for each of `file.nodes`; their state under `file.state_dir`/simulated.
  static absl::StatusOr<std::unique_ptr<Fleet>> Open(const configuration::AgentFile& file,
                                                     const platform::Clock& clock);

  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  Node* Find(const std::string& name);

  // To be called every kSampleInterval: writes true draws and feeds the meters.
  void Sample();

  // A second machine that claims to be `name`. It draws nothing that anybody counts: it is an impostor, not a load.
  absl::StatusOr<std::unique_ptr<Node>> MakeClone(const std::string& name) const;

  // Sets the defect of a device wherever it is; the node's name, or empty where no node has it.
  std::string SetDefect(const std::string& device, Defect defect);

 private:
  Fleet(const configuration::AgentFile& file, const platform::Clock& clock) : file_(file), clock_(clock) {}
  Power DrawOf(const std::string& node, const std::string& group);

  configuration::AgentFile file_;
  const platform::Clock& clock_;
  std::unique_ptr<DrawFile> group_file_, device_file_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, size_t> index_;
  std::vector<std::unique_ptr<Meter>> meters_;
  std::vector<std::vector<Power>> draws_;    // per node: platform, then its groups, as last sampled
  std::vector<std::vector<Power>> written_;  // the same as last written
  int samples_ = 0;
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_FLEET_H_
