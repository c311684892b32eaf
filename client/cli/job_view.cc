#include "client/cli/job_view.h"

#include <set>

#include "client/cli/text.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

constexpr int kDevicesShown = 4;  // of a task; more only widen the line, `-o json` has all

int64_t GrantOf(const v1::Job& job) {
  int64_t grant = 0;
  for (const v1::Task& task : job.tasks()) grant += task.grant_mw();
  return grant;
}

int RunningTasks(const v1::Job& job) {
  int running = 0;
  for (const v1::Task& task : job.tasks()) running += task.phase() == v1::TASK_RUNNING ? 1 : 0;
  return running;
}

// Hashing goes wherever watts are left: it has as many tasks as it has now.
int WantedTasks(const v1::Job& job) {
  if (job.spec().kind() == v1::HASHING) return job.tasks_size();
  int wanted = 0;
  for (const v1::TaskGroup& group : job.spec().groups()) wanted += group.count();
  return wanted;
}

std::string NodesOf(const v1::Job& job) {
  std::set<std::string> nodes;
  for (const v1::Task& task : job.tasks()) {
    if (!task.node().empty()) nodes.insert(task.node());
  }
  return fmt::format("{}", fmt::join(nodes, ","));
}

std::string DevicesOf(const v1::Task& task) {
  std::string text;
  for (int i = 0; i < task.devices_size() && i < kDevicesShown; ++i) text += (i > 0 ? "," : "") + task.devices(i);
  if (task.devices_size() > kDevicesShown) text += fmt::format(" +{} more", task.devices_size() - kDevicesShown);
  return text;
}

// "8 GPU, 16 CPU, 80GiB memory": what one task asks for.
std::string ResourcesText(const v1::Resources& resources) {
  std::vector<std::string> parts;
  if (resources.gpus() > 0) parts.push_back(GpuCount(int64_t{1000} * resources.gpus()));
  if (resources.gpu_milli() > 0) parts.push_back(GpuCount(resources.gpu_milli()));
  if (resources.gpu_memory_bytes() > 0) parts.push_back(FormatBytes(resources.gpu_memory_bytes()) + " each");
  if (resources.gpu_models_size() > 0) parts.push_back(fmt::format("of {}", fmt::join(resources.gpu_models(), " or ")));
  if (resources.cpu_devices() > 0) parts.push_back(fmt::format("{} whole CPU devices", resources.cpu_devices()));
  if (resources.cpu_milli() > 0)
    parts.push_back(fmt::format("{}.{:03} CPU", resources.cpu_milli() / 1000, resources.cpu_milli() % 1000));
  if (resources.memory_bytes() > 0) parts.push_back(FormatBytes(resources.memory_bytes()) + " memory");
  if (resources.disk_bytes() > 0) parts.push_back(FormatBytes(resources.disk_bytes()) + " disk");
  if (resources.ports() > 0) parts.push_back(fmt::format("{} ports", resources.ports()));
  for (const v1::NamedCount& count : resources.counts())
    parts.push_back(fmt::format("{} {}", count.count(), count.name()));
  if (resources.watts_per_device_mw() > 0) parts.push_back(Watts(resources.watts_per_device_mw()) + " a device");
  return fmt::format("{}", fmt::join(parts, ", "));
}

void AddSpec(const v1::JobSpec& spec, Record* record) {
  record->Add("kind", Word(spec.kind()));
  record->Add("tenant", spec.tenant());
  if (spec.kind() != v1::HASHING) record->Add("priority", fmt::format("{}", spec.priority()));
  for (const v1::TaskGroup& group : spec.groups()) {
    if (spec.kind() == v1::HASHING) continue;
    const std::string resources = ResourcesText(group.resources());
    record->Add("group " + group.name(), fmt::format("{}{}{}", Count(static_cast<size_t>(group.count()), "task"),
                                                     resources.empty() ? "" : " of ", resources));
    record->AddIfAny("command", fmt::format("{}", fmt::join(group.command(), " ")));
  }
  if (spec.kind() == v1::HASHING) record->AddIfAny("pool", spec.hashing().pool());
  if (spec.wall_time_ms() > 0) record->Add("wall time", FormatDuration(Duration(spec.wall_time_ms())));
  record->AddIfAny("site", spec.site());
  if (spec.after_size() > 0) record->Add("after jobs", fmt::format("{}", fmt::join(spec.after(), ", ")));
}

}  // namespace

std::string JobReason(const v1::Job& job) {
  const bool may_lack = job.state() == v1::PENDING || job.state() == v1::RUNNING;
  if (may_lack && !job.pending().text().empty()) return job.pending().text();
  return job.reason();
}

std::string JobsView(const v1::ListJobsResponse& response, const View& view) {
  if (response.jobs().empty()) return "no jobs\n";
  Table table({NumberColumn("ID"),
               {"NAME"},
               {"KIND"},
               {"STATE"},
               {"TENANT"},
               NumberColumn("TASKS"),
               NumberColumn("GRANT"),
               NumberColumn("AGE"),
               WideColumn("PRIORITY"),
               WideColumn("ATTEMPT"),
               WideColumn("FAILURES"),
               WideColumn("REQUEUES"),
               WideColumn("PRINCIPAL"),
               WideColumn("SUBMITTED"),
               WideColumn("NODES"),
               {"REASON"}});
  for (const v1::Job& job : response.jobs()) {
    const int64_t grant = GrantOf(job);
    table.AddRow({fmt::format("{}", job.id()), job.spec().name(), Word(job.spec().kind()), StateCell(job.state()),
                  job.spec().tenant(), fmt::format("{}/{}", RunningTasks(job), WantedTasks(job)),
                  grant == 0 ? "-" : Watts(grant), Age(job.submitted_utc_ms(), view),
                  fmt::format("{}", job.spec().priority()), fmt::format("{}", job.attempt()),
                  fmt::format("{}", job.failures()), fmt::format("{}", job.requeues()), job.principal(),
                  At(job.submitted_utc_ms()), NodesOf(job), JobReason(job)});
  }
  return table.Render(view);
}

std::string TasksView(const google::protobuf::RepeatedPtrField<v1::Task>& tasks, const View& view) {
  Table table({{"TASK"},
               {"NODE"},
               {"PHASE"},
               NumberColumn("GRANT"),
               NumberColumn("BOUND"),
               WideColumn("ALLOCATION"),
               WideColumn("PORTS"),
               {"DEVICES"},
               {"ENDED"}});
  for (const v1::Task& task : tasks) {
    std::string ended = task.exited() ? fmt::format("exit {}", task.exit_code()) : "";
    if (!task.reason().empty()) ended += (ended.empty() ? "" : ": ") + task.reason();
    table.AddRow({fmt::format("{}/{}", task.group(), task.index()), task.node(), Word(task.phase()),
                  Watts(task.grant_mw()), Watts(task.bound_mw()), fmt::format("{}", task.allocation()),
                  fmt::format("{}", fmt::join(task.ports(), ",")), DevicesOf(task), ended});
  }
  return table.Render(view);
}

std::string JobView(const v1::Job& job, const View& view) {
  Record record;
  record.Add("job", fmt::format("{}", job.id()));
  record.Add("name", job.spec().name());
  record.Add("state", StateCell(job.state()));
  record.AddIfAny("reason", JobReason(job));
  AddSpec(job.spec(), &record);
  record.AddIfAny("submitted by", job.principal());
  record.Add("submitted", fmt::format("{} ({} ago)", At(job.submitted_utc_ms()), Age(job.submitted_utc_ms(), view)));
  if (job.started_utc_ms() > 0) record.Add("started", At(job.started_utc_ms()));
  if (job.finished_utc_ms() > 0) {
    record.Add("finished", At(job.finished_utc_ms()));
    if (job.started_utc_ms() > 0) {
      record.Add("ran for", FormatDuration(Duration(job.finished_utc_ms() - job.started_utc_ms())));
    }
  }
  if (job.attempt() > 0) {
    record.Add("attempt", fmt::format("{} ({} failed, {} preempted)", job.attempt(), job.failures(), job.requeues()));
  }
  if (job.array_id() > 0) record.Add("array", fmt::format("job {}, index {}", job.array_id(), job.array_index()));
  std::string text = record.Render(view);
  if (!job.tasks().empty()) text += "\n" + TasksView(job.tasks(), view);
  return text;
}

std::string ExplainView(const v1::ExplainResponse& response, const View& view) {
  Record record;
  record.Add("job", fmt::format("{}", response.id()));
  record.Add("state", StateCell(response.state()));
  record.AddIfAny("summary", response.summary());
  if (!response.binding().constraint().empty()) {
    record.Add("waits for",
               Cell(fmt::format("{}: {}", response.binding().constraint(), response.binding().text()), Tone::kWarning));
    record.AddIfAny("bound by", response.binding().subject());
  }
  record.AddIfAny("yield", response.yield());
  if (response.state() == v1::PENDING) {
    record.Add("expected start", response.expected_start_utc_ms() == 0
                                     ? std::string("unknown")
                                     : fmt::format("{} ({})", At(response.expected_start_utc_ms()),
                                                   In(response.expected_start_utc_ms(), view)));
  }
  if (response.earnings_micro_usd_per_hour() != 0) {
    record.Add("its watts",
               fmt::format("would earn {} an hour hashing", Money(response.earnings_micro_usd_per_hour())));
  }
  std::string text = record.Render(view);

  if (!response.budgets().empty()) {
    Table budgets({{"BUDGET"}, NumberColumn("NEEDED"), NumberColumn("HEADROOM"), NumberColumn("CAP")});
    for (const v1::BudgetUse& use : response.budgets()) {
      const bool short_of = response.state() == v1::PENDING && use.needed_mw() > use.headroom_mw();
      budgets.AddRow({use.budget(), Watts(use.needed_mw()),
                      Cell(Watts(use.headroom_mw()), short_of ? Tone::kBad : Tone::kPlain), Watts(use.cap_mw())});
    }
    text += "\n" + budgets.Render(view);
  }
  if (!response.constraints().empty()) {
    Table constraints({{"CONSTRAINT"}, {"FITS"}, {"WHY"}});
    for (const v1::ConstraintVerdict& verdict : response.constraints()) {
      constraints.AddRow(
          {verdict.constraint(), verdict.fits() ? Cell("yes", Tone::kGood) : Cell("no", Tone::kBad), verdict.text()});
    }
    text += "\n" + constraints.Render(view);
  }
  if (!response.nodes().empty()) {
    Table nodes({NumberColumn("NODES"), {"EXCLUDED BY"}, {"FOR EXAMPLE"}});
    for (const v1::NodeVerdict& verdict : response.nodes()) {
      nodes.AddRow({fmt::format("{}", verdict.nodes()), verdict.constraint(), verdict.example()});
    }
    text += "\n" + nodes.Render(view);
  }
  if (!response.tasks().empty()) text += "\n" + TasksView(response.tasks(), view);
  return text;
}

}  // namespace switchyard::client::cli
