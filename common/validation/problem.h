// What is wrong with a message, and where in it: the common word of every validator, so that a file's loader can turn the path
// into a line and the gate can return it as it is.
#ifndef SWITCHYARD_COMMON_VALIDATION_PROBLEM_H_
#define SWITCHYARD_COMMON_VALIDATION_PROBLEM_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace switchyard::validation {

struct Problem {
  std::string path;     // into the message, proto field names: "sites[0].budgets[2].cap_mw"
  std::string message;  // `<noun> "<id>": <what was found>, <what is allowed>; <what to do>`
  bool operator==(const Problem&) const = default;
};

// A validator stops after so many: whoever reads the list mends the first ones and asks again.
inline constexpr size_t kMaxProblems = 200;

// One line a problem: `path: message`.
std::string FormatProblems(const std::vector<Problem>& problems);

// OK for none; else INVALID_ARGUMENT with FormatProblems.
absl::Status ProblemsToStatus(const std::vector<Problem>& problems);

// 1..63 characters of [a-z0-9.-], beginning and ending with a letter or digit: fits in a host name, a path and a shell word.
inline constexpr size_t kMaxNameLength = 63;
bool IsName(const std::string& text);

}  // namespace switchyard::validation

#endif  // SWITCHYARD_COMMON_VALIDATION_PROBLEM_H_
