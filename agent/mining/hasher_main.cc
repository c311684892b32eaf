// switchyard-hasher: hashes for a pool within a duty that its parent sets through a file.
//
// It is a task like any other, run and killed by its supervisor; it knows nothing of watts. The duty file is read four
// times a second, and a missing or unreadable one means 0: whoever loses control of this program loses its power draw
// too.
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "agent/mining/hash_worker.h"
#include "agent/mining/kernel.h"
#include "agent/mining/log.h"
#include "agent/mining/pool_client.h"
#include "agent/mining/small_file.h"

namespace switchyard::agent::mining {
namespace {

constexpr auto kDutyPoll = std::chrono::milliseconds(250);
constexpr auto kStatusPeriod = std::chrono::seconds(1);
constexpr size_t kRateWindow = 10;  // status periods over which the hash rate is taken
constexpr int kThreadsMax = 1024;
constexpr size_t kDutyFileBytesMax = 64, kPasswordBytesMax = 4096;

using Clock = std::chrono::steady_clock;

struct Flags {
  std::string pool, backup_pool, user, password_file, difficulty, duty_file, status_file, kernel, log_level = "info";
  int threads = 1;
  bool version_rolling = false;
};

// Puts the flags into the client's options; the first that is wrong is told.
absl::StatusOr<PoolClientOptions> ClientOptions(const Flags& flags) {
  PoolClientOptions options;
  for (const std::string& text : {flags.pool, flags.backup_pool}) {
    if (text.empty()) continue;
    auto address = PoolAddress::Parse(text);
    if (!address.ok()) return address.status();
    options.pools.push_back(*std::move(address));
  }
  options.session.user = flags.user;
  options.session.password = "x";  // what pools that ask for none are sent by custom
  options.session.agent = "switchyard-hasher/" SWITCHYARD_VERSION;
  options.session.version_rolling = flags.version_rolling;
  if (!flags.difficulty.empty()) {
    auto difficulty = Difficulty::Parse(flags.difficulty);
    if (!difficulty.ok()) return difficulty.status();
    options.session.suggested_difficulty = *difficulty;
  }
  if (!flags.password_file.empty()) {
    auto password = ReadSmallFile(flags.password_file, kPasswordBytesMax);
    if (!password.ok()) return password.status();
    password->erase(password->find_last_not_of("\r\n") + 1);
    options.session.password = *std::move(password);
  }
  options.jitter_seed = std::random_device()();
  return options;
}

// The parts of the running program, joined in the order that ends them safely: workers first, then the pool's thread.
class Hasher {
 public:
  Hasher(const Flags& flags, Kernel kernel, PoolClientOptions options)
      : flags_(flags),
        kernel_(kernel),
        client_(std::move(options), &board_),
        setting_{kernel, &board_, &duty_, &hashes_, [this](Share share) { client_.Submit(std::move(share)); }} {}

  // Runs until SIGTERM or SIGINT, which the caller has blocked in every thread.
  void Run() {
    ReadDuty();
    std::jthread pool([this](std::stop_token stop) { client_.Run(stop); });
    std::vector<std::jthread> workers;
    for (int i = 0; i < flags_.threads; ++i) {
      workers.emplace_back([this](std::stop_token stop) { RunHashWorker(setting_, stop); });
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    const timespec period = {0, std::chrono::nanoseconds(kDutyPoll).count()};
    Clock::time_point next_status = Clock::now();
    while (sigtimedwait(&ends, nullptr, &period) < 0) {
      ReadDuty();
      if (Clock::now() >= next_status) {
        next_status += kStatusPeriod;
        WriteStatus();
      }
    }
    for (std::jthread& worker : workers) worker.request_stop();
    workers.clear();
    pool.request_stop();
    pool.join();
    duty_ = 0;
    WriteStatus();
  }

 private:
  void ReadDuty() {
    const auto text = ReadSmallFile(flags_.duty_file, kDutyFileBytesMax);
    const std::optional<int> duty = text.ok() ? ParseDuty(*text) : std::nullopt;
    if (duty.has_value() != duty_readable_) {
      duty_readable_ = duty.has_value();
      if (!duty_readable_)
        LogError("duty file \"{}\": holds no integer of 0 to 1000; nothing is hashed until it does", flags_.duty_file);
    }
    if (duty_.exchange(duty.value_or(0)) != duty.value_or(0)) board_.Wake();
  }

  // Hashes a second over the last status periods.
  uint64_t HashRate(uint64_t hashes) {
    const Clock::time_point now = Clock::now();
    rate_.emplace_back(now, hashes);
    if (rate_.size() > kRateWindow + 1) rate_.pop_front();
    const std::chrono::duration<double> span = now - rate_.front().first;
    return span.count() > 0 ? static_cast<uint64_t>(static_cast<double>(hashes - rate_.front().second) / span.count())
                            : 0;
  }

  void WriteStatus() {
    const PoolStatus pool = client_.Status();
    const uint64_t hashes = hashes_.load();
    nlohmann::ordered_json rejected = nlohmann::ordered_json::object();
    for (const auto& [code, count] : pool.shares.rejected) rejected[std::to_string(code)] = count;
    const nlohmann::ordered_json status = {{"utc_ms", std::chrono::duration_cast<std::chrono::milliseconds>(
                                                          std::chrono::system_clock::now().time_since_epoch())
                                                          .count()},
                                           {"pid", getpid()},
                                           {"hashes", hashes},
                                           {"hashes_per_second", HashRate(hashes)},
                                           {"duty_permille", duty_.load()},
                                           {"threads", flags_.threads},
                                           {"kernel", kernel_.name()},
                                           {"accepted", pool.shares.accepted},
                                           {"rejected", rejected},
                                           {"stale", pool.shares.stale},
                                           {"unanswered", pool.shares.unanswered},
                                           {"duplicates_suppressed", pool.shares.duplicates_suppressed},
                                           {"difficulty", pool.difficulty},
                                           {"pool",
                                            {{"state", StateName(pool.state)},
                                             {"address", pool.address},
                                             {"connections", pool.connections},
                                             {"last_error", pool.reason}}}};
    const absl::Status written =
        ReplaceFile(flags_.status_file, status.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    if (written.ok() != status_writable_) {
      status_writable_ = written.ok();
      if (!status_writable_) LogError("{}", std::string(written.message()));
    }
  }

  const Flags flags_;
  const Kernel kernel_;
  WorkBoard board_;
  std::atomic<int> duty_ = 0;
  std::atomic<uint64_t> hashes_ = 0;
  PoolClient client_;
  const WorkerSetting setting_;
  std::deque<std::pair<Clock::time_point, uint64_t>> rate_;
  bool duty_readable_ = true, status_writable_ = true;
};

// 0 done, 1 could not start, 2 wrong flags.
int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Hashes SHA-256d for a Stratum V1 pool, within the duty that a file holds.", "switchyard-hasher");
  app.set_version_flag("--version", "switchyard-hasher " SWITCHYARD_VERSION);
  app.add_option("--pool", flags.pool, "host:port of the pool")->required();
  app.add_option("--backup-pool", flags.backup_pool, "host:port of the pool to use while the first is down");
  app.add_option("--user", flags.user, "the pool's user, or user.worker")->required();
  app.add_option("--password-file", flags.password_file, "file with the pool's password; default: the password x");
  app.add_option("--difficulty", flags.difficulty, "share difficulty to suggest to the pool, for example 0.002");
  app.add_option("--threads", flags.threads, "hashing threads")->check(CLI::Range(1, kThreadsMax));
  app.add_option("--kernel", flags.kernel, "hash kernel; default: the fastest by measurement");
  app.add_option("--duty-file", flags.duty_file,
                 "file with an integer, the permille of the time to hash (0..1000); read 4 times a second")
      ->required();
  app.add_option("--status-file", flags.status_file, "file to write the status to as JSON, once a second")->required();
  app.add_flag("--version-rolling", flags.version_rolling, "offer version rolling (BIP310) to the pool");
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto options = ClientOptions(flags);
  const absl::Status log = StartLog("switchyard-hasher", flags.log_level);
  for (const absl::Status& status : {options.status(), log}) {
    if (!status.ok()) {
      std::cerr << "switchyard-hasher: " << status.message() << "\n";
      return 2;
    }
  }
  // Before any thread, so that all inherit the mask and sigtimedwait alone receives them.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);

  const auto kernel = flags.kernel.empty() ? ChooseKernel() : FindKernel(flags.kernel);
  if (!kernel.ok()) {
    std::cerr << "switchyard-hasher: " << kernel.status().message() << "\n";
    return kernel.status().code() == absl::StatusCode::kNotFound ? 2 : 1;
  }
  LogInfo("starts: kernel={} threads={} pool={} user={}", kernel->name(), flags.threads, flags.pool, flags.user);
  Hasher(flags, *kernel, *std::move(options)).Run();
  LogInfo("ends");
  return 0;
}

}  // namespace
}  // namespace switchyard::agent::mining

int main(int argc, char** argv) { return switchyard::agent::mining::Main(argc, argv); }
