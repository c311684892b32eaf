// What a watt earns when it hashes: the value of each step of a device's operating points, and when hashing pays at
// all.
//
// A value is micro-USD per MWh of extra device power, net of the energy it takes at the meter. Revenue is rounded down
// and cost up, so that a value is never above the true one; hashing runs where its value is not negative. Products are
// taken in 128 bits and results that leave 64 bits are clamped to the ends of the range.
#ifndef SWITCHYARD_SCHEDULER_ECONOMICS_VALUE_H_
#define SWITCHYARD_SCHEDULER_ECONOMICS_VALUE_H_

#include <cstdint>
#include <vector>

#include "common/units.h"
#include "scheduler/economics/prices.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::economics {

// One setting of a hashing device. Off is {idle watts, no hashes}.
struct OperatingPoint {
  Power power;
  HashRate rate;
};

// Value of the step from one point to a higher one. REQUIRES: to.power > from.power. With stale prices never above
// zero.
int64_t MarginalValue(const OperatingPoint& from, const OperatingPoint& to, const Prices& prices);

// The lowest hashprice (per PH and day) at which the step is not negative; Usd::Max() if it adds no hashes, and zero
// where energy costs nothing or less. REQUIRES: to.power > from.power.
Usd BreakEvenHashprice(const OperatingPoint& from, const OperatingPoint& to, Usd energy_per_mwh,
                       PartsPerMillion overhead);

// One step up the concave hull: the setting it leads to and what each MWh of the step from the setting below it is
// worth.
struct HullStep {
  int32_t point = 0;                    // index into the device's operating points
  Power watts;                          // drawn at that point, in all
  HashRate rate;                        // at that point, in all
  int64_t value_micro_usd_per_mwh = 0;  // of the step from the one before it, or from off
};

// The operating points on the upper concave hull of (watts, rate) that begins at off = (idle, 0), in order of rising
// watts. Hashes per watt fall strictly from step to step and values never rise, so that filling watts greedily by value
// climbs each device's hull in order. Points under the hull, on a straight piece of it, or not above `idle` are
// dropped: no price makes them the best use of their watts. Two equal points: the first stays.
std::vector<HullStep> ConcaveHull(Power idle, const std::vector<OperatingPoint>& points, const Prices& prices);

// The hull of a device of the catalogue.
std::vector<HullStep> ConcaveHull(const v1::DeviceModel& model, const Prices& prices);

// What a device drawing `power` at `rate` earns net of its energy, in micro-USD per hour, rounded down; negative is a
// loss. `idle` is what it would draw otherwise.
int64_t EarningsPerHour(Power idle, const OperatingPoint& point, const Prices& prices);

}  // namespace switchyard::economics

#endif  // SWITCHYARD_SCHEDULER_ECONOMICS_VALUE_H_
