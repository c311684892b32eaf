// A store on a disk of 24 MiB: a tmpfs in a mount namespace of the test's own. Where the machine allows no such namespace the test
// says so and is skipped.
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "scheduler/store/rocks_store.h"

namespace switchyard::store {
namespace {

constexpr int kPassed = 40;
constexpr int kCannotMount = 41;

// An expectation within the child, which has no GoogleTest to report to.
#define MUST(condition)                                                       \
  if (!(condition)) {                                                         \
    std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    ::_exit(1);                                                               \
  }

bool MountSmallDisk(const std::string& directory) {
  const bool isolated = ::unshare(CLONE_NEWNS) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  return isolated && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", directory.c_str(), "tmpfs", 0, "size=24m") == 0;
}

constexpr uint64_t kMoreThanFits = 1000;

RocksOptions OptionsIn(const std::string& directory) { return {.directory = directory + "/store", .ballast_bytes = 2 << 20}; }

// A scheduler's life until the disk is full. Counts the batches that were acknowledged.
void CommitUntilFull(const std::string& directory, std::atomic<uint64_t>* acknowledged) {
  auto store = RocksStore::Open(OptionsIn(directory));
  MUST(store.ok());
  MUST(std::filesystem::exists(directory + "/store/BALLAST"));
  for (uint64_t n = 1; n < kMoreThanFits; ++n) {
    const absl::Status status =
        (*store)->Commit(n, UtcTime(0), {{core::RowKind::kJob, core::NumberKey(n), std::string(100'000, 'x')}});
    if (!status.ok()) {
      std::fprintf(stderr, "%s\n", status.ToString().c_str());
      MUST(status.code() == absl::StatusCode::kResourceExhausted);
      return;
    }
    *acknowledged = n;
  }
}

[[noreturn]] void FillTheDiskAndStartAgain(const std::string& directory) {
  if (!MountSmallDisk(directory)) ::_exit(kCannotMount);
  void* const shared = ::mmap(nullptr, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  MUST(shared != MAP_FAILED);
  auto* const told = new (shared) std::atomic<uint64_t>(0);
  const pid_t first_life = ::fork();
  if (first_life == 0) {
    CommitUntilFull(directory, told);
    ::_exit(0);
  }
  int status = 0;
  MUST(::waitpid(first_life, &status, 0) == first_life);
  // Debian's RocksDB has its assertions on, and one of them may fail in its own thread when a flush meets the full disk before the
  // next commit does. Then this life ended as by a kill, and the batch under way may be there or not.
  const bool asserted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  MUST(status == 0 || asserted);
  const uint64_t acknowledged = *told;
  MUST(acknowledged > 50 && acknowledged < kMoreThanFits);

  // The disk is as full as before, but for the ballast.
  auto store = RocksStore::Open(OptionsIn(directory));
  std::fprintf(stderr, "%s\n", store.status().ToString().c_str());
  MUST(store.ok());
  MUST(!std::filesystem::exists(directory + "/store/BALLAST"));
  auto rows = (*store)->Scan(core::RowKind::kJob, "", kMoreThanFits);
  MUST(rows.ok());
  MUST(rows->size() == acknowledged || (asserted && rows->size() == acknowledged + 1));
  MUST((*store)->Commit((*store)->term().first_sequence, UtcTime(0), {}).ok());
  store->reset();
  ::_exit(kPassed);
}

TEST(DiskFullTest, ACommitFailsByNameAndTheNextStartOnTheFullDiskHasEverythingAcknowledged) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";  // mounting wants a process of one thread
  const std::string directory = testing::TempDir() + "switchyard-full-disk";  // the child runs these lines again
  std::filesystem::create_directories(directory);
  bool mounted = true;
  const auto passed_or_no_mount = [&mounted](int status) {
    mounted = !testing::ExitedWithCode(kCannotMount)(status);
    return !mounted || testing::ExitedWithCode(kPassed)(status);
  };
  EXPECT_EXIT(FillTheDiskAndStartAgain(directory), passed_or_no_mount, "");
  std::filesystem::remove_all(directory);
  if (!mounted) GTEST_SKIP() << "this machine lets a test neither mount nor make a user namespace";
}

}  // namespace
}  // namespace switchyard::store
