#include "tools/pool/miner_session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/mining/hex.h"
#include "agent/mining/kernel.h"
#include "tools/pool/job_maker.h"

namespace switchyard::tools::pool {
namespace {

using agent::mining::Difficulty;
using agent::mining::HashJob;
using agent::mining::ToHex32;
using Json = nlohmann::json;

constexpr int64_t kNowMs = 1'800'000'000'000;
constexpr uint32_t kNow = kNowMs / 1000;
constexpr char kExtranonce2[] = "00000007";

// One miner at a pool whose difficulty one hash in a thousand reaches, and the miner's own hashing.
class MinerSessionTest : public testing::Test {
 protected:
  MinerSessionTest() { judge_.AddJob(job_); }

  // Sends a request and returns every line that comes back.
  std::vector<Json> Send(const std::string& method, const Json& params) {
    EXPECT_TRUE(
        session_.Receive(Json({{"id", 4}, {"method", method}, {"params", params}}).dump() + "\n", job_, kNowMs).ok());
    std::vector<Json> lines;
    agent::mining::LineFramer framer(1 << 20);
    EXPECT_TRUE(framer.Feed(session_.TakeOutput()).ok());
    while (const auto line = framer.Next()) lines.push_back(Json::parse(*line));
    return lines;
  }
  void Join() {
    Send("mining.subscribe", {"test"});
    Send("mining.authorize", {"w", "x"});
  }
  // The code that a share is answered with, 0 if it is accepted.
  int Submit(const std::string& nonce, const std::string& ntime, const std::string& job = "",
             const std::string& worker = "w", const std::string& extranonce2 = kExtranonce2) {
    const Json answer = Send("mining.submit", {worker, job.empty() ? job_.id : job, extranonce2, ntime, nonce}).at(0);
    EXPECT_EQ(answer["id"], 4);
    return answer["result"] == true ? 0 : answer["error"][0].get<int>();
  }
  // Nonces whose hash is at most the target, or above it.
  std::vector<uint32_t> Nonces(const Difficulty& difficulty, bool good) {
    const auto extranonce2 = agent::mining::ParseHex(kExtranonce2).value();
    const auto root = MerkleRoot(job_, extranonce1_, extranonce2);
    const auto header = AssembleHeader(job_, root, job_.version, job_.ntime, 0);
    const HashJob job = agent::mining::MakeHashJob(header, difficulty.Target());
    const auto found = agent::mining::UsableKernels()[0].Scan(job, 0, 20'000).nonces;
    if (good) return found;
    std::vector<uint32_t> bad;
    for (uint32_t nonce = 0; bad.size() < 10; ++nonce) {
      if (!std::binary_search(found.begin(), found.end(), nonce)) bad.push_back(nonce);
    }
    return bad;
  }

  const Difficulty difficulty_ = Difficulty::Parse("0.0000002").value();  // one hash in 860
  const PoolTerms terms_ = {difficulty_, ""};
  const std::vector<uint8_t> extranonce1_ = {1, 2, 3, 4};
  JobMaker maker_{1};
  StratumJob job_ = maker_.NextBlock(kNow);
  ShareJudge judge_{kExtranonce2Bytes};
  ShareRecord record_;
  MinerSession session_{terms_, extranonce1_, &judge_, &record_};
};

TEST_F(MinerSessionTest, AnswersASubscriptionWithTermsAndAJob) {
  const auto lines = Send("mining.subscribe", {"test"});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["result"][1], "01020304");
  EXPECT_EQ(lines[0]["result"][2], kExtranonce2Bytes);
  EXPECT_EQ(lines[1]["method"], "mining.set_difficulty");
  EXPECT_EQ(lines[1]["params"][0], 2e-7);
  EXPECT_EQ(lines[2]["method"], "mining.notify");
  EXPECT_EQ(lines[2]["params"][8], true);
}

TEST_F(MinerSessionTest, AcceptsAShareOnceAndCallsTheSecondADuplicate) {
  Join();
  const std::string nonce = ToHex32(Nonces(difficulty_, true).at(0)), ntime = ToHex32(job_.ntime);
  EXPECT_EQ(Submit(nonce, ntime), 0);
  EXPECT_EQ(Submit(nonce, ntime), kCodeDuplicate);
  EXPECT_EQ(record_.accepted(), 1u);
}

TEST_F(MinerSessionTest, RefusesAShareAboveTheTarget) {
  Join();
  for (const uint32_t nonce : Nonces(difficulty_, false))
    EXPECT_EQ(Submit(ToHex32(nonce), ToHex32(job_.ntime)), kCodeLowDifficulty);
  EXPECT_EQ(record_.accepted(), 0u);
}

TEST_F(MinerSessionTest, RefusesWhoHasNotSubscribedOrIsNotAuthorized) {
  EXPECT_EQ(Submit("00000000", ToHex32(job_.ntime)), kCodeNotSubscribed);
  Send("mining.subscribe", {"test"});
  EXPECT_EQ(Submit("00000000", ToHex32(job_.ntime)), kCodeUnauthorized);
  Send("mining.authorize", {"w", "x"});
  EXPECT_EQ(Submit("00000000", ToHex32(job_.ntime), "", "another"), kCodeUnauthorized);
}

TEST_F(MinerSessionTest, RefusesStaleJobsAndKeepsOlderOnesOfTheSameBlock) {
  Join();
  const std::string nonce = ToHex32(Nonces(difficulty_, true).at(0)), ntime = ToHex32(job_.ntime), old_job = job_.id;
  EXPECT_EQ(Submit(nonce, ntime, "ffff"), kCodeStale);
  job_ = maker_.NextJob(kNow);
  judge_.AddJob(job_);
  session_.Notify(job_);
  EXPECT_THAT(session_.TakeOutput(), testing::HasSubstr("mining.notify"));
  EXPECT_EQ(Submit(nonce, ntime, old_job), 0);
  job_ = maker_.NextBlock(kNow);
  judge_.AddJob(job_);
  EXPECT_EQ(Submit(nonce, ntime, old_job), kCodeStale);
}

TEST_F(MinerSessionTest, RefusesTimesOutOfRangeAndMalformedWords) {
  Join();
  EXPECT_EQ(Submit("00000000", "ffffffff"), kCodeOther);
  EXPECT_EQ(Submit("00000000", ToHex32(job_.ntime - 1)), kCodeOther);
  EXPECT_EQ(Submit("0000000g", ToHex32(job_.ntime)), kCodeOther);
  EXPECT_EQ(Submit("00000000", ToHex32(job_.ntime), "", "w", "000007"), kCodeOther);
}

TEST_F(MinerSessionTest, TakesASuggestionOnlyUpwards) {
  Join();
  Send("mining.suggest_difficulty", {1e-9});
  session_.Notify(job_);
  EXPECT_THAT(session_.TakeOutput(), testing::HasSubstr("[0.0000002]"));
  Send("mining.suggest_difficulty", {0.5});
  session_.Notify(job_);
  EXPECT_THAT(session_.TakeOutput(), testing::HasSubstr("[0.5]"));
}

TEST_F(MinerSessionTest, JudgesVersionBitsByTheMaskThatItGave) {
  const auto configured = Send("mining.configure", {{"version-rolling"}, {{"version-rolling.mask", "00ffe000"}}});
  EXPECT_EQ(configured.at(0)["result"]["version-rolling.mask"], "00ffe000");
  Join();
  const std::string nonce = ToHex32(Nonces(difficulty_, true).at(0)), ntime = ToHex32(job_.ntime);
  EXPECT_EQ(Submit(nonce, ntime), kCodeOther);  // the sixth word is owed now
  EXPECT_EQ(Send("mining.submit", {"w", job_.id, kExtranonce2, ntime, nonce, "01000000"}).at(0)["error"][0],
            kCodeOther);
  EXPECT_EQ(Send("mining.submit", {"w", job_.id, kExtranonce2, ntime, nonce, "00000000"}).at(0)["result"], true);
}

TEST_F(MinerSessionTest, ClosesOnWhatIsNoJsonAndOnEndlessLines) {
  EXPECT_FALSE(session_.Receive("GET / HTTP/1.1\n", job_, kNowMs).ok());
  MinerSession other(terms_, extranonce1_, &judge_, &record_);
  EXPECT_FALSE(other.Receive(std::string(kMinerLineBytesMax + 1, ' '), job_, kNowMs).ok());
}

TEST(LibrarySha256dTest, AgreesWithTheMinersHash) {
  agent::mining::Header header;
  for (size_t i = 0; i < header.size(); ++i) header[i] = static_cast<uint8_t>(i * 7);
  EXPECT_EQ(LibrarySha256d(header), agent::mining::Sha256d(header));
}

}  // namespace
}  // namespace switchyard::tools::pool
