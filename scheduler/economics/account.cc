#include "scheduler/economics/account.h"

#include "scheduler/economics/wide.h"

namespace switchyard::economics {
namespace {

constexpr int64_t kMillijoulesPerMegawattHour = 3'600'000'000'000;
constexpr int64_t kGigahashesPerPetahashDay = int64_t{86'400} * 1'000'000;  // one PH/s over one day

}  // namespace

Account AccountFor(const Usage& usage, const Prices& prices) {
  const Wide cost =
      CeilDivide(static_cast<Wide>(usage.energy.count()) * prices.energy_per_mwh.count() * prices.overhead.count(),
                 static_cast<Wide>(kMillijoulesPerMegawattHour) * kOne.count());
  const Wide revenue =
      FloorDivide(static_cast<Wide>(usage.gigahashes) * prices.hashprice_per_ph_day.count(), kGigahashesPerPetahashDay);
  return Account{.run = usage.run,
                 .energy = usage.energy,
                 .gpu_ms = usage.gpu_ms,
                 .gigahashes = usage.gigahashes,
                 .cost = Usd(Clamp(cost)),
                 .revenue = Usd(Clamp(revenue))};
}

int64_t GigahashesOver(HashRate rate, Duration span) {
  return Clamp(FloorDivide(static_cast<Wide>(rate.count()) * span.count(), 1000));
}

}  // namespace switchyard::economics
