// Who speaks. A principal comes from the connection alone, never from a message:
//   unix socket            the peer's credentials           "uid:1000", also known as "user:alice"
//   TLS client certificate its CN                           "cn:alice", or the agents' "node:<site>/<node>",
//   "agent:<site>" TLS without one        nobody: may enrol and ask for health, nothing else insecure loopback
//   "loopback": an operator, because both sides said --insecure-loopback on a machine they share
//
// Operators by local right are root, the scheduler's own user and "loopback"; the configuration may name others.
#ifndef SWITCHYARD_SCHEDULER_RPC_PRINCIPAL_H_
#define SWITCHYARD_SCHEDULER_RPC_PRINCIPAL_H_

#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "switchyard/store/v1/rows.pb.h"

namespace grpc {
class AuthContext;
}

namespace switchyard::rpc {

struct Principal {
  enum class Kind {
    kNobody,     // not authenticated
    kPerson,     // a user or a program of one
    kNodeAgent,  // speaks for the node `scope`
    kSiteAgent,  // speaks for every node of the site `scope`
  };
  Kind kind = Kind::kNobody;
  std::string name;
  std::vector<std::string> aliases;
  std::string scope;
  bool local_operator = false;  // an operator whatever the configuration says

  // Whether `listed` (a tenant's member, an operator) means this principal.
  bool Is(const std::string& listed) const;
};

Principal PrincipalOfUid(uid_t uid, uid_t own_uid);
Principal LoopbackPrincipal();
Principal Nobody();
// UNAUTHENTICATED for a CN that names no one.
absl::StatusOr<Principal> PrincipalOfCommonName(const std::string& common_name);
// Of a TLS connection.
absl::StatusOr<Principal> PrincipalOfTls(const grpc::AuthContext& context);

// OK for a person; UNAUTHENTICATED for nobody, PERMISSION_DENIED for an agent's certificate, whose key lies on a node.
absl::Status MustBePerson(const Principal& principal);
// OK if the principal may report for "<site>/<node>"; PERMISSION_DENIED says what may.
absl::Status MaySpeakFor(const Principal& principal, const std::string& node);

// A command in the principal's name.
store::v1::Command CommandOf(const Principal& principal);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_PRINCIPAL_H_
