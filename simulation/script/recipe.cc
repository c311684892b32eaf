#include "simulation/script/recipe.h"

#include <utility>

namespace switchyard::simulation {
namespace {

using enum FaultKind;

Recipe Everyday() {
  Recipe recipe;
  recipe.situation = "everything, in moderation";
  recipe.classes = {v1::PERSISTENT, v1::PERSISTENT, v1::SELF_IDLE, v1::NEITHER};
  recipe.enforcers = {v1::ENFORCER_DEVICE, v1::ENFORCER_SUPERVISOR, v1::ENFORCER_AGENT, v1::ENFORCER_NONE};
  return recipe;
}

// A small tight cluster for a few minutes, to which a profile adds its own trouble.
Recipe Profile(std::string name, std::string situation) {
  Recipe recipe = Everyday();
  recipe.name = std::move(name);
  recipe.situation = std::move(situation);
  recipe.length = Minutes(7);
  recipe.quiet = Seconds(90);
  recipe.nodes = 12;
  recipe.racks = 4;
  recipe.large_rack_every = 0;
  recipe.classes = {v1::PERSISTENT, v1::SELF_IDLE};
  recipe.enforcers = {v1::ENFORCER_DEVICE, v1::ENFORCER_SUPERVISOR};
  recipe.cap_least = 25;
  recipe.cap_most = 55;
  recipe.reserve_percent = 20;
  recipe.lease_least = Seconds(15);
  recipe.lease_most = Seconds(25);
  recipe.dwell_least = Seconds(1);
  recipe.dwell_most = Seconds(5);
  recipe.bursts = 9;
  recipe.burst_least = 1;
  recipe.burst_most = 4;
  recipe.run_least = Seconds(10);
  recipe.run_most = Seconds(70);
  recipe.half_of_all = false;
  return recipe;
}

Recipe Yield() {
  Recipe recipe =
      Profile("yield", "AI that fits only if hashing yields, on racks that come down slowly, device by device");
  recipe.large_rack_every = 4;
  recipe.ramp_down_least = Seconds(3);
  recipe.ramp_down_most = Seconds(8);
  recipe.transient_percent = 100;
  recipe.bursts = 14;
  recipe.services_percent = 5;
  recipe.strikes = {{kDelay, 1, 3}, {kDeviceSlow, 0, 1}};
  return recipe;
}

Recipe Orders() {
  Recipe recipe = Profile("orders", "grants that fall and rise while confirmations come late, twice and out of order");
  recipe.ramp_down_least = Seconds(1);
  recipe.bursts = 16;
  recipe.run_most = Seconds(25);
  recipe.cap_falls = 6;
  recipe.strikes = {{kDelay, 3, 5}, {kReorder, 3, 5}, {kRepeat, 2, 4}, {kLoss, 1, 2}};
  return recipe;
}

Recipe Cancel() {
  Recipe recipe = Profile("cancel", "hashing that is cancelled and submitted anew, on devices that keep their setting");
  recipe.classes = {v1::PERSISTENT, v1::PERSISTENT, v1::NEITHER};
  recipe.enforcers = {v1::ENFORCER_AGENT, v1::ENFORCER_NONE, v1::ENFORCER_DEVICE};
  recipe.ramp_down_least = Seconds(3);
  recipe.ramp_down_most = Seconds(8);
  recipe.hashing_restarts = 4;
  recipe.strikes = {{kDelay, 1, 3}, {kPartition, 1, 3}};
  return recipe;
}

Recipe Crossing() {
  Recipe recipe = Profile("crossing", "shares that divide no watt, on budgets that are filled to the last milliwatt");
  recipe.odd_shares_percent = 100;
  recipe.paired_percent = 0;
  recipe.reserve_percent = 0;
  recipe.overhead_least_ppm = 123'457;
  recipe.overhead_most_ppm = 123'459;
  recipe.strikes = {};
  return recipe;
}

Recipe Overhead() {
  Recipe recipe = Profile("overhead", "a meter that binds, with much overhead that is slow to go");
  recipe.overhead_least_ppm = 400'000;
  recipe.overhead_most_ppm = 800'000;
  recipe.overhead_lag_least = Seconds(20);
  recipe.overhead_lag_most = Seconds(40);
  recipe.cap_least = 30;
  recipe.cap_most = 40;
  recipe.bursts = 14;
  recipe.run_most = Seconds(30);
  return recipe;
}

Recipe Feeds() {
  Recipe recipe =
      Profile("feeds", "a pair of feeders of which one alone could not carry what both may, and feeders that fail");
  recipe.paired_percent = 100;
  recipe.odd_shares_percent = 0;
  recipe.cap_least = 60;
  recipe.cap_most = 80;
  recipe.survivor_least = 30;
  recipe.survivor_most = 45;
  recipe.strikes = {{kFeedLost, 0, 2}};
  return recipe;
}

Recipe Commissioning() {
  Recipe recipe = Profile("commissioning", "racks that hash while the scheduler has never heard of them");
  recipe.classes = {v1::PERSISTENT, v1::NEITHER};
  recipe.enforcers = {v1::ENFORCER_AGENT, v1::ENFORCER_NONE};
  recipe.sure_miner = false;
  recipe.cap_least = 35;
  recipe.strikes = {{kEmptyStore, 1, 2}, {kAgentCrash, 2, 4}, {kPartition, 2, 4}};
  return recipe;
}

Recipe Meters() {
  Recipe recipe = Profile("meters", "devices that do not come down, beneath meters that are noisy, late or stuck");
  recipe.enforcers = {v1::ENFORCER_DEVICE, v1::ENFORCER_AGENT};
  recipe.ramp_down_least = Seconds(2);
  recipe.ramp_down_most = Seconds(6);
  recipe.bursts = 12;
  recipe.strikes = {
      {kDeviceLies, 2, 4}, {kDeviceSticks, 1, 2}, {kMeterNoise, 0, 2}, {kMeterLag, 0, 1}, {kMeterSticks, 0, 1}};
  return recipe;
}

Recipe Partition() {
  Recipe recipe = Profile(
      "partition", "nodes that are cut off for longer than a lease, by clocks that drift and messages that come late");
  recipe.enforcers = {v1::ENFORCER_DEVICE, v1::ENFORCER_SUPERVISOR, v1::ENFORCER_AGENT, v1::ENFORCER_NONE};
  recipe.drift_percent = 80;
  recipe.bursts = 14;
  recipe.strikes = {{kPartition, 4, 7}, {kOneWayPartition, 2, 4}, {kDelay, 4, 6}, {kRepeat, 2, 3}, {kReorder, 1, 3}};
  return recipe;
}

Recipe CrashPartition() {
  Recipe recipe = Profile("crash_partition", "leases that expire just before the scheduler dies");
  recipe.bursts = 14;
  recipe.strikes = {{kPartition, 4, 6}, {kSchedulerCrash, 3, 5}};
  return recipe;
}

Recipe StuckAgents() {
  Recipe recipe = Profile("stuck_agents", "nodes that live, and do not carry out what they are told");
  recipe.bursts = 14;
  recipe.cap_falls = 2;
  recipe.strikes = {
      {kDeviceSticks, 3, 5}, {kDeviceSlow, 2, 4}, {kOneWayPartition, 2, 4}, {kNodeSuspend, 1, 2}, {kLoss, 1, 3}};
  return recipe;
}

Recipe SchedulerRestart() {
  Recipe recipe = Profile("scheduler_restart", "a scheduler that dies while requests are answered and plans are open");
  recipe.ramp_down_least = Seconds(3);
  recipe.ramp_down_most = Seconds(8);
  recipe.bursts = 16;
  recipe.strikes = {{kSchedulerCrash, 6, 10}};
  return recipe;
}

Recipe Curtailment() {
  Recipe recipe = Profile("curtailment", "caps that fall and rise faster than hashing may dwell");
  recipe.dwell_least = Seconds(30);
  recipe.dwell_most = Seconds(60);
  recipe.cap_falls = 9;
  recipe.bursts = 6;
  return recipe;
}

Recipe AgentRestart() {
  Recipe recipe = Profile("agent_restart", "agents that die and start anew while their tasks prepare, hash and run");
  recipe.bursts = 16;
  recipe.strikes = {{kAgentCrash, 8, 14}, {kAgentUpgrade, 4, 8}};
  return recipe;
}

Recipe Failover() {
  Recipe recipe = Profile("failover", "leaders that speak on after the next one was elected");
  recipe.bursts = 14;
  recipe.strikes = {
      {kStaleLeader, 4, 7}, {kSchedulerCrash, 1, 3}, {kDelay, 1, 3}, {kAgentCrash, 6, 10}, {kPartition, 3, 5}};
  return recipe;
}

Recipe Backup() {
  Recipe recipe = Profile("backup", "a scheduler that comes up on an older store, or on none, over a fleet that works");
  recipe.run_most = Minutes(3);
  recipe.strikes = {{kOlderBackup, 1, 2}, {kEmptyStore, 0, 1}, {kAgentCrash, 0, 2}};
  return recipe;
}

Recipe Identity() {
  Recipe recipe = Profile("identity", "agents that are cloned, wiped, rebooted and put on other hardware");
  recipe.bursts = 12;
  recipe.strikes = {{kClonedAgent, 3, 6}, {kWipedAgent, 1, 3}, {kNodeReboot, 2, 4}, {kReplacedHardware, 1, 2}};
  return recipe;
}

Recipe PowerLoss() {
  Recipe recipe = Profile("power_loss", "feeders and machines that lose power and come back as their class says");
  recipe.classes = {v1::PERSISTENT, v1::SELF_IDLE, v1::NEITHER};
  recipe.bursts = 12;
  recipe.strikes = {{kFeedLost, 1, 2}, {kNodeReboot, 4, 8}, {kReplacedHardware, 0, 1}};
  return recipe;
}

Recipe Session() {
  Recipe recipe =
      Profile("session", "sessions that break, begin anew and are taken over, each field of which matters to somebody");
  recipe.enforcers = {v1::ENFORCER_DEVICE, v1::ENFORCER_SUPERVISOR, v1::ENFORCER_AGENT, v1::ENFORCER_NONE};
  recipe.drift_percent = 50;
  recipe.bursts = 14;
  recipe.cap_falls = 2;
  recipe.strikes = {{kPartition, 1, 2},   {kDelay, 2, 3},        {kReorder, 2, 3},        {kRepeat, 2, 3},
                    {kAgentCrash, 2, 4},  {kNodeReboot, 1, 2},   {kSchedulerCrash, 1, 3}, {kStaleLeader, 1, 2},
                    {kClonedAgent, 1, 2}, {kDeviceSticks, 0, 1}, {kDeviceLies, 0, 1}};
  return recipe;
}

}  // namespace

const std::vector<Recipe>& Recipes() {
  static const auto* const kRecipes = new std::vector<Recipe>{
      Everyday(),      Yield(),    Orders(),    Cancel(),         Crossing(),    Overhead(),         Feeds(),
      Commissioning(), Meters(),   Partition(), CrashPartition(), StuckAgents(), SchedulerRestart(), Curtailment(),
      AgentRestart(),  Failover(), Backup(),    Identity(),       PowerLoss(),   Session()};
  return *kRecipes;
}

const Recipe* FindRecipe(const std::string& name) {
  for (const Recipe& recipe : Recipes()) {
    if (recipe.name == name) return &recipe;
  }
  return nullptr;
}

}  // namespace switchyard::simulation
