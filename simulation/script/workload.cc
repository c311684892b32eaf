#include "simulation/script/workload.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/validation/job_spec.h"
#include "fmt/format.h"
#include "simulation/script/dice.h"

namespace switchyard::simulation {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

v1::JobSpec NewJob(const std::string& name, const std::string& tenant, v1::JobKind kind) {
  v1::JobSpec job;
  job.set_name(name);
  job.set_tenant(tenant);
  job.set_kind(kind);
  return job;
}

class Maker {
 public:
  Maker(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration)
      : recipe_(recipe),
        configuration_(configuration),
        dice_(seed, "workload"),
        last_(MonoTime() + recipe.length - recipe.quiet) {}

  std::vector<Deed> Make() {
    MakeHashing(dice_.For("hashing"));
    Dice dice = dice_.For("bursts");
    const MonoTime first = MonoTime() + Seconds(15), last = last_ - Seconds(30);
    for (int b = 0; b < recipe_.bursts; ++b) {
      // One burst in each equal part of the time, so that the cluster is neither flooded nor idle for long.
      const Duration part = (last - first) / recipe_.bursts;
      const MonoTime start = dice.Moment(first + part * b, first + part * (b + 1));
      const int jobs = dice.Int(recipe_.burst_least, recipe_.burst_most);
      for (int j = 0; j < jobs; ++j) MakeJob(start + Milliseconds(dice.Between(0, 2500)), dice_.For("job", made_));
    }
    return std::move(deeds_);
  }

 private:
  void MakeHashing(Dice dice) {
    MonoTime at = MonoTime() + dice.Span(Seconds(1), Seconds(6));
    deeds_.push_back(SubmitHashing(at, "hash-0", configuration_));
    if (dice.Chance(25)) {  // a second owner's, where its label is
      Deed north = SubmitHashing(at + dice.Span(Seconds(1), Seconds(60)), "hash-north", configuration_);
      v1::Label* label = north.job.mutable_groups(0)->add_selector();
      label->set_key("hall");
      label->set_value("north");
      north.job.set_tenant(AnyTenant(&dice));
      deeds_.push_back(std::move(north));
    }
    const Duration part = (last_ - at - Seconds(40)) / std::max(recipe_.hashing_restarts, 1);
    for (int i = 0; i < recipe_.hashing_restarts; ++i) {
      const MonoTime gone = at + part * i + dice.Span(Seconds(10), part / 2);
      Cancel(gone, fmt::format("hash-{}", i));
      deeds_.push_back(SubmitHashing(gone + dice.Span(Milliseconds(200), Seconds(15)), fmt::format("hash-{}", i + 1),
                                     configuration_));
    }
  }

  void MakeJob(MonoTime at, Dice dice) {
    Deed deed;
    deed.kind = Deed::Kind::kSubmit;
    deed.at = at;
    const int draw = dice.Int(0, 99);
    const int ai = 100 - recipe_.services_percent;
    if (draw >= ai) {
      MakeService(&deed, &dice);
    } else if (draw < ai * 55 / 100) {
      MakeGang(&deed, &dice);
    } else if (draw < ai * 75 / 100) {
      MakeShare(&deed, &dice);
    } else if (draw < ai * 90 / 100) {
      MakeCores(&deed, &dice);
    } else {
      MakeArray(&deed, &dice);
    }
    ++made_;
    MakeTemper(&deed, &dice);
    Finish(std::move(deed), &dice);
  }

  v1::TaskGroup* Begin(Deed* deed, const char* what, v1::JobKind kind, Dice* dice) {
    deed->key = fmt::format("{}-{}", what, made_);
    deed->job = NewJob(deed->key, AnyTenant(dice), kind);
    v1::TaskGroup* group = deed->job.add_groups();
    group->set_name("task");
    group->set_count(1);
    group->add_command("/usr/bin/work");
    group->mutable_resources()->set_cpu_milli(dice->Between(1, 4) * 500);
    group->mutable_resources()->set_memory_bytes(dice->Between(1, 8) * kGiB);
    deed->runs = dice->Span(recipe_.run_least, recipe_.run_most);
    return group;
  }

  void MakeGang(Deed* deed, Dice* dice) {
    v1::TaskGroup* group = Begin(deed, "train", v1::TRAINING, dice);
    static const std::vector<int> kMembers = {1, 1, 1, 2, 2, 3, 4, 8};
    static const std::vector<int> kGpus = {1, 1, 2, 2, 4, 4, 8};
    group->set_count(dice->Pick(kMembers));
    group->mutable_resources()->set_gpus(group->count() > 3 ? dice->Int(1, 2) : dice->Pick(kGpus));
    if (dice->Chance(15)) group->mutable_resources()->set_watts_per_device_mw(dice->Between(250, 400) * 1000);
    if (group->count() > 1 && dice->Chance(20)) group->set_pack_into(dice->Chance(50) ? "switch" : "rack");
    if (group->count() > 1 && group->pack_into().empty() && dice->Chance(20)) group->set_spread_over("node");
    if (dice->Chance(10)) {  // a second role in the same gang
      v1::TaskGroup* server = deed->job.add_groups();
      server->set_name("server");
      server->set_count(dice->Int(1, 2));
      server->add_command("/usr/bin/serve");
      server->mutable_resources()->set_cpu_milli(2000);
      server->mutable_resources()->set_ports(dice->Int(0, 3));
    }
  }
  void MakeShare(Deed* deed, Dice* dice) {
    v1::TaskGroup* group = Begin(deed, "share", v1::TRAINING, dice);
    group->set_count(dice->Chance(80) ? 1 : 2);
    group->mutable_resources()->set_gpu_milli(dice->Int(1, 9) * 100);
  }
  void MakeCores(Deed* deed, Dice* dice) {
    v1::TaskGroup* group = Begin(deed, "cores", v1::TRAINING, dice);
    if (dice->Chance(60)) {
      group->mutable_resources()->set_cpu_devices(dice->Int(1, 10));
    } else {
      group->mutable_resources()->set_cpu_milli(dice->Between(1, 8) * 1000);
    }
  }
  void MakeArray(Deed* deed, Dice* dice) {
    v1::TaskGroup* group = Begin(deed, "array", v1::TRAINING, dice);
    group->mutable_resources()->set_gpus(1);
    deed->job.set_array_size(dice->Int(2, 6));
  }
  void MakeService(Deed* deed, Dice* dice) {
    v1::TaskGroup* group = Begin(deed, "serve", v1::INFERENCE, dice);
    group->set_count(dice->Int(1, 4));
    if (dice->Chance(50)) {
      group->mutable_resources()->set_gpus(1);
    } else {
      group->mutable_resources()->set_gpu_milli(dice->Int(2, 7) * 100);
    }
    if (dice->Chance(50)) deed->job.set_fence_after_ms(dice->Between(30, 90) * 1000);
    deed->runs =
        dice->Chance(25) ? dice->Span(Seconds(20), Seconds(90)) : Duration();  // a replica that ends is started again
    Cancel(std::min(deed->at + dice->Span(Seconds(30), Minutes(6)), last_ - Seconds(5)), deed->key);
  }

  // Priorities, patience and how it ends.
  void MakeTemper(Deed* deed, Dice* dice) {
    static const std::vector<int> kPriorities = {50, 100, 100, 100, 200, 200, 500};
    v1::JobSpec& job = deed->job;
    job.set_priority(dice->Pick(kPriorities));
    job.set_grace_ms(dice->Between(1, 8) * 1000);
    job.set_max_retries(dice->Int(0, 3));
    job.set_max_requeues(dice->Int(1, 6));
    job.set_flex_tier(dice->Int(0, 3));
    if (dice->Chance(8)) job.set_not_preemptible(true);
    if (dice->Chance(10)) job.set_min_run_ms(dice->Between(5, 40) * 1000);
    if (dice->Chance(10)) job.set_pausable(true);
    if (job.kind() == v1::INFERENCE) return;
    if (dice->Chance(recipe_.failing_percent)) {
      deed->exit_code = dice->Int(1, 3);
      if (dice->Chance(30)) {  // in circles
        deed->runs = dice->Span(Milliseconds(200), Seconds(3));
        job.set_max_retries(dice->Int(4, 8));
      }
    }
    if (dice->Chance(12))
      job.set_wall_time_ms(std::max<int64_t>(deed->runs.count() * dice->Between(40, 150) / 100, 1000));
    if (dice->Chance(12) && !submitted_.empty()) deed->after.push_back(dice->Pick(submitted_));
  }

  void Finish(Deed deed, Dice* dice) {
    validation::ApplyJobDefaults(&deed.job);
    if (dice->Chance(8))
      Cancel(std::min(deed.at + dice->Span(Milliseconds(5), Seconds(dice->Chance(50) ? 4 : 60)), last_ - Seconds(1)),
             deed.key);
    if (deed.after.empty() && deed.job.kind() == v1::TRAINING) {
      submitted_.push_back(deed.key);
      if (dice->Chance(8)) {  // a client that lost the answer asks once more
        Deed again = deed;
        again.at = std::min(deed.at + dice->Span(Milliseconds(20), Seconds(20)), last_ - Seconds(1));
        deeds_.push_back(std::move(again));
      }
    }
    deeds_.push_back(std::move(deed));
  }

  void Cancel(MonoTime at, const std::string& key) {
    Deed deed;
    deed.kind = Deed::Kind::kCancel;
    deed.at = at;
    deed.key = key;
    deeds_.push_back(std::move(deed));
  }

  std::string AnyTenant(Dice* dice) {
    return configuration_
        .tenants(dice->Int(std::min(1, configuration_.tenants_size() - 1), configuration_.tenants_size() - 1))
        .id();
  }

  const Recipe& recipe_;
  const v1::ClusterConfiguration& configuration_;
  const Dice dice_;
  const MonoTime last_;  // the quiet stretch begins
  uint64_t made_ = 0;
  std::vector<std::string> submitted_;
  std::vector<Deed> deeds_;
};

}  // namespace

std::vector<Deed> MakeWorkload(uint64_t seed, const Recipe& recipe, const v1::ClusterConfiguration& configuration) {
  return Maker(seed, recipe, configuration).Make();
}

Deed SubmitHashing(MonoTime at, const std::string& key, const v1::ClusterConfiguration& configuration) {
  Deed deed;
  deed.kind = Deed::Kind::kSubmit;
  deed.at = at;
  deed.key = key;
  deed.job = NewJob(key, configuration.tenants(0).id(), v1::HASHING);
  deed.job.add_groups()->set_name("hash");
  deed.job.mutable_hashing()->set_pool("pool.example:3333");
  deed.job.mutable_hashing()->set_user("wallet");
  validation::ApplyJobDefaults(&deed.job);
  return deed;
}

}  // namespace switchyard::simulation
