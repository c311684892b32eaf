// The verbs, registered one topic a file. A registration describes the verb's arguments to the parser; parsing sets
// `action`, which runs once the whole command line is known to be good.
#ifndef SWITCHYARD_CLIENT_CLI_VERBS_H_
#define SWITCHYARD_CLIENT_CLI_VERBS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/verb_context.h"

namespace switchyard::client::cli {

void RegisterSubmitVerb(CLI::App& app, Action* action);  // submit
void RegisterJobVerbs(CLI::App& app, Action* action);    // jobs job cancel wait explain logs
void RegisterNodeVerbs(CLI::App& app, Action* action);   // nodes node cordon uncordon drain undrain token
void RegisterStrayVerbs(CLI::App& app, Action* action);  // orphans orphan quarantine
void RegisterPowerVerbs(CLI::App& app,
                        Action* action);                // sites site budgets alarms why-not-rising plans tenants tenant
void RegisterLiveVerbs(CLI::App& app, Action* action);  // events top
void RegisterLocalVerbs(CLI::App& app, Action* action);  // check completion

// A usage error (exit code 2) with the words of `status`, from within a verb's parse callback.
template <typename Value>
Value UsageValue(const absl::StatusOr<Value>& value) {
  if (!value.ok()) throw CLI::ValidationError(std::string(value.status().message()), CLI::ExitCodes::ValidationError);
  return *value;
}

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_VERBS_H_
