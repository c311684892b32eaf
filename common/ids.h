// Distinct types for the names of things, so that a node's name passed for a job's does not compile. Names given by
// operators are strings; numbers are given by the core, rise and are never used again.
#ifndef SWITCHYARD_COMMON_IDS_H_
#define SWITCHYARD_COMMON_IDS_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace switchyard {

template <typename Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Name&) const = default;

 private:
  std::string value_;
};
template <typename Tag>
std::ostream& operator<<(std::ostream& out, const Name<Tag>& name) {
  return out << name.str();
}

template <typename Tag>
class Number {
 public:
  constexpr Number() = default;
  constexpr explicit Number(uint64_t value) : value_(value) {}
  constexpr uint64_t value() const { return value_; }
  constexpr explicit operator bool() const { return value_ != 0; }  // zero names nothing
  constexpr auto operator<=>(const Number&) const = default;

 private:
  uint64_t value_ = 0;
};
template <typename Tag>
std::ostream& operator<<(std::ostream& out, Number<Tag> number) {
  return out << number.value();
}

using SiteId = Name<struct SiteIdTag>;
using BudgetId = Name<struct BudgetIdTag>;  // "<site>/<budget>"
using NodeId = Name<struct NodeIdTag>;      // "<site>/<node>"
using TenantId = Name<struct TenantIdTag>;
using DeviceId = Name<struct DeviceIdTag>;  // the device's serial or UUID

using JobId = Number<struct JobIdTag>;
using AllocationId = Number<struct AllocationIdTag>;
using PlanId = Number<struct PlanIdTag>;
using Revision = Number<struct RevisionTag>;  // a store_revision or a set_revision: the sequence of a committed batch

}  // namespace switchyard

template <typename Tag>
struct std::hash<switchyard::Name<Tag>> {
  size_t operator()(const switchyard::Name<Tag>& name) const { return std::hash<std::string>()(name.str()); }
};
template <typename Tag>
struct std::hash<switchyard::Number<Tag>> {
  size_t operator()(switchyard::Number<Tag> number) const { return std::hash<uint64_t>()(number.value()); }
};

#endif  // SWITCHYARD_COMMON_IDS_H_
