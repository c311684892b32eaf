#include "simulation/world/network.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "simulation/world/world.h"

namespace switchyard::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Below : public LowerEnd {
 public:
  void OnMessage(Stream*, const v1::SchedulerMessage& message) override {
    heard.push_back(message.renewal().sequence());
  }
  void OnEnded(Stream*) override { ++ended; }
  std::vector<uint64_t> heard;
  int ended = 0;
};

class Above : public UpperEnd {
 public:
  explicit Above(Stage* stage) : stage(stage) {}
  Leader leader() const override { return 1; }
  void OnOpened(Stream*) override { ++opened; }
  void OnMessage(Stream*, Up message) override {
    heard.push_back(message->heartbeat().sequence());
    at.push_back(stage->events.instant());
  }
  void OnEnded(Stream*) override { ++ended; }
  Stage* stage;
  std::vector<uint64_t> heard;
  std::vector<Instant> at;
  int opened = 0, ended = 0;
};

class NetworkTest : public ::testing::Test {
 protected:
  NetworkTest() : stage_(script_, options_, {}), network_(&stage_), above_(&stage_) {
    link_ = network_.AddLink();
    other_ = network_.AddLink();
  }

  Stream* Open() { return network_.Connect(link_, &below_, &above_); }
  void Say(Stream* stream, uint64_t number) {
    auto message = std::make_shared<v1::AgentMessage>();
    message->mutable_heartbeat()->set_sequence(number);
    network_.Send(stream, message);
  }
  void Tell(Stream* stream, uint64_t number) {
    auto message = std::make_shared<v1::SchedulerMessage>();
    message->mutable_renewal()->set_sequence(number);
    network_.Send(stream, message);
  }
  // One message every 50 ms.
  std::vector<uint64_t> SayMany(Stream* stream, uint64_t count) {
    std::vector<uint64_t> said;
    for (uint64_t i = 1; i <= count; ++i) {
      Say(stream, i);
      said.push_back(i);
      Run(Milliseconds(50));
    }
    return said;
  }
  void Run(Duration span) {
    const Instant until = stage_.events.instant() + Microseconds(span);
    while (stage_.events.next() <= until) stage_.events.RunNext();
    stage_.events.PassTo(until);
  }

  const Script script_ = [] {
    Script script;
    script.seed = 7;
    return script;
  }();
  WorldOptions options_;
  Stage stage_;
  Network network_;
  Below below_;
  Above above_;
  uint32_t link_ = 0, other_ = 0;
};

TEST_F(NetworkTest, AStreamIsWholeAndInOrder) {
  Stream* const stream = Open();
  for (uint64_t i = 1; i <= 200; ++i) Say(stream, i);
  Run(Seconds(1));
  EXPECT_EQ(above_.opened, 1);
  ASSERT_THAT(above_.heard, SizeIs(200));
  EXPECT_TRUE(std::is_sorted(above_.heard.begin(), above_.heard.end()));
}

TEST_F(NetworkTest, ADelayKeepsTheOrder) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kDelay, link_, Seconds(30), 3'000);
  const std::vector<uint64_t> said = SayMany(stream, 100);
  Run(Seconds(10));
  EXPECT_THAT(above_.heard, ElementsAreArray(said));
  EXPECT_GT(above_.at.front(), Microseconds(Milliseconds(5)));
}

TEST_F(NetworkTest, LossTakesSomeMessagesAndThenTheStream) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kLoss, link_, Seconds(6), 300'000);
  SayMany(stream, 100);
  EXPECT_LT(above_.heard.size(), 90u);
  EXPECT_GT(above_.heard.size(), 50u);
  EXPECT_EQ(below_.ended, 0);
  Run(Seconds(5));
  EXPECT_EQ(below_.ended, 1);
  EXPECT_EQ(above_.ended, 1);
}

TEST_F(NetworkTest, AStreamThatLostNothingOutlivesLoss) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kLoss, link_, Seconds(6), 0);
  SayMany(stream, 100);
  Run(Seconds(10));
  EXPECT_EQ(below_.ended, 0);
  EXPECT_THAT(above_.heard, SizeIs(100));
}

TEST_F(NetworkTest, RepetitionBringsMessagesTwiceAndLate) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kRepeat, link_, Seconds(30), 500'000);
  SayMany(stream, 100);
  Run(Seconds(5));
  EXPECT_GT(above_.heard.size(), 120u);
  EXPECT_FALSE(std::is_sorted(above_.heard.begin(), above_.heard.end()));
}

TEST_F(NetworkTest, ReorderingLosesNothing) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kReorder, link_, Seconds(30), 2'000);
  std::vector<uint64_t> said = SayMany(stream, 100);
  Run(Seconds(5));
  EXPECT_FALSE(std::is_sorted(above_.heard.begin(), above_.heard.end()));
  std::sort(above_.heard.begin(), above_.heard.end());
  EXPECT_THAT(above_.heard, ElementsAreArray(said));
}

TEST_F(NetworkTest, AShortPartitionHoldsMessagesBack) {
  Stream* const stream = Open();
  Run(Milliseconds(10));
  network_.Strike(FaultKind::kPartition, link_, Seconds(1), 0);
  Say(stream, 1);
  Tell(stream, 2);
  Run(Milliseconds(900));
  EXPECT_THAT(above_.heard, IsEmpty());
  EXPECT_THAT(below_.heard, IsEmpty());
  EXPECT_EQ(Open(), nullptr);
  Run(Seconds(30));
  EXPECT_THAT(above_.heard, ElementsAre(1));
  EXPECT_THAT(below_.heard, ElementsAre(2));
  EXPECT_EQ(below_.ended + above_.ended, 0);
}

TEST_F(NetworkTest, ALongPartitionBreaksTheStreamAtEitherEnd) {
  Stream* const stream = Open();
  Run(Milliseconds(10));
  network_.Strike(FaultKind::kPartition, link_, Seconds(60), 0);
  Say(stream, 1);
  Run(Seconds(1));
  EXPECT_EQ(below_.ended + above_.ended, 0);
  Run(Seconds(120));
  EXPECT_EQ(below_.ended, 1);
  EXPECT_EQ(above_.ended, 1);
  EXPECT_THAT(above_.heard, IsEmpty());
}

TEST_F(NetworkTest, AOneWayPartitionLetsTheOtherWayPass) {
  Stream* const stream = Open();
  Run(Milliseconds(10));
  network_.Strike(FaultKind::kOneWayPartition, link_, Seconds(1), 0);  // nothing from node to scheduler
  Say(stream, 1);
  Tell(stream, 2);
  Run(Milliseconds(500));
  EXPECT_THAT(above_.heard, IsEmpty());
  EXPECT_THAT(below_.heard, ElementsAre(2));
}

TEST_F(NetworkTest, AFaultOfOneLinkIsNoFaultOfAnother) {
  Stream* const stream = Open();
  network_.Strike(FaultKind::kPartition, other_, Seconds(60), 0);
  SayMany(stream, 20);
  EXPECT_THAT(above_.heard, SizeIs(20));
}

TEST_F(NetworkTest, WhoeverDiesWithItsMachineIsFoundOutLate) {
  Stream* const soon = Open();
  Stream* const late = Open();
  Run(Seconds(1));
  network_.CloseUpper(soon);
  network_.CloseUpper(late, /*late=*/true);
  Run(Milliseconds(100));
  EXPECT_EQ(below_.ended, 1);
  Run(Seconds(10));
  EXPECT_EQ(below_.ended, 2);
  EXPECT_EQ(above_.ended, 0);  // it closed them itself
}

}  // namespace
}  // namespace switchyard::simulation
