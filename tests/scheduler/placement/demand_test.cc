#include "scheduler/placement/demand.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/scheduler/placement/builders.h"

namespace switchyard::placement {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(MakeDemand, CarriesEveryFieldThatANodeMustMeet) {
  v1::JobSpec job = Job(2, 4);
  job.set_site("ml");
  job.add_tolerations("spot");
  job.add_tolerations("arm");
  v1::TaskGroup& group = *job.mutable_groups(0);
  v1::Label& zone = *group.add_selector();
  zone.set_key("zone");
  zone.set_value("b");
  v1::Label& disk = *group.add_selector();
  disk.set_key("disk");
  disk.set_value("nvme");
  group.set_spread_over("node");
  group.set_pack_into("switch");
  v1::Resources& resources = *group.mutable_resources();
  resources.set_cpu_milli(1500);
  resources.set_memory_bytes(10);
  resources.set_disk_bytes(20);
  resources.set_ports(3);
  resources.add_gpu_models("h200");
  resources.add_gpu_models("h100");
  resources.set_gpu_memory_bytes(80 * kGiB);
  resources.set_watts_per_device_mw(500'000);
  for (int i = 0; i < 2; ++i) {
    v1::NamedCount& licence = *resources.add_counts();
    licence.set_name("licence");
    licence.set_count(2);
  }

  const Demand demand = MakeDemand(job, group);
  EXPECT_EQ(demand.group, "task");
  EXPECT_EQ(demand.tenant, "lab");
  EXPECT_EQ(demand.site, "ml");
  EXPECT_THAT(demand.tolerations, ElementsAre("arm", "spot"));
  EXPECT_THAT(demand.selector, ElementsAre(Pair("disk", "nvme"), Pair("zone", "b")));
  EXPECT_EQ(demand.cpu_milli, 1500);
  EXPECT_EQ(demand.memory_bytes, 10);
  EXPECT_EQ(demand.disk_bytes, 20);
  EXPECT_EQ(demand.ports, 3);
  EXPECT_THAT(demand.counts, ElementsAre(Pair("licence", 4)));  // the same name twice is the sum
  EXPECT_EQ(demand.device_kind, v1::GPU);
  EXPECT_EQ(demand.devices, 4);
  EXPECT_EQ(demand.share_milli, 0);
  EXPECT_THAT(demand.device_models, ElementsAre("h100", "h200"));
  EXPECT_EQ(demand.device_memory_bytes, 80 * kGiB);
  EXPECT_EQ(demand.watts_per_device, Watts(500));
  EXPECT_EQ(demand.spread_over, Domain::kNode);
  EXPECT_EQ(demand.pack_into, Domain::kSwitch);
  EXPECT_EQ(MilliPerDevice(demand), 1000);
}

TEST(MakeDemand, AShareIsOfOneGpu) {
  v1::JobSpec job = Job(1, 0);
  job.mutable_groups(0)->mutable_resources()->set_gpu_milli(250);
  const Demand demand = MakeDemand(job, job.groups(0));
  EXPECT_EQ(demand.device_kind, v1::GPU);
  EXPECT_EQ(demand.devices, 0);
  EXPECT_EQ(MilliPerDevice(demand), 250);
}

TEST(MakeDemand, CpuDevicesAreWholeAndNotOfAGpuModel) {
  v1::JobSpec job = Job(1, 0);
  v1::Resources& resources = *job.mutable_groups(0)->mutable_resources();
  resources.set_cpu_devices(2);
  resources.add_gpu_models("h100");
  const Demand demand = MakeDemand(job, job.groups(0));
  EXPECT_EQ(demand.device_kind, v1::CPU);
  EXPECT_EQ(demand.devices, 2);
  EXPECT_TRUE(demand.device_models.empty());
}

TEST(MakeDemand, WithoutDevicesNothingIsHeldOfAny) {
  const v1::JobSpec job = Job(1, 0);
  const Demand demand = MakeDemand(job, job.groups(0));
  EXPECT_EQ(demand.device_kind, v1::DEVICE_KIND_UNSPECIFIED);
  EXPECT_EQ(MilliPerDevice(demand), 0);
}

}  // namespace
}  // namespace switchyard::placement
