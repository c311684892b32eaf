// The scheduler is murdered again and again at the named places of common/faults/registry.inc, and started again on the
// same store, while clients submit, cancel and repeat and agents follow. At the end two sets are compared: what was
// acknowledged and what is there. Nothing acknowledged may be lost, nothing doubled, and the files of the store may not
// pile up.
//
//   SWITCHYARD_KILL_ROUNDS (default 100), SWITCHYARD_KILL_SEED (default 1)
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/faults/faults.h"
#include "common/stable_hash.h"
#include "fmt/format.h"
#include "tests/integration/support/cluster.h"
#include "tests/kill/promised_client.h"

namespace switchyard::integration {
namespace {

// Each start writes one small file a table, and a start that finds two dozen of a table merges them
// (rocks_database.cc); with the files of RocksDB itself. It does not depend on the number of rounds.
constexpr size_t kFilesOfAStore = 150;

uint64_t Setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

// One GPU each, over in a tenth of a second: what it takes hashing must yield.
v1::JobSpec ShortTraining() {
  v1::JobSpec job;
  job.set_kind(v1::TRAINING);
  job.set_tenant("research");
  job.set_grace_ms(1000);
  v1::TaskGroup* group = job.add_groups();
  group->set_name("workers");
  group->set_count(1);
  group->add_command("/bin/true");
  group->mutable_resources()->set_gpus(1);
  v1::EnvironmentVariable* run = group->add_environment();
  run->set_name("SWITCHYARD_SIM_RUN_MS");
  run->set_value("100");
  return job;
}

class KillRounds : public testing::Test {
 protected:
  KillRounds() : cluster_(Site()), seed_(Setting("SWITCHYARD_KILL_SEED", 1)), client_(fmt::format("k{}", seed_)) {
    cluster_.WriteSimulatedAgent("fleet", "\"s/r[1-2]\", \"s/g[1-4]\"",
                                 "simulated: {control_socket: " + cluster_.Path("control") + "}\n");
  }

  // Two racks of 14 kW and four servers under a cap that hashing fills: each training job needs a plan.
  static SiteOptions Site() {
    SiteOptions site;
    site.real_nodes = 0;
    site.racks = 2;
    site.servers = 4;
    site.cap = "24kW";
    site.lease = "2s";
    return site;
  }

  uint64_t Hash(uint64_t round, uint64_t what) const { return StableHash().Add(seed_).Add(round).Add(what).Finish(); }

  void StartHashing() {
    cluster_.StartScheduler();
    cluster_.StartAgent("fleet");
    client_.Connect(cluster_.address(), Seconds(30));
    v1::JobSpec hashing;
    hashing.set_kind(v1::HASHING);
    hashing.set_tenant("mining");
    hashing.mutable_hashing()->set_pool("127.0.0.1:3333");
    hashing.mutable_hashing()->set_user("site");
    client_.Submit(hashing);
    client_.Keep();
    ASSERT_TRUE(Eventually([&] { return cluster_.Ready("s/r1") && cluster_.Ready("s/g4"); }));
    cluster_.EndScheduler(SIGKILL);
  }

  // Lets the scheduler run until it dies at `failpoint`.
  void Round(uint64_t round, const faults::FailpointInfo& failpoint) {
    const bool at_start = failpoint.path == std::string("term");
    const bool expiry = failpoint.path == std::string("expiry");
    plan_round_ = failpoint.path == std::string("plan");
    const uint64_t pass = at_start || expiry || plan_round_ ? 1 : 1 + Hash(round, 1) % 6;
    const bool listened =
        cluster_.LetSchedulerRun("switchyardd-faults", {fmt::format("SWITCHYARD_FAILPOINT={}:{}", failpoint.name, pass),
                                                        "SWITCHYARD_FAILPOINT_HITS=" + cluster_.Path("hits")});
    if (listened) client_.Connect(cluster_.address(), Milliseconds(500));
    if (expiry) Silence(fmt::format("s/g{}", 1 + round % 4));
    const bool died = Eventually([&] {
      if (!cluster_.scheduler().Running()) return true;
      Act();
      return false;
    });
    ASSERT_TRUE(died) << "\"" << failpoint.name << "\" was not reached " << pass << " times";
    ASSERT_EQ(cluster_.scheduler().Wait(), -SIGKILL) << "it died of something else than \"" << failpoint.name << "\"";
  }

  void Act() {
    const uint64_t what = Hash(++acts_, 2);
    if (what % 8 == 0 || (plan_round_ && !Full()))
      client_.Repeat(what >> 8);
    else if (what % 4 == 0)
      client_.Cancel();
    else
      client_.Submit(ShortTraining());
  }

  // Hashing has taken what there was, so that the next job needs a plan.
  bool Full() {
    const auto budgets = client_.client().ListBudgets("s");
    return budgets.ok() && budgets->budgets_size() == 1 && budgets->budgets(0).headroom_mw() < 600'000;
  }

  // The node says nothing for three leases, so that its lease expires.
  void Silence(const std::string& node) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    cluster_.Path("control").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const std::string line = "silence " + node + " 6\n";
    ASSERT_EQ(write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
    char answer[256] = {};
    ASSERT_GT(read(fd, answer, sizeof(answer) - 1), 0);
    EXPECT_EQ(std::string(answer).substr(0, 2), "ok") << answer;
    close(fd);
  }

  size_t StoreFiles() const {
    size_t files = 0;
    for ([[maybe_unused]] const auto& file : std::filesystem::recursive_directory_iterator(cluster_.Path("store")))
      ++files;
    return files;
  }

  std::map<std::string, int> HitsByPath() const {
    std::map<std::string, int> hits;
    for (const std::string& line : Lines(ReadFile(cluster_.Path("hits")))) {
      for (const faults::FailpointInfo& failpoint : faults::Failpoints()) {
        if (line.starts_with(std::string(failpoint.name) + " ")) ++hits[failpoint.path];
      }
    }
    return hits;
  }

  void CompareSets() {
    const auto listed = client_.client().ListJobs({});
    ASSERT_TRUE(listed.ok()) << listed.status();
    std::map<std::string, uint64_t> there;
    for (const v1::Job& job : listed->jobs()) {
      EXPECT_TRUE(there.emplace(job.spec().name(), job.id()).second)
          << "job \"" << job.spec().name() << "\" is there twice";
      if (!client_.cancelled().contains(job.id())) continue;
      EXPECT_TRUE(client::IsTerminal(job.state()) || job.state() == v1::STOPPING) << job.ShortDebugString();
    }
    EXPECT_EQ(there, client_.jobs());
  }

  Cluster cluster_;
  const uint64_t seed_;
  PromisedClient client_;
  uint64_t acts_ = 0;
  bool plan_round_ = false;
};

TEST_F(KillRounds, NothingAcknowledgedIsLostAndNothingIsDoubled) {
  const uint64_t rounds = Setting("SWITCHYARD_KILL_ROUNDS", 100);
  StartHashing();
  for (uint64_t round = 0; round < rounds && !HasFatalFailure(); ++round) {
    Round(round, faults::Failpoints()[round % faults::Failpoints().size()]);
  }
  if (HasFatalFailure()) return;
  const size_t files_after_murders = StoreFiles();

  // One that lives: everything is answered at last, and is compared.
  cluster_.StartScheduler();
  client_.Connect(cluster_.address(), Seconds(30));
  for (int i = 0; i < 100 && !client_.AllAnswered(); ++i) {
    client_.Submit(ShortTraining());
    client_.Cancel();
  }
  CompareSets();

  std::cout << fmt::format("{} rounds, {} jobs acknowledged, {} cancelled, {} files in the store\n", rounds,
                           client_.jobs().size(), client_.cancelled().size(), files_after_murders);
  EXPECT_LE(files_after_murders, kFilesOfAStore) << "they pile up over restarts";
  for (const auto& [path, hits] : HitsByPath()) {
    std::cout << fmt::format("  path {:8} killed {} times\n", path, hits);
    EXPECT_GE(static_cast<uint64_t>(hits), rounds / faults::Failpoints().size()) << path;
  }
  EXPECT_EQ(HitsByPath().size(), 7U) << "a path was never hit";
}

}  // namespace
}  // namespace switchyard::integration
