#include "simulation/runner/campaign.h"

#include <map>
#include <optional>
#include <utility>

#include "simulation/runner/seed_run.h"
#include "simulation/runner/workers.h"
#include "simulation/script/generate.h"

namespace switchyard::simulation {

Campaign RunCampaign(const CampaignOptions& options, const std::function<void(const SeedReport&)>& told) {
  Campaign campaign{.summary = Summary(ShapeOfTable()), .failures = {}};
  Workers workers(options.jobs);
  std::map<uint64_t, SeedReport> waiting;  // for a lower seed that still runs
  uint64_t next = options.first_seed, to_tell = options.first_seed;
  uint64_t end = options.first_seed + options.seeds;
  while (to_tell < end) {
    while (!workers.Full() && next < end) {
      const uint64_t seed = next++;
      workers.Start(seed, [&options, seed] { return ToJson(RunScript(Generate(seed, options.profile))); });
    }
    const WorkResult result = workers.Wait();
    SeedReport report = ReportOf(result.id, result);
    if (report.failed() && options.stop_at_first) end = std::min(end, report.seed + 1);
    waiting.emplace(report.seed, std::move(report));
    for (auto it = waiting.begin(); it != waiting.end() && it->first == to_tell && to_tell < end;
         it = waiting.erase(it), ++to_tell) {
      campaign.summary.Add(it->second);
      told(it->second);
      if (it->second.failed()) campaign.failures.push_back(std::move(it->second));
    }
  }
  return campaign;
}

namespace {

// The same check, and of the code's own checks the same line: "core.cc:12: check failed: ...".
std::string Kind(const SeedReport& report) {
  if (report.check != kCodeCheck) return report.check;
  return report.check + " " + report.verdict.substr(0, report.verdict.find(": check failed"));
}

}  // namespace

Shrunk ShrinkFailure(const Script& script, const SeedReport& report, int most_runs) {
  const Fails fails = [&](const Script& candidate) -> std::optional<MonoTime> {
    const SeedReport again = RunScriptAlone(candidate);
    if (Kind(again) != Kind(report)) return std::nullopt;  // another failure is another story
    return MonoTime(again.at_ms);
  };
  return Shrink(script, MonoTime(report.at_ms), fails, most_runs);
}

}  // namespace switchyard::simulation
