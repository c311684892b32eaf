// events and top: what goes on now.
#include <string>

#include "client/cli/power_view.h"
#include "client/cli/text.h"
#include "client/cli/top_view.h"
#include "client/cli/verbs.h"
#include "client/retry.h"
#include "common/quantity_text.h"

namespace switchyard::client::cli {
namespace {

constexpr int kTopJobs = 100;  // more than any screen has lines

struct EventsArguments {
  bool follow = false;
  std::string since;
  int limit = 0;
};

absl::StatusOr<int> PrintEvents(const EventsArguments& arguments, VerbContext& context) {
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  v1::StreamEventsRequest request;
  request.set_follow(arguments.follow);
  request.set_limit(arguments.limit);
  if (!arguments.since.empty()) {
    const absl::StatusOr<int64_t> since = ParseSince(arguments.since, context.output().view().now_utc_ms);
    if (!since.ok()) return since.status();
    request.set_since_utc_ms(*since);
  }
  ItemStream items(context.output(), arguments.follow);
  const absl::Status status = (*client)->Events(request, [&](const v1::Event& event) {
    return items.Print(event, [&](const View& view) { return EventView(event, view); });
  });
  if (status.ok() || (arguments.follow && context.stop().stop_requested())) {
    items.End();
    return kExitDone;
  }
  return status;
}

void RegisterEvents(CLI::App& app, Action* action) {
  auto arguments = std::make_shared<EventsArguments>();
  CLI::App* verb = app.add_subcommand("events", "List what happened");
  verb->add_flag("-f,--follow", arguments->follow, "Go on with what happens");
  verb->add_option("--since", arguments->since,
                   "A span or a time: 2h, 2026-11-23T03:40:17Z; default all kept, with -f from now");
  verb->add_option("--limit", arguments->limit, "At most so many of the kept ones; default 1,000")
      ->check(CLI::Range(1, 10'000));
  verb->callback([arguments, action] {
    if (!arguments->since.empty()) UsageValue(ParseSince(arguments->since, 0));
    *action = [arguments](VerbContext& context) { return PrintEvents(*arguments, context); };
  });
}

absl::StatusOr<TopFrame> FetchFrame(Client& client) {
  TopFrame frame;
  absl::StatusOr<v1::ListSitesResponse> sites = client.ListSites();
  if (!sites.ok()) return sites.status();
  absl::StatusOr<v1::ListBudgetsResponse> budgets = client.ListBudgets();
  if (!budgets.ok()) return budgets.status();
  absl::StatusOr<v1::ListAlarmsResponse> alarms = client.ListAlarms();
  if (!alarms.ok()) return alarms.status();
  v1::ListJobsRequest newest;
  newest.set_page_size(kTopJobs);
  absl::StatusOr<v1::ListJobsResponse> jobs = client.ListJobsPage(newest);
  if (!jobs.ok()) return jobs.status();
  frame.sites = *std::move(sites);
  frame.budgets = *std::move(budgets);
  frame.alarms = *std::move(alarms);
  frame.jobs = *std::move(jobs);
  return frame;
}

absl::StatusOr<int> Top(Duration interval, VerbContext& context) {
  const absl::StatusOr<Client*> client = context.Connect();
  if (!client.ok()) return client.status();
  Output& output = context.output();
  absl::StatusOr<TopFrame> frame = FetchFrame(**client);
  if (!frame.ok()) return frame.status();
  if (output.for_program()) {
    output.PrintJson(TopJson(*frame));
    return kExitDone;
  }
  if (!output.terminal().is_terminal) {
    output.PrintText(TopView(*frame, output.view()));
    return kExitDone;
  }
  Screen screen;
  while (output.healthy()) {
    output.set_terminal(LookAtTerminal());
    screen.Draw(TopView(*frame, output.view()), output.terminal().height);
    if (!SleepFor(interval, context.stop())) return kExitDone;
    frame = FetchFrame(**client);
    if (context.stop().stop_requested()) return kExitDone;
    if (!frame.ok()) return frame.status();
  }
  return kExitDone;
}

void RegisterTop(CLI::App& app, Action* action) {
  auto interval = std::make_shared<std::string>("1s");
  CLI::App* verb =
      app.add_subcommand("top", "Live view of sites, budgets, alarms and jobs; one frame where output is no terminal");
  verb->add_option("--interval", *interval, "Time between two frames; default 1s");
  verb->callback([interval, action] {
    *action = [span = UsageValue(ParseDuration(*interval))](VerbContext& context) { return Top(span, context); };
  });
}

}  // namespace

void RegisterLiveVerbs(CLI::App& app, Action* action) {
  RegisterEvents(app, action);
  RegisterTop(app, action);
}

}  // namespace switchyard::client::cli
