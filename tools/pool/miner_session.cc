#include "tools/pool/miner_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/mining/hex.h"
#include "tools/pool/job_maker.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::Difficulty;
using agent::mining::StratumJob;
using Json = nlohmann::json;

constexpr uint32_t kVersionMask = 0x1fffe000;  // BIP320
constexpr size_t kJobsRemembered = 64;

std::string StringAt(const Json& params, size_t index) {
  return index < params.size() && params[index].is_string() ? params[index].get<std::string>() : std::string();
}

}  // namespace

struct MinerSession::Request {
  Json id;  // echoed whatever it is: miners reuse ids
  std::string method;
  Json params = Json::array();
};

MinerSession::MinerSession(const PoolTerms& terms, std::vector<uint8_t> extranonce1, ShareJudge* judge,
                           ShareRecord* record)
    : terms_(terms), judge_(judge), record_(record) {
  miner_.extranonce1 = std::move(extranonce1);
  miner_.difficulty = terms.difficulty;
}

absl::Status MinerSession::Receive(std::string_view bytes, const StratumJob& current_job, int64_t utc_ms) {
  const absl::Status fed = framer_.Feed(bytes);
  while (const auto line = framer_.Next()) {
    if (line->empty()) continue;
    if (const absl::Status status = HandleLine(*line, current_job, utc_ms); !status.ok()) return status;
  }
  return fed;
}

std::string MinerSession::TakeOutput() { return std::exchange(output_, {}); }
bool MinerSession::TakeBlockFound() { return std::exchange(block_found_, false); }

absl::Status MinerSession::HandleLine(const std::string& line, const StratumJob& current_job, int64_t utc_ms) {
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return absl::InvalidArgumentError("miner: sent a line that is no JSON object; the connection is closed");
  const auto method = json.find("method");
  if (method == json.end() || !method->is_string()) return absl::OkStatus();  // an answer to something we never asked
  Request request;
  request.method = method->get<std::string>();
  if (const auto id = json.find("id"); id != json.end()) request.id = *id;
  if (const auto params = json.find("params"); params != json.end() && params->is_array()) request.params = *params;

  if (request.method == "mining.submit") {
    OnSubmit(request, utc_ms);
  } else if (request.method == "mining.subscribe") {
    OnSubscribe(request, current_job);
  } else if (request.method == "mining.authorize") {
    OnAuthorize(request);
  } else if (request.method == "mining.suggest_difficulty") {
    OnSuggestDifficulty(request);
  } else if (request.method == "mining.configure") {
    OnConfigure(request);
  } else if (request.method == "mining.ping") {
    Answer(request, "\"pong\"");
  } else {
    AnswerError(request, kCodeOther, "Not supported.");
  }
  return absl::OkStatus();
}

void MinerSession::OnConfigure(const Request& request) {
  Json result = Json::object();
  for (const Json& extension : request.params.empty() ? Json::array() : request.params[0]) {
    if (!extension.is_string()) continue;
    const std::string name = extension.get<std::string>();
    result[name] = name == "version-rolling";
    if (name != "version-rolling") continue;
    miner_.version_rolling = true;
    miner_.version_mask = kVersionMask;
    if (request.params.size() > 1 && request.params[1].is_object()) {
      const Json mask = request.params[1].value("version-rolling.mask", Json());
      const auto wanted = mask.is_string() ? agent::mining::ParseHex32(mask.get<std::string>()) : kVersionMask;
      if (wanted.ok()) miner_.version_mask &= *wanted;
    }
    result["version-rolling.mask"] = agent::mining::ToHex32(miner_.version_mask);
  }
  Answer(request, result.dump());
}

void MinerSession::OnSubscribe(const Request& request, const StratumJob& current_job) {
  const std::string id = agent::mining::ToHex(miner_.extranonce1);
  Answer(request, Json::array({Json::array({Json::array({"mining.notify", id})}), id, kExtranonce2Bytes}).dump());
  subscribed_ = true;
  Notify(current_job);
}

void MinerSession::OnAuthorize(const Request& request) {
  const std::string name = StringAt(request.params, 0);
  const bool good = !name.empty() && name.size() <= kWorkerNameBytesMax && workers_.size() < kWorkersMax &&
                    (terms_.password.empty() || StringAt(request.params, 1) == terms_.password);
  if (!good) return AnswerError(request, kCodeUnauthorized, "Unauthorized worker");
  workers_.insert(name);
  record_->AddWorker(name);
  Answer(request, "true");
}

void MinerSession::OnSuggestDifficulty(const Request& request) {
  Answer(request, "true");
  if (request.params.empty() || !request.params[0].is_number()) return;
  const auto suggested = Difficulty::FromDouble(request.params[0].get<double>());
  if (!suggested.ok()) return;
  miner_.difficulty = std::max(*suggested, terms_.difficulty);
  difficulty_told_ = false;  // with the next job
}

void MinerSession::OnSubmit(const Request& request, int64_t utc_ms) {
  const std::string worker = StringAt(request.params, 0);
  const auto refuse = [&](int code, std::string_view text) {
    record_->AddRejected(workers_.contains(worker) ? worker : "", code);
    AnswerError(request, code, text);
  };
  if (!subscribed_) return refuse(kCodeNotSubscribed, "Not subscribed");
  if (!workers_.contains(worker)) return refuse(kCodeUnauthorized, "Unauthorized worker");
  const SubmittedShare share = {StringAt(request.params, 1), StringAt(request.params, 2), StringAt(request.params, 3),
                                StringAt(request.params, 4), StringAt(request.params, 5), request.params.size() > 5};
  MinerTerms terms = miner_;
  terms.difficulty = DifficultyOf(share.job);
  const Verdict verdict = judge_->Judge(share, terms, static_cast<uint32_t>(utc_ms / 1000));
  if (verdict.code != 0) return refuse(verdict.code, verdict.text);
  record_->AddAccepted(worker, share.job, verdict, terms.difficulty, utc_ms);
  block_found_ |= verdict.block;
  Answer(request, "true");
}

Difficulty MinerSession::DifficultyOf(const std::string& job_id) const {
  const auto told = job_difficulty_.find(job_id);
  return told == job_difficulty_.end() ? miner_.difficulty : std::min(told->second, miner_.difficulty);
}

void MinerSession::Notify(const StratumJob& job) {
  if (!difficulty_told_) {
    output_ +=
        fmt::format("{{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[{}]}}\n", miner_.difficulty.Text());
    difficulty_told_ = true;
  }
  output_ += fmt::format("{{\"id\":null,\"method\":\"mining.notify\",\"params\":{}}}\n", NotifyParams(job));
  if (job_difficulty_.insert_or_assign(job.id, miner_.difficulty).second) job_order_.push_back(job.id);
  if (job_order_.size() > kJobsRemembered) {
    job_difficulty_.erase(job_order_.front());
    job_order_.pop_front();
  }
}

void MinerSession::Answer(const Request& request, std::string_view result_json) {
  output_ += fmt::format("{{\"id\":{},\"result\":{},\"error\":null}}\n", request.id.dump(), result_json);
}

void MinerSession::AnswerError(const Request& request, int code, std::string_view text) {
  output_ += fmt::format("{{\"id\":{},\"result\":null,\"error\":[{},\"{}\",null]}}\n", request.id.dump(), code, text);
}

}  // namespace switchyard::tools::pool
