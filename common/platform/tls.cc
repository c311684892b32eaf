// Reading and checking of what is already there. Making certificates is in tls_authority.cc.
#include "common/platform/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <ctime>

#include "common/check.h"
#include "common/platform/clock.h"
#include "common/platform/files.h"
#include "common/platform/openssl.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::platform {
namespace {

std::string Hex(const unsigned char* bytes, size_t size) {
  std::string text;
  text.reserve(2 * size);
  for (size_t i = 0; i < size; ++i) text += fmt::format("{:02x}", bytes[i]);
  return text;
}

UtcTime ToUtc(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return UtcTime(0);
  return UtcTime(static_cast<int64_t>(timegm(&parts)) * 1000);
}

absl::Status CheckPair(const TlsFiles& files, const TlsMaterial& material) {
  const openssl::Certificate certificate = openssl::ReadCertificatePem(material.certificate_pem);
  if (!certificate) return absl::InvalidArgumentError(fmt::format("certificate \"{}\": not a PEM certificate", files.certificate));
  const openssl::Key key = openssl::ReadKeyPem(material.key_pem);
  if (!key) return absl::InvalidArgumentError(fmt::format("key \"{}\": not an unencrypted PEM private key", files.key));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::InvalidArgumentError(fmt::format("key \"{}\": does not belong to certificate \"{}\"; use the pair that was made together",
                                                  files.key, files.certificate));
  }
  const UtcTime now = SystemClock().Utc();
  const UtcTime from = ToUtc(X509_get0_notBefore(certificate.get()));
  const UtcTime to = ToUtc(X509_get0_notAfter(certificate.get()));
  if (now < from || now > to) {
    return absl::FailedPreconditionError(fmt::format("certificate \"{}\": holds from {} to {}, now is {}; renew it or set the clock",
                                                     files.certificate, FormatUtc(from), FormatUtc(to), FormatUtc(now)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsMaterial> LoadTls(const TlsFiles& files) {
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError("tls: certificate and key go together, only one of them is named; name both or neither");
  }
  TlsMaterial material;
  const auto read = [](const std::string& path, std::string* into) -> absl::Status {
    if (path.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> text = ReadFile(path);
    if (text.ok()) *into = *std::move(text);
    return text.status();
  };
  if (absl::Status status = read(files.ca, &material.ca_pem); !status.ok()) return status;
  if (absl::Status status = read(files.certificate, &material.certificate_pem); !status.ok()) return status;
  if (absl::Status status = read(files.key, &material.key_pem); !status.ok()) return status;
  if (!files.ca.empty() && !openssl::ReadCertificatePem(material.ca_pem)) {
    return absl::InvalidArgumentError(fmt::format("authority \"{}\": not a PEM certificate", files.ca));
  }
  if (!files.certificate.empty()) {
    if (absl::Status status = CheckPair(files, material); !status.ok()) return status;
  }
  return material;
}

absl::StatusOr<CertificateFacts> ReadCertificate(const std::string& certificate_pem) {
  const openssl::Certificate certificate = openssl::ReadCertificatePem(certificate_pem);
  if (!certificate) return absl::InvalidArgumentError("certificate: not a PEM certificate");
  char name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name, sizeof(name));
  return CertificateFacts{.common_name = name,
                          .not_before = ToUtc(X509_get0_notBefore(certificate.get())),
                          .not_after = ToUtc(X509_get0_notAfter(certificate.get()))};
}

std::string RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  unsigned char* data = reinterpret_cast<unsigned char*>(raw.data());
  // Without randomness every token and key would be guessable: nothing sensible is left to do.
  SWITCHYARD_CHECK(RAND_bytes(data, static_cast<int>(bytes)) == 1);
  return Hex(data, bytes);
}

std::string Sha256Hex(const std::string& data) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  SWITCHYARD_CHECK(EVP_Digest(data.data(), data.size(), digest, &size, EVP_sha256(), nullptr) == 1);
  return Hex(digest, size);
}

}  // namespace switchyard::platform
