#include "agent/mining/kernel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/mining/difficulty.h"
#include "tests/agent/mining/vectors.h"

namespace switchyard::agent::mining {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KernelTest : public testing::TestWithParam<size_t> {
 protected:
  const Kernel& kernel() const { return UsableKernels()[GetParam()]; }
};

TEST_P(KernelTest, FindsTheNonceOfBlock125552AndNothingElseAroundIt) {
  const HashJob job = MakeHashJob(HeaderFromHex(kBlock125552), NetworkTarget(0x1a44b9f2).value());
  const ScanResult found = kernel().Scan(job, kBlock125552Nonce - 30'000, kMaxBatch);
  EXPECT_THAT(found.nonces, ElementsAre(kBlock125552Nonce));
  EXPECT_EQ(found.hashes, kMaxBatch);
}

TEST_P(KernelTest, FindsTheShareThatCkpoolAccepted) {
  const HashJob job = MakeHashJob(HeaderFromHex(kShareHeader), Difficulty::Parse("0.002").value().Target());
  EXPECT_THAT(kernel().Scan(job, 0x007cc42d - 100, 200).nonces, ElementsAre(0x007cc42du));
}

TEST_P(KernelTest, TakesAHashThatEqualsTheTargetAndRefusesOneAboveIt) {
  const Header header = HeaderFromHex(kBlock125552);
  Uint256 target = Uint256::FromDigest(Sha256d(header));
  EXPECT_THAT(kernel().Scan(MakeHashJob(header, target), kBlock125552Nonce, 1).nonces, ElementsAre(kBlock125552Nonce));
  target.limbs[0] -= 1;
  EXPECT_THAT(kernel().Scan(MakeHashJob(header, target), kBlock125552Nonce, 1).nonces, IsEmpty());
}

TEST_P(KernelTest, FindsEveryNonceUnderATargetThatAllHashesMeet) {
  const HashJob job = MakeHashJob(HeaderFromHex(kBlock125552), Uint256::Max());
  for (const uint32_t count : {1u, 3u, 4u, 8u, 15u, 16u, 17u, 63u}) {
    const std::vector<uint32_t> nonces = kernel().Scan(job, 0xffffffc0, count).nonces;
    ASSERT_EQ(nonces.size(), count);
    for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(nonces[i], 0xffffffc0 + i);
  }
}

TEST_P(KernelTest, AgreesWithThePlainHashOnManyHeaders) {
  Header header = HeaderFromHex(kShareHeader);
  for (int round = 0; round < 50; ++round) {
    const Digest digest = Sha256(header);  // other bytes in every round, always the same ones
    std::copy(digest.begin(), digest.end(), header.begin() + round % 44);
    const HashJob job = MakeHashJob(header, Uint256{{0, 0, 0, uint64_t{1} << 59}});
    std::vector<uint32_t> expected;
    for (uint32_t nonce = 1000; nonce < 1131; ++nonce) {
      Header full = header;
      for (int i = 0; i < 4; ++i) full[kNonceOffset + i] = static_cast<uint8_t>(nonce >> (8 * i));
      if (Uint256::FromDigest(Sha256d(full)) <= job.target) expected.push_back(nonce);
    }
    ASSERT_EQ(kernel().Scan(job, 1000, 131).nonces, expected) << "round " << round;
  }
}

TEST_P(KernelTest, PassesItsSelfTestAndIsFoundByName) {
  EXPECT_TRUE(kernel().SelfTest());
  EXPECT_EQ(FindKernel(kernel().name()).value().name(), kernel().name());
}

INSTANTIATE_TEST_SUITE_P(EveryUsable, KernelTest, testing::Range<size_t>(0, UsableKernels().size()),
                         [](const auto& info) { return std::string(UsableKernels()[info.param].name()); });

// Kernels that are wrong in the ways that kernels are wrong.
void FindsNothing(const HashJob&, uint32_t, uint32_t, std::vector<uint32_t>*) {}
void ForgetsTheRest(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates) {
  ScanPortable(job, first, count / 16 * 16, candidates);
}
void CountsFromOne(const HashJob& job, uint32_t first, uint32_t count, std::vector<uint32_t>* candidates) {
  ScanPortable(job, first + 1, count, candidates);
}

TEST(KernelSelfTestTest, FailsForAKernelThatMissesFinds) {
  EXPECT_FALSE(Kernel("nothing", FindsNothing).SelfTest());
  EXPECT_FALSE(Kernel("rest", ForgetsTheRest).SelfTest());
  EXPECT_FALSE(Kernel("one", CountsFromOne).SelfTest());
}

TEST(KernelChoiceTest, ChoosesAUsableKernelAndNamesTheUsableOnesForAnUnknownName) {
  EXPECT_TRUE(ChooseKernel(absl::Milliseconds(5)).ok());
  const auto unknown = FindKernel("abacus");
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(std::string(unknown.status().message()), testing::HasSubstr("\"portable\""));
}

}  // namespace
}  // namespace switchyard::agent::mining
