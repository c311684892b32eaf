#include "tools/pool/share_record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "agent/mining/hex.h"

namespace switchyard::tools::pool {

ShareRecord::~ShareRecord() {
  if (fd_ >= 0) close(fd_);
}

absl::Status ShareRecord::Open(const std::string& path) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ >= 0) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("shares file \"{}\": opening fails ({}), it must be writable; check the path and its rights", path,
                  std::strerror(errno)));
}

void ShareRecord::AddWorker(const std::string& worker) { workers_.try_emplace(worker); }

void ShareRecord::AddAccepted(const std::string& worker, const std::string& job, const Verdict& verdict,
                              const agent::mining::Difficulty& difficulty, int64_t utc_ms) {
  ++accepted_;
  blocks_ += verdict.block ? 1 : 0;
  WorkerSums& sums = workers_[worker];
  ++sums.accepted;
  sums.difficulty_sum += difficulty.ToDouble();
  if (fd_ < 0) return;
  const nlohmann::ordered_json line = {{"utc_ms", utc_ms},
                                       {"worker", worker},
                                       {"job", job},
                                       {"header", agent::mining::ToHex(verdict.header)},
                                       {"hash", verdict.hash.Hex()},
                                       {"difficulty", difficulty.Text()}};
  const std::string text = line.dump() + "\n";
  // One write a line on a file opened for appending: a reader sees whole lines, and a killed pool loses none that it
  // answered.
  if (write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size()) && health_.ok()) {
    health_ = absl::DataLossError(fmt::format(
        "shares file: writing fails ({}), every share must be written; check the disk", std::strerror(errno)));
  }
}

void ShareRecord::AddRejected(const std::string& worker, int code) {
  ++rejected_[code];
  if (!worker.empty()) ++workers_[worker].rejected;
}

std::string ShareRecord::SummaryJson(const agent::mining::Difficulty& difficulty, int64_t elapsed_ms) const {
  const double hashes_per_difficulty = std::ldexp(1.0, 48) / 65535.0;
  nlohmann::ordered_json rejected = nlohmann::ordered_json::object(), workers = nlohmann::ordered_json::object();
  for (const auto& [code, count] : rejected_) rejected[std::to_string(code)] = count;
  for (const auto& [name, sums] : workers_) {
    workers[name] = {{"accepted", sums.accepted},
                     {"rejected", sums.rejected},
                     {"expected_hashes", static_cast<uint64_t>(sums.difficulty_sum * hashes_per_difficulty)}};
  }
  const nlohmann::ordered_json summary = {{"difficulty", difficulty.Text()},
                                          {"elapsed_ms", elapsed_ms},
                                          {"connections", connections_},
                                          {"accepted", accepted_},
                                          {"rejected", rejected},
                                          {"blocks", blocks_},
                                          {"workers", workers}};
  return summary.dump(2) + "\n";
}

}  // namespace switchyard::tools::pool
