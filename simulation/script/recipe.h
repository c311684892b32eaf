// What a generated script is rich in: the knobs of the cluster, of the work and of the trouble. The recipe of the empty
// name is the simulation's everyday: everything, in moderation. A profile is a recipe for one situation, short, so that
// a hundred seeds of it take seconds: a rule of the protocol matters there, and breaking it shows
// (common/faults/registry.inc names the profile of each mutation).
#ifndef SWITCHYARD_SIMULATION_SCRIPT_RECIPE_H_
#define SWITCHYARD_SIMULATION_SCRIPT_RECIPE_H_

#include <string>
#include <vector>

#include "common/units.h"
#include "simulation/script/script.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::simulation {

// One kind of fault and how often it strikes in a run.
struct Strikes {
  FaultKind kind;
  int least = 1, most = 1;
};

struct Recipe {
  std::string name;
  std::string situation;  // one sentence
  Duration length = Minutes(30);
  Duration quiet = Minutes(4);  // the last stretch, without submits and faults; everything is mended when it begins

  // ---- cluster ----
  int nodes = 40, racks = 8;
  int miners_percent = 45, boxes_percent = 20;  // the rest are GPU servers
  int devices_least = 8, devices_most = 16;     // of a miner
  int large_rack_every = 20;                    // in every so-many-th seed one miner has kLargeRack devices; 0: never
  std::vector<v1::PowerCycleClass> classes;     // of miners
  std::vector<v1::Enforcer> enforcers;          // of miners
  bool sure_miner = true;                       // the first model of miner is persistent, and its enforcer its firmware
  int cap_least = 35, cap_most = 80;            // per cent of what may be drawn above what always is
  int reserve_percent = 70;     // of the seeds in which budgets keep the default fault reserve; else none
  int odd_shares_percent = 30;  // of the PDUs draw 333,333 and 666,667 millionths from their feeders
  int paired_percent = 50;      // of the PDUs draw from both feeders alike
  int survivor_least = 60, survivor_most = 95;  // cap of the survivor, per cent of what both feeders may carry
  int64_t overhead_least_ppm = 50'000, overhead_most_ppm = 300'000;
  Duration overhead_lag_least = Seconds(5), overhead_lag_most = Seconds(30);
  Duration ramp_down_least = Milliseconds(300), ramp_down_most = Seconds(6);
  int transient_percent = 40;  // of the models draw more than their maximum while they start
  Duration lease_least = Seconds(30), lease_most = Seconds(60);
  Duration dwell_least = Seconds(5), dwell_most = Seconds(30);
  Duration prepare_timeout = Seconds(45);

  // ---- work ----
  int bursts = 8, burst_least = 1, burst_most = 4;  // submits come in bursts
  int hashing_restarts = 0;                         // cancels of the hashing job, each with a new one soon
  int services_percent = 15;
  int failing_percent = 18;
  Duration run_least = Seconds(20), run_most = Minutes(4);

  // ---- trouble ----
  bool half_of_all = true;  // a random half of all kinds, none in every tenth seed; else what `strikes` says
  std::vector<Strikes> strikes;
  int cap_falls = 0;      // reloads with lower caps, each taken back; beside those of half_of_all
  int drift_percent = 0;  // of the agents' clocks are off, by up to rho; beside those of half_of_all
};

inline constexpr int kLargeRack = 300;
inline constexpr int64_t kRhoPpm = 10'000;  // the drift that the protocol allows

// All of them, the everyday one (name "") first.
const std::vector<Recipe>& Recipes();
// Null: there is none of that name.
const Recipe* FindRecipe(const std::string& name);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_RECIPE_H_
