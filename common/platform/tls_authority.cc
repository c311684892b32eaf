// Making of keys, certificates and the authority that signs them.
#include <openssl/err.h>
#include <openssl/rand.h>

#include "absl/status/status.h"
#include "common/check.h"
#include "common/platform/files.h"
#include "common/platform/openssl.h"
#include "common/platform/tls.h"
#include "fmt/format.h"

namespace switchyard::platform {
namespace {

constexpr Duration kCaValidity = Hours(24 * 3650);          // ten years: replacing it means a visit to every agent
constexpr Duration kCertificateValidity = Hours(24 * 825);  // what TLS clients accept at most for a server
constexpr size_t kMaxCommonName = 200;                       // of whatever we sign; fits every reader's buffer
constexpr Duration kBackdate = Minutes(5);                  // for peers whose clock runs a little behind

std::string LastError() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  return text;
}

template <typename Writer>
std::string ToPem(Writer write) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  SWITCHYARD_CHECK(bio && write(bio.get()) == 1) << LastError();
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}
std::string ToPem(const openssl::Key& key) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}
std::string ToPem(const openssl::Certificate& certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
}

openssl::Key NewKey() {
  openssl::Key key(EVP_EC_gen("P-256"));
  SWITCHYARD_CHECK(key) << LastError();
  return key;
}

// As plain UTF-8 string: OpenSSL would hold it to the 64 characters of X.520, and "node:<site>/<node>" may have 132.
void SetCommonName(X509_NAME* name, const std::string& common_name) {
  SWITCHYARD_CHECK(X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING,
                                              reinterpret_cast<const unsigned char*>(common_name.c_str()),
                                              static_cast<int>(common_name.size()), -1, 0) == 1)
      << LastError();
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  SWITCHYARD_CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1) << LastError();
}

struct Issuance {
  std::string common_name;
  Duration validity;
  bool authority = false;
  bool server = false;        // else a client
  std::string alternatives;   // of a server: "DNS:localhost,IP:127.0.0.1"
};

// Signs a certificate for `subject_key`; without an issuer it signs itself.
openssl::Certificate Issue(const Issuance& what, EVP_PKEY* subject_key, X509* issuer, EVP_PKEY* issuer_key) {
  openssl::Certificate certificate(X509_new());
  X509* const made = certificate.get();
  unsigned char serial[16];
  SWITCHYARD_CHECK(RAND_bytes(serial, sizeof(serial)) == 1);
  serial[0] &= 0x7f;  // a serial number is positive
  BIGNUM* const number = BN_bin2bn(serial, sizeof(serial), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made));
  BN_free(number);
  X509_set_version(made, X509_VERSION_3);
  X509_gmtime_adj(X509_getm_notBefore(made), -kBackdate.count() / 1000);
  X509_gmtime_adj(X509_getm_notAfter(made), what.validity.count() / 1000);
  SetCommonName(X509_get_subject_name(made), what.common_name);
  X509* const signer = issuer == nullptr ? made : issuer;
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  SWITCHYARD_CHECK(X509_set_pubkey(made, subject_key) == 1) << LastError();

  AddExtension(made, signer, NID_basic_constraints, what.authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
  AddExtension(made, signer, NID_key_usage, what.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  if (!what.authority) AddExtension(made, signer, NID_ext_key_usage, what.server ? "serverAuth,clientAuth" : "clientAuth");
  if (!what.alternatives.empty()) AddExtension(made, signer, NID_subject_alt_name, what.alternatives);
  AddExtension(made, signer, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) AddExtension(made, signer, NID_authority_key_identifier, "keyid");
  SWITCHYARD_CHECK(X509_sign(made, issuer_key, EVP_sha256()) > 0) << LastError();
  return certificate;
}

// "DNS:a.example,IP:10.0.0.1" of names and addresses; a character that could smuggle in another entry is refused.
absl::StatusOr<std::string> Alternatives(const std::vector<std::string>& hosts) {
  std::string text = "DNS:localhost,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
  for (const std::string& host : hosts) {
    const bool address = host.find(':') != std::string::npos ||
                         (!host.empty() && host.find_first_not_of("0123456789.") == std::string::npos);
    if (host.empty() || host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:") != std::string::npos) {
      return absl::InvalidArgumentError(fmt::format("host \"{}\": not a host name or an address; give the name that agents dial", host));
    }
    ASN1_OCTET_STRING* const parsed = address ? a2i_IPADDRESS(host.c_str()) : nullptr;
    if (address && parsed == nullptr) return absl::InvalidArgumentError(fmt::format("host \"{}\": not an IP address", host));
    ASN1_OCTET_STRING_free(parsed);
    text += (address ? ",IP:" : ",DNS:") + host;
  }
  return text;
}

absl::Status WritePair(const std::string& directory, const std::string& name, const openssl::Certificate& certificate,
                       const openssl::Key& key) {
  if (absl::Status status = WriteFileAtomically(JoinPath(directory, name + ".key"), ToPem(key), 0600); !status.ok()) return status;
  return WriteFileAtomically(JoinPath(directory, name + ".pem"), ToPem(certificate), 0644);
}

}  // namespace

absl::Status MakeCa(const std::string& directory, const std::vector<std::string>& hosts) {
  const absl::StatusOr<std::string> alternatives = Alternatives(hosts);
  if (!alternatives.ok()) return alternatives.status();
  if (absl::Status status = MakeDirectories(directory, 0700); !status.ok()) return status;
  if (FileExists(JoinPath(directory, "ca.key"))) {
    return absl::AlreadyExistsError(fmt::format(
        "authority \"{}\": ca.key is there already and every agent trusts it; name another directory or remove it by hand", directory));
  }
  const openssl::Key ca_key = NewKey();
  const openssl::Certificate ca =
      Issue({.common_name = "switchyard authority", .validity = kCaValidity, .authority = true, .alternatives = {}}, ca_key.get(), nullptr,
            ca_key.get());
  const openssl::Key scheduler_key = NewKey();
  const openssl::Certificate scheduler =
      Issue({.common_name = "scheduler", .validity = kCertificateValidity, .server = true, .alternatives = *alternatives},
            scheduler_key.get(), ca.get(), ca_key.get());
  const openssl::Key operator_key = NewKey();
  const openssl::Certificate operator_certificate =
      Issue({.common_name = "operator", .validity = kCertificateValidity, .alternatives = {}}, operator_key.get(), ca.get(), ca_key.get());

  // ca.key last: its presence says that the directory is complete.
  if (absl::Status status = WritePair(directory, "scheduler", scheduler, scheduler_key); !status.ok()) return status;
  if (absl::Status status = WritePair(directory, "operator", operator_certificate, operator_key); !status.ok()) return status;
  if (absl::Status status = WriteFileAtomically(JoinPath(directory, "ca.pem"), ToPem(ca), 0644); !status.ok()) return status;
  return WriteFileAtomically(JoinPath(directory, "ca.key"), ToPem(ca_key), 0600);
}

absl::StatusOr<CertificateAuthority> LoadCa(const std::string& directory) {
  const TlsFiles files{.ca = {}, .certificate = JoinPath(directory, "ca.pem"), .key = JoinPath(directory, "ca.key")};
  absl::StatusOr<TlsMaterial> material = LoadTls(files);
  if (!material.ok()) return material.status();
  return CertificateAuthority{.certificate_pem = material->certificate_pem, .key_pem = material->key_pem};
}

absl::StatusOr<std::string> SignCertificateRequest(const CertificateAuthority& ca, const std::string& request_pem,
                                                   const std::string& common_name, Duration validity) {
  const openssl::Certificate issuer = openssl::ReadCertificatePem(ca.certificate_pem);
  const openssl::Key issuer_key = openssl::ReadKeyPem(ca.key_pem);
  if (!issuer || !issuer_key) return absl::FailedPreconditionError("authority: its certificate or key is not readable PEM");
  if (common_name.empty() || common_name.size() > kMaxCommonName) {
    return absl::InvalidArgumentError(
        fmt::format("certificate for \"{}\": a common name has 1 to {} characters; use a shorter name", common_name, kMaxCommonName));
  }
  const openssl::Request request(PEM_read_bio_X509_REQ(openssl::ReadBio(request_pem).get(), nullptr, nullptr, nullptr));
  if (!request) return absl::InvalidArgumentError("certificate request: not a PEM certificate request");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return absl::InvalidArgumentError("certificate request: its signature does not verify; make a new key and request");
  }
  if (EVP_PKEY_get_security_bits(key) < 112) {
    return absl::InvalidArgumentError("certificate request: its key is too weak; use P-256 or RSA of 2048 bits or more");
  }
  return ToPem(Issue({.common_name = common_name, .validity = validity, .alternatives = {}}, key, issuer.get(), issuer_key.get()));
}

absl::StatusOr<KeyAndRequest> MakeKeyAndRequest(const std::string& common_name) {
  if (common_name.empty() || common_name.size() > kMaxCommonName) {
    return absl::InvalidArgumentError(
        fmt::format("certificate request for \"{}\": a common name has 1 to {} characters; use a shorter name", common_name, kMaxCommonName));
  }
  const openssl::Key key = NewKey();
  const openssl::Request request(X509_REQ_new());
  SWITCHYARD_CHECK(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) == 1) << LastError();
  SetCommonName(X509_REQ_get_subject_name(request.get()), common_name);
  SWITCHYARD_CHECK(X509_REQ_set_pubkey(request.get(), key.get()) == 1) << LastError();
  SWITCHYARD_CHECK(X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0) << LastError();
  return KeyAndRequest{.key_pem = ToPem(key), .request_pem = ToPem([&](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request.get()); })};
}

}  // namespace switchyard::platform
