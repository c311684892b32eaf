// switchyard-referee: judges a run of a site from what was drawn, what the pool accepted and what the ranks wrote. It asks no
// scheduler and links nothing of it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/referee/verdict_json.h"

namespace switchyard::tools::referee {
namespace {

struct Flags {
  std::string site, shares, handovers, json;
  std::vector<std::string> draws, ranks;
  int64_t from_utc_ms = 0, to_utc_ms = 0, step_ms = 1000;
  bool describe = false;
};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

absl::Status JudgeDraws(const Flags& flags, const SitePlan& plan, DrawLog* log, Verdict* verdict) {
  absl::StatusOr<DrawLog> read = ReadDrawFiles(flags.draws, plan);
  if (!read.ok()) return read.status();
  *log = *std::move(read);
  if (log->draws.empty()) return absl::InvalidArgumentError("draw files: not one readable line; nothing can be judged");
  const int64_t from = std::max(flags.from_utc_ms, log->draws.front().utc_ms);
  const int64_t to = flags.to_utc_ms > 0 ? flags.to_utc_ms : log->draws.back().utc_ms;
  if (to <= from) return absl::InvalidArgumentError(fmt::format("span: {} to {} is empty; give a --to after --from", from, to));
  verdict->power = JudgePower(plan, *log, from, to, flags.step_ms);
  return absl::OkStatus();
}

absl::Status JudgeRecords(const Flags& flags, Verdict* verdict) {
  if (!flags.shares.empty()) {
    std::ifstream file(flags.shares);
    if (!file) return absl::NotFoundError(fmt::format("shares file \"{}\": cannot be opened; check the path", flags.shares));
    verdict->shares = AuditShares(file);
  }
  for (const std::string& path : flags.ranks) {
    absl::StatusOr<RankResult> rank = ReadRankResult(path);
    if (!rank.ok()) return rank.status();
    verdict->ranks.push_back(*std::move(rank));
  }
  if (flags.handovers.empty()) return absl::OkStatus();
  std::ifstream file(flags.handovers);
  if (!file) return absl::NotFoundError(fmt::format("hand-overs file \"{}\": cannot be opened; check the path", flags.handovers));
  const absl::StatusOr<Handovers> handovers = ReadHandovers(file);
  if (!handovers.ok()) return handovers.status();
  verdict->handovers = *handovers;
  return absl::OkStatus();
}

absl::Status Print(const Flags& flags, const std::string& json) {
  if (flags.json.empty()) {
    std::cout << json;
    return absl::OkStatus();
  }
  std::ofstream file(flags.json, std::ios::trunc);
  file << json;
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(fmt::format("output \"{}\": writing fails; check the path", flags.json));
}

absl::Status Run(const Flags& flags) {
  const absl::StatusOr<SitePlan> plan = ReadSitePlan(flags.site);
  if (!plan.ok()) return plan.status();
  if (flags.describe) return Print(flags, PlanJson(*plan));
  DrawLog log;
  Verdict verdict;
  if (!flags.draws.empty()) {
    if (absl::Status status = JudgeDraws(flags, *plan, &log, &verdict); !status.ok()) return status;
  }
  if (absl::Status status = JudgeRecords(flags, &verdict); !status.ok()) return status;
  return Print(flags, VerdictJson(verdict, log));
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Judges a run of a site by what was truly drawn, hashed and learnt. Exit 0: judged, whatever the verdict; 1: could not.",
               "switchyard-referee");
  app.set_version_flag("--version", "switchyard-referee " SWITCHYARD_VERSION);
  app.add_option("--site", flags.site, "the cluster's configuration file")->required();
  app.add_flag("--describe", flags.describe, "print budgets, loads and coefficients as understood, judge nothing");
  app.add_option("--draw", flags.draws, "files of true draw, one value a line");
  app.add_option("--shares", flags.shares, "the pool's file of accepted shares");
  app.add_option("--ranks", flags.ranks, "files that the ranks of a gang wrote at their end");
  app.add_option("--handovers", flags.handovers, "file of hand-overs, one JSON object a line");
  app.add_option("--from", flags.from_utc_ms, "judge the draw from here, UTC in milliseconds; default: the first line");
  app.add_option("--to", flags.to_utc_ms, "judge the draw until here; default: the last line");
  app.add_option("--step", flags.step_ms, "milliseconds of one point of the timeline")->check(CLI::Range(10, 3'600'000))->capture_default_str();
  app.add_option("--json", flags.json, "file for the findings; default: standard output");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::Status status = Run(flags);
  if (status.ok()) return 0;
  std::cerr << "switchyard-referee: " << Text(status) << "\n";
  return 1;
}

}  // namespace
}  // namespace switchyard::tools::referee

int main(int argc, char** argv) { return switchyard::tools::referee::Main(argc, argv); }
