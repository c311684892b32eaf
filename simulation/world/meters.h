// The meters of the site: one at each utility meter and at each feeder. The first node beneath reads it; what it reads
// is the true draw, by a little noise off, and older when it is said than when it was read.
#ifndef SWITCHYARD_SIMULATION_WORLD_METERS_H_
#define SWITCHYARD_SIMULATION_WORLD_METERS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/units.h"
#include "simulation/world/stage.h"
#include "switchyard/v1/agent.pb.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

class Meters {
 public:
  explicit Meters(Stage* stage) : stage_(*stage) {}

  // Which meters there are and who reads them. Again after a reload: faults go on. REQUIRES: the draw book was loaded
  // with the same.
  void Load(const v1::ClusterConfiguration& configuration);

  // How long the node's readings take before they can be said; nothing: it reads no meter.
  bool Reads(const std::string& node) const { return readers_.contains(node); }
  Duration LagOf(const std::string& node) const { return readers_.at(node).lag; }

  // All meters of the node are read now.
  void Sample(const std::string& node);
  // What was read last, into a telemetry that leaves now.
  void Say(const std::string& node, v1::Telemetry* telemetry) const;

  // A meter's fault; false: the budget has no meter.
  bool Strike(FaultKind kind, const std::string& budget, Duration span, int64_t amount);

 private:
  struct Fault {
    FaultKind kind;
    MonoTime until;
    int64_t amount;
    Power stuck;
  };
  struct Reading {
    MonoTime at;
    Power draw;
  };
  struct Meter {
    std::string budget;
    uint32_t index = 0;             // in the draw book
    std::vector<Reading> readings;  // oldest first, as many as a lag may ask for
    std::vector<Fault> faults;
  };
  struct Reader {
    Duration lag;
    std::vector<std::string> budgets;
  };

  const Fault* FaultOf(const Meter& meter, FaultKind kind) const;

  Stage& stage_;
  std::map<std::string, Meter> meters_;    // by budget
  std::map<std::string, Reader> readers_;  // by node
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_METERS_H_
