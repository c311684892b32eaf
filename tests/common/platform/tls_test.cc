#include "common/platform/tls.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "common/platform/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::platform {
namespace {

using testing::HasSubstr;

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    std::string pattern = testing::TempDir() + "/switchyard-tls-XXXXXX";
    directory_ = std::string(mkdtemp(pattern.data())) + "/ca";
  }
  ~TlsTest() override { std::filesystem::remove_all(DirectoryOf(directory_)); }

  TlsFiles Pair(const std::string& name) const {
    return {.ca = directory_ + "/ca.pem", .certificate = directory_ + "/" + name + ".pem", .key = directory_ + "/" + name + ".key"};
  }
  // What OpenSSL's own program says: 0 for a certificate that the authority signed, for this purpose and host.
  int Verify(const std::string& certificate, const std::string& options) const {
    return std::system(("openssl verify -x509_strict -CAfile " + directory_ + "/ca.pem " + options + " " + certificate + " >/dev/null 2>&1").c_str());
  }
  std::string directory_;
};

TEST_F(TlsTest, AnAuthorityMakesPairsThatVerifyForTheirPurposeAndHosts) {
  ASSERT_TRUE(MakeCa(directory_, {"scheduler.example", "10.1.2.3"}).ok());
  EXPECT_TRUE(LoadTls(Pair("scheduler")).ok());
  EXPECT_TRUE(LoadTls(Pair("operator")).ok());
  const std::string scheduler = directory_ + "/scheduler.pem", user = directory_ + "/operator.pem";
  EXPECT_EQ(Verify(scheduler, "-purpose sslserver -verify_hostname localhost"), 0);
  EXPECT_EQ(Verify(scheduler, "-purpose sslserver -verify_hostname scheduler.example"), 0);
  EXPECT_EQ(Verify(scheduler, "-purpose sslserver -verify_ip 10.1.2.3"), 0);
  EXPECT_EQ(Verify(user, "-purpose sslclient"), 0);
  EXPECT_NE(Verify(scheduler, "-purpose sslserver -verify_hostname other.example"), 0);
  EXPECT_NE(Verify(user, "-purpose sslserver"), 0);
  EXPECT_EQ(ReadCertificate(*ReadFile(user))->common_name, "operator");
}

TEST_F(TlsTest, KeysAreForTheirOwnerOnlyAndSoIsTheDirectory) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  struct stat facts {};
  for (const char* key : {"/ca.key", "/scheduler.key", "/operator.key"}) {
    ASSERT_EQ(stat((directory_ + key).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << key;
  }
  ASSERT_EQ(stat(directory_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(TlsTest, AnAuthorityIsNeverReplaced) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  const std::string before = *ReadFile(directory_ + "/ca.key");
  EXPECT_EQ(MakeCa(directory_, {}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*ReadFile(directory_ + "/ca.key"), before);
}

TEST_F(TlsTest, AHostThatIsNoneIsRefused) {
  EXPECT_FALSE(MakeCa(directory_, {"a,DNS:evil"}).ok());
  EXPECT_FALSE(MakeCa(directory_, {"999.1.1.1"}).ok());
  EXPECT_FALSE(MakeCa(directory_, {""}).ok());
}

TEST_F(TlsTest, AnAgentEnrolsWithItsOwnKeyAndTheAuthoritysNameForIt) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  const CertificateAuthority ca = *LoadCa(directory_);
  const KeyAndRequest made = *MakeKeyAndRequest("whatever-it-likes");
  const std::string name = "node:moses-lake/" + std::string(63, 'r');
  const std::string certificate = *SignCertificateRequest(ca, made.request_pem, name, Hours(24 * 365));
  EXPECT_EQ(ReadCertificate(certificate)->common_name, name);
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/agent.pem", certificate).ok());
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/agent.key", made.key_pem, 0600).ok());
  EXPECT_TRUE(LoadTls(Pair("agent")).ok());
  EXPECT_EQ(Verify(directory_ + "/agent.pem", "-purpose sslclient"), 0);
  EXPECT_NE(Verify(directory_ + "/agent.pem", "-purpose sslserver"), 0);
}

TEST_F(TlsTest, ARequestThatWasTamperedWithIsRefused) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  const CertificateAuthority ca = *LoadCa(directory_);
  EXPECT_EQ(SignCertificateRequest(ca, "not pem", "node:a/b", Hours(1)).status().code(), absl::StatusCode::kInvalidArgument);
  std::string request = MakeKeyAndRequest("node:a/b")->request_pem;
  // The last letters before the end line belong to the signature.
  const size_t end = request.find("\n-----END");
  const size_t at = end - 8;
  request[at] = request[at] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(SignCertificateRequest(ca, request, "node:a/b", Hours(1)).ok());
}

TEST_F(TlsTest, AKeyOfAnotherCertificateIsNamed) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  TlsFiles mixed = Pair("scheduler");
  mixed.key = directory_ + "/operator.key";
  EXPECT_THAT(std::string(LoadTls(mixed).status().message()), HasSubstr("does not belong to certificate"));
  mixed.key.clear();
  EXPECT_THAT(std::string(LoadTls(mixed).status().message()), HasSubstr("go together"));
}

TEST_F(TlsTest, ACertificateThatRanOutIsRefusedWithItsDates) {
  ASSERT_TRUE(MakeCa(directory_, {}).ok());
  const KeyAndRequest made = *MakeKeyAndRequest("x");
  const std::string certificate = *SignCertificateRequest(*LoadCa(directory_), made.request_pem, "x", Seconds(-60));
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/old.pem", certificate).ok());
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/old.key", made.key_pem, 0600).ok());
  EXPECT_EQ(LoadTls(Pair("old")).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DigestTest, Sha256IsTheStandardsAndRandomIsNotRepeated) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(RandomHex(32).size(), 64u);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

}  // namespace
}  // namespace switchyard::platform
