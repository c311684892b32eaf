#include "agent/mining/stratum_session.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "agent/mining/hex.h"
#include "agent/mining/pool_client.h"
#include "tests/agent/mining/vectors.h"

namespace switchyard::agent::mining {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;

// A pool's half of the conversation, word by word.
class StratumSessionTest : public testing::Test {
 protected:
  explicit StratumSessionTest(bool version_rolling = false) : session_(Options(version_rolling)) {}

  static SessionOptions Options(bool version_rolling) {
    SessionOptions options;
    options.host = "pool.example";
    options.user = "site.rack";
    options.password = "x";
    options.agent = "test/1";
    options.suggested_difficulty = Difficulty::Parse("0.002").value();
    options.version_rolling = version_rolling;
    return options;
  }

  // The requests sent since the last call; their ids are kept by method.
  std::vector<Json> Sent() {
    std::vector<Json> lines;
    LineFramer framer(1 << 20);
    EXPECT_TRUE(framer.Feed(session_.TakeOutput()).ok());
    while (const auto line = framer.Next()) {
      lines.push_back(Json::parse(*line));
      if (lines.back().contains("method")) ids_[lines.back()["method"]] = lines.back()["id"];
    }
    return lines;
  }
  absl::Status Pool(const std::string& line) { return session_.Receive(line + "\n"); }
  absl::Status Answer(const std::string& method, const std::string& result, const std::string& error = "null") {
    return Pool(fmt::format(R"({{"id":{},"result":{},"error":{}}})", ids_[method].dump(), result, error));
  }
  absl::Status Notify(const std::string& id, bool clean) {
    Json params = Json::parse(kShareNotify);
    params[0] = id;
    params[8] = clean;
    return Pool(fmt::format(R"({{"id":null,"method":"mining.notify","params":{}}})", params.dump()));
  }
  absl::Status SetDifficulty(const std::string& value) {
    return Pool(fmt::format(R"({{"id":null,"method":"mining.set_difficulty","params":[{}]}})", value));
  }
  void BecomeReady() {
    session_.Open();
    Sent();
    ASSERT_TRUE(Answer("mining.subscribe", fmt::format(R"([[["mining.notify","s"]],"{}",8])", kShareExtranonce1)).ok());
    Sent();
    ASSERT_TRUE(SetDifficulty("0.002").ok());
    ASSERT_TRUE(Notify(std::string(kShareJob), true).ok());
    ASSERT_TRUE(Answer("mining.authorize", "true").ok());
  }
  Share KnownShare(uint32_t nonce = 0x007cc42d) {
    return {session_.work(), ParseHex(kShareExtranonce2).value(), ParseHex32(kShareNtime).value(), nonce,
            session_.work()->job.version};
  }

  StratumSession session_;
  std::map<std::string, Json> ids_;
};

TEST_F(StratumSessionTest, SubscribesThenSuggestsAndAuthorizes) {
  session_.Open();
  const auto first = Sent();
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["method"], "mining.subscribe");
  EXPECT_EQ(first[0]["params"], Json::array({"test/1"}));
  ASSERT_TRUE(Answer("mining.subscribe", R"([[],"0102",4])").ok());
  const auto then = Sent();
  ASSERT_EQ(then.size(), 2u);
  EXPECT_EQ(then[0]["method"], "mining.suggest_difficulty");
  EXPECT_EQ(then[0]["params"][0], 0.002);
  EXPECT_EQ(then[1]["params"], Json::array({"site.rack", "x"}));
}

TEST_F(StratumSessionTest, HasWorkOnlyOnceAuthorized) {
  session_.Open();
  Sent();
  ASSERT_TRUE(Answer("mining.subscribe", R"([[],"0102",4])").ok());
  Sent();
  ASSERT_TRUE(Notify("a", true).ok());
  EXPECT_EQ(session_.work(), nullptr);
  ASSERT_TRUE(Answer("mining.authorize", "true").ok());
  ASSERT_NE(session_.work(), nullptr);
  EXPECT_EQ(session_.work()->job.id, "a");
}

TEST_F(StratumSessionTest, EndsWhenTheUserIsRefused) {
  session_.Open();
  Sent();
  ASSERT_TRUE(Answer("mining.subscribe", R"([[],"0102",4])").ok());
  Sent();
  EXPECT_EQ(Answer("mining.authorize", "false", R"([24,"Unauthorized",null])").code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(StratumSessionTest, BuildsTheHeaderThatCkpoolAcceptedAndSubmitsItsWords) {
  BecomeReady();
  const auto work = session_.work();
  const Share share = KnownShare();
  const Digest root = MerkleRoot(work->job, work->extranonce1, share.extranonce2);
  EXPECT_EQ(ToHex(root), kShareRoot);
  const Header header = AssembleHeader(work->job, root, share.version, share.ntime, share.nonce);
  EXPECT_EQ(ToHex(header), kShareHeader);
  EXPECT_EQ(Uint256::FromDigest(Sha256d(header)).Hex(), kShareHash);
  EXPECT_LE(Uint256::FromDigest(Sha256d(header)), work->target);
  session_.Submit(share);
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0]["params"], Json::array({"site.rack", kShareJob, kShareExtranonce2, kShareNtime, kShareNonce}));
}

TEST_F(StratumSessionTest, ReadsTheSameWhereverTheBytesAreCut) {
  BecomeReady();
  const std::string bytes = R"({"id":null,"method":"mining.set_difficulty","params":[5]})"
                            "\r\n" +
                            fmt::format(R"({{"id":null,"method":"mining.notify","params":{}}})", kShareNotify) + "\n";
  for (size_t cut = 0; cut <= bytes.size(); cut += 7) {
    ASSERT_TRUE(session_.Receive(bytes.substr(0, cut)).ok());
    ASSERT_TRUE(session_.Receive(bytes.substr(cut)).ok());
    ASSERT_EQ(session_.work()->difficulty.Text(), "5") << cut;
    ASSERT_TRUE(SetDifficulty("7").ok());
  }
}

TEST_F(StratumSessionTest, CountsAnswersByTheirCode) {
  BecomeReady();
  const char* const errors[] = {"null", R"([23,"Above target",null])", R"([21,"Stale",null])",
                                R"({"code":22,"message":"Duplicate"})", "null"};
  const char* const results[] = {"true", "null", "null", "false", "false"};
  for (uint32_t i = 0; i < 5; ++i) {
    session_.Submit(KnownShare(i));
    Sent();
    ASSERT_TRUE(Answer("mining.submit", results[i], errors[i]).ok());
  }
  session_.Submit(KnownShare(100));
  const ShareCounts counts = session_.CountsAtEnd();
  EXPECT_EQ(counts.accepted, 1u);
  EXPECT_EQ(counts.stale, 1u);
  EXPECT_EQ(counts.unanswered, 1u);
  EXPECT_EQ(counts.rejected, (std::map<int, uint64_t>{{20, 1}, {22, 1}, {23, 1}}));
}

TEST_F(StratumSessionTest, NeverSubmitsTheSameShareTwice) {
  BecomeReady();
  session_.Submit(KnownShare());
  session_.Submit(KnownShare());
  EXPECT_EQ(Sent().size(), 1u);
  EXPECT_EQ(session_.counts().duplicates_suppressed, 1u);
}

TEST_F(StratumSessionTest, DropsSharesOfACleanedJobAndKeepsThoseOfAnOlderOne) {
  BecomeReady();
  const Share share = KnownShare();
  ASSERT_TRUE(Notify("next", false).ok());
  session_.Submit(share);
  EXPECT_EQ(Sent().size(), 1u);
  Share other = share;
  other.nonce += 1;
  ASSERT_TRUE(Notify("clean", true).ok());
  session_.Submit(other);
  EXPECT_THAT(Sent(), IsEmpty());
  EXPECT_EQ(session_.counts().stale, 1u);
}

TEST_F(StratumSessionTest, KeepsAJobsDifficultyWhenItRisesAndFollowsItWhenItFalls) {
  BecomeReady();
  const auto before = session_.work();
  ASSERT_TRUE(SetDifficulty("0.5").ok());
  EXPECT_EQ(session_.work(), before);
  ASSERT_TRUE(SetDifficulty("0.001").ok());
  EXPECT_EQ(session_.work()->difficulty.Text(), "0.001");
  EXPECT_GT(session_.work()->target, before->target);
  ASSERT_TRUE(SetDifficulty("0.5").ok());
  ASSERT_TRUE(Notify("next", false).ok());
  EXPECT_EQ(session_.work()->difficulty.Text(), "0.5");
}

TEST_F(StratumSessionTest, UsesANewExtranonceFromTheNextNotifyOn) {
  BecomeReady();
  ASSERT_TRUE(Pool(R"({"id":null,"method":"mining.set_extranonce","params":["aabb",4]})").ok());
  EXPECT_EQ(ToHex(session_.work()->extranonce1), kShareExtranonce1);
  ASSERT_TRUE(Notify(std::string(kShareJob), false).ok());
  EXPECT_EQ(ToHex(session_.work()->extranonce1), "aabb");
  EXPECT_EQ(session_.work()->extranonce2_size, 4);
}

TEST_F(StratumSessionTest, ReconnectsToTheSameHostOnly) {
  BecomeReady();
  ASSERT_TRUE(Pool(R"({"id":null,"method":"client.reconnect","params":["thief.example",3333,0]})").ok());
  EXPECT_FALSE(session_.reconnect().has_value());
  EXPECT_THAT(session_.TakeRemarks(), testing::ElementsAre(HasSubstr("refused")));
  ASSERT_TRUE(Pool(R"({"id":null,"method":"client.reconnect","params":["pool.example","3334",5]})").ok());
  ASSERT_TRUE(session_.reconnect().has_value());
  EXPECT_EQ(session_.reconnect()->port, 3334);
  EXPECT_EQ(session_.reconnect()->wait_s, 5);
}

TEST_F(StratumSessionTest, AnswersThePoolsQuestions) {
  BecomeReady();
  ASSERT_TRUE(Pool(R"({"id":"q1","method":"client.get_version","params":[]})").ok());
  ASSERT_TRUE(Pool(R"({"id":9,"method":"mining.ping"})").ok());
  ASSERT_TRUE(Pool(R"({"id":10,"method":"mining.unheard_of"})").ok());
  ASSERT_TRUE(Pool(R"({"id":null,"method":"mining.unheard_of"})").ok());
  const auto sent = Sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0], Json::parse(R"({"id":"q1","result":"test/1","error":null})"));
  EXPECT_EQ(sent[1]["result"], "pong");
  EXPECT_EQ(sent[2]["error"][0], 20);
}

TEST_F(StratumSessionTest, EndsOnWhatIsNoStratum) {
  BecomeReady();
  EXPECT_FALSE(Pool("HTTP/1.1 400 Bad Request").ok());
  EXPECT_FALSE(Pool("[1,2]").ok());
  EXPECT_FALSE(
      Pool(R"({"id":null,"method":"mining.notify","params":["a","zz","","",[],"20000000","207fffff","6b038804",true]})")
          .ok());
  EXPECT_FALSE(SetDifficulty("0").ok());
  EXPECT_FALSE(SetDifficulty("-1").ok());
  EXPECT_FALSE(session_.Receive(std::string(kPoolLineBytesMax + 1, 'x')).ok());
}

TEST_F(StratumSessionTest, IgnoresAnswersThatNobodyWaitsFor) {
  BecomeReady();
  EXPECT_TRUE(Pool(R"({"id":4711,"result":true,"error":null})").ok());
  EXPECT_TRUE(Pool(R"({"id":null,"result":null,"error":[20,"?",null]})").ok());
  EXPECT_EQ(session_.counts().accepted, 0u);
}

class VersionRollingTest : public StratumSessionTest {
 protected:
  VersionRollingTest() : StratumSessionTest(true) {}
};

TEST_F(VersionRollingTest, SendsTheVersionBitsOnlyWhereThePoolAgreed) {
  session_.Open();
  EXPECT_EQ(Sent()[0]["method"], "mining.configure");
  ASSERT_TRUE(Answer("mining.configure", R"({"version-rolling":true,"version-rolling.mask":"00ffe000"})").ok());
  ASSERT_TRUE(Answer("mining.subscribe", R"([[],"0102",8])").ok());
  Sent();
  ASSERT_TRUE(Notify("a", true).ok());
  ASSERT_TRUE(Answer("mining.authorize", "true").ok());
  session_.Submit(KnownShare());
  EXPECT_EQ(Sent()[0]["params"][5], "00000000");
  ASSERT_TRUE(Pool(R"({"id":null,"method":"mining.set_version_mask","params":["0000e000"]})").ok());
  EXPECT_EQ(session_.work()->version_mask, 0x0000e000u);
}

TEST(PoolAddressTest, ReadsHostAndPortAndRefusesTheRest) {
  EXPECT_EQ(PoolAddress::Parse("127.0.0.1:3333").value().Text(), "127.0.0.1:3333");
  EXPECT_EQ(PoolAddress::Parse("stratum+tcp://pool.example:1").value().host, "pool.example");
  EXPECT_EQ(PoolAddress::Parse("[::1]:3333").value().host, "::1");
  EXPECT_EQ(PoolAddress::Parse("[::1]:3333").value().Text(), "[::1]:3333");
  for (const char* text : {"", "host", "host:", "host:0", "host:65536", ":3333", "host:33x"})
    EXPECT_FALSE(PoolAddress::Parse(text).ok()) << text;
}

}  // namespace
}  // namespace switchyard::agent::mining
