#include "agent/mining/stratum_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/mining/hex.h"
#include "common/check.h"

namespace switchyard::agent::mining {
namespace {

using Json = nlohmann::json;

// Jobs of one block that stay valid besides the newest; pools re-notify every 30 s or so, and a find of an older job is
// older than minutes.
constexpr size_t kValidJobsMax = 16;
// Requests that may wait for an answer; some pools never answer a method that they do not know.
constexpr size_t kPendingMax = 1024;
constexpr int kReconnectWaitSecondsMax = 600;
constexpr int kCodeOther = 20, kCodeStale = 21;
constexpr uint32_t kVersionMaskOffered = 0x1fffe000;  // BIP320

absl::Status BadMessage(std::string_view method, std::string_view found, std::string_view allowed) {
  return absl::InvalidArgumentError(
      fmt::format("pool message \"{}\": {}, {}; the connection is closed and opened again", method, found, allowed));
}

absl::StatusOr<Digest> ParseDigest(const Json& value) {
  if (!value.is_string()) return absl::InvalidArgumentError("is no string");
  auto bytes = ParseHex(value.get_ref<const std::string&>());
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() != 32) return absl::InvalidArgumentError(fmt::format("has {} bytes, 32 are needed", bytes->size()));
  Digest digest;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

absl::StatusOr<uint32_t> ParseWord(const Json& value) {
  if (!value.is_string()) return absl::InvalidArgumentError("is no string");
  return ParseHex32(value.get_ref<const std::string&>());
}

absl::StatusOr<std::vector<uint8_t>> ParseBytes(const Json& value, size_t bytes_max) {
  if (!value.is_string()) return absl::InvalidArgumentError("is no string");
  auto bytes = ParseHex(value.get_ref<const std::string&>());
  if (bytes.ok() && bytes->size() > bytes_max) {
    return absl::InvalidArgumentError(fmt::format("has {} bytes, at most {} are allowed", bytes->size(), bytes_max));
  }
  return bytes;
}

// Reads the nine parameters of mining.notify; the first that is wrong is named.
absl::StatusOr<StratumJob> ParseNotify(const Json& params) {
  if (!params.is_array() || params.size() < 9 || !params[0].is_string() || !params[4].is_array() ||
      !params[8].is_boolean()) {
    return BadMessage("mining.notify", "its parameters are not an id, five hex strings around a list, and a boolean",
                      "nine are needed");
  }
  StratumJob job;
  job.id = params[0].get<std::string>();
  const auto prevhash = ParseDigest(params[1]);
  auto coinbase1 = ParseBytes(params[2], kCoinbaseBytesMax), coinbase2 = ParseBytes(params[3], kCoinbaseBytesMax);
  const auto version = ParseWord(params[5]), nbits = ParseWord(params[6]), ntime = ParseWord(params[7]);
  for (const auto& [status, name] : {std::pair(prevhash.status(), "prevhash"), std::pair(coinbase1.status(), "coinb1"),
                                     std::pair(coinbase2.status(), "coinb2"), std::pair(version.status(), "version"),
                                     std::pair(nbits.status(), "nbits"), std::pair(ntime.status(), "ntime")}) {
    if (!status.ok()) return BadMessage("mining.notify", name, std::string(status.message()));
  }
  if (job.id.size() > 256 || params[4].size() > kBranchesMax) {
    return BadMessage("mining.notify",
                      fmt::format("has {} merkle branches and an id of {} bytes", params[4].size(), job.id.size()),
                      fmt::format("{} and 256 are allowed", kBranchesMax));
  }
  for (const Json& branch : params[4]) {
    const auto digest = ParseDigest(branch);
    if (!digest.ok()) return BadMessage("mining.notify", "merkle branch", std::string(digest.status().message()));
    job.branches.push_back(*digest);
  }
  job.prevhash = SwapWords(*prevhash);
  job.coinbase1 = *std::move(coinbase1);
  job.coinbase2 = *std::move(coinbase2);
  job.version = *version, job.nbits = *nbits, job.ntime = *ntime;
  job.clean = params[8].get<bool>();
  return job;
}

// The code of an answer's error member: [code, text, ...] by convention, an object in some pools.
int ErrorCode(const Json& error) {
  if (error.is_array() && !error.empty() && error[0].is_number_integer()) return error[0].get<int>();
  if (error.is_object() && error.contains("code") && error["code"].is_number_integer()) return error["code"].get<int>();
  return kCodeOther;
}

}  // namespace

struct StratumSession::Message {
  Json json;
  std::string method;

  // The parameter list, empty if there is none.
  const Json& params() const {
    static const Json kNone = Json::array();
    const auto found = json.find("params");
    return found != json.end() && found->is_array() ? *found : kNone;
  }
  const Json& member(const char* name) const {
    static const Json kNull;
    const auto found = json.find(name);
    return found != json.end() ? *found : kNull;
  }
};

ShareCounts& ShareCounts::operator+=(const ShareCounts& other) {
  accepted += other.accepted;
  stale += other.stale;
  unanswered += other.unanswered;
  duplicates_suppressed += other.duplicates_suppressed;
  for (const auto& [code, count] : other.rejected) rejected[code] += count;
  return *this;
}

StratumSession::StratumSession(SessionOptions options) : options_(std::move(options)) {}

void StratumSession::Open() {
  if (options_.version_rolling) {
    Send(Request::kConfigure, "mining.configure",
         Json::array({Json::array({"version-rolling"}),
                      {{"version-rolling.mask", ToHex32(kVersionMaskOffered)}, {"version-rolling.min-bit-count", 2}}})
             .dump());
  }
  Send(Request::kSubscribe, "mining.subscribe", Json::array({options_.agent}).dump());
}

absl::Status StratumSession::Receive(std::string_view bytes) {
  const absl::Status fed = framer_.Feed(bytes);
  while (const auto line = framer_.Next()) {
    if (line->empty()) continue;
    if (const absl::Status status = HandleLine(*line); !status.ok()) return status;
  }
  return fed;
}

std::string StratumSession::TakeOutput() { return std::exchange(output_, {}); }

std::vector<std::string> StratumSession::TakeRemarks() { return std::exchange(remarks_, {}); }

ShareCounts StratumSession::CountsAtEnd() const {
  ShareCounts counts = counts_;
  for (const auto& [id, kind] : pending_) counts.unanswered += kind == Request::kSubmit ? 1 : 0;
  return counts;
}

absl::Status StratumSession::HandleLine(const std::string& line) {
  Message message;
  message.json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!message.json.is_object()) return BadMessage(line.substr(0, 40), "is no JSON object", "one a line is allowed");
  const Json& method = message.member("method");
  if (method.is_string()) {
    message.method = method.get<std::string>();
    return HandleCall(message);
  }
  return HandleAnswer(message);
}

absl::Status StratumSession::HandleAnswer(const Message& message) {
  const Json& id = message.member("id");
  const auto request = id.is_number_integer() ? pending_.find(id.get<int64_t>()) : pending_.end();
  if (request == pending_.end()) return absl::OkStatus();  // an answer that nobody waits for, or to a request given up
  const Request kind = request->second;
  pending_.erase(request);
  switch (kind) {
    case Request::kConfigure:
      OnConfigured(message);
      break;
    case Request::kSubscribe:
      return OnSubscribed(message);
    case Request::kAuthorize:
      if (message.member("result") != Json(true)) {
        return absl::PermissionDeniedError(
            fmt::format("user \"{}\": is refused by the pool with {}, an accepted user is needed; check --user",
                        options_.user, message.member("error").dump()));
      }
      state_ = State::kReady;
      break;
    case Request::kSuggest:
      break;  // pools answer with mining.set_difficulty, if at all
    case Request::kSubmit:
      OnSubmitAnswer(message);
      break;
  }
  return absl::OkStatus();
}

absl::Status StratumSession::HandleCall(const Message& message) {
  const std::string& method = message.method;
  if (method == "mining.notify") return OnNotify(message);
  if (method == "mining.set_difficulty") return OnSetDifficulty(message);
  if (method == "mining.set_extranonce") return OnSetExtranonce(message);
  if (method == "mining.set_version_mask") {
    const auto mask = message.params().empty() ? absl::StatusOr<uint32_t>(absl::InvalidArgumentError("is missing"))
                                               : ParseWord(message.params()[0]);
    if (!mask.ok()) return BadMessage(method, "mask", std::string(mask.status().message()));
    version_mask_ = *mask & kVersionMaskOffered;
    if (work_ != nullptr) {  // valid at once; a new pointer tells the workers
      auto work = std::make_shared<Work>(*work_);
      work->version_mask = version_mask_;
      work_ = std::move(work);
    }
  } else if (method == "client.reconnect") {
    OnReconnect(message);
  } else if (method == "client.show_message") {
    remarks_.push_back(fmt::format("pool says: {}", message.params().dump().substr(0, 400)));
  } else if (const Json& id = message.member("id"); !id.is_null()) {
    Json answer = {{"id", id}, {"result", nullptr}, {"error", nullptr}};
    if (method == "mining.ping") {
      answer["result"] = "pong";
    } else if (method == "client.get_version") {
      answer["result"] = options_.agent;
    } else {
      answer["error"] = Json::array({kCodeOther, "Not supported.", nullptr});
    }
    output_ += answer.dump() + "\n";
  }
  return absl::OkStatus();
}

void StratumSession::OnConfigured(const Message& message) {
  const Json& result = message.member("result");
  if (!result.is_object() || result.value("version-rolling", Json(false)) != Json(true)) {
    remarks_.push_back("pool has no version rolling");
    return;
  }
  const auto mask = ParseWord(result.value("version-rolling.mask", Json()));
  version_rolling_ = mask.ok();
  version_mask_ = mask.ok() ? *mask & kVersionMaskOffered : 0;
}

absl::Status StratumSession::OnSubscribed(const Message& message) {
  const Json& result = message.member("result");
  if (!result.is_array() || result.size() < 3 || !result[2].is_number_integer()) {
    return BadMessage("mining.subscribe", fmt::format("the pool answers {}", message.json.dump().substr(0, 200)),
                      "[subscriptions, extranonce1, extranonce2_size] is needed");
  }
  const auto extranonce1 = ParseBytes(result[1], kExtranonceBytesMax);
  const int64_t size = result[2].get<int64_t>();
  if (!extranonce1.ok() || size < 1 || size > kExtranonceBytesMax) {
    return BadMessage("mining.subscribe", fmt::format("extranonce2 has {} bytes", size),
                      fmt::format("1 to {} and an extranonce1 in hex are needed", kExtranonceBytesMax));
  }
  extranonce1_ = *extranonce1;
  extranonce2_size_ = static_cast<int>(size);
  state_ = State::kAuthorizing;
  if (options_.suggested_difficulty) {
    Send(Request::kSuggest, "mining.suggest_difficulty", "[" + options_.suggested_difficulty->Text() + "]");
  }
  Send(Request::kAuthorize, "mining.authorize", Json::array({options_.user, options_.password}).dump());
  return absl::OkStatus();
}

absl::Status StratumSession::OnNotify(const Message& message) {
  auto job = ParseNotify(message.params());
  if (!job.ok()) return job.status();
  if (state_ == State::kSubscribing)
    return BadMessage("mining.notify", "came before the answer to subscribe", "it needs an extranonce");
  if (job->clean) {
    valid_jobs_.clear();
    submitted_.clear();
  }
  if (submitted_.try_emplace(job->id).second) valid_jobs_.push_back(job->id);
  if (valid_jobs_.size() > kValidJobsMax) {
    submitted_.erase(valid_jobs_.front());
    valid_jobs_.pop_front();
  }
  auto work = std::make_shared<Work>();
  work->job = *std::move(job);
  work->extranonce1 = extranonce1_;
  work->extranonce2_size = extranonce2_size_;
  work->difficulty = difficulty_;  // the one in force at the notify, also where a later one is higher
  work->target = difficulty_.Target();
  work->version_rolling = version_rolling_;
  work->version_mask = version_mask_;
  work_ = std::move(work);
  return absl::OkStatus();
}

absl::Status StratumSession::OnSetDifficulty(const Message& message) {
  const Json& params = message.params();
  if (params.empty() || !params[0].is_number()) return BadMessage(message.method, "has no number", "one is needed");
  const auto difficulty = Difficulty::FromDouble(params[0].get<double>());
  if (!difficulty.ok()) return difficulty.status();
  difficulty_ = *difficulty;
  // It applies to jobs notified from now on; but a pool that lowers it may already judge by it, and what it would take
  // we send.
  if (work_ != nullptr && difficulty_ < work_->difficulty) {
    auto work = std::make_shared<Work>(*work_);
    work->difficulty = difficulty_;
    work->target = difficulty_.Target();
    work_ = std::move(work);
  }
  return absl::OkStatus();
}

absl::Status StratumSession::OnSetExtranonce(const Message& message) {
  const Json& params = message.params();
  const auto extranonce1 = params.empty()
                               ? absl::StatusOr<std::vector<uint8_t>>(absl::InvalidArgumentError("is missing"))
                               : ParseBytes(params[0], kExtranonceBytesMax);
  if (!extranonce1.ok()) return BadMessage(message.method, "extranonce1", std::string(extranonce1.status().message()));
  if (params.size() > 1) {
    if (!params[1].is_number_integer() || params[1].get<int64_t>() < 1 ||
        params[1].get<int64_t>() > kExtranonceBytesMax) {
      return BadMessage(message.method, "extranonce2_size " + params[1].dump(),
                        fmt::format("1 to {} is allowed", kExtranonceBytesMax));
    }
    extranonce2_size_ = params[1].get<int>();
  }
  extranonce1_ = *extranonce1;  // from the next notify on
  return absl::OkStatus();
}

void StratumSession::OnReconnect(const Message& message) {
  const Json& params = message.params();
  Reconnect request;
  if (!params.empty() && params[0].is_string() && !params[0].get_ref<const std::string&>().empty() &&
      params[0].get_ref<const std::string&>() != options_.host) {
    // The plain-text protocol is open to hijack, and this message is the known way to steal hash rate.
    remarks_.push_back(fmt::format("pool asks to move to {}: refused, only the same host is allowed",
                                   params[0].dump().substr(0, 100)));
    return;
  }
  const auto number = [&](size_t index) -> int64_t {
    if (params.size() <= index) return 0;
    if (params[index].is_number_integer()) return params[index].get<int64_t>();
    int64_t value = 0;
    if (params[index].is_string()) {
      for (const char c : params[index].get_ref<const std::string&>().substr(0, 6)) {
        if (c < '0' || c > '9') return 0;
        value = value * 10 + (c - '0');
      }
    }
    return value;
  };
  if (const int64_t port = number(1); port > 0 && port < 65536) request.port = static_cast<int>(port);
  request.wait_s = static_cast<int>(std::clamp<int64_t>(number(2), 0, kReconnectWaitSecondsMax));
  reconnect_ = request;
}

void StratumSession::OnSubmitAnswer(const Message& message) {
  if (message.member("result") == Json(true)) {
    ++counts_.accepted;
    return;
  }
  const int code = ErrorCode(message.member("error"));
  if (code == kCodeStale) {
    ++counts_.stale;
  } else {
    ++counts_.rejected[code];
  }
}

void StratumSession::Submit(const Share& share) {
  SWITCHYARD_CHECK(share.work != nullptr);
  const Work& work = *share.work;
  const auto job = submitted_.find(work.job.id);
  if (state_ != State::kReady || job == submitted_.end()) {
    ++counts_.stale;
    return;
  }
  const std::string extranonce2 = ToHex(share.extranonce2), ntime = ToHex32(share.ntime), nonce = ToHex32(share.nonce);
  const std::string version = ToHex32(share.version);
  if (!job->second.insert(fmt::format("{}/{}/{}/{}/{}", ToHex(work.extranonce1), extranonce2, ntime, nonce, version))
           .second) {
    ++counts_.duplicates_suppressed;
    return;
  }
  Json params = Json::array({options_.user, work.job.id, extranonce2, ntime, nonce});
  if (work.version_rolling) params.push_back(ToHex32(share.version & work.version_mask));
  Send(Request::kSubmit, "mining.submit", params.dump());
}

void StratumSession::Send(Request kind, const std::string& method, const std::string& params_json) {
  if (pending_.size() >= kPendingMax) {
    counts_.unanswered += pending_.begin()->second == Request::kSubmit ? 1 : 0;
    pending_.erase(pending_.begin());
  }
  pending_.emplace(next_id_, kind);
  output_ += fmt::format("{{\"id\":{},\"method\":\"{}\",\"params\":{}}}\n", next_id_++, method, params_json);
}

}  // namespace switchyard::agent::mining
