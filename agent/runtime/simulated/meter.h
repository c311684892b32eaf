// A simulated power meter above simulated nodes: the sum of their true draw, with a lag and noise, as a real one would
// show it.
#ifndef SWITCHYARD_AGENT_RUNTIME_SIMULATED_METER_H_
#define SWITCHYARD_AGENT_RUNTIME_SIMULATED_METER_H_

#include <deque>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/configuration/agent_file.h"
#include "common/units.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::agent::simulated {

class Meter {
 public:
  // True draw of a node's group ("platform", a device group, empty: all) at the moment of the last sample.
  using Draw = std::function<Power(const std::string& node, const std::string& group)>;

  Meter(const configuration::SimulatedMeter& settings, uint64_t seed) : settings_(settings), random_(seed) {}

  const std::string& budget() const { return settings_.budget; }

  // Takes a sample where its interval has passed.
  void Sample(MonoTime now, const Draw& draw);

  // The newest value that its lag lets through and that was not read before. False: none.
  bool Read(MonoTime now, v1::MeterReading* reading);

 private:
  configuration::SimulatedMeter settings_;
  std::mt19937_64 random_;
  MonoTime next_;
  std::deque<std::pair<MonoTime, Power>> samples_;  // not yet read
};

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_AGENT_RUNTIME_SIMULATED_METER_H_
