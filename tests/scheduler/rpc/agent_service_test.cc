#include "scheduler/rpc/agent_service.h"

#include <gtest/gtest.h>

#include "common/set_hash.h"
#include "scheduler/rpc/bounds/limits.h"
#include "tests/scheduler/rpc/house.h"
#include "tests/scheduler/rpc/rows.h"

namespace switchyard::rpc {
namespace {

using core::SessionEffect;
using testing_house::Command;

constexpr char kNode[] = "site/n1";
constexpr char kOther[] = "site/n2";

// One agent's end of a stream.
class Agent {
 public:
  explicit Agent(v1::AgentService::Stub* stub) : stream_(stub->Session(&context_)) {}
  ~Agent() {
    context_.TryCancel();
    if (!finished_) (void)stream_->Finish();
  }

  void Say(v1::AgentMessage message) { ASSERT_TRUE(stream_->Write(message)); }
  void Hello(const std::string& node) {
    v1::AgentMessage message;
    message.set_node(node);
    message.mutable_hello()->set_agent_incarnation("a");
    message.mutable_hello()->set_boot_id("b");
    message.mutable_hello()->set_hardware_id("c");
    Say(message);
  }
  void Heartbeat(const std::string& node, uint64_t sequence) {
    v1::AgentMessage message;
    message.set_node(node);
    message.mutable_heartbeat()->set_sequence(sequence);
    Say(message);
  }
  void Telemetry(const std::string& node, int64_t draw_mw, bool meter = false) {
    v1::AgentMessage message;
    message.set_node(node);
    message.mutable_telemetry()->set_draw_mw(draw_mw);
    if (meter) message.mutable_telemetry()->add_meters()->set_budget("site/feeder");
    Say(message);
  }
  void Report(const std::string& node, uint64_t applied, uint64_t hash) {
    v1::AgentMessage message;
    message.set_node(node);
    message.mutable_report()->set_applied_revision(applied);
    message.mutable_report()->set_set_hash(hash);
    Say(message);
  }
  v1::SchedulerMessage Hear() {
    v1::SchedulerMessage message;
    EXPECT_TRUE(stream_->Read(&message)) << "the stream ended";
    return message;
  }
  bool Hear(v1::SchedulerMessage* message) { return stream_->Read(message); }
  grpc::Status End() {
    v1::SchedulerMessage message;
    while (stream_->Read(&message)) {
    }
    finished_ = true;
    return stream_->Finish();
  }
  void Leave() { stream_->WritesDone(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AgentMessage, v1::SchedulerMessage>> stream_;
  bool finished_ = false;
};

class AgentServiceTest : public testing_house::House {
 protected:
  void SetUp() override {
    House::SetUp();
    stub_ = Agents();
  }

  SessionEffect Effect(SessionEffect::Kind kind, uint64_t session, const std::string& node) {
    SessionEffect effect{};
    effect.kind = kind;
    effect.session = session;
    effect.node = node;
    return effect;
  }
  // What the core does with a hello that it accepts.
  void Accept(uint64_t session, const std::string& node) {
    SessionEffect welcome = Effect(SessionEffect::Kind::kWelcome, session, node);
    welcome.welcome.set_lease_ms(30'000);
    gate_->OnSessions(1, {welcome, Effect(SessionEffect::Kind::kSetAllowed, session, node)});
  }
  static core::NodeOrder Order(const std::string& node, uint64_t revision, uint64_t id, int64_t grant_mw) {
    core::NodeOrder order;
    order.node = node;
    order.revision = revision;
    v1::DesiredAllocation allocation;
    allocation.set_allocation(id);
    allocation.set_phase(v1::RUN);
    allocation.set_grant_mw(grant_mw);
    order.upserts.push_back(allocation);
    return order;
  }
  // The session that the gate gave to the n-th hello.
  uint64_t SessionOfHello(size_t n = 0) { return engine_.Wait(Command::kHello, n).hello().session(); }

  std::unique_ptr<v1::AgentService::Stub> stub_;
};

TEST_F(AgentServiceTest, AHelloBecomesACommandAndTheAnswersComeInOrder) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  const Command hello = engine_.Wait(Command::kHello);
  EXPECT_EQ(hello.hello().node(), kNode);
  EXPECT_EQ(hello.hello().hello().boot_id(), "b");
  gate_->OnOrders(1, {Order(kNode, 12, 3, 700)});
  Accept(hello.hello().session(), kNode);

  const v1::SchedulerMessage welcome = agent.Hear();
  EXPECT_EQ(welcome.welcome().lease_ms(), 30'000);
  const v1::SchedulerMessage set = agent.Hear();
  EXPECT_EQ(set.node(), kNode);
  EXPECT_EQ(set.set().revision(), 12u);
  EXPECT_EQ(set.set().base_revision(), 0u);
  ASSERT_EQ(set.set().upserts_size(), 1);
  EXPECT_EQ(set.set().set_hash(), SetHash().Add(3, 0, v1::RUN, 700).Finish());
  for (const v1::SchedulerMessage* message : {&welcome, &set}) {
    EXPECT_EQ(message->cluster_id(), kCluster);
    EXPECT_EQ(message->store_incarnation(), 5u);
    EXPECT_EQ(message->term(), 9u);
  }
}

TEST_F(AgentServiceTest, LaterOrdersComeAsDifferencesAndAMismatchBringsTheFullSet) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  gate_->OnOrders(1, {Order(kNode, 12, 3, 700)});
  Accept(SessionOfHello(), kNode);
  agent.Hear();
  agent.Hear();
  gate_->OnOrders(2, {Order(kNode, 13, 4, 100)});
  const v1::SchedulerMessage difference = agent.Hear();
  EXPECT_EQ(difference.set().base_revision(), 12u);
  EXPECT_EQ(difference.set().upserts_size(), 1);

  agent.Report(kNode, 13, difference.set().set_hash());
  EXPECT_EQ(engine_.Wait(Command::kReport).report().report().applied_revision(), 13u);
  agent.Report(kNode, 13, 999);
  const v1::SchedulerMessage full = agent.Hear();
  EXPECT_EQ(full.set().base_revision(), 0u);
  EXPECT_EQ(full.set().revision(), 13u);
  EXPECT_EQ(full.set().upserts_size(), 2);
}

TEST_F(AgentServiceTest, OneStreamCarriesManyNodesAndEachGetsItsOwn) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  agent.Hello(kOther);
  const uint64_t session = SessionOfHello(1);
  EXPECT_EQ(session, SessionOfHello(0));
  gate_->OnOrders(1, {Order(kNode, 1, 1, 10), Order(kOther, 1, 2, 20)});
  Accept(session, kNode);
  Accept(session, kOther);
  std::map<std::string, int64_t> grants;
  while (grants.size() < 2) {
    const v1::SchedulerMessage message = agent.Hear();
    if (message.has_set()) grants[message.node()] = message.set().upserts(0).grant_mw();
  }
  EXPECT_EQ(grants[kNode], 10);
  EXPECT_EQ(grants[kOther], 20);
}

TEST_F(AgentServiceTest, ARenewalEchoesItsHeartbeat) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  const uint64_t session = SessionOfHello();
  agent.Heartbeat(kNode, 42);
  EXPECT_EQ(engine_.Wait(Command::kHeartbeat).heartbeat().heartbeat().sequence(), 42u);
  SessionEffect renewal = Effect(SessionEffect::Kind::kRenewal, session, kNode);
  renewal.heartbeat_sequence = 42;
  gate_->OnSessions(1, {renewal});
  EXPECT_EQ(agent.Hear().renewal().sequence(), 42u);
}

TEST_F(AgentServiceTest, ARefusedNodeHearsWhyAndTheOthersGoOn) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  agent.Hello(kOther);
  const uint64_t session = SessionOfHello(1);
  SessionEffect refusal = Effect(SessionEffect::Kind::kRefusal, session, kNode);
  refusal.refusal = "other hardware";
  gate_->OnSessions(1, {refusal});
  const v1::SchedulerMessage message = agent.Hear();
  EXPECT_EQ(message.node(), kNode);
  EXPECT_EQ(message.refusal().reason(), "other hardware");
  gate_->OnOrders(1, {Order(kNode, 1, 1, 10), Order(kOther, 1, 2, 20)});
  Accept(session, kOther);
  EXPECT_TRUE(agent.Hear().has_welcome());
  EXPECT_EQ(agent.Hear().node(), kOther);
}

TEST_F(AgentServiceTest, AStreamsEndIsToldToTheCoreOnce) {
  uint64_t session = 0;
  {
    Agent agent(stub_.get());
    agent.Hello(kNode);
    session = SessionOfHello();
    agent.Leave();
    EXPECT_TRUE(agent.End().ok());
  }
  EXPECT_EQ(engine_.Wait(Command::kSessionEnded).session_ended().session(), session);
  EXPECT_EQ(engine_.Count(Command::kSessionEnded), 1u);
}

TEST_F(AgentServiceTest, SlowAgentsCostOneSetPerNodeHoweverManyOrdersThereAre) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  gate_->OnOrders(1, {Order(kNode, 1, 1, 1)});
  Accept(SessionOfHello(), kNode);
  // The first sets fill what the connection takes; the rest merge.
  core::NodeOrder large = Order(kNode, 2, 2, 1);
  large.upserts[0].mutable_launch()->add_command(std::string(1 << 20, 'x'));
  constexpr uint64_t kOrders = 2000;
  for (uint64_t revision = 2; revision <= kOrders; ++revision) {
    core::NodeOrder order = revision < 64 ? large : Order(kNode, revision, 1, static_cast<int64_t>(revision));
    order.revision = revision;
    gate_->OnOrders(revision, {order});
  }
  uint64_t messages = 0, revision = 0;
  std::map<uint64_t, int64_t> held;
  uint64_t hash = 0;
  while (revision < kOrders) {
    const v1::SchedulerMessage message = agent.Hear();
    if (!message.has_set()) continue;
    ++messages;
    ASSERT_EQ(message.set().base_revision(), revision);
    revision = message.set().revision();
    hash = message.set().set_hash();
    for (const auto& allocation : message.set().upserts()) held[allocation.allocation()] = allocation.grant_mw();
  }
  EXPECT_LT(messages, kOrders);
  SetHash expected;
  for (const auto& [id, grant] : held) expected.Add(id, 0, v1::RUN, grant);
  EXPECT_EQ(hash, expected.Finish());
  EXPECT_EQ(held[1], static_cast<int64_t>(kOrders));
}

TEST_F(AgentServiceTest, TelemetryIsThinnedToOneAPeriodAndMetersPassAtOnce) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  for (int i = 1; i <= 5; ++i) agent.Telemetry(kNode, i);
  agent.Heartbeat(kNode, 1);
  engine_.Wait(Command::kHeartbeat, 0);
  EXPECT_EQ(engine_.Count(Command::kTelemetry), 1u);
  clock_.Advance(kObservationPeriod);
  agent.Heartbeat(kNode, 2);
  engine_.Wait(Command::kHeartbeat, 1);
  ASSERT_EQ(engine_.Count(Command::kTelemetry), 2u) << "the last value, kept until it was due";
  EXPECT_EQ(engine_.Wait(Command::kTelemetry, 1).telemetry().telemetry().draw_mw(), 5);
  agent.Telemetry(kNode, 6, /*meter=*/true);
  EXPECT_EQ(engine_.Wait(Command::kTelemetry, 2).telemetry().telemetry().draw_mw(), 6);
}

TEST_F(AgentServiceTest, AValueOutOfBoundsRefusesItsNodeOnly) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  agent.Hello(kOther);
  engine_.Wait(Command::kHello, 1);
  agent.Telemetry(kNode, kNodePowerMaxMw + 1);
  const v1::SchedulerMessage message = agent.Hear();
  EXPECT_EQ(message.node(), kNode);
  EXPECT_NE(message.refusal().reason().find("telemetry.draw_mw"), std::string::npos);
  EXPECT_FALSE(message.refusal().retry());
  agent.Telemetry(kOther, 5);
  EXPECT_EQ(engine_.Wait(Command::kTelemetry).telemetry().node(), kOther);
}

TEST_F(AgentServiceTest, ANodeThatDoesNotBeginWithAHelloEndsTheStream) {
  Agent agent(stub_.get());
  agent.Heartbeat(kNode, 1);
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(engine_.Count(Command::kHeartbeat), 0u);
}

TEST_F(AgentServiceTest, AReportThatTheEngineCannotTakeEndsTheStreamSoThatItIsSaidAgain) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  engine_.Wait(Command::kHello);
  engine_.AnswerWith([](const Command&) {
    core::Reply reply;
    reply.status = absl::UnavailableError("the queue is full");
    return reply;
  });
  agent.Heartbeat(kNode, 1);  // not answered, and nothing worse
  engine_.Wait(Command::kHeartbeat);
  agent.Report(kNode, 0, 0);
  EXPECT_EQ(agent.End().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(AgentServiceTest, AnAgentThatReadsNothingIsCutOffWhenRequestsPileUp) {
  Agent agent(stub_.get());
  agent.Hello(kNode);
  core::NodeOrder large = Order(kNode, 1, 1, 1);
  large.upserts[0].mutable_launch()->add_command(std::string(16 << 20, 'x'));  // more than the connection takes unread
  gate_->OnOrders(1, {large});
  Accept(SessionOfHello(), kNode);
  // Requests for logs do not merge: they are bounded.
  const auto place = gate_->streams().Take("reader");
  while (engine_.Count(Command::kSessionEnded) == 0) {
    v1::LogRequest request;
    request.set_allocation(1);
    gate_->agents().ReadLog(std::make_shared<LogStream>(&gate_->agents().logs(), *place), kNode, request);
  }
}

TEST_F(AgentServiceTest, IdleStreamsAreHeldByTheThousandOnOneConnection) {
  // Each is a call under way with nothing to say; the callback API holds no thread for it.
  constexpr int kStreams = 2000;
  std::vector<std::unique_ptr<Agent>> agents;
  for (int i = 0; i < kStreams; ++i) {
    agents.push_back(std::make_unique<Agent>(stub_.get()));
    agents.back()->Hello("site/n" + std::to_string(i));
  }
  engine_.Wait(Command::kHello, kStreams - 1);
  gate_->OnOrders(1, {Order("site/n1234", 1, 1, 10)});
  uint64_t session = 0;
  for (const Command& command : engine_.All()) {
    if (command.has_hello() && command.hello().node() == "site/n1234") session = command.hello().session();
  }
  Accept(session, "site/n1234");
  EXPECT_TRUE(agents[1234]->Hear().has_welcome());
  EXPECT_EQ(agents[1234]->Hear().set().upserts(0).grant_mw(), 10);
}

// ---- logs ----

class LogsTest : public AgentServiceTest {
 protected:
  void SetUp() override {
    AgentServiceTest::SetUp();
    gate_->OnRows(1, {testing_rows::Row(testing_rows::JobRow(1, "ml", v1::RUNNING))});
    engine_.AnswerWith([](const Command& command) {
      core::Reply reply;
      if (command.query().has_log_target()) {
        reply.result.mutable_log_target()->set_node(kNode);
        reply.result.mutable_log_target()->set_allocation(77);
      }
      return reply;
    });
    agent_ = std::make_unique<Agent>(stub_.get());
    agent_->Hello(kNode);
    Accept(SessionOfHello(), kNode);
    EXPECT_TRUE(agent_->Hear().has_welcome());
    // The gate allows sets after the welcome; once this one is here, logs can be asked for.
    gate_->OnOrders(2, {Order(kNode, 2, 77, 10)});
    EXPECT_TRUE(agent_->Hear().has_set());
  }
  void TearDown() override {
    agent_.reset();
    AgentServiceTest::TearDown();
  }

  std::unique_ptr<grpc::ClientReader<v1::LogChunk>> Read(grpc::ClientContext* context) {
    v1::StreamLogsRequest request;
    request.set_id(1);
    request.set_follow(true);
    request.set_tail_lines(10);
    jobs_ = Jobs();
    return jobs_->StreamLogs(context, request);
  }
  void Send(uint64_t stream, const std::string& data, bool end = false) {
    v1::AgentMessage message;
    message.set_node(kNode);
    message.mutable_log()->set_stream(stream);
    message.mutable_log()->set_data(data);
    message.mutable_log()->set_end(end);
    agent_->Say(message);
  }

  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<Agent> agent_;
};

TEST_F(LogsTest, TravelFromTheNodeToTheReader) {
  grpc::ClientContext context;
  auto reader = Read(&context);
  const v1::SchedulerMessage request = agent_->Hear();
  EXPECT_EQ(request.node(), kNode);
  EXPECT_EQ(request.log().allocation(), 77u);
  EXPECT_TRUE(request.log().follow());
  EXPECT_EQ(request.log().tail_lines(), 10);
  EXPECT_EQ(request.log().credit_bytes(), kLogCreditBytes);
  Send(request.log().stream(), "one\n");
  Send(request.log().stream(), "two\n", /*end=*/true);
  v1::LogChunk chunk;
  ASSERT_TRUE(reader->Read(&chunk));
  EXPECT_EQ(chunk.data(), "one\n");
  ASSERT_TRUE(reader->Read(&chunk));
  EXPECT_EQ(chunk.data(), "two\n");
  EXPECT_TRUE(chunk.end());
  EXPECT_FALSE(reader->Read(&chunk));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(LogsTest, AReaderWhoLeavesCancelsAtTheNode) {
  grpc::ClientContext context;
  auto reader = Read(&context);
  const uint64_t stream = agent_->Hear().log().stream();
  context.TryCancel();
  const v1::SchedulerMessage cancel = agent_->Hear();
  EXPECT_EQ(cancel.log().stream(), stream);
  EXPECT_TRUE(cancel.log().cancel());
  Send(stream, "late");  // dropped
  agent_->Heartbeat(kNode, 1);
  engine_.Wait(Command::kHeartbeat);
  (void)reader->Finish();
}

TEST_F(LogsTest, ReadingGivesCreditBack) {
  grpc::ClientContext context;
  auto reader = Read(&context);
  const uint64_t stream = agent_->Hear().log().stream();
  const std::string piece(kLogDataMax, 'x');
  int64_t sent = 0;
  while (sent < kLogCreditBytes) {
    Send(stream, piece);
    sent += static_cast<int64_t>(piece.size());
  }
  v1::LogChunk chunk;
  for (int64_t got = 0; got < sent; got += static_cast<int64_t>(chunk.data().size())) ASSERT_TRUE(reader->Read(&chunk));
  const v1::SchedulerMessage more = agent_->Hear();
  EXPECT_EQ(more.log().stream(), stream);
  EXPECT_EQ(more.log().credit_bytes(), kLogCreditBytes / 2);
  context.TryCancel();
}

TEST_F(LogsTest, AReaderWhoStopsIsCutOffBeforeMemoryIs) {
  grpc::ClientContext context;
  auto reader = Read(&context);
  const uint64_t stream = agent_->Hear().log().stream();
  const std::string piece(kLogDataMax, 'x');
  // An agent that does not know credit sends on and on; the reader's own connection buffers some of it.
  v1::SchedulerMessage message;
  std::atomic<bool> cancelled{false};
  std::thread listener([&] {
    while (!cancelled && agent_->Hear(&message)) cancelled = message.log().cancel();
  });
  while (!cancelled) Send(stream, piece);
  v1::LogChunk chunk;
  while (reader->Read(&chunk)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  listener.join();
}

TEST_F(LogsTest, WhenTheNodesSessionEndsTheReaderIsToldToRepeat) {
  grpc::ClientContext context;
  auto reader = Read(&context);
  agent_->Hear();
  agent_->Leave();
  v1::LogChunk chunk;
  EXPECT_FALSE(reader->Read(&chunk));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace switchyard::rpc
