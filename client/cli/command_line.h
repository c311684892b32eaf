// The program `switchyard` but for its signals: parses the command line, runs the verb, and says how it went.
#ifndef SWITCHYARD_CLIENT_CLI_COMMAND_LINE_H_
#define SWITCHYARD_CLIENT_CLI_COMMAND_LINE_H_

#include <stop_token>
#include <string>

namespace switchyard::client::cli {

// Returns the exit code: 0 done, 1 the request failed, 2 usage error, 3 a wait ended in a failed job. `stop` ends what
// goes on.
int RunCommandLine(int argc, const char* const* argv, const std::string& version, std::stop_token stop);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_COMMAND_LINE_H_
