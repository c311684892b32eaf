// What was acknowledged survives: the scheduler's murder under load, a full disk, a lost disk and its restored backup.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <mutex>
#include <set>
#include <sys/mount.h>
#include <thread>
#include <unistd.h>

#include "tests/integration/support/cluster.h"

namespace switchyard::integration {
namespace {

using testing::HasSubstr;

// A job for a simulated server that ends after some milliseconds.
v1::JobSpec ShortJob(const std::string& name) {
  v1::JobSpec spec;
  spec.set_name(name);
  spec.set_tenant("research");
  spec.set_kind(v1::TRAINING);
  v1::TaskGroup* group = spec.add_groups();
  group->set_name("task");
  group->set_count(1);
  group->mutable_resources()->set_gpus(1);
  group->add_command("hollow");
  v1::EnvironmentVariable* run = group->add_environment();
  run->set_name("SWITCHYARD_SIM_RUN_MS");
  run->set_value("50");
  return spec;
}

// Clients that submit without a pause and remember what was acknowledged.
class Load {
 public:
  Load(const std::string& address, int clients) {
    for (int c = 0; c < clients; ++c) threads_.emplace_back([this, address, c] { Submit(address, c); });
  }
  ~Load() { Stop(); }
  void Stop() {
    stop_ = true;
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.join();
  }
  size_t acknowledged() {
    const std::lock_guard lock(mutex_);
    return ids_.size();
  }
  // Name by id. REQUIRES: stopped.
  const std::map<uint64_t, std::string>& ids() const { return ids_; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  void Submit(const std::string& address, int number) {
    client::ClientOptions options;
    options.server = address;
    auto client = client::Client::Connect(options);
    for (int i = 0; !stop_; ++i) {
      v1::SubmitRequest request;
      const std::string name = "c" + std::to_string(number) + "-" + std::to_string(i);
      *request.add_jobs() = ShortJob(name);
      request.set_idempotency_key(name);
      const auto response = (*client)->Submit(request);
      const std::lock_guard lock(mutex_);
      if (response.ok())
        ids_[response->job_ids(0)] = name;
      else
        failures_.push_back(response.status().ToString());
    }
  }

  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::map<uint64_t, std::string> ids_;
  std::vector<std::string> failures_;
  std::vector<std::thread> threads_;
};

class SchedulerRestartTest : public testing::Test {
 protected:
  void Start(const SiteOptions& options, const std::vector<std::string>& more = {}) {
    cluster_ = std::make_unique<Cluster>(options);
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler(more));
    ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(options.real_nodes));
    if (options.servers == 0) return;
    cluster_->WriteSimulatedAgent("sim", "\"s/g[1-" + std::to_string(options.servers) + "]\"");
    cluster_->StartAgent("sim");
    ASSERT_TRUE(Eventually([&] { return cluster_->Ready("s/g" + std::to_string(options.servers)); }));
  }
  std::string Sleeper() { return "echo $$ >> " + cluster_->Path("marks") + "; exec sleep 1000"; }
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(SchedulerRestartTest, MurderUnderLoadLosesAndDoublesNothingAndTasksGoOn) {
  ASSERT_NO_FATAL_FAILURE(Start({.real_nodes = 1, .servers = 4}));
  const uint64_t sleeper = cluster_->SubmitOne(TrainingYaml("sleeper", Sleeper()));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  const ProcessId task = cluster_->Marks("marks")[0];
  Load load(cluster_->address(), 2);
  for (int murder = 0; murder < 3; ++murder) {
    const size_t before = load.acknowledged();
    ASSERT_TRUE(Eventually([&] { return load.acknowledged() >= before + 50; }));
    EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
    ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  }
  load.Stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());

  const auto jobs = cluster_->client().ListJobs({});
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  std::map<uint64_t, std::string> found;
  std::set<std::string> names;
  for (const v1::Job& job : jobs->jobs()) {
    found[job.id()] = job.spec().name();
    EXPECT_TRUE(names.insert(job.spec().name()).second) << "twice: " << job.spec().name();
  }
  for (const auto& [id, name] : load.ids()) EXPECT_EQ(found[id], name) << "acknowledged as " << id;
  EXPECT_EQ(found.size(), load.ids().size() + 1) << "a job that nobody was told of, or the sleeper is missing";

  for (const auto& [id, name] : load.ids()) ASSERT_TRUE(cluster_->Reaches(id, v1::SUCCEEDED));
  EXPECT_TRUE(Alive(task));
  EXPECT_EQ(cluster_->Marks("marks").size(), 1u) << "started once";
  EXPECT_EQ(cluster_->Job(sleeper).state(), v1::RUNNING);
}

TEST_F(SchedulerRestartTest, AKeyIsRememberedOverARestart) {
  ASSERT_NO_FATAL_FAILURE(Start({.real_nodes = 0, .servers = 1}));
  v1::SubmitRequest request;
  *request.add_jobs() = ShortJob("once");
  request.set_idempotency_key("the-key");
  const auto first = cluster_->client().Submit(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  const auto again = cluster_->client().Submit(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->job_ids(0), first->job_ids(0));
  request.mutable_jobs(0)->set_name("other");
  EXPECT_FALSE(cluster_->client().Submit(request).ok()) << "the same key with another body";
}

TEST_F(SchedulerRestartTest, ABackupOfTheRunningSchedulerIsRestoredAsANewIncarnation) {
  ASSERT_NO_FATAL_FAILURE(Start({}));
  const uint64_t before = cluster_->SubmitOne(TrainingYaml("before", Sleeper()));
  ASSERT_TRUE(Eventually([this] { return cluster_->Marks("marks").size() == 1; }));
  ASSERT_TRUE(cluster_->Reaches(before, v1::RUNNING));
  const ProcessId task = cluster_->Marks("marks")[0];
  const Outcome backup = cluster_->Run(
      {Cluster::Program("switchyardd"), "--backup", cluster_->Path("copy"), "--store", cluster_->Path("store")});
  ASSERT_EQ(backup.exit_code, 0) << backup.err;
  const uint64_t after = cluster_->SubmitOne(TrainingYaml("after", "true"));
  const Outcome live = cluster_->Run({Cluster::Program("switchyardd"), "--dump", "--store", cluster_->Path("store")});
  ASSERT_EQ(live.exit_code, 0) << live.err;
  EXPECT_THAT(live.out, HasSubstr("\"name\":\"after\""));
  for (const std::string& line : Lines(live.out))
    EXPECT_FALSE(Json::parse(line, nullptr, false).is_discarded()) << line;

  EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
  std::filesystem::rename(cluster_->Path("store"), cluster_->Path("store.lost"));
  std::filesystem::rename(cluster_->Path("copy"), cluster_->Path("store"));
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  EXPECT_THAT(cluster_->SchedulerLog(), HasSubstr("store-restored"));
  EXPECT_EQ(cluster_->client().GetJob(after).status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(Eventually([this] { return cluster_->Ready("s/n1"); }));
  EXPECT_EQ(cluster_->Job(before).state(), v1::RUNNING);
  EXPECT_TRUE(Alive(task));
  EXPECT_EQ(cluster_->Marks("marks").size(), 1u);
}

TEST_F(SchedulerRestartTest, ARecordOfALivingClusterReplaysToTheSameDigests) {
  SiteOptions options{.real_nodes = 1, .racks = 1, .servers = 1, .cap = "13kW"};
  cluster_ = std::make_unique<Cluster>(options);
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler({"--record", cluster_->Path("record")}));
  ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(1));
  cluster_->WriteSimulatedAgent("sim", "s/g1, s/r1");
  cluster_->StartAgent("sim");
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(HashingYaml("fill", "127.0.0.1:1")), v1::RUNNING));
  ASSERT_TRUE(cluster_->Reaches(cluster_->SubmitOne(TrainingYaml("real", "true")), v1::SUCCEEDED));
  v1::SubmitRequest request;
  *request.add_jobs() = ShortJob("hollow");
  const auto hollow = cluster_->client().Submit(request);
  ASSERT_TRUE(hollow.ok()) << hollow.status();
  ASSERT_TRUE(cluster_->Reaches(hollow->job_ids(0), v1::SUCCEEDED));
  EXPECT_EQ(cluster_->EndScheduler(SIGKILL), -SIGKILL);
  const Outcome replay = cluster_->Run({Cluster::Program("switchyardd"), "--replay", cluster_->Path("record")});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("every digest agrees"));
}

// A disk of its own for the store: what fills it is a file beside.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    std::filesystem::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=420m,mode=0700") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  // Leaves so many bytes free.
  void FillUpTo(int64_t free_bytes) {
    std::ofstream filler(path_ + "/filler", std::ios::binary | std::ios::app);
    const std::string block(1 << 20, 'x');
    const std::string page(4096, 'x');
    while (Free() - free_bytes >= static_cast<int64_t>(block.size()) &&
           filler.write(block.data(), block.size()).flush()) {
    }
    while (Free() > free_bytes && filler.write(page.data(), page.size()).flush()) {
    }
  }
  void Clear() { std::filesystem::remove(path_ + "/filler"); }

 private:
  int64_t Free() const { return static_cast<int64_t>(std::filesystem::space(path_).available); }
  const std::string path_;
  bool mounted_ = false;
};

TEST_F(SchedulerRestartTest, AFullDiskRefusesSubmissionsAndLosesNothing) {
  cluster_ = std::make_unique<Cluster>(SiteOptions());
  SmallDisk disk(cluster_->Path("disk"));
  if (!disk.mounted()) GTEST_SKIP() << "no right to mount a small disk here";
  cluster_->UseStore(cluster_->Path("disk/store"));
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  ASSERT_NO_FATAL_FAILURE(cluster_->StartRealAgents(1));
  const uint64_t first = cluster_->SubmitOne(TrainingYaml("first", Sleeper()));
  ASSERT_TRUE(cluster_->Reaches(first, v1::RUNNING));
  ASSERT_TRUE(Eventually([this] { return cluster_->HasAlarm("disk"); })) << "below 1 GiB";

  // Below 256 MiB: submissions are refused, leases live on.
  const std::string file = cluster_->Path("more.yaml");
  WriteFile(file, TrainingYaml("more", "true"));
  disk.FillUpTo(int64_t{200} << 20);
  Outcome refused;
  ASSERT_TRUE(Eventually([&] { return (refused = cluster_->Cli({"submit", file})).exit_code == 1; }));
  EXPECT_THAT(refused.err, HasSubstr("256 MiB"));
  EXPECT_TRUE(cluster_->Ready("s/n1"));

  // Not a byte left: what it answers is durable all the same, and it ends cleanly.
  disk.FillUpTo(0);
  cluster_->CliJson({"cordon", "s/n1"});
  EXPECT_EQ(cluster_->EndScheduler(SIGTERM), 0);
  disk.Clear();
  ASSERT_NO_FATAL_FAILURE(cluster_->StartScheduler());
  ASSERT_TRUE(Eventually([this] { return cluster_->Node("s/n1").state() == v1::CORDONED; }));
  EXPECT_EQ(cluster_->Job(first).state(), v1::RUNNING);
  EXPECT_EQ(cluster_->Marks("marks").size(), 1u);
  EXPECT_TRUE(Alive(cluster_->Marks("marks")[0]));
  cluster_->SubmitOne(TrainingYaml("last", "true"));
}

}  // namespace
}  // namespace switchyard::integration
