// When to try again: the schedule of back-offs, and the key that makes trying again safe.
#ifndef SWITCHYARD_CLIENT_RETRY_H_
#define SWITCHYARD_CLIENT_RETRY_H_

#include <cstdint>
#include <stop_token>
#include <string>

#include "common/units.h"

namespace switchyard::client {

// A fresh idempotency key: 128 random bits in hexadecimal. A request that carries it may be repeated until it is
// answered and is still carried out once.
std::string NewIdempotencyKey();

// Back-offs that double from `initial` to `max`, each drawn evenly from the upper half of its span, so that the clients
// of a scheduler that comes back do not all call in the same instant.
class Backoff {
 public:
  Backoff(Duration initial, Duration max);
  Duration Next();
  void Reset() { span_ = initial_; }

 private:
  const Duration initial_;
  const Duration max_;
  Duration span_;
  uint64_t random_;
};

// Sleeps; false if `stop` came first.
bool SleepFor(Duration span, const std::stop_token& stop);

}  // namespace switchyard::client

#endif  // SWITCHYARD_CLIENT_RETRY_H_
