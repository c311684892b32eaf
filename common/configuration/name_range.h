// Counted names: `rack-[001-150]` stands for rack-001 .. rack-150, with as many digits as the first number is written with.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_NAME_RANGE_H_
#define SWITCHYARD_COMMON_CONFIGURATION_NAME_RANGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace switchyard::configuration {

struct CountedName {
  std::string name;
  std::string number;  // as written in it; "" where the pattern has no range
};

// The names in order; a pattern without brackets is one name. At most 100,000.
absl::StatusOr<std::vector<CountedName>> ExpandRange(const std::string& pattern);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_NAME_RANGE_H_
