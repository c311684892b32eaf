// Who may see whose jobs, as the configuration in force says. Immutable; the read model swaps it when the configuration
// changes.
#ifndef SWITCHYARD_SCHEDULER_RPC_MEMBERSHIP_H_
#define SWITCHYARD_SCHEDULER_RPC_MEMBERSHIP_H_

#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "scheduler/rpc/principal.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::rpc {

class Membership {
 public:
  // Before any configuration: nobody is a member of anything.
  Membership() = default;
  explicit Membership(const v1::ClusterConfiguration& configuration);

  bool IsOperator(const Principal& principal) const;
  bool IsMember(const Principal& principal, const std::string& tenant) const;
  // Members and operators.
  bool MaySee(const Principal& principal, const std::string& tenant) const;
  // PERMISSION_DENIED that names the tenant.
  absl::Status MustSee(const Principal& principal, const std::string& tenant) const;

 private:
  std::map<std::string, std::set<std::string>> members_;  // by tenant
  std::set<std::string> operators_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_MEMBERSHIP_H_
