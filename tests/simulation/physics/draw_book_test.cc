#include "simulation/physics/draw_book.h"

#include <algorithm>
#include <vector>

#include "common/stable_hash.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/cluster_builder.h"

namespace switchyard::simulation {
namespace {

constexpr MonoTime At(int64_t ms) { return MonoTime(ms); }

// A meter with 20 % overhead that follows after 8 s, a PDU, two racks of ten.
v1::ClusterConfiguration Cluster() {
  testing::ClusterBuilder cluster;
  cluster.Budget("pdu", v1::PDU, Watts(50'000)).Rack("r1", "pdu").Rack("r2", "pdu");
  cluster.configuration().mutable_sites(0)->set_overhead_marginal_ppm(200'000);
  cluster.configuration().mutable_sites(0)->set_overhead_lag_ms(10'000);
  return cluster.configuration();
}

struct Seen {
  MonoTime at;
  uint32_t budget;
  Power draw;
};

class DrawBookTest : public ::testing::Test {
 protected:
  DrawBookTest() {
    book_.Load(Cluster());
    book_.OnPeak([this](MonoTime at, uint32_t budget, Power draw) { peaks_.push_back({at, budget, draw}); });
    book_.OnTrip([this](MonoTime at, uint32_t budget, const DrawBook::Level&, MonoTime since) {
      trips_.push_back({at, budget, Power((at - since).count())});
    });
  }

  uint32_t Budget(const std::string& id) const {
    const auto found = std::find(book_.budgets().begin(), book_.budgets().end(), id);
    return static_cast<uint32_t>(found - book_.budgets().begin());
  }

  DrawBook book_;
  std::vector<Seen> peaks_, trips_;
};

TEST_F(DrawBookTest, ARampIsAStraightLineAndStaysAtItsEnd) {
  book_.Follow(At(1000), "site/r1", "asic", 0, {{At(1000), At(3000), Watts(0), Watts(3000)}});
  const uint32_t pdu = Budget("site/pdu");
  book_.Advance(At(1000));
  EXPECT_EQ(book_.Draw(pdu, At(2000)), Watts(1500));
  book_.Advance(At(9000));
  EXPECT_EQ(book_.Draw(pdu, At(9000)), Watts(3000));
  EXPECT_EQ(book_.DrawOf("site/r1", "asic"), Watts(3000));
}

TEST_F(DrawBookTest, OverheadFollowsTheLoadLater) {
  const uint32_t meter = Budget("site/meter");
  const Power base = book_.Draw(meter, At(0));
  book_.Follow(At(0), "site/r1", "asic", 0, {{At(0), At(0), Watts(1000), Watts(1000)}});
  book_.Advance(At(7999));
  EXPECT_EQ(book_.Draw(meter, At(7999)) - base, Watts(1000));
  book_.Advance(At(8000));
  EXPECT_EQ(book_.Draw(meter, At(8000)) - base, Watts(1200));
  book_.Follow(At(20'000), "site/r1", "asic", 0, {{At(20'000), At(20'000), Watts(0), Watts(0)}});
  EXPECT_EQ(book_.Draw(meter, At(20'000)) - base, Watts(200));
  book_.Advance(At(28'000));
  EXPECT_EQ(book_.Draw(meter, At(28'000)) - base, Watts(0));
}

TEST_F(DrawBookTest, APeakBetweenTwoLooksIsTold) {
  book_.Watch(Budget("site/pdu"), Watts(2999));
  book_.Follow(At(0), "site/r1", "asic", 0,
               {{At(0), At(1000), Watts(0), Watts(3000)}, {At(1000), At(1100), Watts(3000), Watts(1000)}});
  book_.Advance(At(60'000));
  ASSERT_FALSE(peaks_.empty());
  EXPECT_EQ(peaks_[0].at, At(1000));
  EXPECT_EQ(peaks_[0].draw, Watts(3000));
}

TEST_F(DrawBookTest, WhatStaysAtItsWatchIsNoPeak) {
  book_.Watch(Budget("site/pdu"), Watts(3000));
  book_.Follow(At(0), "site/r1", "asic", 0, {{At(0), At(1001), Watts(0), Watts(3000)}});
  book_.Advance(At(60'000));
  book_.Sweep();
  EXPECT_TRUE(peaks_.empty());
}

TEST_F(DrawBookTest, AWatchThatFallsBelowTheDrawIsTold) {
  book_.Follow(At(0), "site/r1", "asic", 0, {{At(0), At(0), Watts(3000), Watts(3000)}});
  book_.Advance(At(500));
  book_.Watch(Budget("site/pdu"), Watts(2000));
  ASSERT_EQ(peaks_.size(), 1u);
  EXPECT_EQ(peaks_[0].draw, Watts(3000));
}

TEST_F(DrawBookTest, AWaveGoesUpAndDownUntilAnotherLineBegins) {
  const DrawBook::LineId line = book_.Line("site/r1", "asic", 0);
  const DrawSegment up = {At(0), At(1000), Watts(0), Watts(950)};
  book_.Follow(At(0), line, std::span(&up, 1), {Watts(550), Milliseconds(4000)});
  const uint32_t pdu = Budget("site/pdu");
  for (int i = 0; i < 5; ++i) {
    book_.Advance(At(1000 + 8000 * i));
    EXPECT_EQ(book_.Draw(pdu, At(1000 + 8000 * i)), Watts(950));
    book_.Advance(At(5000 + 8000 * i));
    EXPECT_EQ(book_.Draw(pdu, At(5000 + 8000 * i)), Watts(550));
  }
  book_.Follow(At(40'000), "site/r1", "asic", 0, {{At(40'000), At(40'000), Watts(100), Watts(100)}});
  book_.Advance(At(90'000));
  EXPECT_EQ(book_.Draw(pdu, At(90'000)), Watts(100));
}

TEST_F(DrawBookTest, TimeAboveALevelIsCountedFromTheCrossing) {
  const DrawBook::Level level = {Watts(1000), Seconds(2)};
  book_.SetLevels(Budget("site/pdu"), std::span(&level, 1));
  // Above 1 kW from 1 s to 2.9 s, and once more from 5 s on.
  book_.Follow(At(0), "site/r1", "asic", 0,
               {{At(0), At(2000), Watts(0), Watts(2000)}, {At(2000), At(3800), Watts(2000), Watts(0)}});
  book_.Advance(At(5000));
  book_.Sweep();
  EXPECT_TRUE(trips_.empty());
  book_.Follow(At(5000), "site/r1", "asic", 0, {{At(5000), At(5000), Watts(1500), Watts(1500)}});
  book_.Advance(At(7000));
  book_.Sweep();
  EXPECT_TRUE(trips_.empty());
  book_.Advance(At(7001));
  book_.Sweep();
  ASSERT_EQ(trips_.size(), 1u);
  EXPECT_EQ(trips_[0].draw, Power(2000));
}

TEST_F(DrawBookTest, AReloadKeepsDrawsAndTakesNewCoefficients) {
  book_.Follow(At(0), "site/r1", "asic", 0, {{At(0), At(0), Watts(1000), Watts(1000)}});
  book_.Advance(At(60'000));
  v1::ClusterConfiguration half = Cluster();
  half.mutable_nodes(0)->mutable_feeds_from(0)->set_coefficient_ppm(500'000);
  book_.Load(half);
  EXPECT_EQ(book_.Draw(Budget("site/pdu"), At(60'000)), Watts(500));
}

TEST_F(DrawBookTest, AReloadInTheMiddleOfARampBendsNoOverhead) {
  const uint32_t meter = Budget("site/meter");
  const Power base = book_.Draw(meter, At(0));
  book_.Follow(At(0), "site/r1", "asic", 0, {{At(0), At(2000), Watts(0), Watts(2000)}});
  book_.Advance(At(1000));
  book_.Load(Cluster());
  for (int64_t t = 1000; t < 60'000; t += 500) {
    book_.Advance(At(t));
    EXPECT_LE(book_.Draw(meter, At(t)) - base, Watts(2400)) << t;
  }
  EXPECT_EQ(book_.Draw(meter, At(60'000)) - base, Watts(2400));
}

// The proof of the book: thousands of random lines, compared at every millisecond with sums over the lines themselves.
TEST_F(DrawBookTest, SumsAreThoseOfTheLines) {
  struct Plan {
    MonoTime at;
    std::vector<DrawSegment> segments;
  };
  const auto value = [](const Plan& plan, int64_t t) {
    double draw = 0;
    for (const DrawSegment& segment : plan.segments) {
      if (t < segment.start.milliseconds()) break;
      const double span = static_cast<double>((segment.end - segment.start).count());
      const double done = span <= 0 ? 1 : std::min(1.0, static_cast<double>(t - segment.start.milliseconds()) / span);
      draw =
          static_cast<double>(segment.from.count()) + done * static_cast<double>((segment.to - segment.from).count());
    }
    return draw;
  };
  std::vector<Plan> lines(20);
  const uint32_t pdu = Budget("site/pdu");
  Power highest;
  book_.Watch(pdu, Power(0));
  for (int64_t t = 0; t < 3000; ++t) {
    const uint64_t drawn = StableHash().Add(t).Finish();
    if (drawn % 5 == 0) {
      const size_t index = (drawn >> 8) % lines.size();
      const auto first = static_cast<int64_t>((drawn >> 16) % 70), second = static_cast<int64_t>((drawn >> 24) % 70);
      const Power now = Power(static_cast<int64_t>(value(lines[index], t)));
      const Power peak = Power(static_cast<int64_t>((drawn >> 30) % 3'000'000)),
                  rest = Power(static_cast<int64_t>((drawn >> 40) % 3'000'000));
      lines[index] = {At(t), {{At(t), At(t + first), now, peak}, {At(t + first), At(t + first + second), peak, rest}}};
      book_.Follow(At(t), index < 10 ? "site/r1" : "site/r2", "asic", static_cast<int>(index % 10),
                   lines[index].segments);
    }
    book_.Advance(At(t));
    double sum = 0;
    for (const Plan& plan : lines) sum += value(plan, t);
    const double book = static_cast<double>(book_.Draw(pdu, At(t)).count());
    ASSERT_LE(book, sum + 1) << t;
    ASSERT_GE(book, sum - 25) << t;
    highest = std::max(highest, book_.Draw(pdu, At(t)));
  }
  Power told;
  for (const Seen& peak : peaks_) told = std::max(told, peak.draw);
  EXPECT_GE(told, highest);
}

}  // namespace
}  // namespace switchyard::simulation
