#include "agent/session/session.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "agent/session/channel.h"
#include "common/set_hash.h"
#include "gtest/gtest.h"
#include "tests/agent/session/fake_scheduler.h"

namespace switchyard::agent::session {
namespace {

constexpr char kNode[] = "site/node";

// A machine that does at once what it is told. Used by the loop's thread only.
class FakeRuntime final : public Runtime {
 public:
  v1::NodeHello Identify() override {
    v1::NodeHello hello;
    hello.set_boot_id("boot");
    hello.set_hardware_id("hardware");
    if (configured) hello.add_groups()->set_group("cpu");
    return hello;
  }
  void Configure(const v1::Welcome&) override { configured = true; }
  reconcile::MachineTruth Observe() override {
    reconcile::MachineTruth truth;
    truth.scanning = !configured;
    for (const auto& [id, task] : tasks) truth.tasks.push_back(task);
    return truth;
  }
  void Execute(const std::vector<reconcile::Action>& actions) override {
    using Kind = reconcile::Action::Kind;
    for (const reconcile::Action& action : actions) {
      switch (action.kind) {
        case Kind::kPrepare: {
          reconcile::TaskTruth task;
          task.allocation = action.allocation;
          task.epoch = action.order.epoch();
          task.kind = action.order.kind();
          task.phase = v1::TASK_PREPARED;
          task.limit = action.limit;
          tasks[action.allocation] = task;
          break;
        }
        case Kind::kRelease:
          tasks.at(action.allocation).phase = v1::TASK_RUNNING;
          break;
        case Kind::kSetLimit:
          tasks.at(action.allocation).limit = action.limit;
          break;
        case Kind::kStop:
          tasks.at(action.allocation).phase = v1::TASK_ENDED;
          break;
        case Kind::kForget:
          tasks.erase(action.allocation);
          break;
        case Kind::kFallback:
          for (auto& [id, task] : tasks)
            if (task.kind == v1::HASHING) task.limit = Power();
          ++fallbacks;
          break;
        case Kind::kRenewFence:
          break;
      }
    }
  }
  v1::Telemetry Measure() override {
    v1::Telemetry telemetry;
    telemetry.set_draw_mw(draw);
    return telemetry;
  }
  void StreamLogs(const v1::LogRequest&, std::function<void(v1::LogData)> sink) override {
    // As a real runtime does it: from a thread of its own.
    std::thread([sink] {
      v1::LogData data;
      data.set_data("hello\n");
      sink(data);
      data.set_data("world\n");
      data.set_end(true);
      sink(data);
    }).join();
  }
  void CancelLogs(uint64_t) override {}

  bool configured = false;
  std::map<uint64_t, reconcile::TaskTruth> tasks;
  std::atomic<int64_t> draw{1000};
  std::atomic<int> fallbacks{0};
};

v1::SchedulerMessage Down(uint64_t term = 1) {
  v1::SchedulerMessage message;
  message.set_node(kNode);
  message.set_cluster_id("moses");
  message.set_store_incarnation(1);
  message.set_term(term);
  return message;
}

v1::SchedulerMessage WelcomeMessage(int64_t lease_ms = 30'000) {
  v1::SchedulerMessage message = Down();
  message.mutable_welcome()->set_lease_ms(lease_ms);
  message.mutable_welcome()->set_heartbeat_ms(20);
  message.mutable_welcome()->set_report_interval_ms(20);
  message.mutable_welcome()->set_start_grace_ms(60'000);
  message.mutable_welcome()->set_dead_band_ppm(20'000);
  return message;
}

v1::SchedulerMessage SetMessage(uint64_t revision, int64_t grant_mw) {
  v1::SchedulerMessage message = Down();
  v1::DesiredSet* set = message.mutable_set();
  set->set_revision(revision);
  v1::DesiredAllocation* order = set->add_upserts();
  order->set_allocation(1);
  order->set_epoch(1);
  order->set_phase(v1::RUN);
  order->set_kind(v1::HASHING);
  order->set_grant_mw(grant_mw);
  set->set_set_hash(SetHash().Add(1, 1, v1::RUN, grant_mw).Finish());
  return message;
}

v1::SchedulerMessage RenewalMessage(const v1::AgentMessage& heartbeat) {
  v1::SchedulerMessage message = Down();
  message.mutable_renewal()->set_sequence(heartbeat.heartbeat().sequence());
  return message;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() : address_("unix:" + (directory_ / "socket")), scheduler_(address_), loop_(clock_) {
    auto state = StateDirectory::Open(directory_ / "state");
    EXPECT_TRUE(state.ok());
    state_ = std::make_unique<StateDirectory>(*std::move(state));
  }
  ~SessionTest() override { StopAgent(); }

  void StartAgent(const std::vector<std::pair<std::string, Runtime*>>& others = {}) {
    configuration::AgentFile file;
    file.scheduler = address_;
    session_ = std::make_unique<Session>(&loop_, *MakeChannel(file), state_.get(), "1.2.3");
    session_->AddNode(kNode, &runtime_);
    for (const auto& [node, runtime] : others) session_->AddNode(node, runtime);
    session_->Start();
    thread_ = std::thread([this] { loop_.Run(); });
  }
  void StopAgent() {
    if (!thread_.joinable()) return;
    loop_.Post([this] { session_->Close([this] { loop_.Stop(); }); });
    thread_.join();
  }
  // Calls it by the loop's thread and waits for its result.
  template <typename F>
  auto OnLoop(F function) {
    auto result = std::make_shared<std::promise<decltype(function())>>();
    auto future = result->get_future();
    loop_.Post([result, function] { result->set_value(function()); });
    return future.get();
  }
  bool WaitForLimit(int64_t limit_mw) {
    for (int i = 0; i < 20'000; ++i) {
      const bool there =
          OnLoop([&] { return runtime_.tasks.contains(1) && runtime_.tasks.at(1).limit == Milliwatts(limit_mw); });
      if (there) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // A scheduler that works: welcome and set at a hello, a renewal for each heartbeat, the full set where it is asked
  // for.
  void AnswerAll(int64_t grant_mw) {
    scheduler_.OnMessage([grant_mw](const v1::AgentMessage& message) -> std::vector<v1::SchedulerMessage> {
      if (message.has_hello()) return {WelcomeMessage(), SetMessage(5, grant_mw)};
      if (message.has_heartbeat()) return {RenewalMessage(message)};
      if (message.has_report() && message.report().set_hash() == 0) return {SetMessage(5, grant_mw)};
      return {};
    });
  }
  static bool ReportsRunning(const v1::AgentMessage& message) {
    return message.has_report() && message.report().applied_revision() == 5 &&
           message.report().allocations_size() == 1 && message.report().allocations(0).phase() == v1::TASK_RUNNING;
  }

  TemporaryDirectory directory_;
  std::string address_;
  FakeScheduler scheduler_;
  platform::SystemClock clock_;
  EventLoop loop_;
  std::unique_ptr<StateDirectory> state_;
  FakeRuntime runtime_;
  std::unique_ptr<Session> session_;
  std::thread thread_;
};

TEST_F(SessionTest, SaysHelloHeartbeatsAndReportsWhatItWasOrdered) {
  scheduler_.Start();
  AnswerAll(500);
  StartAgent();
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  const std::vector<v1::AgentMessage> messages = scheduler_.messages();
  ASSERT_TRUE(messages[0].has_hello());
  EXPECT_EQ(messages[0].node(), kNode);
  EXPECT_EQ(messages[0].hello().agent_incarnation(), state_->incarnation());
  EXPECT_EQ(messages[0].hello().version(), "1.2.3");
  EXPECT_TRUE(messages[1].has_heartbeat());
  EXPECT_EQ(state_->sender(), (Sender{"moses", 1, 1}));
}

TEST_F(SessionTest, SaysHelloAnewWhenItLearnsItsGroups) {
  scheduler_.Start();
  AnswerAll(500);
  StartAgent();
  EXPECT_TRUE(scheduler_.WaitForMessage(
      [](const v1::AgentMessage& m) { return m.has_hello() && m.hello().groups_size() == 1; }));
  // And no more than that: a hello that changes nothing would end in a circle.
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  int hellos = 0;
  for (const v1::AgentMessage& message : scheduler_.messages()) hellos += message.has_hello();
  EXPECT_EQ(hellos, 2);
}

TEST_F(SessionTest, ComesBackToASchedulerThatWasAway) {
  StartAgent();
  scheduler_.Start();
  AnswerAll(500);
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  scheduler_.Stop();
  scheduler_.Forget();
  scheduler_.Start();
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  // It tells the new one whom it has followed.
  bool told = false;
  for (const v1::AgentMessage& message : scheduler_.messages())
    told |= message.has_hello() && message.hello().cluster_id() == "moses";
  EXPECT_TRUE(told);
}

TEST_F(SessionTest, FollowsNoOlderTerm) {
  ASSERT_TRUE(state_->SetSender({"moses", 1, 9}).ok());
  scheduler_.Start();
  AnswerAll(500);  // speaks for term 1
  StartAgent();
  ASSERT_TRUE(scheduler_.WaitForMessage([](const v1::AgentMessage& m) { return m.has_heartbeat(); }));
  EXPECT_TRUE(scheduler_.Say(WelcomeMessage()));
  EXPECT_FALSE(OnLoop([&] { return runtime_.configured; }));
  v1::SchedulerMessage current = WelcomeMessage();
  current.set_term(9);
  ASSERT_TRUE(scheduler_.Say(current));
  ASSERT_TRUE(scheduler_.WaitForMessage([](const v1::AgentMessage& m) { return m.has_report(); }));
  EXPECT_TRUE(OnLoop([&] { return runtime_.configured; }));
  EXPECT_TRUE(OnLoop([&] { return runtime_.tasks.empty(); }));  // the set of term 1 was not acted on
}

TEST_F(SessionTest, FallsBackWhenHeartbeatsAreNoLongerAnswered) {
  scheduler_.Start();
  std::atomic<bool> renew{true};
  scheduler_.OnMessage([&](const v1::AgentMessage& message) -> std::vector<v1::SchedulerMessage> {
    if (message.has_hello()) return {WelcomeMessage(1000), SetMessage(5, 500)};
    if (message.has_heartbeat() && renew) return {RenewalMessage(message)};
    if (message.has_report() && message.report().set_hash() == 0) return {SetMessage(5, 500)};
    return {};
  });
  StartAgent();
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  renew = false;
  ASSERT_TRUE(
      scheduler_.WaitForMessage([](const v1::AgentMessage& m) { return m.has_report() && m.report().fell_back(); }));
  EXPECT_GE(runtime_.fallbacks, 1);
  EXPECT_EQ(OnLoop([&] { return runtime_.tasks.at(1).limit; }), Power());
  renew = true;
  EXPECT_TRUE(WaitForLimit(500));
}

TEST_F(SessionTest, SendsTelemetryOnlyOutsideItsDeadBandAndSaysSoInHeartbeats) {
  runtime_.configured = true;  // one hello, so one first reading
  scheduler_.Start();
  AnswerAll(500);
  StartAgent();
  const auto unchanged = [](const v1::AgentMessage& m) {
    return m.has_heartbeat() && m.heartbeat().unchanged() && m.heartbeat().last_reading() == 1;
  };
  ASSERT_TRUE(scheduler_.WaitForMessage(unchanged));
  runtime_.draw = 1010;  // 1 %
  scheduler_.Forget();
  ASSERT_TRUE(scheduler_.WaitFor([&](const std::vector<v1::AgentMessage>& messages) {
    return std::count_if(messages.begin(), messages.end(), unchanged) >= 5;
  }));
  for (const v1::AgentMessage& message : scheduler_.messages()) EXPECT_FALSE(message.has_telemetry());
  runtime_.draw = 1500;
  EXPECT_TRUE(scheduler_.WaitForMessage(
      [](const v1::AgentMessage& m) { return m.has_telemetry() && m.telemetry().draw_mw() == 1500; }));
}

TEST_F(SessionTest, StreamsLogsAndWaitsForCredit) {
  scheduler_.Start();
  AnswerAll(500);
  StartAgent();
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  v1::SchedulerMessage request = Down();
  request.mutable_log()->set_stream(8);
  request.mutable_log()->set_allocation(1);
  request.mutable_log()->set_credit_bytes(3);
  ASSERT_TRUE(scheduler_.Say(request));
  ASSERT_TRUE(
      scheduler_.WaitForMessage([](const v1::AgentMessage& m) { return m.has_log() && m.log().data() == "hello\n"; }));
  for (const v1::AgentMessage& message : scheduler_.messages()) EXPECT_FALSE(message.has_log() && message.log().end());
  v1::SchedulerMessage more = Down();
  more.mutable_log()->set_stream(8);
  more.mutable_log()->set_credit_bytes(100);
  ASSERT_TRUE(scheduler_.Say(more));
  ASSERT_TRUE(scheduler_.WaitForMessage(
      [](const v1::AgentMessage& m) { return m.has_log() && m.log().end() && m.log().stream() == 8; }));
}

TEST_F(SessionTest, SaysNothingForASilencedNodeUntilTheSilenceEnds) {
  scheduler_.Start();
  scheduler_.OnMessage([](const v1::AgentMessage& message) -> std::vector<v1::SchedulerMessage> {
    if (!message.has_hello()) return {};
    v1::SchedulerMessage welcome = WelcomeMessage();
    welcome.set_node(message.node());
    return {welcome};
  });
  FakeRuntime other;
  StartAgent({{"site/other", &other}});
  ASSERT_TRUE(scheduler_.WaitForMessage([](const v1::AgentMessage& m) { return m.node() == kNode && m.has_report(); }));
  ASSERT_TRUE(OnLoop([&] { return session_->SilenceNode(kNode, Hours(1)); }));
  scheduler_.Forget();
  // The stream keeps its order: what the silenced node said before stands before the other node's next words but one.
  const auto words_of = [](const std::vector<v1::AgentMessage>& messages, size_t from, const std::string& node) {
    return std::count_if(messages.begin() + static_cast<std::ptrdiff_t>(from), messages.end(),
                         [&](const v1::AgentMessage& m) { return m.node() == node && m.has_heartbeat(); });
  };
  ASSERT_TRUE(scheduler_.WaitFor([&](const auto& messages) { return words_of(messages, 0, "site/other") >= 3; }));
  const size_t from = scheduler_.messages().size();
  ASSERT_TRUE(scheduler_.WaitFor([&](const auto& messages) { return words_of(messages, from, "site/other") >= 10; }));
  EXPECT_EQ(words_of(scheduler_.messages(), from, kNode), 0);
  ASSERT_TRUE(OnLoop([&] { return session_->SilenceNode(kNode, Duration()); }));
  EXPECT_TRUE(scheduler_.WaitFor([&](const auto& messages) { return words_of(messages, from, kNode) >= 3; }));
  StopAgent();
}

TEST_F(SessionTest, AsksAgainAfterARefusal) {
  scheduler_.Start();
  std::atomic<int> refusals{0};
  scheduler_.OnMessage([&](const v1::AgentMessage& message) -> std::vector<v1::SchedulerMessage> {
    if (!message.has_hello() || refusals++ > 0) return {};
    v1::SchedulerMessage refusal = Down();
    refusal.mutable_refusal()->set_reason("another agent speaks for this node now");
    refusal.mutable_refusal()->set_retry(true);
    return {refusal};
  });
  StartAgent();
  EXPECT_TRUE(scheduler_.WaitFor([](const std::vector<v1::AgentMessage>& messages) {
    return std::count_if(messages.begin(), messages.end(), [](const v1::AgentMessage& m) { return m.has_hello(); }) >=
           2;
  }));
}

TEST_F(SessionTest, StartsOneNodeAnewWithoutTouchingTheStream) {
  scheduler_.Start();
  AnswerAll(500);
  StartAgent();
  ASSERT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
  scheduler_.Forget();
  ASSERT_TRUE(OnLoop([&] { return session_->RestartNode(kNode); }));
  EXPECT_FALSE(OnLoop([&] { return session_->RestartNode("site/nobody"); }));
  ASSERT_TRUE(scheduler_.WaitForMessage(
      [](const v1::AgentMessage& m) { return m.has_hello() && m.hello().applied_revision() == 0; }));
  EXPECT_TRUE(scheduler_.WaitForMessage(ReportsRunning));
}

TEST(ChannelTest, RefusesTcpWithoutTlsUnlessItIsLoopbackAndAllowed) {
  configuration::AgentFile file;
  file.scheduler = "10.0.0.1:7000";
  file.insecure_loopback = true;
  EXPECT_EQ(MakeChannel(file).status().code(), absl::StatusCode::kInvalidArgument);
  file.scheduler = "127.0.0.1:7000";
  EXPECT_TRUE(MakeChannel(file).ok());
  file.insecure_loopback = false;
  EXPECT_FALSE(MakeChannel(file).ok());
  file.scheduler = "unix:/nowhere";
  EXPECT_TRUE(MakeChannel(file).ok());
}

}  // namespace
}  // namespace switchyard::agent::session
