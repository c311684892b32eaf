#include "simulation/runner/options.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "common/platform/program.h"
#include "simulation/script/recipe.h"

namespace switchyard::simulation {
namespace {

constexpr int kUsageError = 2;

constexpr char kFooter[] =
    "Exit status: 0 no check failed; 1 one did (with --mutation that is the hope: it was caught), and the shrunk seed "
    "is printed; 2 usage.\n"
    "A kept script runs with --script FILE; docs/testing.md says how to read one.";

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv, int* exit_code) {
  Options options;
  CampaignOptions& campaign = options.campaign;
  CLI::App app(
      "switchyard-sim: runs the scheduler's and the agents' hearts through years of faults in virtual time, and checks "
      "every promise.",
      "switchyard-sim");
  app.footer(kFooter);
  app.set_version_flag("--version", platform::VersionText("switchyard-sim"));
  app.add_option("--seeds", campaign.seeds, "how many seeds to run")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--first-seed", campaign.first_seed, "the first of them")->capture_default_str();
  CLI::Option* const profile = app.add_option(
      "--profile", campaign.profile, "the situation that scripts are rich in; default: everything, in moderation");
  app.add_option("--mutation", options.mutation,
                 "breaks one rule of the protocol, and stops at the first seed that shows it and holds without it; its "
                 "profile is the default");
  app.add_option("--script", options.script, "runs this script instead of seeds");
  app.add_option("--jobs", campaign.jobs, "processes at a time")->capture_default_str()->check(CLI::Range(1, 256));
  app.add_option("--json", options.json, "file that gets the figures");
  app.add_option("--shrink-runs", options.shrink_runs, "how many runs shrinking a failure may take; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 100'000));
  app.add_option("--keep", options.keep, "file that gets the shrunk script");
  app.add_flag("--stop-at-first", campaign.stop_at_first, "runs no seed above the first that fails");
  app.add_flag("--quiet", options.quiet, "prints the end alone");
  CLI::Option_group* const instead = app.add_option_group("instead of running");
  instead->add_flag("--print-script", options.print_script, "prints the script of --first-seed");
  instead->add_flag("--list-mutations", options.list_mutations, "a line each: name, profile, what it breaks");
  instead->add_flag("--list-profiles", options.list_profiles, "a line each: name, situation");
  instead->require_option(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error) == 0 ? 0 : kUsageError;
    return std::nullopt;
  }
  options.profile_given = profile->count() > 0;
  if (FindRecipe(campaign.profile) == nullptr) {
    std::cerr << "switchyard-sim: profile \"" << campaign.profile
              << "\": not known, --list-profiles prints those that are; choose one\n";
    *exit_code = kUsageError;
    return std::nullopt;
  }
  return options;
}

}  // namespace switchyard::simulation
