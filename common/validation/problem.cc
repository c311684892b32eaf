#include "common/validation/problem.h"

namespace switchyard::validation {

std::string FormatProblems(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    if (!problem.path.empty()) text += problem.path + ": ";
    text += problem.message;
  }
  return text;
}

absl::Status ProblemsToStatus(const std::vector<Problem>& problems) {
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(FormatProblems(problems));
}

bool IsName(const std::string& text) {
  if (text.empty() || text.size() > kMaxNameLength) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  for (const char c : text) {
    if (!is_alphanumeric(c) && c != '.' && c != '-') return false;
  }
  return is_alphanumeric(text.front()) && is_alphanumeric(text.back());
}

}  // namespace switchyard::validation
