// jobs, job, cancel, wait, explain, logs: for those who run jobs.
#include <string>
#include <vector>

#include "client/cli/job_view.h"
#include "client/cli/text.h"
#include "client/cli/verbs.h"
#include "client/cli/waiting.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

struct JobsArguments {
  std::string state;
  std::string tenant;
  std::string kind;
  size_t limit = 0;
};

void RegisterJobs(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<JobsArguments>();
  CLI::App* verb = app.add_subcommand("jobs", "List jobs, newest first");
  verb->add_option("--state", arguments->state, "Only jobs in this state, e.g. pending");
  verb->add_option("--tenant", arguments->tenant, "Only jobs of this tenant");
  verb->add_option("--kind", arguments->kind, "Only hashing, training or inference");
  verb->add_option("--limit", arguments->limit, "At most so many jobs; default all");
  verb->callback([arguments, action] {
    v1::ListJobsRequest request;
    if (!arguments->state.empty()) request.set_state(UsageValue(ParseWord<v1::JobState>("state", arguments->state)));
    if (!arguments->kind.empty()) request.set_kind(UsageValue(ParseWord<v1::JobKind>("kind", arguments->kind)));
    request.set_tenant(arguments->tenant);
    *action = [request, limit = arguments->limit](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->ListJobs(request, limit), JobsView);
    };
  });
}

void RegisterJob(CLI::App& app, Action* action) {
  auto id = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("job", "Show one job with its tasks");
  verb->add_option("ID", *id, "The job, e.g. 17")->required();
  verb->callback([id, action] {
    *action = [job = UsageValue(ParseJobId(*id))](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->GetJob(job), JobView);
    };
  });
}

void RegisterExplain(CLI::App& app, Action* action) {
  auto id = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("explain", "Why a job waits, or where it runs and why there");
  verb->add_option("ID", *id, "The job, e.g. 17")->required();
  verb->callback([id, action] {
    *action = [job = UsageValue(ParseJobId(*id))](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      return Answer(context, (*client)->Explain(job), ExplainView);
    };
  });
}

void RegisterCancel(CLI::App& app, Action* action) {
  auto texts = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("cancel", "Cancel jobs, all or none");
  verb->add_option("ID", *texts, "Jobs, e.g. 17 18")->required();
  verb->callback([texts, action] {
    *action = [ids = UsageValue(ParseJobIds(*texts))](VerbContext& context) -> absl::StatusOr<int> {
      const absl::StatusOr<Client*> client = context.Connect();
      if (!client.ok()) return client.status();
      v1::CancelRequest request;
      request.mutable_ids()->Add(ids.begin(), ids.end());
      const absl::StatusOr<v1::CancelResponse> response = (*client)->Cancel(request);
      if (!response.ok()) return response.status();
      context.output().Print(*response,
                             [&](const View&) { return fmt::format("cancelled {}\n", fmt::join(ids, ", ")); });
      return kExitDone;
    };
  });
}

struct WaitArguments {
  std::vector<std::string> ids;
  std::string until;
  std::string timeout;
};

void RegisterWait(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<WaitArguments>();
  CLI::App* verb =
      app.add_subcommand("wait", "Wait until jobs have ended or reached a state; exit code 3 if one failed");
  verb->add_option("ID", arguments->ids, "Jobs, e.g. 17 18")->required();
  verb->add_option("--for", arguments->until, "The state to wait for, e.g. running; default: until ended");
  verb->add_option("--timeout", arguments->timeout, "Give up after this long, e.g. 5m; default never");
  verb->callback([arguments, action] {
    WaitOptions options;
    if (!arguments->until.empty()) options.until = UsageValue(ParseWord<v1::JobState>("state", arguments->until));
    if (!arguments->timeout.empty()) options.timeout = UsageValue(ParseDuration(arguments->timeout));
    *action = [ids = UsageValue(ParseJobIds(arguments->ids)), options](VerbContext& context) {
      return WaitAndReport(context, ids, options);
    };
  });
}

// Bytes of tasks go out as they came, errors to standard error: `switchyard logs` in a pipe is the task in a pipe.
absl::StatusOr<int> PrintLogs(const v1::StreamLogsRequest& request, VerbContext& context) {
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  Output& output = context.output();
  ItemStream items(output, request.follow());
  const absl::Status status = (*client)->Logs(request, [&](const v1::LogChunk& chunk) {
    if (output.for_program()) return items.Print(chunk, [](const View&) { return std::string(); });
    std::FILE* stream = chunk.is_stderr() ? stderr : stdout;
    std::fwrite(chunk.data().data(), 1, chunk.data().size(), stream);
    std::fflush(stream);
    return output.healthy();
  });
  items.End();
  if (!status.ok() && !(request.follow() && context.stop().stop_requested())) return status;
  return kExitDone;
}

struct LogsArguments {
  std::string target;
  bool follow = false;
  int tail = 0;
};

void RegisterLogs(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<LogsArguments>();
  CLI::App* verb = app.add_subcommand("logs", "Print what a task writes, live through its agent");
  verb->add_option("ID[/TASK]", arguments->target, "A job, or a task of it: 17, 17/2, 17/worker/2")->required();
  verb->add_flag("-f,--follow", arguments->follow, "Go on until the task ends");
  verb->add_option("--tail", arguments->tail, "Only the last so many lines of what is kept")
      ->check(CLI::Range(1, 100'000));
  verb->callback([arguments, action] {
    v1::StreamLogsRequest request = UsageValue(ParseLogTarget(arguments->target));
    request.set_follow(arguments->follow);
    request.set_tail_lines(arguments->tail);
    *action = [request](VerbContext& context) { return PrintLogs(request, context); };
  });
}

}  // namespace

void RegisterJobVerbs(CLI::App& app, Action* action) {
  RegisterJobs(app, action);
  RegisterJob(app, action);
  RegisterCancel(app, action);
  RegisterWait(app, action);
  RegisterExplain(app, action);
  RegisterLogs(app, action);
}

}  // namespace switchyard::client::cli
