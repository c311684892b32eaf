// A client with a certificate, and one without, at a scheduler that asks for one.
#include "common/platform/tls.h"

#include <filesystem>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "client/client.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::client {
namespace {

// Answers each GetJob with the name in the caller's certificate.
class WhoCalls final : public v1::JobService::Service {
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest*, v1::Job* response) override {
    const auto names = context->auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
    if (!names.empty()) response->set_principal(std::string(names[0].data(), names[0].size()));
    return grpc::Status::OK;
  }
};

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "client_tls_test";
    std::filesystem::remove_all(folder_);
    ASSERT_TRUE(platform::MakeCa(folder_, {}).ok());
    const auto material =
        platform::LoadTls({folder_ + "/ca.pem", folder_ + "/scheduler.pem", folder_ + "/scheduler.key"});
    ASSERT_TRUE(material.ok()) << material.status();
    grpc::SslServerCredentialsOptions ssl(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    ssl.pem_root_certs = material->ca_pem;
    ssl.pem_key_cert_pairs.push_back({material->key_pem, material->certificate_pem});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(ssl), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    options_.server = "localhost:" + std::to_string(port);
    options_.ca_file = folder_ + "/ca.pem";
    options_.call_timeout = Seconds(20);
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }

  std::string folder_;
  WhoCalls service_;
  std::unique_ptr<grpc::Server> server_;
  ClientOptions options_;
};

TEST_F(TlsTest, ACertificateNamesTheCaller) {
  options_.certificate_file = folder_ + "/operator.pem";
  options_.key_file = folder_ + "/operator.key";
  auto client = Client::Connect(options_);
  ASSERT_TRUE(client.ok()) << client.status();
  const auto job = (*client)->GetJob(1);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->principal(), "operator");
}

TEST_F(TlsTest, WithoutACertificateNothingIsAnswered) {
  options_.call_timeout = Milliseconds(500);
  auto client = Client::Connect(options_);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ((*client)->GetJob(1).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTest, AServerUnderAnotherNameIsNotTrusted) {
  options_.certificate_file = folder_ + "/operator.pem";
  options_.key_file = folder_ + "/operator.key";
  options_.server_name = "elsewhere.example";
  options_.call_timeout = Milliseconds(500);
  auto client = Client::Connect(options_);
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_EQ((*client)->GetJob(1).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace switchyard::client
