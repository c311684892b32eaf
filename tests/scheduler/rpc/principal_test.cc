#include "scheduler/rpc/principal.h"

#include <cstring>
#include <fstream>
#include <future>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include "scheduler/rpc/bounds/limits.h"
#include "scheduler/rpc/listen_address.h"
#include "tests/scheduler/rpc/house.h"
#include "tests/scheduler/rpc/rows.h"

namespace switchyard::rpc {
namespace {

using testing_house::Command;

TEST(PrincipalTest, AgentsSpeakForWhatTheirCertificateNames) {
  const Principal node = *PrincipalOfCommonName("node:site/n1");
  EXPECT_TRUE(MaySpeakFor(node, "site/n1").ok());
  EXPECT_EQ(MaySpeakFor(node, "site/n10").code(), absl::StatusCode::kPermissionDenied);
  const Principal site = *PrincipalOfCommonName("agent:site");
  EXPECT_TRUE(MaySpeakFor(site, "site/n10").ok());
  EXPECT_FALSE(MaySpeakFor(site, "site2/n1").ok());
  const Principal person = *PrincipalOfCommonName("alice");
  EXPECT_EQ(person.name, "cn:alice");
  EXPECT_FALSE(MaySpeakFor(person, "site/n1").ok());
  EXPECT_FALSE(MaySpeakFor(PrincipalOfUid(12345, 0), "site/n1").ok());
  EXPECT_TRUE(MaySpeakFor(PrincipalOfUid(0, 12345), "site/n1").ok());
  EXPECT_FALSE(PrincipalOfCommonName("").ok());
}

TEST(PrincipalTest, AnAgentsCertificateIsNoPersons) {
  EXPECT_EQ(MustBePerson(*PrincipalOfCommonName("node:site/n1")).code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(MustBePerson(Nobody()).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(MustBePerson(*PrincipalOfCommonName("alice")).ok());
}

TEST(PrincipalTest, AUserIsKnownByNumberAndByName) {
  const Principal root = PrincipalOfUid(0, 12345);
  EXPECT_TRUE(root.Is("uid:0"));
  EXPECT_TRUE(root.Is("user:root"));
  EXPECT_TRUE(root.local_operator);
  EXPECT_FALSE(PrincipalOfUid(12345, 0).local_operator);
}

TEST(ListenAddressTest, TellsLoopbackFromTheWorld) {
  EXPECT_TRUE(ParseListenAddress("127.0.0.1:7070")->loopback);
  EXPECT_TRUE(ParseListenAddress("[::1]:0")->loopback);
  EXPECT_FALSE(ParseListenAddress("0.0.0.0:7070")->loopback);
  EXPECT_FALSE(ParseListenAddress("127.example.org:7070")->loopback);
  EXPECT_EQ(ParseListenAddress("unix:/run/x")->path, "/run/x");
  for (const char* bad : {"", "host", "host:", ":80", "host:99999", "::1:80", "unix:"}) {
    EXPECT_FALSE(ParseListenAddress(bad).ok()) << bad;
  }
}

// A connection made by a thread that runs as another user: credentials are the thread's own at connect.
int ConnectAs(const std::string& path, uid_t uid) {
  int fd = -1;
  std::thread([&] {
    if (syscall(SYS_setresuid, -1, uid, -1) != 0) return;
    fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      close(fd);
      fd = -1;
    }
  }).join();
  return fd;
}

class DoorsTest : public testing_house::House {
 protected:
  static v1::CancelRequest Cancel(const std::string& key) {
    v1::CancelRequest request;
    request.add_ids(1);
    request.set_idempotency_key(key);
    return request;
  }
  static grpc::Status CallWith(const std::shared_ptr<grpc::Channel>& channel, const std::string& key) {
    return Within([&](auto* context) {
      v1::CancelResponse response;
      return v1::JobService::NewStub(channel)->Cancel(context, Cancel(key), &response);
    });
  }
};

TEST_F(DoorsTest, EveryCallOverTheUnixSocketIsOfTheUserWhoConnected) {
  if (getuid() != 0) GTEST_SKIP() << "only root can connect as other users";
  // Connections come and go so that descriptors' numbers are used again by other users, from several threads at once.
  constexpr int kThreads = 4, kRounds = 30;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < kRounds; ++round) {
        const uid_t uid = static_cast<uid_t>(20'000 + (t + round) % 5);
        const int fd = ConnectAs(socket(), uid);
        if (fd < 0) {
          ++failed;
          continue;
        }
        const auto channel = grpc::CreateInsecureChannelFromFd("local", fd);
        if (!CallWith(channel, "uid:" + std::to_string(uid)).ok()) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  int calls = 0;
  for (const Command& command : engine_.All()) {
    if (!command.has_cancel()) continue;
    ++calls;
    ASSERT_EQ(command.principal(), command.cancel().idempotency_key());
    ASSERT_FALSE(command.is_operator());
  }
  EXPECT_EQ(calls, kThreads * kRounds);
}

TEST_F(DoorsTest, AUserWhoIsNotRootMayNotSpeakForNodes) {
  if (getuid() != 0) GTEST_SKIP() << "only root can connect as other users";
  const auto channel = grpc::CreateInsecureChannelFromFd("local", ConnectAs(socket(), 20'000));
  const auto stub = v1::AgentService::NewStub(channel);
  grpc::ClientContext context;
  EXPECT_EQ(stub->Session(&context)->Finish().error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(DoorsTest, AUserSeesOnlyTheJobsOfItsTenants) {
  if (getuid() != 0) GTEST_SKIP() << "only root can connect as other users";
  gate_->OnRows(1, {testing_rows::Row(testing_rows::ConfigurationRow({{"ml", {"uid:20000"}}}, {})),
                    testing_rows::Row(testing_rows::JobRow(1, "ml", v1::RUNNING))});
  const auto get = [&](uid_t uid) {
    const auto channel = grpc::CreateInsecureChannelFromFd("local", ConnectAs(socket(), uid));
    v1::GetJobRequest request;
    request.set_id(1);
    v1::Job job;
    return Within([&](auto* context) { return v1::JobService::NewStub(channel)->GetJob(context, request, &job); })
        .error_code();
  };
  EXPECT_EQ(get(20'000), grpc::StatusCode::OK);
  EXPECT_EQ(get(20'001), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(get(0), grpc::StatusCode::OK);
}

TEST_F(DoorsTest, InsecureTcpNeedsLoopbackAndTheExplicitWord) {
  Server plain(gate_.get(), {.listen = {"127.0.0.1:0"}});
  EXPECT_EQ(plain.Start().code(), absl::StatusCode::kInvalidArgument);
  ServerOptions world{.listen = {"0.0.0.0:0"}};
  world.insecure_loopback = true;
  Server open(gate_.get(), world);
  EXPECT_EQ(open.Start().code(), absl::StatusCode::kInvalidArgument);

  ServerOptions loopback{.listen = {"127.0.0.1:0"}};
  loopback.insecure_loopback = true;
  loopback.port_file = directory_.File("ports");
  Restart(loopback);
  std::string line;
  std::getline(std::ifstream(loopback.port_file), line);
  EXPECT_EQ(line, "tcp " + Bound("tcp"));
  ASSERT_TRUE(CallWith(grpc::CreateChannel(Bound("tcp"), grpc::InsecureChannelCredentials()), "k").ok());
  const Command command = engine_.Wait(Command::kCancel);
  EXPECT_EQ(command.principal(), "loopback");
  EXPECT_TRUE(command.is_operator());
}

TEST_F(DoorsTest, APathOnWhichSomebodyListensIsRefusedAndAStaleOneReplaced) {
  Server second(gate_.get(), {.listen = {"unix:" + socket()}});
  EXPECT_EQ(second.Start().code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(CallWith(channel_, "still-there").ok());
  server_->Stop();
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket().c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(left, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(left);
  Server third(gate_.get(), {.listen = {"unix:" + socket()}});
  EXPECT_TRUE(third.Start().ok());
}

// A call as a foreign tool makes it: by the method's name, with bytes.
grpc::Status CallByName(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                        const std::string& bytes, std::string* answer) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::Slice slice(bytes);
  grpc::ByteBuffer request(&slice, 1), response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) { done.set_value(status); });
  const grpc::Status status = done.get_future().get();
  grpc::Slice flat;
  if (status.ok() && response.DumpToSingleSlice(&flat).ok())
    answer->assign(reinterpret_cast<const char*>(flat.begin()), flat.size());
  return status;
}

TEST_F(DoorsTest, HealthAndReflectionAreServedToStandardTools) {
  std::string answer;
  ASSERT_TRUE(CallByName(channel_, "/grpc.health.v1.Health/Check", "", &answer).ok());
  EXPECT_EQ(answer, "\x08\x01") << "status: SERVING";
  const auto status =
      CallByName(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*", &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const char* service :
       {"switchyard.v1.JobService", "switchyard.v1.ClusterService", "switchyard.v1.AgentService"}) {
    EXPECT_NE(answer.find(service), std::string::npos) << service;
  }
}

TEST_F(DoorsTest, MetricsAreServedOnLoopbackOnly) {
  EXPECT_EQ(gate_->metrics().Serve("0.0.0.0:0").status().code(), absl::StatusCode::kInvalidArgument);
  Restart({.http = "127.0.0.1:0"});
  EXPECT_NE(Bound("metrics"), "");
  ASSERT_TRUE(CallWith(channel_, "k").ok());
  const std::string page = gate_->metrics().Text();
  EXPECT_NE(page.find("switchyard_requests_total{code=\"0\",method=\"Cancel\"} 1"), std::string::npos) << page;
}

// ---- TLS ----

class TlsTest : public DoorsTest {
 protected:
  void SetUp() override {
    ca_ = directory_.File("ca");
    ASSERT_TRUE(platform::MakeCa(ca_, {}).ok());
    authority_ = *platform::LoadCa(ca_);
    ServerOptions options{.listen = {"localhost:0"}};
    options.tls = *platform::LoadTls({ca_ + "/ca.pem", ca_ + "/scheduler.pem", ca_ + "/scheduler.key"});
    Restart(options);
  }
  // With a certificate of this CN; empty: with none.
  std::shared_ptr<grpc::Channel> As(const std::string& common_name) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = authority_->certificate_pem;
    if (!common_name.empty()) {
      const auto made = platform::MakeKeyAndRequest(common_name);
      options.pem_private_key = made->key_pem;
      options.pem_cert_chain = *platform::SignCertificateRequest(*authority_, made->request_pem, common_name, Hours(1));
    }
    return grpc::CreateChannel(Bound("tcp"), grpc::SslCredentials(options));
  }
  // How a session of this channel that says hello for the node ends when the agent then leaves.
  grpc::Status Session(const std::shared_ptr<grpc::Channel>& channel, const std::string& node) {
    const auto stub = v1::AgentService::NewStub(channel);
    grpc::ClientContext context;
    auto stream = stub->Session(&context);
    v1::AgentMessage hello;
    hello.set_node(node);
    hello.mutable_hello()->set_agent_incarnation("a");
    hello.mutable_hello()->set_boot_id("b");
    hello.mutable_hello()->set_hardware_id("c");
    stream->Write(hello);
    stream->WritesDone();
    v1::SchedulerMessage message;
    while (stream->Read(&message)) {
    }
    return stream->Finish();
  }

  std::string ca_;
};

TEST_F(TlsTest, ACertificatesNameIsThePrincipal) {
  const auto called = CallWith(As("alice"), "k");
  ASSERT_TRUE(called.ok()) << called.error_message();
  const Command command = engine_.Wait(Command::kCancel);
  EXPECT_EQ(command.principal(), "cn:alice");
  EXPECT_FALSE(command.is_operator()) << "the configuration says who is";
}

TEST_F(TlsTest, WithoutACertificateNothingIsAnsweredButHealth) {
  const auto channel = As("");
  EXPECT_EQ(CallWith(channel, "k").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Session(channel, "site/n1").error_code(), grpc::StatusCode::UNAUTHENTICATED);
  std::string answer;
  EXPECT_TRUE(CallByName(channel, "/grpc.health.v1.Health/Check", "", &answer).ok());
  EXPECT_TRUE(engine_.All().empty());
}

TEST_F(TlsTest, AnAgentSpeaksForItsNodeAndForNothingElse) {
  const auto channel = As("node:site/n1");
  EXPECT_TRUE(Session(channel, "site/n1").ok());
  EXPECT_EQ(engine_.Wait(Command::kHello).principal(), "node:site/n1");
  const auto refused = Session(channel, "site/n2");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(refused.error_message().find("site/n2"), std::string::npos);
  EXPECT_EQ(engine_.Count(Command::kHello), 1u);
  EXPECT_EQ(CallWith(channel, "k").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(Session(As("agent:site"), "site/n2").ok());
  EXPECT_EQ(Session(As("alice"), "site/n1").error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(TlsTest, ATokenIsExchangedForACertificateAndOnlyItsHashReachesTheCore) {
  v1::CreateTokenRequest create;
  create.set_node("site/n1");
  v1::CreateTokenResponse token;
  const auto created = Within(
      [&](auto* context) { return v1::ClusterService::NewStub(As("operator"))->CreateToken(context, create, &token); });
  ASSERT_TRUE(created.ok()) << created.error_message();
  EXPECT_EQ(token.token().size(), 2 * kTokenBytes);
  EXPECT_EQ(token.expires_utc_ms(), (clock_.Utc() + kTokenLife).milliseconds());
  const Command made = engine_.Wait(Command::kCreateToken);
  EXPECT_EQ(made.create_token().sha256().size(), 32u);
  EXPECT_EQ(made.SerializeAsString().find(token.token()), std::string::npos);

  const auto key = platform::MakeKeyAndRequest("anything");
  v1::EnrolRequest enrol;
  enrol.set_node("site/n1");
  enrol.set_token(token.token());
  enrol.set_certificate_request_pem(key->request_pem);
  v1::EnrolResponse response;
  const auto enrolled =
      Within([&](auto* context) { return v1::AgentService::NewStub(As(""))->Enrol(context, enrol, &response); });
  ASSERT_TRUE(enrolled.ok()) << enrolled.error_message();
  EXPECT_EQ(engine_.Wait(Command::kUseToken).use_token().sha256(), made.create_token().sha256());
  EXPECT_EQ(platform::ReadCertificate(response.certificate_pem())->common_name, "node:site/n1");

  // A token that the core does not take gives no certificate.
  engine_.AnswerWith([](const Command&) {
    core::Reply reply;
    reply.status = absl::PermissionDeniedError("token: used");
    return reply;
  });
  v1::EnrolResponse none;
  const auto again =
      Within([&](auto* context) { return v1::AgentService::NewStub(As(""))->Enrol(context, enrol, &none); });
  EXPECT_EQ(again.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(none.certificate_pem().empty());
}

TEST_F(TlsTest, ARequestThatCannotBeSignedDoesNotCostTheToken) {
  v1::EnrolRequest enrol;
  enrol.set_node("site/n1");
  enrol.set_token("t");
  enrol.set_certificate_request_pem("no request");
  v1::EnrolResponse response;
  const auto status =
      Within([&](auto* context) { return v1::AgentService::NewStub(As(""))->Enrol(context, enrol, &response); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(engine_.Count(Command::kUseToken), 0u);
}

}  // namespace
}  // namespace switchyard::rpc
