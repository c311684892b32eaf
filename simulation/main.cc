// switchyard-sim, the fault simulation.
#include <chrono>
#include <fstream>
#include <iostream>
#include <sstream>

#include "common/check.h"
#include "common/faults/faults.h"
#include "common/platform/files.h"
#include "fmt/format.h"
#include "simulation/runner/campaign.h"
#include "simulation/runner/options.h"
#include "simulation/runner/seed_run.h"
#include "simulation/script/generate.h"
#include "simulation/script/recipe.h"
#include "simulation/script/script_text.h"

namespace switchyard::simulation {
namespace {

constexpr int kUsageError = 2;

class Stopwatch {
 public:
  double Seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

 private:
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

int Fail(const std::string& message) {
  std::cerr << "switchyard-sim: " << message << "\n";
  return kUsageError;
}

std::string Seconds3(int64_t ms) { return fmt::format("{}.{:03}s", ms / 1000, ms % 1000); }

std::string Story(const SeedReport& report) {
  return fmt::format("seed {} fails {} at {}: {}", report.seed, report.check, Seconds3(report.at_ms), report.verdict);
}

int List(const Options& options) {
  if (options.list_profiles) {
    for (const Recipe& recipe : Recipes())
      std::cout << fmt::format("{:20} {}\n", recipe.name.empty() ? "(none)" : recipe.name, recipe.situation);
  } else {
    for (const faults::MutationInfo& mutation : faults::Mutations()) {
      std::cout << fmt::format("{:40} {:20} {}\n", mutation.name, mutation.profile, mutation.sentence);
    }
  }
  return 0;
}

// Makes the mutation the active one; its profile is the default.
absl::Status Mutate(Options* options) {
  if (options->mutation.empty()) return absl::OkStatus();
  if (absl::Status activated = faults::Activate(options->mutation); !activated.ok()) return activated;
  options->campaign.stop_at_first = true;
  if (options->profile_given) return absl::OkStatus();
  for (const faults::MutationInfo& mutation : faults::Mutations()) {
    if (options->mutation == mutation.name) options->campaign.profile = mutation.profile;
  }
  if (FindRecipe(options->campaign.profile) != nullptr) return absl::OkStatus();
  return absl::InternalError("mutation \"" + options->mutation + "\": names profile \"" + options->campaign.profile +
                             "\", which there is not");
}

void PrintShrunk(const Options& options, const Script& script, const SeedReport& report) {
  if (options.shrink_runs == 0) return;
  const Shrunk shrunk = ShrinkFailure(script, report, options.shrink_runs);
  const SeedReport again = RunScriptAlone(shrunk.script);
  std::cout << fmt::format(
      "shrunk from {} deeds over {} nodes to {} over {} in {} runs{}; it {}\n", script.deeds.size(),
      script.configuration.nodes_size(), shrunk.script.deeds.size(), shrunk.script.configuration.nodes_size(),
      shrunk.runs, shrunk.finished ? "" : " (not finished)",
      again.failed() ? Story(again) : "does not fail again: a run that is not deterministic is a failure of its own");
  const std::string text = fmt::format("# {}\n# {}\n", again.check, again.verdict) + PrintScript(shrunk.script);
  if (options.keep.empty()) {
    std::cout << text;
    return;
  }
  std::ofstream(options.keep) << text;
  std::cout << "kept as " << options.keep << "\n";
}

// By a figure that a run of everyday seeds promises, or the table.
std::vector<std::string> BrokenPromises(const Options& options, const Summary& summary) {
  std::vector<std::string> broken;
  if (!options.campaign.profile.empty()) return broken;
  broken = summary.TableProblems(/*whole=*/summary.seeds() >= kSeedsThatFillTheTable);
  // One seed may be poor or in trouble for long; a hundred are not.
  constexpr uint64_t kSeedsThatTell = 100;
  if (summary.seeds() < kSeedsThatTell) return broken;
  if (summary.StartsPerSeed() < kFewestStartsPerSeed) broken.push_back("starts per seed: below the floor");
  if (summary.ExceptionShare() > kMostExceptionShare) broken.push_back("time within W's exceptions: above the ceiling");
  return broken;
}

// The first seed that fails under the mutation and holds without it: a seed that fails anyway proves nothing.
int RunMutation(const Options& options) {
  const Stopwatch began;
  CampaignOptions rest = options.campaign;
  const uint64_t end = rest.first_seed + rest.seeds;
  uint64_t reached = 0, fail_anyway = 0;
  while (rest.first_seed < end) {
    rest.seeds = end - rest.first_seed;
    const Campaign campaign = RunCampaign(rest, [](const SeedReport&) {});
    reached += campaign.summary.reached();
    // Of the stretch after the last seed that fails anyway.
    if (!options.json.empty()) std::ofstream(options.json) << campaign.summary.Json(began.Seconds(), campaign.failures);
    if (campaign.failures.empty()) break;
    const SeedReport& caught = campaign.failures.front();
    SWITCHYARD_CHECK(faults::Activate("none").ok());
    const bool holds = !RunScriptAlone(Generate(caught.seed, rest.profile)).failed();
    SWITCHYARD_CHECK(faults::Activate(options.mutation).ok());
    if (holds) {
      std::cout << fmt::format("mutation {}: caught at seed {} of profile \"{}\" by {} at {}: {}\n", options.mutation,
                               caught.seed, rest.profile, caught.check, Seconds3(caught.at_ms), caught.verdict);
      return 1;
    }
    ++fail_anyway;
    rest.first_seed = caught.seed + 1;
  }
  std::cout << fmt::format("mutation {}: not caught within {} seeds of profile \"{}\"{}; its hook was asked {} times\n",
                           options.mutation, options.campaign.seeds, rest.profile,
                           fail_anyway == 0 ? "" : fmt::format(", of which {} fail without it as well", fail_anyway),
                           reached);
  return 0;
}

int RunSeeds(const Options& options) {
  const Stopwatch began;
  const Campaign campaign = RunCampaign(options.campaign, [&](const SeedReport& report) {
    if (options.quiet) return;
    if (report.failed()) {
      std::cout << Story(report) << "\n";
    } else if (options.campaign.seeds <= 20) {
      std::cout << fmt::format("seed {} holds: {} starts, {} batches, {:.3f} core-seconds, digest {:016x}\n",
                               report.seed, report.starts, report.batches, static_cast<double>(report.cpu_us) / 1e6,
                               report.digest);
    }
  });
  const double wall = began.Seconds();
  const Summary& summary = campaign.summary;
  if (!options.json.empty()) std::ofstream(options.json) << summary.Json(wall, campaign.failures);

  summary.Print(wall, std::cout);
  const std::vector<std::string> broken = BrokenPromises(options, summary);
  for (const std::string& problem : broken) std::cout << "BROKEN " << problem << "\n";
  if (campaign.failures.empty()) return broken.empty() ? 0 : 1;
  const SeedReport& first = campaign.failures.front();
  std::cout << Story(first) << "\n";
  PrintShrunk(options, Generate(first.seed, options.campaign.profile), first);
  return 1;
}

int RunFile(const Options& options) {
  const absl::StatusOr<std::string> text = platform::ReadFile(options.script);
  if (!text.ok()) return Fail(std::string(text.status().message()));
  const absl::StatusOr<Script> script = ParseScript(*text);
  if (!script.ok()) return Fail(options.script + ": " + std::string(script.status().message()));
  const SeedReport report = RunScriptAlone(*script);
  if (!options.json.empty()) std::ofstream(options.json) << ToJson(report) << "\n";
  if (!report.failed()) {
    std::cout << fmt::format("{} holds: {} starts, {} batches, digest {:016x}\n", options.script, report.starts,
                             report.batches, report.digest);
    return 0;
  }
  std::cout << Story(report) << "\n";
  if (!options.keep.empty()) PrintShrunk(options, *script, report);
  return 1;
}

int Main(int argc, char** argv) {
  int exit_code = 0;
  std::optional<Options> options = ParseOptions(argc, argv, &exit_code);
  if (!options.has_value()) return exit_code;
  if (options->list_mutations || options->list_profiles) return List(*options);
  if (absl::Status mutated = Mutate(&*options); !mutated.ok()) return Fail(std::string(mutated.message()));
  if (options->print_script) {
    std::cout << PrintScript(Generate(options->campaign.first_seed, options->campaign.profile));
    return 0;
  }
  if (!options->script.empty()) return RunFile(*options);
  return options->mutation.empty() ? RunSeeds(*options) : RunMutation(*options);
}

}  // namespace
}  // namespace switchyard::simulation

int main(int argc, char** argv) { return switchyard::simulation::Main(argc, argv); }
