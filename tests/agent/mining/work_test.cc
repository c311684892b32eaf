#include "agent/mining/work.h"

#include <gtest/gtest.h>

#include "agent/mining/hex.h"
#include "tests/agent/mining/vectors.h"

namespace switchyard::agent::mining {
namespace {

TEST(WorkTest, SwapsThePrevhashInGroupsOfFourBytes) {
  const Digest sent = DigestFromHex("ab02cd818b9e567ee21793cddef299feb29ad444a41b85b8000008a300000000");
  EXPECT_EQ(ToHex(SwapWords(sent)), std::string(kBlock125552.substr(8, 64)));
  EXPECT_EQ(SwapWords(SwapWords(sent)), sent);
}

TEST(WorkTest, HashesTheMerklePathOfBlock125552) {
  // The path starts at the coinbase's hash, which is not at hand as a transaction: fold the branches onto it as
  // MerkleRoot does.
  Digest root = DigestFromHex("51d37bdd871c9e1f4d5541be67a6ab625e32028744d7d4609d0c37747b40cd2d");
  std::reverse(root.begin(), root.end());  // shown reversed
  for (const char* branch : {"a1e197f9312b514b906dade27abf255ab0a12e9e24c6d5d7d3f8418dda5dc260",
                             "5e996cc3307b11be5acab562575c583aba2f125ae82137bace5396db4b95aebf"}) {
    std::vector<uint8_t> pair(root.begin(), root.end());
    const Digest right = DigestFromHex(branch);
    pair.insert(pair.end(), right.begin(), right.end());
    root = Sha256d(pair);
  }
  EXPECT_EQ(ToHex(root), std::string(kBlock125552.substr(72, 64)));
}

TEST(WorkTest, FoldsEachBranchOntoTheCoinbaseHashFromTheRight) {
  StratumJob job;
  job.coinbase1 = {1, 2};
  job.coinbase2 = {5};
  job.branches = {DigestFromHex("a1e197f9312b514b906dade27abf255ab0a12e9e24c6d5d7d3f8418dda5dc260")};
  const std::vector<uint8_t> en1 = {3}, en2 = {4}, whole = {1, 2, 3, 4, 5};
  const Digest coinbase = Sha256d(whole);
  std::vector<uint8_t> pair(coinbase.begin(), coinbase.end());
  pair.insert(pair.end(), job.branches[0].begin(), job.branches[0].end());
  EXPECT_EQ(MerkleRoot(job, en1, en2), Sha256d(pair));
}

TEST(WorkTest, AssemblesTheHeaderOfBlock125552) {
  StratumJob job;
  job.prevhash = SwapWords(DigestFromHex("ab02cd818b9e567ee21793cddef299feb29ad444a41b85b8000008a300000000"));
  job.nbits = ParseHex32("1a44b9f2").value();
  const Digest root = DigestFromHex(kBlock125552.substr(72, 64));
  EXPECT_EQ(ToHex(AssembleHeader(job, root, 1, ParseHex32("4dd7f5c7").value(), ParseHex32("9546a142").value())),
            std::string(kBlock125552));
}

TEST(WorkTest, CountsTheExtranonceInBigEndianBytesAndCutsWhatDoesNotFit) {
  EXPECT_EQ(ToHex(Extranonce2Bytes(7, 8)), "0000000000000007");
  EXPECT_EQ(ToHex(Extranonce2Bytes(0x1234567, 2)), "4567");
  EXPECT_EQ(ToHex(Extranonce2Bytes(1, 12)), "000000000000000000000001");
}

TEST(HexTest, RefusesWhatIsNotHex) {
  EXPECT_FALSE(ParseHex("abc").ok());
  EXPECT_FALSE(ParseHex("zz").ok());
  EXPECT_FALSE(ParseHex32("1234567").ok());
  EXPECT_EQ(ParseHex32("0000ABcd").value(), 0xabcdu);
}

}  // namespace
}  // namespace switchyard::agent::mining
