// What a piece of running cost and earned, for the append-only accounts.
//
// Promises: cost is rounded up and revenue down to a millionth of a dollar, once per entry; entries never overlap, so
// the error of a sum is at most one millionth an entry.
#ifndef SWITCHYARD_SCHEDULER_ECONOMICS_ACCOUNT_H_
#define SWITCHYARD_SCHEDULER_ECONOMICS_ACCOUNT_H_

#include <cstdint>

#include "common/units.h"
#include "scheduler/economics/prices.h"

namespace switchyard::economics {

// What an allocation used over a span in which the prices did not change.
struct Usage {
  Duration run;            // how long it ran
  Energy energy;           // of its devices, at the node's inlet
  int64_t gpu_ms = 0;      // GPU-milliseconds: half a GPU for two seconds is 1,000
  int64_t gigahashes = 0;  // done; raw hashes of a large site leave 64 bits within seconds
};

struct Account {
  Duration run;
  Energy energy;
  int64_t gpu_ms = 0;
  int64_t gigahashes = 0;
  Usd cost;     // of the energy at the meter, overhead included
  Usd revenue;  // of the hashes at the hashprice; AI work is not priced here
};

Account AccountFor(const Usage& usage, const Prices& prices);

// Gigahashes done at `rate` over `span`, rounded down.
int64_t GigahashesOver(HashRate rate, Duration span);

}  // namespace switchyard::economics

#endif  // SWITCHYARD_SCHEDULER_ECONOMICS_ACCOUNT_H_
