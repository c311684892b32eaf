// What power and hashing are worth at one moment at one site, and which point of a price series holds at a moment.
//
// Promises: integers only, millionths of a dollar; equal series and times give equal prices on every machine.
#ifndef SWITCHYARD_SCHEDULER_ECONOMICS_PRICES_H_
#define SWITCHYARD_SCHEDULER_ECONOMICS_PRICES_H_

#include <optional>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::economics {

// The prices of one site at one moment.
struct Prices {
  Usd energy_per_mwh;               // at the meter; may be negative
  Usd hashprice_per_ph_day;         // revenue of one PH/s over one day
  PartsPerMillion overhead = kOne;  // meter watts per watt of device load: 1e6 + the site's marginal overhead
  bool stale = false;  // either price is older than its staleness rule allows: hashing is worth at most nothing
};

// The point of a series that holds at a moment.
struct PricePoint {
  Usd value;
  bool stale = false;
};

using PriceSeries = google::protobuf::RepeatedPtrField<v1::PricePoint>;

// The latest point whose from_utc_ms is not after `utc`; nothing before the first point or in an empty series. Points
// may stand in any order; of two with the same from_utc_ms the later in the series holds. Stale from from_utc_ms +
// stale_after_ms on.
std::optional<PricePoint> PriceAt(const PriceSeries& series, UtcTime utc);

// The prices of a site. A series without a point at `utc` counts as zero and stale: nobody said what hashing is worth.
Prices PricesAt(const v1::Site& site, UtcTime utc);

}  // namespace switchyard::economics

#endif  // SWITCHYARD_SCHEDULER_ECONOMICS_PRICES_H_
