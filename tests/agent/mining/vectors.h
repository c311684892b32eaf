// Real blocks and a real accepted share: what the mining tests compare with.
#ifndef SWITCHYARD_TESTS_AGENT_MINING_VECTORS_H_
#define SWITCHYARD_TESTS_AGENT_MINING_VECTORS_H_

#include <algorithm>
#include <string_view>

#include "agent/mining/hash_job.h"
#include "agent/mining/hex.h"

namespace switchyard::agent::mining {

inline constexpr std::string_view kBlock125552 =
    "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed7"
    "97f7affc8892b0f1fc122b"
    "c7f5d74df2b9441a42a14695";
inline constexpr std::string_view kBlock125552Hash = "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d";
inline constexpr uint32_t kBlock125552Nonce = 0x9546a142;

// A share that ckpool accepted on a regtest chain at difficulty 0.002.
inline constexpr std::string_view kShareExtranonce1 = "3487036b", kShareExtranonce2 = "0000000000000007",
                                  kShareJob = "6b03873100000016", kShareNtime = "6b038804", kShareNonce = "007cc42d";
inline constexpr std::string_view kShareNotify =
    R"(["6b03873100000016","3ee31966b7dd79039bfed71faa23c98dbd6c2d49d1a030cc0d1384ed00000000",)"
    R"("01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff2f016700040488036b04c56d722d0c",)"
    R"("0a636b706f6f6c2d6c6872092f68656c646f75742fffffffff0200f2052a01000000160014751e76e8199196d454941c45d1b3a323f1433bd6)"
    R"(0000000000000000266a24aa21a9ede2f61c3f71d1defd3fa999dfa36953755c690689799962b48bebd836974e8cf900000000",)"
    R"([],"20000000","207fffff","6b038804",true])";
inline constexpr std::string_view kShareRoot = "f8e60020ecfa9dfa9c2da99a4e9b7d1f39e0e1c92bff5aeba28d62ec887c801f";
inline constexpr std::string_view kShareHeader =
    "000000206619e33e0379ddb71fd7fe9b8dc923aa492d6cbdcc30a0d1ed84130d00000000f8e60020ecfa9dfa9c2da99a4e9b7d1f39e0e1c92b"
    "ff5aeba28d62ec887c801f"
    "0488036bffff7f202dc47c00";
inline constexpr std::string_view kShareHash = "0000009cf4718b7e5106acdf03d9464d2ac10248c63cffa8fa6856bf48d76c2e";

inline Header HeaderFromHex(std::string_view text) {
  const auto bytes = ParseHex(text);
  Header header = {};
  std::copy_n(bytes.value().begin(), header.size(), header.begin());
  return header;
}

inline Digest DigestFromHex(std::string_view text) {
  const auto bytes = ParseHex(text);
  Digest digest = {};
  std::copy_n(bytes.value().begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace switchyard::agent::mining

#endif  // SWITCHYARD_TESTS_AGENT_MINING_VECTORS_H_
