// Sites and their budgets: the graph must be one whose sums mean something.
#include "common/topology/chain_builder.h"
#include "common/topology/checker.h"
#include "common/topology/validate_configuration.h"
#include "fmt/ranges.h"

namespace switchyard::topology {
namespace {

constexpr int64_t kWhole = 1'000'000;

void CheckPrices(const std::string& at, const std::string& subject, const char* what, int64_t least, int64_t most,
                 const google::protobuf::RepeatedPtrField<v1::PricePoint>& points, Checker* checker) {
  checker->Count(at, subject, what, points.size(), 0, kMaxPricePoints);
  for (int i = 0; i < points.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", at, i);
    if (points[i].value_micro_usd() < least || points[i].value_micro_usd() > most) {
      checker->Add(path + ".value_micro_usd", subject,
                   fmt::format("a value of {} among {}, allowed is {} to {}; is the unit right?", FormatUsd(Usd(points[i].value_micro_usd())), what,
                               FormatUsd(Usd(least)), FormatUsd(Usd(most))));
    }
    checker->Range(path + ".stale_after_ms", subject, "stale_after", Milliseconds(points[i].stale_after_ms()), Seconds(0), kMaxTiming);
    if (i > 0 && points[i].from_utc_ms() <= points[i - 1].from_utc_ms()) {
      checker->Add(path + ".from_utc_ms", subject, fmt::format("{} not in the order of time, required is rising `from`; sort them", what));
    }
  }
}

bool IsTimeZoneText(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") == std::string::npos;
}

void CheckBudget(const std::string& at, const v1::Site& site, const v1::Budget& budget, const Names& names, Checker* checker) {
  const std::string subject = Checker::Subject("budget", site.id() + "/" + budget.id());
  if (budget.kind() == v1::SURVIVOR) {
    checker->Add(at + ".kind", subject, "kind survivor, but survivors are made from feed_pairs; list the pair there");
  } else if (budget.kind() < v1::METER || budget.kind() > v1::COOLING_ZONE) {
    checker->Add(at + ".kind", subject, "kind missing, allowed are meter, feeder, pdu, rack and cooling_zone; set one");
  }
  checker->Range(at + ".cap_mw", subject, "cap", Milliwatts(budget.cap_mw()), Milliwatts(1), kMaxCap);
  checker->Range(at + ".power_factor_ppm", subject, "power factor (millionths)", budget.power_factor_ppm(), 500'000, kWhole);
  checker->Range(at + ".base_load_mw", subject, "base load", Milliwatts(budget.base_load_mw()), Milliwatts(0), kMaxCap);
  if (budget.fault_reserve_mw() != -1) {
    checker->Range(at + ".fault_reserve_mw", subject, "fault reserve", Milliwatts(budget.fault_reserve_mw()), Milliwatts(0), Milliwatts(budget.cap_mw()));
  }
  checker->Range(at + ".ramp_up_mw", subject, "ramp_up (a minute)", Milliwatts(budget.ramp_up_mw()), Milliwatts(0), kMaxCap);
  checker->Range(at + ".shed_deadline_ms", subject, "shed deadline", Milliseconds(budget.shed_deadline_ms()), Seconds(1), Hours(1));
  checker->Range(at + ".meter_lag_ms", subject, "meter lag", Milliseconds(budget.meter_lag_ms()), Seconds(0), Minutes(10));
  checker->Count(at + ".feeds_from", subject, "feeds", budget.feeds_from_size(), 0, kMaxBudgetParents);

  const bool root = budget.kind() == v1::METER || budget.kind() == v1::COOLING_ZONE;
  if (root && budget.feeds_from_size() > 0) {
    checker->Add(at + ".feeds_from", subject,
                 budget.kind() == v1::METER ? "a meter that feeds from another budget, allowed is none above it; remove feeds_from"
                                            : "a cooling zone that feeds from a budget, but it takes heat and its own power is the site's overhead; "
                                              "remove feeds_from");
  } else if (!root && budget.feeds_from_size() == 0) {
    checker->Add(at + ".feeds_from", subject, "feeds from nothing, so the meter would not see its load; name the budget above it");
  } else {
    CheckFeeds(at + ".feeds_from", subject, site.id(), budget.feeds_from(), names, checker);
  }
}

void CheckPair(const std::string& at, const v1::Site& site, const v1::FeedPair& pair, const Names& names, Checker* checker) {
  const std::string subject = Checker::Subject("feed pair", site.id() + "/" + pair.id());
  const std::pair<const char*, const std::string*> feeds[] = {{".a", &pair.a()}, {".b", &pair.b()}};
  for (const auto& [field, feed] : feeds) {
    const auto found = names.budgets.find({site.id(), *feed});
    if (found == names.budgets.end()) {
      checker->Add(at + field, subject, fmt::format("feed \"{}\" is not a budget of this site; define it or correct the name", *feed));
    } else if (found->second != v1::FEEDER) {
      checker->Add(at + field, subject, fmt::format("feed \"{}\" is not of kind feeder; pair feeders only", *feed));
    }
  }
  if (pair.a() == pair.b()) checker->Add(at + ".b", subject, fmt::format("both feeds are \"{}\", required are two; name the other one", pair.a()));
  checker->Range(at + ".failover_cap_mw", subject, "failover cap", Milliwatts(pair.failover_cap_mw()), Milliwatts(1), kMaxCap);
}

void CheckMeter(const std::string& at, const v1::Site& site, Checker* checker) {
  std::string meters;
  int count = 0;
  for (const v1::Budget& budget : site.budgets()) {
    if (budget.kind() != v1::METER) continue;
    meters += (count++ > 0 ? ", " : "") + budget.id();
  }
  if (count == 1) return;
  checker->Add(at + ".budgets", Checker::Subject("site", site.id()),
               count == 0 ? std::string("no budget of kind meter, required is one; add it")
                          : fmt::format("{} budgets of kind meter ({}), required is one; make the others feeders", count, meters));
}

void CheckSite(const std::string& at, const v1::Site& site, const Names& names, Checker* checker) {
  const std::string subject = Checker::Subject("site", site.id());
  if (!IsTimeZoneText(site.time_zone())) checker->Add(at + ".time_zone", subject, "time zone is not an IANA name; write for example America/Los_Angeles");
  constexpr int64_t kUsd = 1'000'000;
  // Energy prices do fall below zero; 10 USD/kWh is twice the highest price cap of any market.
  CheckPrices(at + ".energy_price", subject, "energy prices", -1000 * kUsd, 10'000 * kUsd, site.energy_price(), checker);
  CheckPrices(at + ".hashprice", subject, "hashprices", 0, 1'000'000 * kUsd, site.hashprice(), checker);
  checker->Range(at + ".overhead_fixed_mw", subject, "fixed overhead", Milliwatts(site.overhead_fixed_mw()), Milliwatts(0), kMaxCap);
  checker->Range(at + ".overhead_marginal_ppm", subject, "marginal overhead (millionths)", site.overhead_marginal_ppm(), 0, kMaxOverheadPpm);
  checker->Range(at + ".overhead_lag_ms", subject, "overhead lag", Milliseconds(site.overhead_lag_ms()), Seconds(0), Hours(1));
  checker->Count(at + ".budgets", subject, "budgets", site.budgets_size() + site.feed_pairs_size(), 1, kMaxBudgetsPerSite);
  CheckMeter(at, site, checker);

  std::set<std::string> seen;
  for (int i = 0; i < site.budgets_size(); ++i) {
    const std::string path = fmt::format("{}.budgets[{}]", at, i);
    checker->NewName(path + ".id", "budget", site.budgets(i).id(), &seen);
    CheckBudget(path, site, site.budgets(i), names, checker);
  }
  for (int i = 0; i < site.feed_pairs_size(); ++i) {
    const std::string path = fmt::format("{}.feed_pairs[{}]", at, i);
    checker->NewName(path + ".id", "budget", site.feed_pairs(i).id(), &seen);
    CheckPair(path, site, site.feed_pairs(i), names, checker);
  }
  const std::vector<std::string> cycle = SiteGraph(site).FindCycle();
  if (!cycle.empty()) {
    checker->Add(at + ".budgets", subject, fmt::format("budgets feed from each other in a circle: {}; remove one of these feeds", fmt::join(cycle, " -> ")));
  }
}

}  // namespace

void CheckFeeds(const std::string& path, const std::string& subject, const std::string& site,
                const google::protobuf::RepeatedPtrField<v1::BudgetEdge>& feeds, const Names& names, Checker* checker) {
  int64_t sum = 0;
  std::set<std::string> seen;
  for (int i = 0; i < feeds.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    const auto found = names.budgets.find({site, feeds[i].budget()});
    if (found == names.budgets.end()) {
      checker->Add(at + ".budget", subject, fmt::format("feeds from \"{}\", which is not a budget of site \"{}\"; define it or correct the name",
                                                        feeds[i].budget(), site));
    } else if (found->second == v1::COOLING_ZONE || found->second == v1::SURVIVOR) {
      checker->Add(at + ".budget", subject,
                   fmt::format("feeds from \"{}\", a {}, which carries no power of its own; name a meter, feeder, pdu or rack", feeds[i].budget(),
                               found->second == v1::SURVIVOR ? "survivor" : "cooling zone"));
    }
    if (!seen.insert(feeds[i].budget()).second) {
      checker->Add(at + ".budget", subject, fmt::format("feeds from \"{}\" twice, allowed is once; add the shares", feeds[i].budget()));
    }
    if (feeds[i].coefficient_ppm() < 1 || feeds[i].coefficient_ppm() > kWhole) {
      checker->Add(at + ".coefficient_ppm", subject, fmt::format("a share of {} millionths, allowed is above 0% to 100%", feeds[i].coefficient_ppm()));
    }
    sum += feeds[i].coefficient_ppm();
  }
  if (!feeds.empty() && sum != kWhole) {
    checker->Add(path, subject, fmt::format("shares of its feeds sum to {:.4f}%, required is 100%; correct the shares", static_cast<double>(sum) / 10'000));
  }
}

void CheckSites(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker) {
  checker->Count("sites", "cluster", "sites", configuration.sites_size(), 1, kMaxSites);
  std::set<std::string> seen;
  for (int i = 0; i < configuration.sites_size(); ++i) {
    const std::string at = fmt::format("sites[{}]", i);
    checker->NewName(at + ".id", "site", configuration.sites(i).id(), &seen);
    CheckSite(at, configuration.sites(i), names, checker);
  }
}

}  // namespace switchyard::topology
