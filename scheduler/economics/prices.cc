#include "scheduler/economics/prices.h"

namespace switchyard::economics {

std::optional<PricePoint> PriceAt(const PriceSeries& series, UtcTime utc) {
  const v1::PricePoint* latest = nullptr;
  for (const v1::PricePoint& point : series) {
    if (point.from_utc_ms() > utc.milliseconds()) continue;
    if (latest == nullptr || point.from_utc_ms() >= latest->from_utc_ms()) latest = &point;
  }
  if (latest == nullptr) return std::nullopt;
  const bool stale =
      latest->stale_after_ms() > 0 && utc - UtcTime(latest->from_utc_ms()) >= Milliseconds(latest->stale_after_ms());
  return PricePoint{Usd(latest->value_micro_usd()), stale};
}

Prices PricesAt(const v1::Site& site, UtcTime utc) {
  const PricePoint unknown{Usd(0), true};
  const PricePoint energy = PriceAt(site.energy_price(), utc).value_or(unknown);
  const PricePoint hash = PriceAt(site.hashprice(), utc).value_or(unknown);
  return Prices{.energy_per_mwh = energy.value,
                .hashprice_per_ph_day = hash.value,
                .overhead = PartsPerMillion(kOne.count() + site.overhead_marginal_ppm()),
                .stale = energy.stale || hash.stale};
}

}  // namespace switchyard::economics
