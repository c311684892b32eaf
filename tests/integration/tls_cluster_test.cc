// TCP with certificates, from the making of the authority to a task on a node that enrolled with a token.
#include <cstring>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

class TlsClusterTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<Cluster>(SiteOptions{.real_nodes = 2, .operators = "cn:operator"});
    const Outcome made = cluster_->Run({Cluster::Program("switchyardd"), "--make-ca", Ca("")});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    ASSERT_NO_FATAL_FAILURE(
        cluster_->StartScheduler({"--listen", "127.0.0.1:0", "--tls-ca", Ca("/ca.pem"), "--tls-cert",
                                  Ca("/scheduler.pem"), "--tls-key", Ca("/scheduler.key"), "--ca-dir", Ca("")}));
    for (const std::string& bound : cluster_->Bound()) {
      if (bound.rfind("tcp ", 0) == 0) server_ = "localhost" + bound.substr(bound.rfind(':'));
    }
    ASSERT_NE(server_, "");
  }
  std::string Ca(const std::string& file) const { return cluster_->Path("ca") + file; }
  Outcome As(const std::string& name, std::vector<std::string> words) {
    std::vector<std::string> command = {
        Cluster::Program("switchyard"), "--server", server_, "--call-timeout", "5s", "--ca", Ca("/ca.pem")};
    if (!name.empty())
      command.insert(command.end(), {"--certificate", Ca("/" + name + ".pem"), "--key-file", Ca("/" + name + ".key")});
    command.insert(command.end(), words.begin(), words.end());
    return cluster_->Run(command);
  }
  void WriteAgent(const std::string& name, const std::string& node) {
    cluster_->WriteRealAgent(name, node,
                             "tls: {ca: " + Ca("/ca.pem") + ", certificate: " + cluster_->Path(name + "/agent.pem") +
                                 ", key: " + cluster_->Path(name + "/agent.key") + "}\n");
    std::string text = ReadFile(cluster_->Path(name + ".yaml"));
    text.replace(text.find(cluster_->address()), cluster_->address().size(), server_);
    WriteFile(cluster_->Path(name + ".yaml"), text);
  }
  std::string Token(const std::string& node) {
    const Outcome outcome = As("operator", {"-o", "json", "token", node});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.json().value("token", "");
  }

  std::unique_ptr<Cluster> cluster_;
  std::string server_;
};

TEST_F(TlsClusterTest, ANodeEnrolsWithATokenOnceAndRunsATask) {
  WriteAgent("n1", "s/n1");
  const std::string token = Token("s/n1");
  ASSERT_FALSE(token.empty());
  cluster_->StartAgent("n1", {"--token", token});
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  struct stat key = {};
  ASSERT_EQ(stat(cluster_->Path("n1/agent.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 077, 0u);

  WriteFile(cluster_->Path("job.yaml"), TrainingYaml("over-tls", "echo hello; exec sleep 1000"));
  const Outcome submitted = As("operator", {"submit", cluster_->Path("job.yaml")});
  ASSERT_EQ(submitted.exit_code, 0) << submitted.err;
  EXPECT_TRUE(Eventually([this] { return As("operator", {"logs", "1"}).out == "hello\n"; }));
  EXPECT_EQ(cluster_->Job(1).principal(), "cn:operator");

  // The certificate is enough from now on; the token is used up.
  EXPECT_EQ(cluster_->EndAgent("n1", SIGTERM), 0);
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  WriteAgent("thief", "s/n1");
  cluster_->StartAgent("thief", {"--token", token});
  EXPECT_EQ(cluster_->agent("thief").Wait(), 1);
  EXPECT_FALSE(std::filesystem::exists(cluster_->Path("thief/agent.pem")));
}

TEST_F(TlsClusterTest, ACertificateSpeaksForItsOwnNodeAlone) {
  WriteAgent("n1", "s/n1");
  cluster_->StartAgent("n1", {"--token", Token("s/n1")});
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  EXPECT_EQ(cluster_->EndAgent("n1", SIGTERM), 0);
  std::string text = ReadFile(cluster_->Path("n1.yaml"));
  text.replace(text.find("s/n1"), 4, "s/n2");
  WriteFile(cluster_->Path("n1.yaml"), text);
  cluster_->StartAgent("n1");
  ASSERT_TRUE(Eventually([this] { return ReadFile(cluster_->Path("n1.log")).find("s/n2") != std::string::npos; }));
  EXPECT_EQ(cluster_->Node("s/n2").state(), v1::CONFIGURED);
  // Nor is it an operator's or a tenant's.
  std::filesystem::copy_file(cluster_->Path("n1/agent.pem"), Ca("/agent.pem"));
  std::filesystem::copy_file(cluster_->Path("n1/agent.key"), Ca("/agent.key"));
  EXPECT_EQ(As("agent", {"cordon", "s/n1"}).exit_code, 1);
}

TEST_F(TlsClusterTest, WithoutACertificateOrWithAnotherAuthoritysNobodyGetsIn) {
  EXPECT_EQ(As("operator", {"nodes"}).exit_code, 0);
  EXPECT_EQ(As("", {"nodes"}).exit_code, 1);
  const Outcome made = cluster_->Run({Cluster::Program("switchyardd"), "--make-ca", cluster_->Path("other")});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  for (const char* const file : {"/operator.pem", "/operator.key"}) {
    std::filesystem::copy_file(cluster_->Path("other") + file,
                               Ca(std::string("/stranger") + (std::strstr(file, ".pem") ? ".pem" : ".key")));
  }
  EXPECT_EQ(As("stranger", {"nodes"}).exit_code, 1);
  const Outcome plain = cluster_->Run(
      {Cluster::Program("switchyard"), "--server", server_, "--call-timeout", "5s", "--insecure-loopback", "nodes"});
  EXPECT_EQ(plain.exit_code, 1) << plain.out;
}

}  // namespace
}  // namespace switchyard::integration
