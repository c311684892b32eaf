// Certificates: the operator's own small authority, the certificates of scheduler, operators and agents, and what gRPC wants as
// PEM text. Keys are P-256; key files have mode 0600. OpenSSL stays behind this header.
#ifndef SWITCHYARD_COMMON_PLATFORM_TLS_H_
#define SWITCHYARD_COMMON_PLATFORM_TLS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/units.h"

namespace switchyard::platform {

// Paths of PEM files. All empty: no TLS. `ca` alone: the peer is checked, nothing is shown (enrolment).
struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
  bool empty() const { return ca.empty() && certificate.empty() && key.empty(); }
};

// Their contents, as grpc::SslServerCredentialsOptions and grpc::SslCredentialsOptions take them.
struct TlsMaterial {
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};

// Reads the files that are named and checks that key and certificate belong together and that the certificate is in date.
absl::StatusOr<TlsMaterial> LoadTls(const TlsFiles& files);

// Makes the authority in `directory` (made with mode 0700 where missing): ca.pem, ca.key; scheduler.pem, scheduler.key for
// localhost, 127.0.0.1, ::1 and `hosts` (names or addresses); operator.pem, operator.key with CN "operator". ALREADY_EXISTS
// where ca.key is there: an authority is never replaced, for all agents trust it.
absl::Status MakeCa(const std::string& directory, const std::vector<std::string>& hosts);

struct CertificateAuthority {
  std::string certificate_pem;
  std::string key_pem;
};
// Reads ca.pem and ca.key of MakeCa's directory.
absl::StatusOr<CertificateAuthority> LoadCa(const std::string& directory);

// A client certificate for the key of a request (PEM). Only the request's public key and the proof that its sender holds the
// private one are used: subject and validity are the authority's. INVALID_ARGUMENT for a request that does not verify.
absl::StatusOr<std::string> SignCertificateRequest(const CertificateAuthority& ca, const std::string& request_pem,
                                                   const std::string& common_name, Duration validity);

// What an agent makes to enrol: a new key and a request signed with it.
struct KeyAndRequest {
  std::string key_pem;
  std::string request_pem;
};
absl::StatusOr<KeyAndRequest> MakeKeyAndRequest(const std::string& common_name);

struct CertificateFacts {
  std::string common_name;
  UtcTime not_before, not_after;
};
absl::StatusOr<CertificateFacts> ReadCertificate(const std::string& certificate_pem);

// `bytes` from the system's cryptographic generator, in lower-case hexadecimal digits.
std::string RandomHex(size_t bytes);
// Lower-case hexadecimal digits.
std::string Sha256Hex(const std::string& data);

}  // namespace switchyard::platform

#endif  // SWITCHYARD_COMMON_PLATFORM_TLS_H_
