#include "scheduler/power/exact_numbers.h"

namespace switchyard::power {

// GMP knows no 128-bit integers.
mpz_class WideNumbers::Of(__int128 value) {
  const auto magnitude = static_cast<unsigned __int128>(value < 0 ? -value : value);
  const mpz_class high(static_cast<unsigned long>(magnitude >> 64));
  const mpz_class whole = (high << 64) + mpz_class(static_cast<unsigned long>(static_cast<uint64_t>(magnitude)));
  return value < 0 ? mpz_class(-whole) : whole;
}

}  // namespace switchyard::power
