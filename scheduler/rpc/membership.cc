#include "scheduler/rpc/membership.h"

#include "fmt/format.h"

namespace switchyard::rpc {
namespace {

bool Names(const std::set<std::string>& listed, const Principal& principal) {
  if (listed.count(principal.name) > 0) return true;
  for (const std::string& alias : principal.aliases) {
    if (listed.count(alias) > 0) return true;
  }
  return false;
}

}  // namespace

Membership::Membership(const v1::ClusterConfiguration& configuration)
    : operators_(configuration.operators().begin(), configuration.operators().end()) {
  for (const v1::Tenant& tenant : configuration.tenants()) {
    members_[tenant.id()] = std::set<std::string>(tenant.members().begin(), tenant.members().end());
  }
}

bool Membership::IsOperator(const Principal& principal) const {
  if (principal.kind != Principal::Kind::kPerson) return false;
  return principal.local_operator || Names(operators_, principal);
}

bool Membership::IsMember(const Principal& principal, const std::string& tenant) const {
  if (principal.kind != Principal::Kind::kPerson) return false;
  const auto found = members_.find(tenant);
  return found != members_.end() && (found->second.count("*") > 0 || Names(found->second, principal));
}

bool Membership::MaySee(const Principal& principal, const std::string& tenant) const {
  return IsOperator(principal) || IsMember(principal, tenant);
}

absl::Status Membership::MustSee(const Principal& principal, const std::string& tenant) const {
  if (MaySee(principal, tenant)) return absl::OkStatus();
  return absl::PermissionDeniedError(fmt::format(
      "tenant \"{}\": principal \"{}\" is not one of its members; ask an operator to add it to the tenant's members",
      tenant, principal.name));
}

}  // namespace switchyard::rpc
