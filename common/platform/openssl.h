// OpenSSL's objects with an owner, for tls.cc and tls_authority.cc only.
#ifndef SWITCHYARD_COMMON_PLATFORM_OPENSSL_H_
#define SWITCHYARD_COMMON_PLATFORM_OPENSSL_H_

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace switchyard::platform::openssl {

template <auto free_function>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;

inline Bio ReadBio(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

inline Certificate ReadCertificatePem(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(ReadBio(pem).get(), nullptr, nullptr, nullptr));
}
// An encrypted key gives null at once: without this callback OpenSSL would ask the terminal for a passphrase.
inline Key ReadKeyPem(const std::string& pem) {
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  return Key(PEM_read_bio_PrivateKey(ReadBio(pem).get(), nullptr, no_passphrase, nullptr));
}

}  // namespace switchyard::platform::openssl

#endif  // SWITCHYARD_COMMON_PLATFORM_OPENSSL_H_
