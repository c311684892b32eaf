// What a verb has at hand when it runs: the connection, standard output, and whether the user has asked it to stop.
#ifndef SWITCHYARD_CLIENT_CLI_VERB_CONTEXT_H_
#define SWITCHYARD_CLIENT_CLI_VERB_CONTEXT_H_

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/output.h"
#include "client/client.h"

namespace switchyard::client::cli {

// The exit codes that scripts rely on.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;     // the request failed; the reason is on standard error
inline constexpr int kExitUsage = 2;      // the command line is wrong
inline constexpr int kExitJobFailed = 3;  // a wait ended in a failed job

// What stands before or after the verb.
struct GlobalArguments {
  std::string server;
  std::string config_file;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  bool insecure_loopback = false;
  std::string call_timeout;
  std::string format = "table";
  std::string log_level = "warning";
};

class VerbContext {
 public:
  VerbContext(const GlobalArguments& arguments, Format format, std::stop_token stop);

  Output& output() { return output_; }
  const std::stop_token& stop() const { return stop_; }
  // Connects on first use: verbs that need no scheduler never look for one.
  absl::StatusOr<Client*> Connect();
  // A line on standard error about work that takes its time: only where a person is watching, or with --log-level info.
  void Progress(const std::string& line) const;

 private:
  const GlobalArguments& arguments_;
  const std::stop_token stop_;
  Output output_;
  std::unique_ptr<Client> client_;
};

// Runs a verb after the command line has been understood; returns the exit code.
using Action = std::function<absl::StatusOr<int>(VerbContext&)>;

// Prints the answer, or hands the error on: how most verbs end.
template <typename Message>
absl::StatusOr<int> Answer(VerbContext& context, const absl::StatusOr<Message>& response,
                           std::string (*text)(const Message&, const View&)) {
  if (!response.ok()) return response.status();
  context.output().Print(*response, [&](const View& view) { return text(*response, view); });
  return kExitDone;
}

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_VERB_CONTEXT_H_
