#include "client/client_options.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/client.h"

namespace switchyard::client {
namespace {

using testing::HasSubstr;

class ClientOptionsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "client_options_test";
    std::filesystem::create_directories(folder_ + "/switchyard");
    setenv("XDG_CONFIG_HOME", folder_.c_str(), 1);
    unsetenv("SWITCHYARD_SERVER");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& text) {
    const std::string path = folder_ + "/switchyard/client.yaml";
    std::ofstream(path) << text;
    return path;
  }
  static std::string Refusal(const ClientOptions& options) {
    const absl::Status status = Client::Connect(options).status();
    EXPECT_FALSE(status.ok()) << options.server;
    return std::string(status.message());
  }

  std::string folder_;
};

TEST_F(ClientOptionsTest, DefaultIsTheLocalSocket) {
  const auto options = LoadClientOptions();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server, "unix:/run/switchyard/switchyard.sock");
  EXPECT_TRUE(ValidateClientOptions(*options).ok());
}

TEST_F(ClientOptionsTest, TheFileIsFoundAndTheEnvironmentOverridesIt) {
  Write(
      "server: sched.example:7443\nca_file: ca.pem\ncertificate_file: /etc/c.pem\nkey_file: /etc/k.pem\ncall_timeout: "
      "5s\n");
  auto options = LoadClientOptions();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server, "sched.example:7443");
  EXPECT_EQ(options->ca_file, folder_ + "/switchyard/ca.pem") << "a bare name is beside the file";
  EXPECT_EQ(options->certificate_file, "/etc/c.pem");
  EXPECT_EQ(options->call_timeout, Seconds(5));
  setenv("SWITCHYARD_SERVER", "unix:/tmp/other", 1);
  options = LoadClientOptions();
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->server, "unix:/tmp/other");
}

TEST_F(ClientOptionsTest, AllErrorsOfTheFileComeAtOnceWithTheirPlace) {
  const std::string path =
      Write("sever: a\ncall_timeout: 5\ninsecure_loopback: maybe\nserver: [a]\nserver_name: a\nserver_name: b\n");
  const auto options = LoadClientOptions(path);
  ASSERT_FALSE(options.ok());
  const std::string message(options.status().message());
  EXPECT_THAT(message, HasSubstr(path + ":1:1: key \"sever\": unknown"));
  EXPECT_THAT(message, HasSubstr(path + ":2:15: "));
  EXPECT_THAT(message, HasSubstr("bare number"));
  EXPECT_THAT(message, HasSubstr(path + ":3:20: insecure_loopback \"maybe\""));
  EXPECT_THAT(message, HasSubstr(path + ":4:1: not a plain"));
  EXPECT_THAT(message, HasSubstr(path + ":6:1: key \"server_name\": given twice"));
}

TEST_F(ClientOptionsTest, ANamedFileMustExist) {
  EXPECT_EQ(LoadClientOptions(folder_ + "/none.yaml").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ClientOptionsTest, PlainTcpStaysOnThisMachine) {
  ClientOptions options;
  options.server = "127.0.0.1:7443";
  EXPECT_THAT(Refusal(options), HasSubstr("TCP without TLS"));
  options.insecure_loopback = true;
  for (const char* server : {"127.0.0.1:7443", "localhost:7443", "[::1]:7443"}) {
    options.server = server;
    EXPECT_TRUE(Client::Connect(options).ok()) << server;
  }
  options.server = "10.0.0.1:7443";
  EXPECT_THAT(Refusal(options), HasSubstr("plain TCP leaves this machine"));
}

TEST_F(ClientOptionsTest, WhatIsNoAddressIsRefused) {
  ClientOptions options;
  options.insecure_loopback = true;
  for (const char* server :
       {"", "localhost", "localhost:", ":7443", "localhost:http", "localhost:0", "localhost:70000", "unix:"}) {
    options.server = server;
    EXPECT_THAT(Refusal(options), HasSubstr("not an address")) << server;
  }
}

TEST_F(ClientOptionsTest, ACertificateNeedsItsKeyAndFilesMustBeReadable) {
  ClientOptions options;
  options.server = "sched.example:7443";
  options.ca_file = folder_ + "/ca.pem";
  options.certificate_file = folder_ + "/c.pem";
  EXPECT_THAT(Refusal(options), HasSubstr("a certificate and its key belong together"));
  options.certificate_file.clear();
  EXPECT_THAT(Refusal(options), HasSubstr("CA certificate \"" + folder_ + "/ca.pem\": cannot be read"));
}

}  // namespace
}  // namespace switchyard::client
