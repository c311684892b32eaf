// Models and orders for tests of simulated nodes, on a clock that the test moves.
#ifndef SWITCHYARD_TESTS_AGENT_SIMULATED_SIMULATED_MODELS_H_
#define SWITCHYARD_TESTS_AGENT_SIMULATED_SIMULATED_MODELS_H_

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "agent/runtime/simulated/node.h"
#include "common/platform/clock.h"

namespace switchyard::agent::simulated {

// An ASIC of 10 W idle and points of 100 and 200 W, ten seconds down, twenty up.
inline v1::DeviceModel AsicModel() {
  v1::DeviceModel model;
  model.set_id("asic-model");
  model.set_kind(v1::ASIC);
  model.set_power_cycle(v1::PERSISTENT);
  model.set_enforcer(v1::ENFORCER_AGENT);
  model.set_idle_mw(10'000);
  model.set_min_mw(100'000);
  model.set_max_mw(200'000);
  model.set_transient_mw(200'000);
  model.set_ramp_down_ms(10'000);
  model.set_ramp_up_ms(20'000);
  model.set_limiter(true);
  for (const auto& [mw, ghs] : {std::pair(100'000, 5'000), std::pair(200'000, 8'000)}) {
    v1::OperatingPoint* point = model.add_operating_points();
    point->set_mw(mw);
    point->set_ghs(ghs);
  }
  return model;
}

inline v1::DeviceModel GpuModel() {
  v1::DeviceModel model;
  model.set_id("gpu-model");
  model.set_kind(v1::GPU);
  model.set_power_cycle(v1::SELF_IDLE);
  model.set_enforcer(v1::ENFORCER_SUPERVISOR);
  model.set_idle_mw(50'000);
  model.set_min_mw(100'000);
  model.set_max_mw(400'000);
  model.set_transient_mw(400'000);
  model.set_ramp_down_ms(100);
  model.set_ramp_up_ms(100);
  model.set_limiter(true);
  return model;
}

// 4 ASICs and 2 GPUs, 100 W of platform.
inline v1::Welcome NodeWelcome() {
  v1::Welcome welcome;
  welcome.mutable_model()->set_platform_mw(100'000);
  for (const auto& [name, model, count] : {std::tuple("asic", AsicModel(), 4), std::tuple("gpu", GpuModel(), 2)}) {
    v1::DeviceGroup* group = welcome.mutable_model()->add_groups();
    group->set_name(name);
    group->set_device_model(model.id());
    group->set_count(count);
    *welcome.add_device_models() = model;
  }
  return welcome;
}

inline std::string DeviceName(const std::string& group, int number) {
  return "site.node." + group + "-00" + std::to_string(number);
}

// All four ASICs: `at_high` of them at the high point, `at_low` at the low one, the rest off.
inline v1::DesiredAllocation HashingOrder(int at_high, int at_low, int64_t grant_mw) {
  v1::DesiredAllocation order;
  order.set_allocation(1);
  order.set_epoch(1);
  order.set_phase(v1::RUN);
  order.set_kind(v1::HASHING);
  order.set_group("asic");
  order.set_device_share_milli(1000);
  order.set_grant_mw(grant_mw);
  for (int i = 1; i <= 4; ++i) order.add_devices(DeviceName("asic", i));
  for (const auto& [count, point] :
       {std::pair(at_high, 1), std::pair(at_low, 0), std::pair(4 - at_high - at_low, -1)}) {
    if (count == 0) continue;
    v1::OperatingSegment* segment = order.add_segments();
    segment->set_count(count);
    segment->set_point(point);
  }
  return order;
}

inline v1::DesiredAllocation GpuOrder(uint64_t allocation, int64_t grant_mw, const std::string& run_ms = "",
                                      const std::string& exit_code = "") {
  v1::DesiredAllocation order;
  order.set_allocation(allocation);
  order.set_epoch(1);
  order.set_phase(v1::RUN);
  order.set_kind(v1::TRAINING);
  order.set_group("gpu");
  order.set_device_share_milli(1000);
  order.set_grant_mw(grant_mw);
  order.add_devices(DeviceName("gpu", 1));
  for (const auto& [name, value] : {std::pair(kRunVariable, run_ms), std::pair(kExitVariable, exit_code)}) {
    if (value.empty()) continue;
    v1::EnvironmentVariable* variable = order.mutable_launch()->add_environment();
    variable->set_name(name);
    variable->set_value(value);
  }
  return order;
}

inline reconcile::Action Act(reconcile::Action::Kind kind, const v1::DesiredAllocation& order,
                             Duration grace = Duration()) {
  reconcile::Action action;
  action.kind = kind;
  action.allocation = order.allocation();
  action.order = order;
  action.limit = Milliwatts(order.grant_mw());
  action.grace = grace;
  return action;
}

inline void Start(Node* node, const v1::DesiredAllocation& order) {
  node->Execute({Act(reconcile::Action::Kind::kPrepare, order), Act(reconcile::Action::Kind::kRelease, order)});
}

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "switchyard-XXXXXX").string();
    path_ = mkdtemp(path.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string ReadAll(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace switchyard::agent::simulated

#endif  // SWITCHYARD_TESTS_AGENT_SIMULATED_SIMULATED_MODELS_H_
