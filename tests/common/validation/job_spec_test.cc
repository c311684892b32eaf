// Every bound of a job once, as table rows.
#include "common/validation/job_spec.h"

#include <cmath>
#include <functional>

#include "gtest/gtest.h"

namespace switchyard::validation {
namespace {

v1::JobSpec Training() {
  v1::JobSpec spec;
  spec.set_name("digits");
  spec.set_tenant("research");
  spec.set_kind(v1::TRAINING);
  v1::TaskGroup* group = spec.add_groups();
  group->set_count(2);
  group->mutable_resources()->set_gpus(8);
  group->add_command("/bin/true");
  ApplyJobDefaults(&spec);
  return spec;
}

v1::JobSpec Hashing() {
  v1::JobSpec spec;
  spec.set_name("fill");
  spec.set_tenant("mining");
  spec.set_kind(v1::HASHING);
  spec.mutable_hashing()->set_pool("127.0.0.1:3333");
  spec.mutable_hashing()->set_user("u");
  ApplyJobDefaults(&spec);
  return spec;
}

v1::TaskGroup* Group(v1::JobSpec* s) { return s->mutable_groups(0); }
v1::Resources* Needs(v1::JobSpec* s) { return Group(s)->mutable_resources(); }

struct Rule {
  const char* path;
  const char* says;
  std::function<void(v1::JobSpec*)> change;
};

void ExpectRules(const v1::JobSpec& sound, const std::vector<Rule>& rules) {
  EXPECT_EQ(FormatProblems(ValidateJobSpec(sound)), "");
  for (const Rule& rule : rules) {
    v1::JobSpec spec = sound;
    rule.change(&spec);
    bool found = false;
    for (const Problem& problem : ValidateJobSpec(spec)) found = found || (problem.path == rule.path && problem.message.find(rule.says) != std::string::npos);
    EXPECT_TRUE(found) << rule.path << " saying \"" << rule.says << "\" among:\n" << FormatProblems(ValidateJobSpec(spec));
  }
}

TEST(JobSpecTest, EveryBoundOfAnAiJobIsSeenAtItsPlace) {
  ExpectRules(Training(), {
      {"name", "missing", [](v1::JobSpec* s) { s->clear_name(); }},
      {"name", "begins and ends with", [](v1::JobSpec* s) { s->set_name("-x"); }},
      {"name", "allowed is a name", [](v1::JobSpec* s) { s->set_name(std::string(64, 'x')); }},
      {"tenant", "missing", [](v1::JobSpec* s) { s->clear_tenant(); }},
      {"kind", "allowed are hashing, training and inference", [](v1::JobSpec* s) { s->clear_kind(); }},
      {"kind", "not known", [](v1::JobSpec* s) { s->set_kind(static_cast<v1::JobKind>(17)); }},
      {"priority", "allowed is 0 to 1000", [](v1::JobSpec* s) { s->set_priority(1001); }},
      {"wall_time_ms", "allowed is", [](v1::JobSpec* s) { s->set_wall_time_ms(-1); }},
      {"grace_ms", "allowed is 0ms to 10m", [](v1::JobSpec* s) { s->set_grace_ms(Minutes(11).count()); }},
      {"min_run_ms", "allowed is", [](v1::JobSpec* s) { s->set_min_run_ms(-1); }},
      {"fence_after_ms", "allowed is 30s", [](v1::JobSpec* s) { s->set_fence_after_ms(1); }},
      {"max_retries", "allowed is -1 to 1000", [](v1::JobSpec* s) { s->set_max_retries(-2); }},
      {"max_requeues", "allowed is 0 to 1000", [](v1::JobSpec* s) { s->set_max_requeues(-1); }},
      {"run_as", "not a user's name", [](v1::JobSpec* s) { s->set_run_as("a b"); }},
      {"site", "allowed is a name", [](v1::JobSpec* s) { s->set_site("A"); }},
      {"flex_tier", "allowed is 0 to 3", [](v1::JobSpec* s) { s->set_flex_tier(4); }},
      {"after", "65 entries", [](v1::JobSpec* s) { for (uint64_t i = 1; i <= 65; ++i) s->add_after(i); }},
      {"after[0]", "id of a submitted job", [](v1::JobSpec* s) { s->add_after(0); }},
      {"array_size", "allowed is 0 to 10000", [](v1::JobSpec* s) { s->set_array_size(10'001); }},
      {"labels", "33 entries", [](v1::JobSpec* s) { for (int i = 0; i < 33; ++i) s->add_labels()->set_key("k" + std::to_string(i)); }},
      {"labels[1].key", "twice", [](v1::JobSpec* s) { s->add_labels()->set_key("k"); s->add_labels()->set_key("k"); }},
      {"labels[0].value", "257 characters", [](v1::JobSpec* s) { s->add_labels()->set_key("k"); s->mutable_labels(0)->set_value(std::string(257, 'x')); }},
      {"tolerations", "17 entries", [](v1::JobSpec* s) { for (int i = 0; i < 17; ++i) s->add_tolerations("t"); }},
      {"tolerations[0]", "allowed is a name", [](v1::JobSpec* s) { s->add_tolerations("T"); }},
      {"hashing", "does not hash", [](v1::JobSpec* s) { s->mutable_hashing(); }},
      {"groups", "at least one", [](v1::JobSpec* s) { s->clear_groups(); }},
      {"groups", "17 entries", [](v1::JobSpec* s) { for (int i = 0; i < 16; ++i) s->add_groups(); }},
      {"groups[1].name", "twice", [](v1::JobSpec* s) { *s->add_groups() = s->groups(0); }},
      {"groups[0].name", "allowed is a name", [](v1::JobSpec* s) { Group(s)->set_name("A"); }},
      {"groups[0].count", "allowed is 1 to 1024", [](v1::JobSpec* s) { Group(s)->set_count(1025); }},
      {"groups[0].command", "missing", [](v1::JobSpec* s) { Group(s)->clear_command(); }},
      {"groups[0].command", "257 entries", [](v1::JobSpec* s) { for (int i = 0; i < 256; ++i) Group(s)->add_command("x"); }},
      {"groups[0].command", "at most 32KiB", [](v1::JobSpec* s) { Group(s)->add_command(std::string(32 << 10, 'x')); }},
      {"groups[0].command", "zero byte", [](v1::JobSpec* s) { Group(s)->add_command(std::string(1, '\0')); }},
      {"groups[0].environment", "257 entries", [](v1::JobSpec* s) { for (int i = 0; i < 257; ++i) Group(s)->add_environment()->set_name("A" + std::to_string(i)); }},
      {"groups[0].environment", "at most 32KiB", [](v1::JobSpec* s) { Group(s)->add_environment()->set_value(std::string(32 << 10, 'x')); }},
      {"groups[0].environment[0].name", "without '='", [](v1::JobSpec* s) { Group(s)->add_environment()->set_name("A=B"); }},
      {"groups[0].environment[0].name", "is the agent's", [](v1::JobSpec* s) { Group(s)->add_environment()->set_name("SWITCHYARD_RANK"); }},
      {"groups[0].environment[1].name", "twice", [](v1::JobSpec* s) { Group(s)->add_environment()->set_name("A"); Group(s)->add_environment()->set_name("A"); }},
      {"groups[0].working_directory", "absolute path", [](v1::JobSpec* s) { Group(s)->set_working_directory("work"); }},
      {"groups[0].selector", "17 entries", [](v1::JobSpec* s) { for (int i = 0; i < 17; ++i) Group(s)->add_selector()->set_key("k" + std::to_string(i)); }},
      {"groups[0].spread_over", "allowed are node, rack and switch", [](v1::JobSpec* s) { Group(s)->set_spread_over("row"); }},
      {"groups[0].pack_into", "allowed are rack and switch", [](v1::JobSpec* s) { Group(s)->set_pack_into("node"); }},
      {"groups[0].spread_over", "no placement can meet", [](v1::JobSpec* s) { Group(s)->set_spread_over("rack"); Group(s)->set_pack_into("rack"); }},
      {"groups[0].resources", "neither CPU nor GPU", [](v1::JobSpec* s) { Needs(s)->clear_gpus(); }},
      {"groups[0].resources.cpu_milli", "allowed is", [](v1::JobSpec* s) { Needs(s)->set_cpu_milli(-1); }},
      {"groups[0].resources.memory_bytes", "allowed is", [](v1::JobSpec* s) { Needs(s)->set_memory_bytes(-1); }},
      {"groups[0].resources.disk_bytes", "allowed is", [](v1::JobSpec* s) { Needs(s)->set_disk_bytes(-1); }},
      {"groups[0].resources.ports", "allowed is 0 to 16", [](v1::JobSpec* s) { Needs(s)->set_ports(17); }},
      {"groups[0].resources.gpus", "allowed is 0 to 512", [](v1::JobSpec* s) { Needs(s)->set_gpus(513); }},
      {"groups[0].resources.gpu_milli", "allowed is 0 to 999", [](v1::JobSpec* s) { Needs(s)->clear_gpus(); Needs(s)->set_gpu_milli(1000); }},
      {"groups[0].resources.gpu_milli", "one of them", [](v1::JobSpec* s) { Needs(s)->set_gpu_milli(500); }},
      {"groups[0].resources.gpu_models[0]", "allowed is a name", [](v1::JobSpec* s) { Needs(s)->add_gpu_models("H 100"); }},
      {"groups[0].resources.gpu_models", "without a GPU", [](v1::JobSpec* s) { Needs(s)->clear_gpus(); Needs(s)->add_gpu_models("h100"); }},
      {"groups[0].resources.gpu_models", "17 entries", [](v1::JobSpec* s) { for (int i = 0; i < 17; ++i) Needs(s)->add_gpu_models("h"); }},
      {"groups[0].resources.gpu_memory_bytes", "without a GPU", [](v1::JobSpec* s) { Needs(s)->clear_gpus(); Needs(s)->set_gpu_memory_bytes(1); }},
      {"groups[0].resources.cpu_devices", "allowed is 0 to 512", [](v1::JobSpec* s) { Needs(s)->set_cpu_devices(-1); }},
      {"groups[0].resources.watts_per_device_mw", "0 to 1MW", [](v1::JobSpec* s) { Needs(s)->set_watts_per_device_mw(-1); }},
      {"groups[0].resources.watts_per_device_mw", "without whole devices", [](v1::JobSpec* s) { Needs(s)->clear_gpus(); Needs(s)->set_watts_per_device_mw(1); }},
      {"groups[0].resources.watts_per_device_mw", "its neighbours' too",
       [](v1::JobSpec* s) { Needs(s)->clear_gpus(); Needs(s)->set_gpu_milli(500); Needs(s)->set_watts_per_device_mw(1); }},
      {"groups[0].resources.counts", "9 entries", [](v1::JobSpec* s) { for (int i = 0; i < 9; ++i) Needs(s)->add_counts()->set_name("c" + std::to_string(i)); }},
      {"groups[0].resources.counts[0].count", "allowed is 1 to", [](v1::JobSpec* s) { Needs(s)->add_counts()->set_name("licences"); }},
  });
}

TEST(JobSpecTest, EveryBoundOfHashingIsSeenAtItsPlace) {
  ExpectRules(Hashing(), {
      {"hashing.pool", "required is host:port", [](v1::JobSpec* s) { s->mutable_hashing()->clear_pool(); }},
      {"hashing.pool", "required is host:port", [](v1::JobSpec* s) { s->mutable_hashing()->set_pool("pool.example"); }},
      {"hashing.pool", "required is host:port", [](v1::JobSpec* s) { s->mutable_hashing()->set_pool("pool.example:70000"); }},
      {"hashing.user", "missing", [](v1::JobSpec* s) { s->mutable_hashing()->clear_user(); }},
      {"hashing.password_file", "absolute path", [](v1::JobSpec* s) { s->mutable_hashing()->set_password_file("secret"); }},
      {"hashing.suggested_difficulty", "not a number", [](v1::JobSpec* s) { s->mutable_hashing()->set_suggested_difficulty(std::nan("")); }},
      {"wall_time_ms", "until it is cancelled", [](v1::JobSpec* s) { s->set_wall_time_ms(1); }},
      {"not_preemptible", "always yields", [](v1::JobSpec* s) { s->set_not_preemptible(true); }},
      {"array_size", "fills what", [](v1::JobSpec* s) { s->set_array_size(2); }},
      {"after", "waits for nobody", [](v1::JobSpec* s) { s->add_after(1); }},
      {"groups", "2 entries", [](v1::JobSpec* s) { s->add_groups()->set_name("b"); }},
      {"groups[0].count", "fills what", [](v1::JobSpec* s) { Group(s)->set_count(2); }},
      {"groups[0].resources", "that nobody else needs", [](v1::JobSpec* s) { Needs(s)->set_gpus(1); }},
      {"groups[0].command", "own hasher", [](v1::JobSpec* s) { Group(s)->add_command("x"); }},
      {"groups[0].environment", "own hasher", [](v1::JobSpec* s) { Group(s)->add_environment(); }},
      {"groups[0].working_directory", "has none", [](v1::JobSpec* s) { Group(s)->set_working_directory("/x"); }},
      {"groups[0].spread_over", "goes everywhere", [](v1::JobSpec* s) { Group(s)->set_spread_over("node"); }},
      {"groups[0].pack_into", "goes everywhere", [](v1::JobSpec* s) { Group(s)->set_pack_into("rack"); }},
  });
}

TEST(JobSpecTest, DefaultsAreThoseOfTheApiAndZeroIsAValue) {
  v1::JobSpec spec = Training();
  EXPECT_EQ(spec.priority(), 100);
  EXPECT_EQ(spec.grace_ms(), 30'000);
  EXPECT_EQ(spec.max_retries(), 3);
  EXPECT_EQ(spec.max_requeues(), 10);
  EXPECT_EQ(spec.fence_after_ms(), 0);
  EXPECT_EQ(spec.groups(0).name(), "task");
  spec.set_kind(v1::INFERENCE);
  spec.clear_fence_after_ms();
  spec.set_priority(0);
  spec.set_max_retries(0);
  ApplyJobDefaults(&spec);
  EXPECT_EQ(spec.fence_after_ms(), Minutes(5).count());
  EXPECT_EQ(spec.priority(), 0);
  EXPECT_EQ(spec.max_retries(), 0);
}

TEST(JobSpecTest, WhatSimulatedNodesAreToldMayBeInTheEnvironment) {
  v1::JobSpec spec = Training();
  Group(&spec)->add_environment()->set_name("SWITCHYARD_SIM_RUN_MS");
  EXPECT_TRUE(ValidateJobSpec(spec).empty());
}

TEST(JobSpecTest, ProblemsAreBounded) {
  v1::JobSpec spec = Training();
  for (int i = 0; i < 5000; ++i) spec.add_after(0);
  EXPECT_EQ(ValidateJobSpec(spec).size(), kMaxProblems);
}

TEST(ProblemTest, NamesAreWordsThatFitAHostAPathAndAShell) {
  for (const char* good : {"a", "rack-001", "h100.sxm", "0"}) EXPECT_TRUE(IsName(good)) << good;
  for (const char* bad : {"", "-a", "a-", ".a", "A", "a_b", "a/b", "a b", "\xc3\xa4"}) EXPECT_FALSE(IsName(bad)) << bad;
  EXPECT_TRUE(IsName(std::string(63, 'a')));
  EXPECT_FALSE(IsName(std::string(64, 'a')));
}

TEST(ProblemTest, AStatusListsEachProblemOnALine) {
  EXPECT_TRUE(ProblemsToStatus({}).ok());
  EXPECT_EQ(std::string(ProblemsToStatus({{"a.b", "one"}, {"", "two"}}).message()), "a.b: one\ntwo");
}

}  // namespace
}  // namespace switchyard::validation
