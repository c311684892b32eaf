#include "common/faults/faults.h"

#include <charconv>
#include <cstdlib>
#include <fcntl.h>
#include <signal.h>
#include <string_view>
#include <unistd.h>

#include "common/faults/failpoint.h"
#include "common/faults/mutation.h"
#include "fmt/format.h"

namespace switchyard::faults {

namespace internal {

std::atomic<Mutation> active_mutation = Mutation::none;
std::atomic<uint64_t> mutations_reached = 0;
std::atomic<int> armed_failpoint = -1;

}  // namespace internal

namespace {

constexpr MutationInfo kMutations[] = {
#define SWITCHYARD_FAILPOINT_ENTRY(name, path, sentence)
#define SWITCHYARD_MUTATION_ENTRY(name, profile, sentence) {#name, profile, sentence},
#include "common/faults/registry.inc"
#undef SWITCHYARD_MUTATION_ENTRY
#undef SWITCHYARD_FAILPOINT_ENTRY
};

constexpr FailpointInfo kFailpoints[] = {
#define SWITCHYARD_FAILPOINT_ENTRY(name, path, sentence) {name, path, sentence},
#define SWITCHYARD_MUTATION_ENTRY(name, profile, sentence)
#include "common/faults/registry.inc"
#undef SWITCHYARD_MUTATION_ENTRY
#undef SWITCHYARD_FAILPOINT_ENTRY
};

std::atomic<uint64_t> passes = 0;
uint64_t fatal_pass = 1;
std::string hits_file;  // empty: nobody wants to know

template <typename Info>
std::string Names(std::span<const Info> infos) {
  std::string names;
  for (const Info& info : infos) names += (names.empty() ? "" : ", ") + std::string(info.name);
  return names;
}

absl::Status ArmFailpoint(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const int index = FailpointIndex(name);
  if (index < 0) {
    return absl::InvalidArgumentError(
        fmt::format("failpoint \"{}\": there is none of this name, known are {}; correct SWITCHYARD_FAILPOINT", name,
                    Names(Failpoints())));
  }
  uint64_t nth = 1;
  if (colon != std::string_view::npos) {
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), nth);
    if (error != std::errc() || end != number.data() + number.size() || nth == 0) {
      return absl::InvalidArgumentError(fmt::format(
          "failpoint \"{}\": dies at pass \"{}\", allowed is a number from 1 on; correct SWITCHYARD_FAILPOINT", name,
          number));
    }
  }
  const char* const file = std::getenv("SWITCHYARD_FAILPOINT_HITS");
  hits_file = file == nullptr ? "" : file;
  fatal_pass = nth;
  passes = 0;
  internal::armed_failpoint = index;
  return absl::OkStatus();
}

}  // namespace

void internal::CountPass() {
  if (passes.fetch_add(1) + 1 != fatal_pass) return;
  if (!hits_file.empty()) {
    // One write in append mode: lines of several processes do not mix.
    const std::string line = fmt::format("{} {}\n", kFailpoints[armed_failpoint].name, fatal_pass);
    const int file = ::open(hits_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const bool written = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    if (!written) std::abort();  // a death that nobody can count is no round
  }
  ::raise(SIGKILL);
}

std::span<const MutationInfo> Mutations() { return kMutations; }
std::span<const FailpointInfo> Failpoints() { return kFailpoints; }

absl::Status Activate(const std::string& mutation) {
  int value = static_cast<int>(Mutation::none);
  if (mutation != "none") {
    for (const MutationInfo& info : kMutations) {
      ++value;
      if (info.name == mutation) break;
    }
    if (kMutations[value - 1].name != mutation) {
      return absl::NotFoundError(
          fmt::format("mutation \"{}\": there is none of this name, known are {}; name one of them or \"none\"",
                      mutation, Names(Mutations())));
    }
  }
  internal::mutations_reached = 0;
  internal::active_mutation = static_cast<Mutation>(value);
  return absl::OkStatus();
}

uint64_t Reached() { return internal::mutations_reached; }

absl::Status ArmFromEnvironment() {
  const char* const mutation = std::getenv("SWITCHYARD_MUTATION");
  if (mutation != nullptr && *mutation != '\0') {
    if (absl::Status active = Activate(mutation); !active.ok()) return absl::InvalidArgumentError(active.message());
  }
  const char* const failpoint = std::getenv("SWITCHYARD_FAILPOINT");
  if (failpoint == nullptr || *failpoint == '\0') return absl::OkStatus();
  return ArmFailpoint(failpoint);
}

}  // namespace switchyard::faults
