// submit: job files to jobs.
#include <string>
#include <vector>

#include "client/cli/text.h"
#include "client/cli/verbs.h"
#include "client/cli/waiting.h"
#include "common/configuration/job_file.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

struct SubmitArguments {
  std::vector<std::string> files;
  std::vector<std::string> overrides;
  std::string key;
  bool wait = false;
};

// The jobs of all files, or the errors of all files.
absl::StatusOr<v1::SubmitRequest> ReadFiles(const SubmitArguments& arguments) {
  v1::SubmitRequest request;
  request.set_idempotency_key(arguments.key);
  std::vector<std::string> errors;
  for (const std::string& file : arguments.files) {
    absl::StatusOr<std::vector<v1::JobSpec>> jobs = configuration::LoadJobFile(file, arguments.overrides);
    if (!jobs.ok()) {
      errors.emplace_back(jobs.status().message());
      continue;
    }
    for (v1::JobSpec& job : *jobs) *request.add_jobs() = std::move(job);
  }
  if (!errors.empty()) return absl::InvalidArgumentError(fmt::format("{}", fmt::join(errors, "\n")));
  return request;
}

absl::StatusOr<int> Submit(const SubmitArguments& arguments, VerbContext& context) {
  const absl::StatusOr<v1::SubmitRequest> request = ReadFiles(arguments);
  if (!request.ok()) return request.status();
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::SubmitResponse> response = (*client)->Submit(*request);
  if (!response.ok()) return response.status();
  // For a person the ids come at once; for a program there is one document, and with --wait that is of the jobs' end.
  if (!arguments.wait || !context.output().for_program()) {
    context.output().Print(*response,
                           [&](const View&) { return fmt::format("{}\n", fmt::join(response->job_ids(), "\n")); });
  }
  if (!arguments.wait) return kExitDone;
  WaitOptions options;
  options.at_least = response->store_revision();
  return WaitAndReport(context, {response->job_ids().begin(), response->job_ids().end()}, options);
}

}  // namespace

void RegisterSubmitVerb(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<SubmitArguments>();
  CLI::App* verb =
      app.add_subcommand("submit", "Submit the jobs of one or more files, all or none, and print their ids");
  verb->add_option("FILE", arguments->files, "Job files, one YAML document a job; - for standard input")->required();
  verb->add_flag("--wait", arguments->wait, "Wait until the jobs have ended; exit code 3 if one failed");
  verb->add_option("--key", arguments->key,
                   "Idempotency key: the same key and files never make the jobs twice; default random");
  verb->add_option("--set", arguments->overrides,
                   "Override path=value in every document, e.g. resources.gpus=8; repeatable")
      ->expected(1)
      ->take_all();
  verb->callback(
      [arguments, action] { *action = [arguments](VerbContext& context) { return Submit(*arguments, context); }; });
}

}  // namespace switchyard::client::cli
