#include "scheduler/economics/value.h"

#include <algorithm>
#include <cstddef>

#include "common/check.h"
#include "scheduler/economics/wide.h"

namespace switchyard::economics {
namespace {

// Revenue of hashes per MWh of the watts that make them: hashprice [uUSD/PH/day] x GH/s / 1e6 [PH/s] / 24 h per mW /
// 1e9 [MW]. The factor that remains of the powers of ten is 1,000.
constexpr int64_t kScale = 1000;
constexpr int64_t kHoursPerDay = 24;

// What a MWh at the device costs at the meter, rounded up.
Wide EnergyCost(Usd energy_per_mwh, PartsPerMillion overhead) {
  return CeilDivide(static_cast<Wide>(energy_per_mwh.count()) * overhead.count(), kOne.count());
}

// Orders (power, rate) points for the hull: rising watts, and of equal watts the better first.
bool Before(const HullStep& a, const HullStep& b) {
  if (a.watts != b.watts) return a.watts < b.watts;
  if (a.rate != b.rate) return a.rate > b.rate;
  return a.point < b.point;
}

// Whether the way from a over b to c is not bent downwards at b: then b lies on or under the line from a to c.
bool UnderLine(const OperatingPoint& a, const OperatingPoint& b, const OperatingPoint& c) {
  const Wide first = static_cast<Wide>((b.rate - a.rate).count()) * (c.power - b.power).count();
  const Wide second = static_cast<Wide>((c.rate - b.rate).count()) * (b.power - a.power).count();
  return first <= second;
}

}  // namespace

int64_t MarginalValue(const OperatingPoint& from, const OperatingPoint& to, const Prices& prices) {
  SWITCHYARD_CHECK(to.power > from.power) << "a step from " << from.power << " to " << to.power << " adds no watts";
  const Wide revenue =
      FloorDivide(static_cast<Wide>(prices.hashprice_per_ph_day.count()) * (to.rate - from.rate).count() * kScale,
                  static_cast<Wide>(kHoursPerDay) * (to.power - from.power).count());
  const int64_t value = Clamp(revenue - EnergyCost(prices.energy_per_mwh, prices.overhead));
  return prices.stale ? std::min<int64_t>(value, 0) : value;
}

Usd BreakEvenHashprice(const OperatingPoint& from, const OperatingPoint& to, Usd energy_per_mwh,
                       PartsPerMillion overhead) {
  SWITCHYARD_CHECK(to.power > from.power) << "a step from " << from.power << " to " << to.power << " adds no watts";
  if (to.rate <= from.rate) return Usd::Max();
  const Wide cost = EnergyCost(energy_per_mwh, overhead);
  if (cost <= 0) return Usd(0);
  return Usd(Clamp(CeilDivide(cost * kHoursPerDay * (to.power - from.power).count(),
                              static_cast<Wide>((to.rate - from.rate).count()) * kScale)));
}

std::vector<HullStep> ConcaveHull(Power idle, const std::vector<OperatingPoint>& points, const Prices& prices) {
  std::vector<HullStep> candidates;
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].power <= idle) continue;
    candidates.push_back({.point = static_cast<int32_t>(i), .watts = points[i].power, .rate = points[i].rate});
  }
  std::sort(candidates.begin(), candidates.end(), Before);

  const OperatingPoint off{idle, HashRate(0)};
  std::vector<HullStep> hull;
  const auto setting = [&](size_t from_end) {  // 0: the last of the hull so far; off lies below the first
    if (from_end >= hull.size()) return off;
    const HullStep& step = hull[hull.size() - 1 - from_end];
    return OperatingPoint{step.watts, step.rate};
  };
  for (const HullStep& candidate : candidates) {
    if (candidate.rate <= setting(0).rate) continue;  // more watts for no more hashes
    const OperatingPoint next{candidate.watts, candidate.rate};
    while (!hull.empty() && UnderLine(setting(1), setting(0), next)) hull.pop_back();
    hull.push_back(candidate);
  }

  OperatingPoint below = off;
  for (HullStep& step : hull) {
    const OperatingPoint here{step.watts, step.rate};
    step.value_micro_usd_per_mwh = MarginalValue(below, here, prices);
    below = here;
  }
  return hull;
}

std::vector<HullStep> ConcaveHull(const v1::DeviceModel& model, const Prices& prices) {
  std::vector<OperatingPoint> points;
  points.reserve(model.operating_points_size());
  for (const v1::OperatingPoint& point : model.operating_points()) {
    points.push_back({Power(point.mw()), HashRate(point.ghs())});
  }
  return ConcaveHull(Power(model.idle_mw()), points, prices);
}

int64_t EarningsPerHour(Power idle, const OperatingPoint& point, const Prices& prices) {
  // hashprice [uUSD/PH/day] x GH/s / 1e6 [PH/s] / 24 h, less energy [uUSD/MWh] x mW / 1e9 [MW] x overhead.
  constexpr int64_t kGigahashesPerPetahash = 1'000'000;
  constexpr int64_t kMilliwattsPerMegawatt = 1'000'000'000;
  const Wide revenue = FloorDivide(static_cast<Wide>(prices.hashprice_per_ph_day.count()) * point.rate.count(),
                                   static_cast<Wide>(kGigahashesPerPetahash) * kHoursPerDay);
  const Wide cost = CeilDivide(
      static_cast<Wide>((point.power - idle).count()) * prices.energy_per_mwh.count() * prices.overhead.count(),
      static_cast<Wide>(kMilliwattsPerMegawatt) * kOne.count());
  const int64_t earnings = Clamp(revenue - cost);
  return prices.stale ? std::min<int64_t>(earnings, 0) : earnings;
}

}  // namespace switchyard::economics
