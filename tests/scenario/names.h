// The names of enumerations and lists as scenarios write them.
#ifndef SWITCHYARD_TESTS_SCENARIO_NAMES_H_
#define SWITCHYARD_TESTS_SCENARIO_NAMES_H_

#include <algorithm>
#include <cctype>
#include <sstream>
#include <string>
#include <vector>

#include "common/check.h"
#include "switchyard/v1/agent.pb.h"
#include "switchyard/v1/configuration.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::scenario {

template <typename Enum>
Enum Parsed(bool (*parse)(const std::string&, Enum*), std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  Enum value;
  SWITCHYARD_CHECK(parse(name, &value)) << name;
  return value;
}
inline v1::Enforcer ToEnforcer(const std::string& name) {
  return Parsed<v1::Enforcer>([](const std::string& n, v1::Enforcer* e) { return v1::Enforcer_Parse("ENFORCER_" + n, e); }, name);
}
inline v1::JobKind ToKind(const std::string& name) {
  return Parsed<v1::JobKind>([](const std::string& n, v1::JobKind* k) { return v1::JobKind_Parse(n, k); }, name);
}
inline v1::TaskPhase ToPhase(const std::string& name) {
  return Parsed<v1::TaskPhase>([](const std::string& n, v1::TaskPhase* p) { return v1::TaskPhase_Parse("TASK_" + n, p); }, name);
}

inline std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(part);
  return parts;
}

}  // namespace switchyard::scenario

#endif  // SWITCHYARD_TESTS_SCENARIO_NAMES_H_
