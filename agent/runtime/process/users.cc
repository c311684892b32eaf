#include "agent/runtime/process/users.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>

namespace switchyard::agent::process {
namespace {

constexpr size_t kPasswdBytes = 65536;  // for all strings of an entry, members of directory services included
constexpr int kGroupsMax = 65536;       // the kernel's own limit

}  // namespace

absl::StatusOr<TaskUser> ChooseUser(const configuration::AgentFile& file, const std::string& asked) {
  const std::string name = asked.empty() ? file.run_as : asked;
  const bool allowed = name == file.run_as || std::count(file.allowed_users.begin(), file.allowed_users.end(), name) > 0;
  if (!allowed) {
    return absl::PermissionDeniedError(fmt::format(
        "user \"{}\": this node allows {}; name it under allowed_users in the agent's file or leave run_as out of the job", name,
        file.allowed_users.empty() && file.run_as.empty()
            ? std::string("no user but the agent's own")
            : fmt::format("\"{}\" and {}", file.run_as, fmt::join(file.allowed_users, ", "))));
  }
  std::vector<char> strings(kPasswdBytes);
  passwd entry = {};
  passwd* found = nullptr;
  if (name.empty()) getpwuid_r(geteuid(), &entry, strings.data(), strings.size(), &found);
  else getpwnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found);
  TaskUser user;
  if (name.empty() && found == nullptr) return user;  // a uid without an entry, as in a container, is still the agent's own
  if (found == nullptr) {
    return absl::NotFoundError(fmt::format("user \"{}\": is unknown on this machine; create it or name another", name));
  }
  user.name = found->pw_name;
  user.home = found->pw_dir;
  user.uid = found->pw_uid;
  user.gid = found->pw_gid;
  user.switches = user.uid != geteuid();
  if (user.switches && geteuid() != 0) {
    return absl::PermissionDeniedError(
        fmt::format("user \"{}\": the agent runs as uid {} and cannot become another; run it as root", name, geteuid()));
  }
  if (user.switches) {
    int count = kGroupsMax;
    user.groups.resize(static_cast<size_t>(count));
    getgrouplist(user.name.c_str(), user.gid, user.groups.data(), &count);
    user.groups.resize(static_cast<size_t>(std::max(count, 0)));
  }
  return user;
}

}  // namespace switchyard::agent::process
