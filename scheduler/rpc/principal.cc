#include "scheduler/rpc/principal.h"

#include <algorithm>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>
#include <pwd.h>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

constexpr char kNodePrefix[] = "node:";
constexpr char kAgentPrefix[] = "agent:";

std::string UserName(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16 << 10);
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  return found->pw_name;
}

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

}  // namespace

bool Principal::Is(const std::string& listed) const {
  return listed == name || std::find(aliases.begin(), aliases.end(), listed) != aliases.end();
}

Principal PrincipalOfUid(uid_t uid, uid_t own_uid) {
  Principal principal;
  principal.kind = Principal::Kind::kPerson;
  principal.name = fmt::format("uid:{}", uid);
  if (std::string user = UserName(uid); !user.empty()) principal.aliases.push_back("user:" + user);
  principal.local_operator = uid == 0 || uid == own_uid;
  return principal;
}

Principal LoopbackPrincipal() {
  Principal principal;
  principal.kind = Principal::Kind::kPerson;
  principal.name = "loopback";
  principal.local_operator = true;
  return principal;
}

Principal Nobody() { return Principal(); }

absl::StatusOr<Principal> PrincipalOfCommonName(const std::string& common_name) {
  Principal principal;
  if (common_name.empty() || common_name.size() > kAgentTextMax) {
    return absl::UnauthenticatedError(
        fmt::format("certificate: its CN has {} bytes, 1 to {} are allowed; issue one with a CN", common_name.size(),
                    kAgentTextMax));
  }
  if (StartsWith(common_name, kNodePrefix)) {
    principal.kind = Principal::Kind::kNodeAgent;
    principal.scope = common_name.substr(sizeof(kNodePrefix) - 1);
    principal.name = common_name;
  } else if (StartsWith(common_name, kAgentPrefix)) {
    principal.kind = Principal::Kind::kSiteAgent;
    principal.scope = common_name.substr(sizeof(kAgentPrefix) - 1);
    principal.name = common_name;
  } else {
    principal.kind = Principal::Kind::kPerson;
    principal.name = "cn:" + common_name;
  }
  return principal;
}

absl::StatusOr<Principal> PrincipalOfTls(const grpc::AuthContext& context) {
  // The CN counts only where the client's certificate was verified against our authority.
  if (!context.IsPeerAuthenticated()) return Nobody();
  const std::vector<grpc::string_ref> names = context.FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  if (names.empty()) return Nobody();
  if (names.size() > 1) {
    return absl::UnauthenticatedError(
        fmt::format("certificate: it has {} CNs, one is allowed; issue one with one CN", names.size()));
  }
  return PrincipalOfCommonName(std::string(names[0].data(), names[0].size()));
}

absl::Status MustBePerson(const Principal& principal) {
  switch (principal.kind) {
    case Principal::Kind::kPerson:
      return absl::OkStatus();
    case Principal::Kind::kNobody:
      return absl::UnauthenticatedError(
          "connection: it shows no client certificate, one of this cluster's authority is needed; "
          "give --tls-cert and --tls-key");
    case Principal::Kind::kNodeAgent:
    case Principal::Kind::kSiteAgent:
      break;
  }
  return absl::PermissionDeniedError(fmt::format(
      "principal \"{}\": an agent's certificate, only people's may do this; use an operator's or a user's certificate",
      principal.name));
}

absl::Status MaySpeakFor(const Principal& principal, const std::string& node) {
  switch (principal.kind) {
    case Principal::Kind::kPerson:
      if (principal.local_operator) return absl::OkStatus();
      break;
    case Principal::Kind::kNodeAgent:
      if (principal.scope == node) return absl::OkStatus();
      break;
    case Principal::Kind::kSiteAgent:
      if (StartsWith(node, principal.scope + "/")) return absl::OkStatus();
      break;
    case Principal::Kind::kNobody:
      return absl::UnauthenticatedError(
          "connection: it shows no client certificate; enrol with a token from `switchyard token NODE`");
  }
  return absl::PermissionDeniedError(
      fmt::format("node \"{}\": principal \"{}\" may not speak for it, only \"node:{}\", its site's agent certificate "
                  "or local root may; enrol "
                  "this agent with a token from `switchyard token {}`",
                  node, principal.name, node, node));
}

store::v1::Command CommandOf(const Principal& principal) {
  store::v1::Command command;
  command.set_principal(principal.name);
  for (const std::string& alias : principal.aliases) command.add_aliases(alias);
  command.set_is_operator(principal.local_operator);
  return command;
}

}  // namespace switchyard::rpc
