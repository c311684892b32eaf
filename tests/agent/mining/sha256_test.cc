#include "agent/mining/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/mining/hash_job.h"
#include "agent/mining/hex.h"
#include "agent/mining/uint256.h"
#include "tests/agent/mining/vectors.h"

namespace switchyard::agent::mining {
namespace {

std::string Sha256Hex(const std::string& text) {
  return ToHex(Sha256(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size())));
}

TEST(Sha256Test, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, HashesBlock125552ToItsKnownHash) {
  const Header header = HeaderFromHex(kBlock125552);
  EXPECT_EQ(ToHex(Sha256(header)), "b9d751533593ac10cdfb7b8e03cad8babc67d8eaeac0a3699b82857dacac9390");
  EXPECT_EQ(Uint256::FromDigest(Sha256d(header)).Hex(), kBlock125552Hash);
}

TEST(Sha256Test, KeepsTheMidstateOfBlock125552) {
  const HashJob job = MakeHashJob(HeaderFromHex(kBlock125552), Uint256::Max());
  EXPECT_THAT(job.midstate, testing::ElementsAre(0x9524c593, 0x05c56713, 0x16e669ba, 0x2d2810a0, 0x07e86e37, 0x2f56a9da,
                                                 0xcd5bce69, 0x7a78da2d));
  EXPECT_EQ(Uint256::FromDigest(HashWithNonce(job, kBlock125552Nonce)).Hex(), kBlock125552Hash);
}

TEST(Uint256Test, OrdersByTheMostSignificantLimbFirst) {
  const Uint256 small = {{~uint64_t{0}, ~uint64_t{0}, ~uint64_t{0}, 1}}, large = {{0, 0, 0, 2}},
                larger = {{1, 0, 0, 2}};
  EXPECT_LT(small, large);
  EXPECT_LT(large, larger);
  EXPECT_EQ(large, large);
}

}  // namespace
}  // namespace switchyard::agent::mining
