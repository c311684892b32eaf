#include "client/cli/top_view.h"

#include <algorithm>
#include <vector>

#include "client/cli/job_view.h"
#include "client/cli/output.h"
#include "client/cli/power_view.h"
#include "client/cli/text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

constexpr int kTopAlarms = 5;

// The tighter budget first; of equally tight ones the order of the answer stays.
v1::ListBudgetsResponse Tightest(const v1::ListBudgetsResponse& all) {
  std::vector<const v1::BudgetStatus*> order;
  for (const v1::BudgetStatus& budget : all.budgets()) order.push_back(&budget);
  const auto free_share = [](const v1::BudgetStatus* budget) {
    return static_cast<double>(budget->headroom_mw()) / static_cast<double>(std::max<int64_t>(1, budget->cap_mw()));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const auto* a, const auto* b) { return free_share(a) < free_share(b); });
  if (order.size() > kTopBudgets) order.resize(kTopBudgets);
  v1::ListBudgetsResponse tightest;
  for (const v1::BudgetStatus* budget : order) *tightest.add_budgets() = *budget;
  return tightest;
}

}  // namespace

std::string TopView(const TopFrame& frame, const View& view) {
  std::string text = Toned("switchyard", Tone::kStrong, view) + "  " + At(view.now_utc_ms) + "  ";
  text += frame.alarms.alarms().empty()
              ? Toned("no alarms", Tone::kGood, view)
              : Toned(Count(static_cast<size_t>(frame.alarms.alarms_size()), "alarm"), Tone::kBad, view);
  text += "\n\n" + SitesView(frame.sites, view);
  text += "\n" + BudgetsView(Tightest(frame.budgets), view);
  if (!frame.alarms.alarms().empty()) {
    Table alarms({{"ALARM"}, {"SUBJECT"}, NumberColumn("FOR"), {"WHAT"}});
    for (int i = 0; i < std::min(kTopAlarms, frame.alarms.alarms_size()); ++i) {
      const v1::Alarm& alarm = frame.alarms.alarms(i);
      alarms.AddRow({Cell(alarm.kind(), Tone::kBad), alarm.subject(), Age(alarm.since_utc_ms(), view), alarm.text()});
    }
    text += "\n" + alarms.Render(view);
  }
  return text + "\n" + JobsView(frame.jobs, view);
}

std::string TopJson(const TopFrame& frame) {
  return fmt::format("{{\"sites\": {},\n\"budgets\": {},\n\"alarms\": {},\n\"jobs\": {}}}", ToJson(frame.sites, true),
                     ToJson(frame.budgets, true), ToJson(frame.alarms, true), ToJson(frame.jobs, true));
}

}  // namespace switchyard::client::cli
