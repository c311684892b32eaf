#include "client/cli/waiting.h"

#include <cstdio>
#include <map>
#include <string>

#include "client/cli/job_view.h"
#include "client/cli/text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {

bool WaitedInVain(v1::JobState state, v1::JobState until) {
  if (!IsTerminal(state)) return false;
  if (until == v1::FAILED || until == v1::CANCELLED) return state != until;
  return state != v1::SUCCEEDED;
}

absl::StatusOr<int> WaitAndReport(VerbContext& context, const std::vector<uint64_t>& ids, WaitOptions options) {
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  std::map<uint64_t, std::string> shown;
  options.on_change = [&](const v1::Job& job) {
    const std::string reason = JobReason(job);
    const std::string line =
        fmt::format("job {}: {}{}{}", job.id(), Word(job.state()), reason.empty() ? "" : ": ", reason);
    if (std::exchange(shown[job.id()], line) != line) context.Progress(line);
  };
  const absl::StatusOr<std::vector<v1::Job>> jobs = (*client)->Wait(ids, options);
  if (!jobs.ok()) return jobs.status();
  v1::ListJobsResponse response;
  int exit_code = kExitDone;
  for (const v1::Job& job : *jobs) {
    *response.add_jobs() = job;
    if (!WaitedInVain(job.state(), options.until)) continue;
    exit_code = kExitJobFailed;
    std::fprintf(stderr, "%s\n",
                 Harmless(fmt::format("job \"{}\": {}: {}", job.id(), Word(job.state()),
                                      job.reason().empty() ? "no reason given" : job.reason()))
                     .c_str());
  }
  context.output().Print(response, [&](const View& view) { return JobsView(response, view); });
  return exit_code;
}

}  // namespace switchyard::client::cli
