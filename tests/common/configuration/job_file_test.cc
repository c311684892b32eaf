#include "common/configuration/job_file.h"

#include "common/units.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace switchyard::configuration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kTraining[] = R"(kind: training
name: digits
tenant: research
priority: 0
after: [7, 8]
array: 4
wall_time: 12h
grace: 3m
min_run: 10m
max_retries: forever
max_requeues: 0
preemptible: false
run_as: ml
fence_after: never
labels: {project: digits}
flex_tier: 2
tolerations: [ai]
site: moses-lake
pausable: true
count: 2
pack_into: switch
spread_over: node
working_directory: /srv/digits
selector: {gpu: h100}
command: [/usr/bin/python3, train.py]
environment: {EPOCHS: 40, EMPTY: }
resources: {cpus: 0.5, memory: 16GiB, disk: 1GiB, ports: 1, gpus: 8, gpu_models: [h100-sxm], gpu_memory: 80GiB, cpu_devices: 1, watts_per_device: 500W, counts: {licences: 1}}
)";

std::string Error(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return std::string(ParseJobText(text, "job.yaml", overrides).status().message());
}

v1::JobSpec Only(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const absl::StatusOr<std::vector<v1::JobSpec>> jobs = ParseJobText(text, "job.yaml", overrides);
  EXPECT_TRUE(jobs.ok()) << jobs.status();
  return jobs.ok() && jobs->size() == 1 ? jobs->front() : v1::JobSpec();
}

TEST(JobFileTest, EveryKeyFillsItsField) {
  const v1::JobSpec job = Only(kTraining);
  EXPECT_EQ(job.kind(), v1::TRAINING);
  EXPECT_EQ(job.name(), "digits");
  EXPECT_EQ(job.tenant(), "research");
  EXPECT_EQ(job.priority(), 0);
  EXPECT_THAT(job.after(), ElementsAre(7u, 8u));
  EXPECT_EQ(job.array_size(), 4);
  EXPECT_EQ(job.wall_time_ms(), Hours(12).count());
  EXPECT_EQ(job.grace_ms(), Minutes(3).count());
  EXPECT_EQ(job.min_run_ms(), Minutes(10).count());
  EXPECT_EQ(job.max_retries(), -1);
  EXPECT_EQ(job.max_requeues(), 0);
  EXPECT_TRUE(job.not_preemptible());
  EXPECT_EQ(job.run_as(), "ml");
  EXPECT_EQ(job.fence_after_ms(), 0);
  EXPECT_EQ(job.labels(0).key(), "project");
  EXPECT_EQ(job.flex_tier(), 2);
  EXPECT_THAT(job.tolerations(), ElementsAre("ai"));
  EXPECT_EQ(job.site(), "moses-lake");
  EXPECT_TRUE(job.pausable());
  ASSERT_EQ(job.groups_size(), 1);
  const v1::TaskGroup& group = job.groups(0);
  EXPECT_EQ(group.name(), "task");
  EXPECT_EQ(group.count(), 2);
  EXPECT_EQ(group.pack_into(), "switch");
  EXPECT_EQ(group.spread_over(), "node");
  EXPECT_EQ(group.working_directory(), "/srv/digits");
  EXPECT_EQ(group.selector(0).value(), "h100");
  EXPECT_THAT(group.command(), ElementsAre("/usr/bin/python3", "train.py"));
  EXPECT_EQ(group.environment(0).value(), "40");
  EXPECT_EQ(group.environment(1).value(), "");
  const v1::Resources& resources = group.resources();
  EXPECT_EQ(resources.cpu_milli(), 500);
  EXPECT_EQ(resources.memory_bytes(), int64_t{16} << 30);
  EXPECT_EQ(resources.disk_bytes(), int64_t{1} << 30);
  EXPECT_EQ(resources.ports(), 1);
  EXPECT_EQ(resources.gpus(), 8);
  EXPECT_THAT(resources.gpu_models(), ElementsAre("h100-sxm"));
  EXPECT_EQ(resources.gpu_memory_bytes(), int64_t{80} << 30);
  EXPECT_EQ(resources.cpu_devices(), 1);
  EXPECT_EQ(resources.watts_per_device_mw(), Watts(500).count());
  EXPECT_EQ(resources.counts(0).name(), "licences");
}

TEST(JobFileTest, HashingNeedsAPoolAndAUser) {
  const v1::JobSpec job = Only("kind: hashing\nname: fill\ntenant: mining\nselector: {row: a}\n"
                               "hashing: {pool: 'pool.example:3333', user: me.fill, password_file: /etc/pool, difficulty: 0.5}\n");
  EXPECT_EQ(job.hashing().pool(), "pool.example:3333");
  EXPECT_EQ(job.hashing().user(), "me.fill");
  EXPECT_EQ(job.hashing().password_file(), "/etc/pool");
  EXPECT_EQ(job.hashing().suggested_difficulty(), 0.5);
  EXPECT_EQ(job.groups(0).selector(0).key(), "row");
}

TEST(JobFileTest, ACommandInOneLineIsForTheShell) {
  EXPECT_THAT(Only("kind: training\nname: a\ntenant: t\nresources: {cpus: 1}\ncommand: echo $HOME | cat\n").groups(0).command(),
              ElementsAre("/bin/sh", "-c", "echo $HOME | cat"));
}

TEST(JobFileTest, GroupsAreRolesOfOneJob) {
  const v1::JobSpec job = Only("kind: training\nname: a\ntenant: t\ngroups:\n"
                               "  - {name: worker, count: 4, resources: {gpus: 1}, command: [w]}\n"
                               "  - {name: server, resources: {cpus: 2}, command: [s]}\n");
  ASSERT_EQ(job.groups_size(), 2);
  EXPECT_EQ(job.groups(0).count(), 4);
  EXPECT_EQ(job.groups(1).name(), "server");
}

TEST(JobFileTest, AShareOfAGpuIsWrittenAsAShare) {
  EXPECT_EQ(Only("kind: inference\nname: a\ntenant: t\nresources: {gpu_share: 25%}\ncommand: [w]\n").groups(0).resources().gpu_milli(), 250);
}

TEST(JobFileTest, AFileMayHoldSeveralJobs) {
  const std::string one = "kind: training\nname: a\ntenant: t\nresources: {cpus: 1}\ncommand: [x]\n";
  EXPECT_EQ(ParseJobText(one + "---\n" + one + "---\n", "job.yaml")->size(), 2u);
}

TEST(JobFileTest, EveryErrorOfAllDocumentsIsReportedWithItsPlace) {
  EXPECT_EQ(Error("kind: trainin\nname: A\ntenant: t\npriority: 1001\nresources: {gpu: 8}\ncommand: [x]\n---\nkind: hashing\nname: b\ntenant: t\n"),
            "job.yaml:1:7: kind: \"trainin\", allowed are hashing, training, inference; did you mean \"training\"?\n"
            "job.yaml:2:7: job \"A\": \"A\", allowed is a name of 1 to 63 of [a-z0-9.-] that begins and ends with a letter or digit; rename it\n"
            "job.yaml:4:11: job \"A\": 1001, allowed is 0 to 1000; choose one in that range\n"
            "job.yaml:5:12: job \"A\": neither CPU nor GPU, required is at least one; set cpus, cpu_devices, gpus or gpu_share\n"
            "job.yaml:5:13: unknown key \"gpu\" in resources, allowed are cpus, memory, disk, ports, gpus, gpu_share, gpu_models, gpu_memory, cpu_devices, "
            "watts_per_device, counts; did you mean \"gpus\"?\n"
            "job.yaml:8:1: job \"b\": \"\", required is host:port of a Stratum V1 pool, e.g. pool.example:3333; set it\n"
            "job.yaml:8:1: job \"b\": missing, required is the pool's user; set it");
}

TEST(JobFileTest, ABareNumberWhereAUnitBelongsSaysSo) {
  EXPECT_THAT(Error("kind: training\nname: a\ntenant: t\nwall_time: 3600\nresources: {cpus: 1, memory: 16}\ncommand: [x]\n"),
              testing::AllOf(HasSubstr("job.yaml:4:12: wall_time: duration \"3600\": a bare number without a unit"),
                             HasSubstr("job.yaml:5:30: memory: memory \"16\": a bare number without a unit")));
}

TEST(JobFileTest, GroupsAndTheShortFormExcludeEachOther) {
  EXPECT_THAT(Error("kind: training\nname: a\ntenant: t\ncount: 2\ngroups: [{command: [x], resources: {cpus: 1}}]\n"),
              HasSubstr("job.yaml:4:8: count: beside groups (line 5), allowed is one of them; move it into a group"));
}

TEST(JobFileTest, AFileWithoutAJobIsRefused) { EXPECT_THAT(Error("# nothing\n"), HasSubstr("job.yaml:1:1: no job")); }

TEST(JobFileTest, OverridesReplaceOrAddValues) {
  const v1::JobSpec job = Only(kTraining, {"resources.gpus=4", "environment.SEED=7", "labels={a: b}", "command=[/bin/true, x]", "site=other"});
  EXPECT_EQ(job.groups(0).resources().gpus(), 4);
  EXPECT_EQ(job.groups(0).environment(2).value(), "7");
  EXPECT_EQ(job.labels(0).key(), "a");
  EXPECT_THAT(job.groups(0).command(), ElementsAre("/bin/true", "x"));
  EXPECT_EQ(job.site(), "other");
  const std::string groups = "kind: training\nname: a\ntenant: t\ngroups: [{name: x, resources: {cpus: 1}, command: [w]}]\n";
  EXPECT_EQ(Only(groups, {"groups[0].resources.cpus=3"}).groups(0).resources().cpu_milli(), 3'000);
}

TEST(JobFileTest, AnOverrideThatIsWrongIsNamedAsIs) {
  EXPECT_EQ(Error(kTraining, {"priority=high"}), "--set priority=high: priority: \"high\", allowed is a whole number");
  EXPECT_THAT(Error(kTraining, {"priorty=5"}), HasSubstr("--set priorty=5: unknown key \"priorty\" in job"));
  EXPECT_THAT(Error(kTraining, {"priority"}), HasSubstr("without '='"));
  EXPECT_THAT(Error(kTraining, {"groups[3].count=1"}), HasSubstr("leads to nothing"));
  EXPECT_THAT(Error(kTraining, {"name.x=1"}), HasSubstr("leads to nothing"));
  EXPECT_THAT(Error(kTraining, {"=1"}), HasSubstr("leads to nothing"));
  EXPECT_THAT(Error(kTraining, {"labels={a: "}), HasSubstr("not readable as YAML"));
}

TEST(JobFileTest, TheExamplesAreAccepted) {
  for (const char* name : {"hash", "train", "serve"}) {
    EXPECT_TRUE(LoadJobFile(std::string(SWITCHYARD_SOURCE_DIR) + "/examples/jobs/" + name + ".yaml").ok()) << name;
  }
  EXPECT_EQ(LoadJobFile("/absent.yaml").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace switchyard::configuration
