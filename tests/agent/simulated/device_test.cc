#include "agent/runtime/simulated/device.h"

#include "gtest/gtest.h"
#include "tests/agent/simulated/simulated_models.h"

namespace switchyard::agent::simulated {
namespace {

MonoTime At(int64_t ms) { return MonoTime(ms); }

Device Running(Defect defect, int variation = 3) {
  Device device("d", defect, variation, Watts(10));
  device.Command(At(0), Watts(200), Watts(200), AsicModel());
  return device;
}

TEST(DeviceTest, GoesLinearlyOverItsRamp) {
  Device device = Running(Defect::kNone);  // 90 % of 20 s
  EXPECT_EQ(device.Draw(At(0)), Watts(10));
  EXPECT_EQ(device.Draw(At(9'000)), Watts(105));
  EXPECT_EQ(device.Draw(At(18'000)), Watts(200));
  EXPECT_EQ(device.rests_at(), At(18'000));
  EXPECT_EQ(device.Settled(At(0)), Watts(200));  // it may rise to there
}

TEST(DeviceTest, SettlesStepByStepWhileItFalls) {
  Device device = Running(Defect::kNone);
  device.Command(At(30'000), Watts(100), Watts(100), AsicModel());  // 90 % of 10 s
  EXPECT_EQ(device.Settled(At(30'000)), Watts(200));
  EXPECT_LT(device.Settled(At(35'000)), Watts(150));
  EXPECT_EQ(device.Settled(At(39'000)), Watts(100));
  EXPECT_FALSE(device.Disobeys(At(60'000)));
}

TEST(DeviceTest, GoesOnFromWhereItIsWhenToldAgain) {
  Device device = Running(Defect::kNone);
  device.Command(At(9'000), Watts(100), Watts(100), AsicModel());
  EXPECT_EQ(device.Draw(At(9'000)), Watts(105));
  EXPECT_EQ(device.Draw(At(18'000)), Watts(100));
}

TEST(DeviceTest, OvershootsToItsTransientAtAStart) {
  v1::DeviceModel model = AsicModel();
  model.set_transient_mw(300'000);
  Device device("d", Defect::kNone, 3, Watts(10));
  device.Command(At(0), Watts(200), Watts(200), model);
  EXPECT_EQ(device.Draw(At(18'000)), Watts(300));
  EXPECT_EQ(device.Settled(At(1'000)), Watts(300));
  EXPECT_EQ(device.Draw(device.rests_at()), Watts(200));
  EXPECT_EQ(device.Settled(device.rests_at()), Watts(200));
  // A change between points is no start.
  device.Command(At(40'000), Watts(100), Watts(100), model);
  device.Command(At(60'000), Watts(200), Watts(200), model);
  for (int64_t t = 60'000; t < 90'000; t += 500) EXPECT_LE(device.Draw(At(t)), Watts(200));
}

TEST(DeviceTest, IsNotBlamedForTheTransientOfItsStart) {
  v1::DeviceModel model = AsicModel();
  model.set_transient_mw(300'000);
  Device device("d", Defect::kNone, 3, Watts(200));
  device.Command(At(0), Watts(10), Watts(10), model);
  device.Command(At(60'000), Watts(200), Watts(200), model);
  for (int64_t t = 60'000; t < 120'000; t += 100) EXPECT_FALSE(device.Disobeys(At(t))) << t;
}

TEST(DeviceTest, StaysFoundOutHoweverOftenItIsToldAgain) {
  Device device = Running(Defect::kStuck);
  device.Command(At(30'000), Watts(150), Watts(150), AsicModel());
  ASSERT_TRUE(device.Disobeys(At(50'000)));
  device.Command(At(50'000), Watts(100), Watts(100), AsicModel());
  EXPECT_TRUE(device.Disobeys(At(50'001)));
}

TEST(DeviceTest, IsFoundOutWhenItSticks) {
  Device device = Running(Defect::kStuck);
  device.Command(At(30'000), Watts(100), Watts(100), AsicModel());
  EXPECT_EQ(device.Draw(At(100'000)), Watts(200));
  EXPECT_EQ(device.Settled(At(100'000)), Watts(200));
  EXPECT_FALSE(device.Disobeys(At(40'000)));  // within the worst ramp
  EXPECT_TRUE(device.Disobeys(At(41'500)));
}

TEST(DeviceTest, CannotBeFoundOutByItsReadingWhenItLies) {
  Device device = Running(Defect::kLiar);
  device.Command(At(30'000), Watts(100), Watts(100), AsicModel());
  EXPECT_EQ(device.Draw(At(100'000)), Watts(200));
  EXPECT_EQ(device.Reading(At(100'000)), Watts(100));
  EXPECT_FALSE(device.Disobeys(At(100'000)));
}

TEST(DeviceTest, CompliesLateWhenItIsSlow) {
  Device device = Running(Defect::kSlow);
  device.Command(At(30'000), Watts(100), Watts(100), AsicModel());
  EXPECT_TRUE(device.Disobeys(At(45'000)));
  EXPECT_EQ(device.Draw(At(60'000)), Watts(100));
  EXPECT_FALSE(device.Disobeys(At(60'000)));
}

TEST(DeviceTest, DoesWhatItWasToldOnceItIsMended) {
  Device device = Running(Defect::kStuck);
  device.Command(At(30'000), Watts(100), Watts(100), AsicModel());
  device.Mend(At(50'000), AsicModel());
  EXPECT_EQ(device.Draw(At(59'000)), Watts(100));
}

}  // namespace
}  // namespace switchyard::agent::simulated
