// The real pool and the real hasher, as processes over loopback.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "agent/mining/difficulty.h"
#include "agent/mining/hex.h"
#include "agent/mining/small_file.h"
#include "tools/pool/share_judge.h"

extern char** environ;

namespace switchyard {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr char kBin[] = SWITCHYARD_BINARY_DIR "/bin/";
constexpr char kDifficulty[] = "0.0002";  // 860,000 hashes a share: some in a second even for the portable kernel

// A child process, killed with the test.
class Process {
 public:
  explicit Process(std::vector<std::string> args) {
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    if (posix_spawn(&pid_, argv[0], nullptr, nullptr, argv.data(), environ) != 0) pid_ = -1;
  }
  ~Process() {
    if (pid_ > 0) End(SIGKILL);
  }
  // Sends the signal and returns the exit status, or minus the signal that ended it.
  int End(int signal) {
    kill(pid_, signal);
    return Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  bool started() const { return pid_ > 0; }

 private:
  pid_t pid_ = -1;
};

// Waits for a condition of the world; false after a minute.
bool Eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class PoolHasherTest : public testing::Test {
 protected:
  PoolHasherTest() {
    std::string pattern = testing::TempDir() + "/pool_hasher_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~PoolHasherTest() override { fs::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  void StartPool(const std::string& listen = "127.0.0.1:0") {
    fs::remove(Path("port"));
    pool_ = std::make_unique<Process>(std::vector<std::string>{
        std::string(kBin) + "switchyard-pool", "--listen", listen, "--port-file", Path("port"), "--difficulty",
        kDifficulty, "--shares-file", Path("shares"), "--json", Path("pool.json"), "--block-interval", "1",
        "--notify-interval", "0.3", "--log-level", "error"});
    ASSERT_TRUE(pool_->started());
    ASSERT_TRUE(Eventually([&] { return fs::exists(Path("port")); }));
    port_ = std::stoi(ReadAll(Path("port")));
  }
  void SetDuty(const std::string& permille) { ASSERT_TRUE(agent::mining::ReplaceFile(Path("duty"), permille).ok()); }
  void StartHasher(std::vector<std::string> more = {}) {
    std::vector<std::string> args = {std::string(kBin) + "switchyard-hasher",
                                     "--pool",
                                     "127.0.0.1:" + std::to_string(port_),
                                     "--user",
                                     "site.one",
                                     "--duty-file",
                                     Path("duty"),
                                     "--status-file",
                                     Path("status"),
                                     "--log-level",
                                     "error"};
    args.insert(args.end(), more.begin(), more.end());
    hasher_ = std::make_unique<Process>(args);
    ASSERT_TRUE(hasher_->started());
  }
  Json Status() const { return Json::parse(ReadAll(Path("status")), nullptr, false); }
  // The hasher's status once it satisfies the condition; null if it never does.
  Json StatusWhere(const std::function<bool(const Json&)>& condition) const {
    Json last;
    const bool found = Eventually([&] {
      last = Status();
      return last.is_object() && condition(last);
    });
    return found ? last : Json();
  }
  std::vector<Json> Shares() const {
    std::vector<Json> shares;
    std::ifstream file(Path("shares"));
    for (std::string line; std::getline(file, line);) shares.push_back(Json::parse(line));
    return shares;
  }

  std::string folder_;
  int port_ = 0;
  std::unique_ptr<Process> pool_, hasher_;
};

TEST_F(PoolHasherTest, SharesAreAcceptedAndEachCanBeVerifiedFromTheFile) {
  StartPool();
  SetDuty("1000");
  StartHasher({"--version-rolling"});
  ASSERT_TRUE(Eventually([&] { return Shares().size() >= 20; }));
  EXPECT_EQ(hasher_->End(SIGTERM), 0);
  EXPECT_EQ(pool_->End(SIGTERM), 0);

  const auto target = agent::mining::Difficulty::Parse(kDifficulty).value().Target();
  std::set<std::string> headers;
  const std::vector<Json> shares = Shares();
  for (const Json& share : shares) {
    const auto bytes = agent::mining::ParseHex(share["header"].get<std::string>());
    ASSERT_TRUE(bytes.ok() && bytes->size() == agent::mining::kHeaderBytes) << share;
    agent::mining::Header header;
    std::copy(bytes->begin(), bytes->end(), header.begin());
    const auto hash = agent::mining::Uint256::FromDigest(tools::pool::LibrarySha256d(header));
    EXPECT_EQ(hash.Hex(), share["hash"]);
    EXPECT_LE(hash, target);
    EXPECT_EQ(share["worker"], "site.one");
    EXPECT_EQ(share["difficulty"], kDifficulty);
    EXPECT_TRUE(headers.insert(share["header"]).second) << "twice: " << share;
  }
  const Json summary = Json::parse(ReadAll(Path("pool.json"))), status = Status();
  EXPECT_EQ(summary["accepted"], shares.size());
  EXPECT_EQ(summary["workers"]["site.one"]["accepted"], shares.size());
  // Blocks came every second, so a few stale shares are right; anything else the pool refused would be the miner's
  // error.
  for (const auto& [code, count] : summary["rejected"].items()) EXPECT_EQ(code, "21") << count;
  EXPECT_EQ(status["rejected"], Json::object());
  EXPECT_EQ(status["duplicates_suppressed"], 0);
  EXPECT_GT(status["hashes"], 0);
}

TEST_F(PoolHasherTest, DutyZeroStopsTheHashingAndKeepsTheSession) {
  StartPool();
  SetDuty("1000");
  StartHasher();
  ASSERT_TRUE(Eventually([&] { return Shares().size() >= 3; }));
  SetDuty("0");
  const Json resting = StatusWhere([](const Json& status) { return status["duty_permille"] == 0; });
  ASSERT_FALSE(resting.is_null());
  // Two statuses later not one hash more than when the duty was first seen at zero, but for the batch that ran then.
  const int64_t seen = resting["utc_ms"];
  const Json settled = StatusWhere([&](const Json& status) { return status["utc_ms"] > seen; });
  const int64_t settled_at = settled["utc_ms"];
  const Json later = StatusWhere([&](const Json& status) { return status["utc_ms"] > settled_at; });
  ASSERT_FALSE(later.is_null());
  EXPECT_EQ(later["hashes"], settled["hashes"]);
  EXPECT_EQ(later["pool"]["state"], "ready");
  EXPECT_EQ(later["pool"]["connections"], 1);
  const size_t before = Shares().size();
  SetDuty("200");
  EXPECT_TRUE(Eventually([&] { return Shares().size() > before; }));
}

TEST_F(PoolHasherTest, AMissingDutyFileMeansNoHashing) {
  StartPool();
  StartHasher();
  const Json ready = StatusWhere([](const Json& status) { return status["pool"]["state"] == "ready"; });
  ASSERT_FALSE(ready.is_null());
  EXPECT_EQ(ready["hashes"], 0);
  SetDuty("1000");
  ASSERT_FALSE(StatusWhere([](const Json& status) { return status["hashes"] > 0; }).is_null());
  fs::remove(Path("duty"));
  EXPECT_FALSE(StatusWhere([](const Json& status) { return status["duty_permille"] == 0; }).is_null());
}

TEST_F(PoolHasherTest, ReturnsToAPoolThatWasKilledAndStartedAgain) {
  StartPool();
  SetDuty("1000");
  StartHasher({"--kernel", "portable"});
  ASSERT_TRUE(Eventually([&] { return Shares().size() >= 2; }));
  pool_->End(SIGKILL);
  ASSERT_FALSE(StatusWhere([](const Json& status) { return status["pool"]["state"] != "ready"; }).is_null());
  const size_t before = Shares().size();
  StartPool("127.0.0.1:" + std::to_string(port_));
  EXPECT_TRUE(Eventually([&] { return Shares().size() >= before + 2; }));
  const Json back = StatusWhere(
      [](const Json& status) { return status["pool"]["connections"] >= 2 && status["pool"]["state"] == "ready"; });
  EXPECT_FALSE(back.is_null());
  EXPECT_EQ(back["kernel"], "portable");
}

TEST_F(PoolHasherTest, GoesToTheBackupPoolWhenTheFirstIsDown) {
  StartPool();
  SetDuty("1000");
  const std::string backup = "127.0.0.1:" + std::to_string(port_);
  port_ = 1;  // nobody listens there
  StartHasher({"--backup-pool", backup});
  EXPECT_TRUE(Eventually([&] { return Shares().size() >= 1; }));
  EXPECT_FALSE(StatusWhere([&](const Json& status) { return status["pool"]["address"] == backup; }).is_null());
}

TEST_F(PoolHasherTest, WrongFlagsAreUsageErrors) {
  const std::string hasher = std::string(kBin) + "switchyard-hasher", pool = std::string(kBin) + "switchyard-pool";
  EXPECT_EQ(Process({hasher, "--pool", "nowhere", "--user", "u", "--duty-file", "d", "--status-file", "s"}).Wait(), 2);
  EXPECT_EQ(
      Process({hasher, "--pool", "h:1", "--user", "u", "--duty-file", "d", "--status-file", "s", "--kernel", "abacus"})
          .Wait(),
      2);
  EXPECT_EQ(Process({hasher, "--no-such-flag"}).Wait(), 2);
  EXPECT_EQ(Process({hasher, "--version"}).Wait(), 0);
  EXPECT_EQ(Process({pool, "--listen", "0.0.0.0:0"}).Wait(), 2);
  EXPECT_EQ(Process({pool, "--difficulty", "0"}).Wait(), 2);
  EXPECT_EQ(Process({pool, "--help"}).Wait(), 0);
}

}  // namespace
}  // namespace switchyard
