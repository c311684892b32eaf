#include "simulation/runner/summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::simulation {
namespace {

double Ratio(double value, double by) { return by > 0 ? value / by : 0; }

}  // namespace

void Summary::Add(const SeedReport& report) {
  fewest_starts_ = seeds_ == 0 ? report.starts : std::min(fewest_starts_, report.starts);
  ++seeds_;
  failed_ += report.failed() ? 1 : 0;
  reached_ += report.reached;
  cpu_us_ += report.cpu_us;
  worst_cpu_us_ = std::max(worst_cpu_us_, report.cpu_us);
  starts_ += report.starts;
  exception_ms_ += report.exception_ms;
  simulated_ms_ += report.simulated_ms;
  leaders_ += report.leaders;
  batches_ += report.batches;
  commands_ += report.commands;
  messages_ += report.messages;
  for (const auto& [cell, count] : report.strikes) strikes_[cell] += count;
  for (const auto& [cause, use] : report.allowances) {
    AllowanceUse& sum = allowances_[cause];
    sum.times += use.times;
    sum.most_mw = std::max(sum.most_mw, use.most_mw);
  }
}

double Summary::CoreSecondsPerSeed() const {
  return Ratio(static_cast<double>(cpu_us_) / 1e6, static_cast<double>(seeds_));
}
double Summary::StartsPerSeed() const { return Ratio(static_cast<double>(starts_), static_cast<double>(seeds_)); }
double Summary::ExceptionShare() const {
  return Ratio(static_cast<double>(exception_ms_), static_cast<double>(simulated_ms_));
}

const ImpossibleCell* Summary::Impossible(const std::string& fault, const std::string& state) const {
  for (const ImpossibleCell& cell : shape_.impossible) {
    if ((cell.fault == fault || cell.fault == "*") && (cell.state == state || cell.state == "*")) return &cell;
  }
  return nullptr;
}

std::vector<std::string> Summary::TableProblems(bool whole) const {
  std::vector<std::string> problems;
  for (const std::string& fault : shape_.faults) {
    for (const std::string& state : shape_.states) {
      const ImpossibleCell* impossible = Impossible(fault, state);
      const bool struck = strikes_.contains({fault, state});
      if (impossible != nullptr && struck) {
        problems.push_back(
            fmt::format("{} in {}: struck, but listed as impossible ({})", fault, state, impossible->reason));
      } else if (impossible == nullptr && !struck && whole) {
        problems.push_back(fmt::format("{} in {}: never struck, and not listed as impossible", fault, state));
      }
    }
  }
  return problems;
}

void Summary::PrintTable(std::ostream& out) const {
  out << "faults by the state of the node that they struck (columns); '-' cannot be, '.' was not struck\n";
  for (size_t s = 0; s < shape_.states.size(); ++s) out << fmt::format("  {:2} {}\n", s + 1, shape_.states[s]);
  out << fmt::format("{:20}", "");
  for (size_t s = 0; s < shape_.states.size(); ++s) out << fmt::format("{:>6}", s + 1);
  out << "\n";
  for (const std::string& fault : shape_.faults) {
    out << fmt::format("{:20}", fault);
    for (const std::string& state : shape_.states) {
      const auto found = strikes_.find({fault, state});
      const std::string cell = found != strikes_.end()               ? std::to_string(found->second)
                               : Impossible(fault, state) != nullptr ? "-"
                                                                     : ".";
      out << fmt::format("{:>6}", cell);
    }
    out << "\n";
  }
}

void Summary::Print(double wall_seconds, std::ostream& out) const {
  PrintTable(out);
  out << "watts above the ledger, each within the allowance of an injected fault:\n";
  if (allowances_.empty()) out << "  none\n";
  for (const auto& [cause, use] : allowances_) {
    out << fmt::format("  {:20} {:8} times, at most {}\n", cause, use.times, FormatPower(Milliwatts(use.most_mw)));
  }
  const auto seeds = static_cast<double>(seeds_);
  out << fmt::format("{} seeds, {} failed; {:.1f} seeds a second; {} simulated hours\n", seeds_, failed_,
                     Ratio(seeds, wall_seconds), simulated_ms_ / 3'600'000);
  out << fmt::format("core-seconds per seed  {:.3f} (ceiling {:.2f}), worst {:.3f}\n", CoreSecondsPerSeed(),
                     kMostCoreSecondsPerSeed, static_cast<double>(worst_cpu_us_) / 1e6);
  out << fmt::format("starts per seed        {:.1f} (floor {:.0f}), fewest {}\n", StartsPerSeed(), kFewestStartsPerSeed,
                     fewest_starts_);
  out << fmt::format("within W's exceptions  {:.1f} % of the time (ceiling {:.0f} %)\n", 100 * ExceptionShare(),
                     100 * kMostExceptionShare);
  out << fmt::format(
      "per seed               {:.1f} scheduler starts, {:.0f} batches, {:.0f} commands, {:.0f} messages\n",
      Ratio(static_cast<double>(leaders_), seeds), Ratio(static_cast<double>(batches_), seeds),
      Ratio(static_cast<double>(commands_), seeds), Ratio(static_cast<double>(messages_), seeds));
}

std::string Summary::Json(double wall_seconds, const std::vector<SeedReport>& failures) const {
  nlohmann::ordered_json json = {{"seeds", seeds_},
                                 {"failed", failed_},
                                 {"seeds_per_second", Ratio(static_cast<double>(seeds_), wall_seconds)},
                                 {"core_seconds_per_seed", CoreSecondsPerSeed()},
                                 {"core_seconds_worst", static_cast<double>(worst_cpu_us_) / 1e6},
                                 {"starts_per_seed", StartsPerSeed()},
                                 {"starts_fewest", fewest_starts_},
                                 {"exception_share", ExceptionShare()},
                                 {"simulated_ms", simulated_ms_},
                                 {"batches", batches_},
                                 {"commands", commands_},
                                 {"messages", messages_},
                                 {"scheduler_starts", leaders_},
                                 {"mutation_reached", reached_}};
  json["strikes"] = nlohmann::ordered_json::array();
  for (const std::string& fault : shape_.faults) {
    for (const std::string& state : shape_.states) {
      const auto found = strikes_.find({fault, state});
      const ImpossibleCell* impossible = Impossible(fault, state);
      nlohmann::ordered_json cell = {
          {"fault", fault}, {"state", state}, {"times", found == strikes_.end() ? 0 : found->second}};
      if (impossible != nullptr) cell["impossible"] = impossible->reason;
      json["strikes"].push_back(std::move(cell));
    }
  }
  json["allowances"] = nlohmann::ordered_json::array();
  for (const auto& [cause, use] : allowances_)
    json["allowances"].push_back({{"fault", cause}, {"times", use.times}, {"most_mw", use.most_mw}});
  json["failures"] = nlohmann::ordered_json::array();
  for (const SeedReport& failure : failures) json["failures"].push_back(nlohmann::ordered_json::parse(ToJson(failure)));
  return json.dump(2) + "\n";
}

}  // namespace switchyard::simulation
