// The readers on recorded trees: tests/data/sysfs/two-packages is a server with two CPU packages, their DRAM and platform zones, a board
// power meter and a GPU's own sensor; tests/data/sysfs/no-power a virtual machine with none of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "agent/telemetry/hwmon_power.h"
#include "agent/telemetry/machine_identity.h"
#include "agent/telemetry/power_meter_file.h"
#include "agent/telemetry/rapl.h"

namespace switchyard::agent::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

const std::string kRecorded = std::string(SWITCHYARD_SOURCE_DIR) + "/tests/data/sysfs/two-packages";
const std::string kWithoutPower = std::string(SWITCHYARD_SOURCE_DIR) + "/tests/data/sysfs/no-power";

// A recorded tree that can be played on: a copy of its own for each test.
class TelemetryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "telemetry.XXXXXX";
    root_ = mkdtemp(pattern.data());
    std::filesystem::copy(kRecorded, root_, std::filesystem::copy_options::recursive);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& value) { std::ofstream(root_ + "/" + path) << value << "\n"; }
  void SetEnergy(int package, int64_t microjoules) {
    Write("class/powercap/intel-rapl:" + std::to_string(package) + "/energy_uj", std::to_string(microjoules));
  }

  std::string root_;
};

TEST_F(TelemetryTest, RaplPowerIsTheEnergyOfThePackagesOverTheTime) {
  RaplReader rapl(root_);
  ASSERT_TRUE(rapl.available());
  EXPECT_EQ(rapl.Sample(MonoTime(1000)), std::nullopt);
  SetEnergy(0, 1'000'000 + 180'000'000);  // 90 W for two seconds
  EXPECT_THAT(rapl.Sample(MonoTime(3000)), Optional(Milliwatts(90'000)));
}

TEST_F(TelemetryTest, RaplCounterThatStartsAnewIsCountedOverItsRange) {
  RaplReader rapl(root_);
  rapl.Sample(MonoTime(0));
  // Package 1 was recorded 100,000 uJ below its range.
  SetEnergy(1, 59'900'000);
  EXPECT_THAT(rapl.Sample(MonoTime(1000)), Optional(Milliwatts(60'000)));
}

TEST_F(TelemetryTest, RaplSaysNothingWhenACounterMayHaveWrappedTwice) {
  RaplReader rapl(root_);
  rapl.Sample(MonoTime(0));
  // 262 kJ are 131 s at the most that a package draws.
  EXPECT_EQ(rapl.Sample(MonoTime(132'000)), std::nullopt);
  SetEnergy(0, 1'000'000 + 50'000'000);
  EXPECT_THAT(rapl.Sample(MonoTime(133'000)), Optional(Milliwatts(50'000)));
}

TEST_F(TelemetryTest, RaplSaysNothingAfterACounterThatCannotBeRead) {
  RaplReader rapl(root_);
  rapl.Sample(MonoTime(0));
  Write("class/powercap/intel-rapl:0/energy_uj", "");
  EXPECT_EQ(rapl.Sample(MonoTime(1000)), std::nullopt);
  SetEnergy(0, 5);
  EXPECT_EQ(rapl.Sample(MonoTime(2000)), std::nullopt);
  EXPECT_THAT(rapl.Sample(MonoTime(3000)), Optional(Milliwatts(0)));
}

TEST_F(TelemetryTest, NodePowerIsTheBoardsMeterAndNoOtherSensor) {
  const HwmonPower power(root_);
  EXPECT_THAT(power.Read(), Optional(Watts(412)));
  Write("class/hwmon/hwmon1/power1_average", "broken");
  EXPECT_EQ(power.Read(), std::nullopt);
}

TEST_F(TelemetryTest, MachineWithoutMetersReadsNothing) {
  RaplReader rapl(kWithoutPower);
  EXPECT_FALSE(rapl.available());
  EXPECT_EQ(rapl.Sample(MonoTime(1)), std::nullopt);
  EXPECT_EQ(HwmonPower(kWithoutPower).Read(), std::nullopt);
}

TEST_F(TelemetryTest, MeterFileIsScaledAndRoundedUpAndSilentWhenBroken) {
  configuration::MeterSource source;
  source.path = root_ + "/meter";
  source.microwatts_per_count = 100;
  EXPECT_EQ(ReadPowerMeter(source), std::nullopt);
  Write("meter", "25");
  EXPECT_THAT(ReadPowerMeter(source), Optional(Milliwatts(3)));
  Write("meter", "-1");
  EXPECT_EQ(ReadPowerMeter(source), std::nullopt);
}

TEST_F(TelemetryTest, IdentityIsTheBootAndTheBoard) {
  configuration::AgentFile file;
  file.sysfs_root = root_;
  file.boot_id_file = root_ + "/boot_id";
  EXPECT_THAT(std::string(ReadMachineIdentity(file).status().message()), HasSubstr("boot_id_file"));
  Write("boot_id", "a3a47656");
  const auto identity = ReadMachineIdentity(file);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->boot_id, "a3a47656");
  EXPECT_EQ(identity->hardware_id, "4c4c4544-0047-3310-8052-b4c04f564231");
  file.hardware_id = "bench-1";
  EXPECT_EQ(ReadMachineIdentity(file)->hardware_id, "bench-1");
}

TEST_F(TelemetryTest, BoardWithAPlaceholderUuidIsKnownByItsMachineId) {
  configuration::AgentFile file;
  file.sysfs_root = kWithoutPower;
  const auto identity = ReadMachineIdentity(file);
  if (!std::filesystem::exists("/etc/machine-id")) GTEST_SKIP() << "this machine has no machine-id";
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->hardware_id.size(), 32u);
  EXPECT_EQ(identity->hardware_id, ReadMachineIdentity(file)->hardware_id);
}

TEST(CpuDevices, AreNamedByHardwareAndCore) {
  EXPECT_EQ(CpuSerial("4c4c4544-0047", 7), "cpu-4c4c4544-7");
  configuration::AgentFile file;
  file.cpus = {3, 1};
  EXPECT_THAT(CpuCores(file), ElementsAre(1, 3));
  file.cpus.clear();
  EXPECT_FALSE(CpuCores(file).empty());
}

}  // namespace
}  // namespace switchyard::agent::telemetry
