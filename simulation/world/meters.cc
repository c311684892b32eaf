#include "simulation/world/meters.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/topology/topology.h"

namespace switchyard::simulation {
namespace {

// Noise of a good meter: a thousandth of what it shows.
constexpr int64_t kNoiseShare = 1'000;

// The largest lag that a fault gives, in readings of a second each.
constexpr size_t kReadingsKept = 128;

constexpr Duration kForEver = Hours(24 * 365);

}  // namespace

void Meters::Load(const v1::ClusterConfiguration& configuration) {
  const absl::StatusOr<topology::Topology> topology = topology::Topology::Build(configuration);
  SWITCHYARD_CHECK(topology.ok()) << std::string(topology.status().message());
  std::map<std::string, Meter> meters;
  readers_.clear();
  for (uint32_t b = 0; b < topology->budgets().size(); ++b) {
    const topology::BudgetInfo& info = topology->budgets()[b];
    const bool metered = info.kind == v1::METER || info.kind == v1::FEEDER;
    if (!metered || topology->NodesUnder(b).empty()) continue;
    const std::string& id = info.id.str();
    const std::vector<std::string>& known = stage_.draws.budgets();
    const auto found = std::find(known.begin(), known.end(), id);
    SWITCHYARD_CHECK(found != known.end()) << "the draw book has no budget " << id;
    Meter& meter = meters[id];
    if (const auto before = meters_.find(id); before != meters_.end()) meter = std::move(before->second);
    meter.budget = id;
    meter.index = static_cast<uint32_t>(found - known.begin());
    const v1::Node& node = configuration.nodes(static_cast<int>(topology->NodesUnder(b).front()));
    Reader& reader = readers_[node.site() + "/" + node.id()];
    reader.budgets.push_back(id);
    // All meters of a node leave in one message: none may be older than the configuration says of it.
    reader.lag = reader.budgets.size() == 1 ? info.meter_lag / 2 : std::min(reader.lag, info.meter_lag / 2);
  }
  meters_ = std::move(meters);
}

const Meters::Fault* Meters::FaultOf(const Meter& meter, FaultKind kind) const {
  for (const Fault& fault : meter.faults) {
    if (fault.kind == kind && fault.until > stage_.now()) return &fault;
  }
  return nullptr;
}

void Meters::Sample(const std::string& node) {
  const MonoTime now = stage_.now();
  for (const std::string& budget : readers_.at(node).budgets) {
    Meter& meter = meters_.at(budget);
    Power draw = stage_.draws.Draw(meter.index, now);
    const Fault* const noise = FaultOf(meter, FaultKind::kMeterNoise);
    const int64_t most = std::max<int64_t>(draw.count() / kNoiseShare, noise == nullptr ? 0 : noise->amount);
    if (most > 0) draw += Power(stage_.chance.Between(-most, most, Topic::kMeterNoise, budget, now.milliseconds()));
    if (meter.readings.size() >= kReadingsKept)
      meter.readings.erase(meter.readings.begin(), meter.readings.begin() + kReadingsKept / 2);
    meter.readings.push_back({now, std::max(draw, Power())});
  }
}

void Meters::Say(const std::string& node, v1::Telemetry* telemetry) const {
  const MonoTime now = stage_.now();
  const auto reader = readers_.find(node);
  if (reader == readers_.end()) return;
  for (const std::string& budget : reader->second.budgets) {
    const Meter& meter = meters_.at(budget);
    if (meter.readings.empty() || FaultOf(meter, FaultKind::kMeterDies) != nullptr) continue;
    Reading reading = meter.readings.back();
    const Duration age = now - reading.at;
    if (const Fault* const lag = FaultOf(meter, FaultKind::kMeterLag)) {
      const MonoTime shown = reading.at - Milliseconds(lag->amount);
      for (const Reading& old : meter.readings) {
        if (old.at <= shown || old.at == meter.readings.front().at) reading = old;
      }
    }
    if (const Fault* const stuck = FaultOf(meter, FaultKind::kMeterSticks)) reading.draw = stuck->stuck;
    v1::MeterReading* const said = telemetry->add_meters();
    said->set_budget(budget);
    said->set_draw_mw(reading.draw.count());
    // A meter does not know that it lags: it believes its value to be as old as ever.
    said->set_age_ms(age.count());
  }
}

bool Meters::Strike(FaultKind kind, const std::string& budget, Duration span, int64_t amount) {
  const auto found = meters_.find(budget);
  if (found == meters_.end()) return false;
  Meter& meter = found->second;
  const MonoTime now = stage_.now();
  std::erase_if(meter.faults, [now](const Fault& fault) { return fault.until <= now; });
  const MonoTime until = now + (span > Duration() ? span : kForEver);
  const Power stuck = meter.readings.empty() ? stage_.draws.Draw(meter.index, now) : meter.readings.back().draw;
  meter.faults.push_back({kind, until, amount, stuck});
  return true;
}

}  // namespace switchyard::simulation
