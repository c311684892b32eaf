// The fill against every choice there is, on clusters small enough to try them all.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "scheduler/power/fill.h"

namespace switchyard::power {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2 + 1) {}
  int64_t Below(int64_t limit) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<int64_t>(state_ >> 33) % limit;
  }

 private:
  uint64_t state_;
};

// Worth of a choice, in micro-USD x mW / MWh: value of each step times its watts. 128 bits: never overflows here.
using Worth = __int128;

struct World {
  std::vector<FillUnit> units;
  std::vector<Chain> chains;
  std::vector<Power> available;

  Power Rise(const FillUnit& unit, size_t step) const {
    return unit.steps[step].watts - (step == 0 ? unit.off_watts : unit.steps[step - 1].watts);
  }
  // reached[u][s]: devices of unit u at or above step s.
  Worth WorthOf(const std::vector<std::vector<int32_t>>& reached) const {
    Worth worth = 0;
    for (size_t u = 0; u < units.size(); ++u) {
      for (size_t s = 0; s < units[u].steps.size(); ++s) worth += Worth(units[u].steps[s].value) * Rise(units[u], s).count() * reached[u][s];
    }
    return worth;
  }
  // Whether more than what is counted anyway fits: off devices count whatever is decided.
  bool Fits(const std::vector<std::vector<int32_t>>& reached) const {
    std::vector<Power> left = available;
    std::vector<bool> rises(available.size());
    for (size_t u = 0; u < units.size(); ++u) {
      Power watts = units[u].off_watts * units[u].devices;
      for (size_t s = 0; s < units[u].steps.size(); ++s) watts += Rise(units[u], s) * reached[u][s];
      for (const Edge& edge : chains[units[u].chain]) {
        left[edge.budget] -= ScaleUp(watts, edge.coefficient);
        if (watts > units[u].off_watts * units[u].devices) rises[edge.budget] = true;
      }
    }
    for (size_t b = 0; b < left.size(); ++b) if (rises[b] && left[b] < Power()) return false;
    return true;
  }
  Worth Best() const {
    std::vector<std::vector<int32_t>> reached;
    for (const FillUnit& unit : units) reached.emplace_back(unit.steps.size(), 0);
    Worth best = 0;
    const std::function<void(size_t, size_t)> choose = [&](size_t u, size_t s) {
      if (u == units.size()) { if (Fits(reached)) best = std::max(best, WorthOf(reached)); return; }
      if (s == units[u].steps.size()) { choose(u + 1, 0); return; }
      const int32_t most = s == 0 ? units[u].devices : reached[u][s - 1];
      for (int32_t n = 0; n <= most; ++n) { reached[u][s] = n; choose(u, s + 1); }
      reached[u][s] = 0;
    };
    choose(0, 0);
    return best;
  }
  std::vector<std::vector<int32_t>> Reached(const std::vector<FillTarget>& targets) const {
    std::vector<std::vector<int32_t>> reached;
    for (const FillTarget& target : targets) {
      std::vector<int32_t> at(target.devices_at.size(), 0);
      int32_t above = 0;
      for (size_t s = at.size(); s-- > 0;) at[s] = above += target.devices_at[s];
      reached.push_back(at);
    }
    return reached;
  }
};

// Units on the given chains: one to three devices each, one or two steps of falling value.
World RandomWorld(Random& random, std::vector<Chain> chains) {
  World world;
  world.chains = std::move(chains);
  const int64_t units = 1 + random.Below(4);
  for (int64_t u = 0; u < units; ++u) {
    FillUnit unit;
    unit.chain = static_cast<uint32_t>(random.Below(static_cast<int64_t>(world.chains.size())));
    unit.devices = static_cast<int32_t>(1 + random.Below(3));
    unit.off_watts = Watts(random.Below(3) * 25);
    Power watts = unit.off_watts;
    int64_t value = 50'000 + random.Below(100'000);
    for (int64_t s = 1 + random.Below(2); s > 0; --s) {
      watts += Watts(100 + random.Below(3000));
      unit.steps.push_back({static_cast<int32_t>(unit.steps.size()), watts, value});
      value -= 1 + random.Below(80'000);  // may fall below nothing
    }
    unit.order = static_cast<uint64_t>(u);
    world.units.push_back(std::move(unit));
  }
  return world;
}

// Budgets into which one device more of some step that pays would not fit.
int64_t Binding(const World& world, const std::vector<std::vector<int32_t>>& reached) {
  std::vector<Power> left = world.available;
  std::vector<Power> watts;
  for (size_t u = 0; u < world.units.size(); ++u) {
    watts.push_back(world.units[u].off_watts * world.units[u].devices);
    for (size_t s = 0; s < world.units[u].steps.size(); ++s) watts[u] += world.Rise(world.units[u], s) * reached[u][s];
    for (const Edge& edge : world.chains[world.units[u].chain]) left[edge.budget] -= ScaleUp(watts[u], edge.coefficient);
  }
  std::vector<bool> binds(left.size());
  for (size_t u = 0; u < world.units.size(); ++u) {
    for (size_t s = 0; s < world.units[u].steps.size(); ++s) {
      if (world.units[u].steps[s].value <= 0 || reached[u][s] >= (s == 0 ? world.units[u].devices : reached[u][s - 1])) continue;
      for (const Edge& edge : world.chains[world.units[u].chain]) {
        const Power rise = ScaleUp(watts[u] + world.Rise(world.units[u], s), edge.coefficient) - ScaleUp(watts[u], edge.coefficient);
        if (rise > left[edge.budget]) binds[edge.budget] = true;
      }
    }
  }
  return std::count(binds.begin(), binds.end(), true);
}

// The stated loss: at most the worth of one device step for each budget that binds.
Worth LossAllowed(const World& world, const std::vector<std::vector<int32_t>>& reached) {
  Worth step = 0;
  for (const FillUnit& unit : world.units) {
    for (size_t s = 0; s < unit.steps.size(); ++s) step = std::max(step, Worth(unit.steps[s].value) * world.Rise(unit, s).count());
  }
  return step * Binding(world, reached);
}

TEST(FillProperty, OneBindingBudgetLosesAtMostOneDeviceStep) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, {{{0, kOne}}});
    world.available = {Watts(random.Below(20'000))};
    const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
    ASSERT_TRUE(world.Fits(reached)) << "seed " << seed;
    const Worth best = world.Best(), found = world.WorthOf(reached);
    ASSERT_LE(found, best) << "seed " << seed;
    ASSERT_LE(best - found, LossAllowed(world, reached)) << "seed " << seed;
  }
}

TEST(FillProperty, WhereNothingBindsTheFillIsTheBest) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, {{{0, kOne}}});
    world.available = {Watts(1'000'000)};
    ASSERT_EQ(world.WorthOf(world.Reached(Fill(world.units, world.chains, world.available))), world.Best()) << "seed " << seed;
  }
}

TEST(FillProperty, EqualDevicesUnderOneBudgetAreFilledExactly) {
  // One model everywhere: the greedy choice is the best one, not only near it, whenever a step is as large as every other.
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    World world;
    world.chains = {{{0, kOne}}};
    for (int u = 0; u < 3; ++u) world.units.push_back({.chain = 0, .devices = 3, .off_watts = Watts(25), .steps = {{0, Watts(1025), 90}, {1, Watts(2025), 60}}, .order = 0});
    world.available = {Watts(random.Below(20'000))};
    ASSERT_EQ(world.WorthOf(world.Reached(Fill(world.units, world.chains, world.available))), world.Best()) << "seed " << seed;
  }
}

// A meter over two feeders, and a zone that both touch by their shares.
const std::vector<Chain> kCrossing = {{{0, PartsPerMillion(1'200'000)}, {1, kOne}, {3, PartsPerMillion(700'000)}},
                                      {{0, PartsPerMillion(1'200'000)}, {2, kOne}, {3, PartsPerMillion(100'000)}}};

TEST(FillProperty, UnderCrossingBudgetsNothingThatPaysCouldBeAdded) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, kCrossing);
    world.available = {Watts(random.Below(25'000)), Watts(random.Below(12'000)), Watts(random.Below(12'000)), Watts(random.Below(8000))};
    const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
    ASSERT_TRUE(world.Fits(reached)) << "seed " << seed;
    for (size_t u = 0; u < world.units.size(); ++u) {
      for (size_t s = 0; s < world.units[u].steps.size(); ++s) {
        const int32_t most = s == 0 ? world.units[u].devices : reached[u][s - 1];
        if (world.units[u].steps[s].value <= 0 || reached[u][s] >= most) continue;
        auto more = reached;
        ++more[u][s];
        ASSERT_FALSE(world.Fits(more)) << "seed " << seed << " unit " << u << " step " << s;
      }
    }
  }
}

TEST(FillProperty, CrossingBudgetsLoseAtMostOneDeviceStepEach) {
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, kCrossing);
    world.available = {Watts(random.Below(25'000)), Watts(random.Below(12'000)), Watts(random.Below(12'000)),
                       Watts(random.Below(8000))};
    const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
    const Worth best = world.Best(), found = world.WorthOf(reached);
    ASSERT_LE(found, best) << "seed " << seed;
    ASSERT_LE(best - found, LossAllowed(world, reached)) << "seed " << seed;
  }
}

// Value per watt alone fills the zone with the dearer watts of air-cooled devices, though seven times as many liquid-cooled
// ones of nearly the same worth fit into it.
TEST(FillProperty, ADearStepGivesWayToSeveralThatLoadTheScarceBudgetLess) {
  World world;
  world.chains = kCrossing;
  world.units = {
      {.chain = 0, .devices = 10, .off_watts = Power(), .steps = {{0, Watts(1000), 100}}, .order = 0},
      {.chain = 1, .devices = 10, .off_watts = Power(), .steps = {{0, Watts(1000), 99}}, .order = 1}};
  world.available = {Watts(100'000), Watts(100'000), Watts(100'000), Watts(7000)};
  const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
  ASSERT_TRUE(world.Fits(reached));
  EXPECT_EQ(Binding(world, reached), 1);
  EXPECT_EQ(reached, (std::vector<std::vector<int32_t>>{{8}, {10}}));
  EXPECT_EQ(world.WorthOf(reached), world.Best());
}

TEST(FillProperty, ATreeOfBudgetsLosesAtMostOneDeviceStepEach) {
  const PartsPerMillion overhead(1'200'000);
  const std::vector<Chain> tree = {{{0, overhead}, {1, kOne}, {2, kOne}},
                                   {{0, overhead}, {1, kOne}, {3, kOne}},
                                   {{0, overhead}, {4, kOne}}};
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, tree);
    world.available = {Watts(random.Below(25'000)), Watts(random.Below(15'000)), Watts(random.Below(9000)),
                       Watts(random.Below(9000)), Watts(random.Below(15'000))};
    const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
    ASSERT_LE(world.Best() - world.WorthOf(reached), LossAllowed(world, reached)) << "seed " << seed;
  }
}

// An upper bound on every division of watts, devices divisible: prices for two budgets at which all that is worth more than
// its loads is taken. Any prices bound it (weak duality); the lowest bound is at prices where two steps, or a step and a
// price of zero, are just worth their loads. Worth is counted in doubles here: the comparison leaves room for their rounding.
double BoundOfTwoBudgets(const World& world) {
  struct Line {
    double value, a, b;
  };
  std::vector<Line> lines = {{0, 1, 0}, {0, 0, 1}};
  std::vector<double> room = {static_cast<double>(world.available[0].count()),
                              static_cast<double>(world.available[1].count())};
  std::vector<std::pair<Line, double>> steps;  // and their watts
  for (const FillUnit& unit : world.units) {
    double load[2] = {0, 0};
    for (const Edge& edge : world.chains[unit.chain]) load[edge.budget] = edge.coefficient.count() / 1e6;
    for (int k = 0; k < 2; ++k) room[k] -= load[k] * unit.off_watts.count() * unit.devices;
    for (size_t s = 0; s < unit.steps.size() && unit.steps[s].value > 0; ++s) {
      const Line line = {static_cast<double>(unit.steps[s].value), load[0], load[1]};
      lines.push_back(line);
      steps.emplace_back(line, static_cast<double>(world.Rise(unit, s).count()) * unit.devices);
    }
  }
  double best = std::numeric_limits<double>::max();
  const auto consider = [&](double p, double q) {
    if (p < 0 || q < 0) return;
    double bound = p * room[0] + q * room[1];
    for (const auto& [line, watts] : steps) bound += std::max(0.0, line.value - p * line.a - q * line.b) * watts;
    best = std::min(best, bound);
  };
  for (const Line& x : lines) {
    for (const Line& y : lines) {
      const double determinant = x.a * y.b - x.b * y.a;
      if (determinant == 0) continue;
      consider((x.value * y.b - x.b * y.value) / determinant, (x.a * y.value - x.value * y.a) / determinant);
    }
  }
  return best;
}

// Hundreds of devices, coefficients with all their digits: too many choices to try, so against the bound of the relaxation.
TEST(FillProperty, LargeFleetsStayWithinOneDeviceStepABudgetOfTheRelaxation) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    World world;
    const auto some = [&] { return PartsPerMillion(1 + random.Below(1'999'999)); };
    for (int c = 0; c < 4; ++c) world.chains.push_back({{0, some()}, {1, some()}});
    world.chains.push_back({{0, some()}});
    for (uint64_t u = 0; u < 12; ++u) {
      FillUnit unit{.chain = static_cast<uint32_t>(random.Below(5)),
                    .devices = static_cast<int32_t>(1 + random.Below(300)),
                    .off_watts = Watts(random.Below(3) * 25),
                    .steps = {},
                    .order = u};
      Power watts = unit.off_watts;
      int64_t value = 60'000'000 + random.Below(60'000'000);
      for (int32_t s = 0; s < 4; ++s) {
        watts += Power(100'000 + random.Below(1'500'000));
        unit.steps.push_back({s, watts, value});
        value -= 1 + random.Below(30'000'000);
      }
      world.units.push_back(std::move(unit));
    }
    world.available = {Watts(300'000 + random.Below(2'000'000)), Watts(300'000 + random.Below(2'000'000))};
    const auto reached = world.Reached(Fill(world.units, world.chains, world.available));
    ASSERT_TRUE(world.Fits(reached)) << "seed " << seed;
    const double bound = BoundOfTwoBudgets(world);
    const double loss = bound - static_cast<double>(world.WorthOf(reached));
    ASSERT_GE(loss, -1e-9 * bound) << "seed " << seed;
    ASSERT_LE(loss, static_cast<double>(LossAllowed(world, reached)) + 1e-9 * bound) << "seed " << seed;
  }
}

TEST(FillProperty, WhatCannotRiseIsGivenNoMoreThanItHas) {
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, kCrossing);
    for (FillUnit& unit : world.units) unit.most = Watts(random.Below(8000));
    world.available = {Watts(random.Below(25'000)), Watts(random.Below(12'000)), Watts(random.Below(12'000)),
                       Watts(random.Below(8000))};
    const std::vector<FillTarget> targets = Fill(world.units, world.chains, world.available);
    ASSERT_TRUE(world.Fits(world.Reached(targets))) << "seed " << seed;
    for (size_t u = 0; u < targets.size(); ++u) {
      ASSERT_LE(targets[u].watts, std::max(world.units[u].most, world.units[u].off_watts * world.units[u].devices));
      for (const int32_t devices : targets[u].devices_at) ASSERT_GE(devices, 0);
    }
  }
}

TEST(FillProperty, TargetsAddUp) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    World world = RandomWorld(random, {{{0, PartsPerMillion(1'333'333)}}});
    world.available = {Watts(random.Below(20'000))};
    const std::vector<FillTarget> targets = Fill(world.units, world.chains, world.available);
    for (size_t u = 0; u < targets.size(); ++u) {
      Power watts;
      int32_t on = 0;
      for (size_t s = 0; s < world.units[u].steps.size(); ++s) { watts += world.units[u].steps[s].watts * targets[u].devices_at[s]; on += targets[u].devices_at[s]; }
      ASSERT_LE(on, world.units[u].devices);
      ASSERT_EQ(targets[u].watts, watts + world.units[u].off_watts * (world.units[u].devices - on)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace switchyard::power
