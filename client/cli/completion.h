// Shell completion: a script made from the very command line that it completes, so that no verb is ever missing in it.
#ifndef SWITCHYARD_CLIENT_CLI_COMPLETION_H_
#define SWITCHYARD_CLIENT_CLI_COMPLETION_H_

#include <CLI/CLI.hpp>
#include <string>

namespace switchyard::client::cli {

// `shell` is "bash" or "zsh". The script completes verbs, their options, the values of options that are words, and
// files.
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_COMPLETION_H_
