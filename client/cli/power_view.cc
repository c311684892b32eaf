#include "client/cli/power_view.h"

#include "client/cli/text.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

Cell HeadroomCell(int64_t headroom_mw) { return Cell(Watts(headroom_mw), headroom_mw < 0 ? Tone::kBad : Tone::kPlain); }

std::string EnergyPrice(int64_t micro_usd_per_mwh) {
  return fmt::format("{:.4f}USD/kWh", static_cast<double>(micro_usd_per_mwh) / 1e9);
}
std::string HashPrice(int64_t micro_usd_per_ph_day) {
  return fmt::format("{:.2f}USD/PH/day", static_cast<double>(micro_usd_per_ph_day) / 1e6);
}

std::string Limit(const std::string& text, int64_t value) { return value == 0 ? "no limit" : text; }

}  // namespace

std::string SitesView(const v1::ListSitesResponse& response, const View& view) {
  if (response.sites().empty()) return "no sites\n";
  Table table({{"SITE"},
               NumberColumn("CAP"),
               NumberColumn("BOUND"),
               NumberColumn("MEASURED"),
               NumberColumn("HASHING"),
               NumberColumn("AI"),
               NumberColumn("HASH RATE"),
               NumberColumn("NODES READY"),
               WideColumn("ENERGY"),
               WideColumn("HASHPRICE"),
               {"STATE"}});
  for (const v1::SiteStatus& site : response.sites()) {
    table.AddRow({site.id(), Watts(site.cap_mw()),
                  Cell(Watts(site.bound_mw()), site.bound_mw() > site.cap_mw() ? Tone::kBad : Tone::kPlain),
                  WattsIfKnown(site.measured_mw()), Watts(site.hashing_mw()), Watts(site.ai_mw()),
                  FormatHashRate(HashRate(site.hash_rate_ghs())),
                  fmt::format("{}/{}", site.nodes_ready(), site.nodes()), EnergyPrice(site.energy_price_micro_usd()),
                  HashPrice(site.hashprice_micro_usd()),
                  site.commissioning() ? Cell("commissioning", Tone::kWarning) : Cell("in service", Tone::kGood)});
  }
  return table.Render(view);
}

std::string SiteView(const v1::SiteStatus& site, const View& view) {
  Record record;
  record.Add("site", site.id());
  record.Add("meter", site.meter_budget());
  record.Add("cap", Watts(site.cap_mw()));
  record.Add("bound",
             fmt::format("{} ({} of the cap)", Watts(site.bound_mw()), Percent(site.bound_mw(), site.cap_mw())));
  record.Add("measured", WattsIfKnown(site.measured_mw()));
  record.Add("hashing",
             fmt::format("{}, {} granted", Watts(site.hashing_mw()), FormatHashRate(HashRate(site.hash_rate_ghs()))));
  record.Add("AI", Watts(site.ai_mw()));
  record.Add("nodes",
             fmt::format("{}, {} ready, {} not heard from", site.nodes(), site.nodes_ready(), site.nodes_unheard()));
  record.Add("energy price", EnergyPrice(site.energy_price_micro_usd()));
  record.Add("hashprice", HashPrice(site.hashprice_micro_usd()));
  if (site.commissioning()) {
    record.Add("commissioning",
               Cell(fmt::format("nothing rises; waits for {}", fmt::join(site.commissioning_waits_for(), "; ")),
                    Tone::kWarning));
  }
  return record.Render(view);
}

std::string BudgetsView(const v1::ListBudgetsResponse& response, const View& view) {
  if (response.budgets().empty()) return "no budgets\n";
  Table table({{"BUDGET"},
               {"KIND"},
               NumberColumn("CAP"),
               NumberColumn("BOUND"),
               NumberColumn("HEADROOM"),
               NumberColumn("MEASURED"),
               NumberColumn("HASHING"),
               NumberColumn("TRAINING"),
               NumberColumn("INFERENCE"),
               WideColumn("BASE"),
               WideColumn("IDLE"),
               WideColumn("EARMARKED"),
               WideColumn("RESERVE"),
               WideColumn("OVERAGE"),
               {"STATE"}});
  for (const v1::BudgetStatus& budget : response.budgets()) {
    Cell state("open", Tone::kGood);
    if (budget.headroom_mw() < 0) {
      state = Cell("over its cap", Tone::kBad);
    } else if (budget.commissioning()) {
      state = Cell("commissioning", Tone::kWarning);
    } else if (!budget.blocked_by().empty()) {
      state = Cell("blocked: " + budget.blocked_by(0), Tone::kWarning);
    }
    table.AddRow({budget.id(), Word(budget.kind()), Watts(budget.cap_mw()), Watts(budget.bound_mw()),
                  HeadroomCell(budget.headroom_mw()), WattsIfKnown(budget.measured_mw()), Watts(budget.hashing_mw()),
                  Watts(budget.training_mw()), Watts(budget.inference_mw()), Watts(budget.base_mw()),
                  Watts(budget.idle_mw()), Watts(budget.earmarked_mw()), Watts(budget.fault_reserve_mw()),
                  FormatDuration(Duration(budget.overage_ms())), state});
  }
  return table.Render(view);
}

std::string AlarmsView(const v1::ListAlarmsResponse& response, const View& view) {
  if (response.alarms().empty()) return "no alarms\n";
  // Not a table: an alarm says what to do, and that must not be cut.
  std::string text;
  for (const v1::Alarm& alarm : response.alarms()) {
    text += Toned(Harmless(alarm.kind()), Tone::kBad, view) + "  " +
            Toned(Harmless(alarm.subject()), Tone::kStrong, view) +
            fmt::format("  for {}\n", Age(alarm.since_utc_ms(), view));
    text += Paragraph(alarm.text(), 2, view);
  }
  return text;
}

std::string WhyNotRisingView(const v1::WhyNotRisingResponse& response, const View& view) {
  if (response.entries().empty()) return "nothing is blocked\n";
  std::string text;
  for (const v1::WhyNotRisingResponse::Entry& entry : response.entries()) {
    text += Toned(Harmless(entry.budget()), Tone::kStrong, view) +
            fmt::format("  headroom {}\n", Watts(entry.headroom_mw()));
    if (entry.blocked_by().empty()) text += Paragraph("only its cap: every other watt of it is in use", 2, view);
    for (const std::string& line : entry.blocked_by()) text += Paragraph(line, 2, view);
  }
  return text;
}

std::string PlansView(const v1::ListPlansResponse& response, const View& view) {
  if (response.plans().empty()) return "no open plans\n";
  std::string text;
  for (const v1::PlanStatus& plan : response.plans()) {
    text += Toned(fmt::format("plan {}", plan.id()), Tone::kStrong, view) +
            fmt::format("  for job {}, attempt {}, open for {}, times out in {}\n", plan.job(), plan.attempt(),
                        Age(plan.opened_utc_ms(), view), FormatDuration(Duration(plan.deadline_in_ms())));
    Table budgets({{"BUDGET"}, NumberColumn("NEEDED"), NumberColumn("EARMARKED"), NumberColumn("CAP")});
    for (const v1::BudgetUse& use : plan.budgets()) {
      const bool full = use.headroom_mw() >= use.needed_mw();
      budgets.AddRow({use.budget(), Watts(use.needed_mw()),
                      Cell(Watts(use.headroom_mw()), full ? Tone::kGood : Tone::kWarning), Watts(use.cap_mw())});
    }
    text += budgets.Render(view);
    if (plan.preparing() > 0)
      text += Paragraph(fmt::format("prepares: {} of {} task(s) are prepared", plan.prepared(), plan.tasks()), 2, view);
    for (const std::string& victim : plan.victims()) text += Paragraph("yields: " + victim, 2, view);
  }
  return text;
}

std::string TenantsView(const v1::ListTenantsResponse& response, const View& view) {
  if (response.tenants().empty()) return "no tenants\n";
  Table table({{"TENANT"},
               NumberColumn("WEIGHT"),
               NumberColumn("USED"),
               NumberColumn("QUOTA"),
               NumberColumn("BORROWED"),
               NumberColumn("GPUS USED"),
               NumberColumn("GPU QUOTA"),
               NumberColumn("RUNNING"),
               NumberColumn("PENDING"),
               NumberColumn("ENERGY"),
               NumberColumn("SPEND")});
  for (const v1::TenantStatus& tenant : response.tenants()) {
    table.AddRow({tenant.id(), fmt::format("{}", tenant.weight()), Watts(tenant.used_mw()),
                  Limit(Watts(tenant.quota_mw()), tenant.quota_mw()), Watts(tenant.borrowed_mw()),
                  GpuCount(tenant.used_gpu_milli()),
                  Limit(GpuCount(tenant.quota_gpu_milli()), tenant.quota_gpu_milli()),
                  fmt::format("{}", tenant.running_jobs()), fmt::format("{}", tenant.pending_jobs()),
                  FormatEnergy(Energy(tenant.energy_mj())), Money(tenant.spend_micro_usd())});
  }
  return table.Render(view);
}

std::string TenantView(const v1::TenantStatus& tenant, const View& view) {
  Record record;
  record.Add("tenant", tenant.id());
  record.Add("weight", fmt::format("{}", tenant.weight()));
  record.Add("watts", fmt::format("{} used, quota {}, {} borrowed", Watts(tenant.used_mw()),
                                  Limit(Watts(tenant.quota_mw()), tenant.quota_mw()), Watts(tenant.borrowed_mw())));
  record.Add("GPUs", fmt::format("{} used, quota {}", GpuCount(tenant.used_gpu_milli()),
                                 Limit(GpuCount(tenant.quota_gpu_milli()), tenant.quota_gpu_milli())));
  record.Add("jobs", fmt::format("{} running, {} pending", tenant.running_jobs(), tenant.pending_jobs()));
  record.Add("energy", FormatEnergy(Energy(tenant.energy_mj())) + " by finished tasks");
  record.Add("GPU time", fmt::format("{:.2f}GPU-h by finished tasks", static_cast<double>(tenant.gpu_ms()) / 3.6e6));
  record.Add("spend", Money(tenant.spend_micro_usd()));
  return record.Render(view);
}

std::string EventView(const v1::Event& event, const View& view) {
  const std::string line =
      Harmless(fmt::format("{}  {}  {}  {}", At(event.utc_ms()), event.kind(), event.subject(), event.text()));
  return (view.width == 0 ? line : Truncate(line, view.width)) + "\n";
}

}  // namespace switchyard::client::cli
