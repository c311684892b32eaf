#include "simulation/runner/seed_run.h"

#include <string>
#include <time.h>
#include <utility>

#include "common/faults/faults.h"
#include "simulation/checkers/checkers.h"
#include "simulation/world/world.h"

namespace switchyard::simulation {
namespace {

int64_t CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

// A verdict begins with the name of its check: "w-physical: budget s/pdu-1 ...".
void TakeVerdict(const absl::Status& verdict, SeedReport* report) {
  if (verdict.ok()) return;
  const std::string text(verdict.message());
  const size_t colon = text.find(": ");
  report->check = colon == std::string::npos ? "check" : text.substr(0, colon);
  report->verdict = colon == std::string::npos ? text : text.substr(colon + 2);
}

void TakeFigures(const CheckFigures& figures, SeedReport* report) {
  report->exception_ms = figures.in_exception.count();
  for (const auto& [cause, used] : figures.allowances_used) report->allowances[cause] = {used.times, used.most.count()};
  for (int k = 0; k < kFaultKinds; ++k) {
    for (int s = 0; s < kProtocolStates; ++s) {
      const auto kind = static_cast<FaultKind>(k);
      const auto state = static_cast<ProtocolState>(s);
      if (const int64_t hits = figures.coverage.at(kind, state); hits > 0)
        report->strikes[{Name(kind), Name(state)}] = hits;
    }
  }
}

}  // namespace

SeedReport RunScript(const Script& script) {
  SeedReport report;
  report.seed = script.seed;
  const int64_t began = CpuMicroseconds();
  const Checkers checkers = MakeAll(script);
  const RunResult result = Run(script, WorldOptions(), checkers.observers());
  report.cpu_us = CpuMicroseconds() - began;
  TakeVerdict(result.verdict, &report);
  report.at_ms = report.simulated_ms = result.at.milliseconds();
  report.starts = result.figures.starts;
  report.leaders = result.figures.leaders;
  report.batches = result.figures.batches;
  report.commands = result.figures.commands;
  report.messages = result.figures.messages;
  report.digest = result.figures.digest;
  report.reached = faults::Reached();
  TakeFigures(checkers.figures(), &report);
  return report;
}

SeedReport ReportOf(uint64_t seed, const WorkResult& result) {
  if (result.death.empty()) {
    absl::StatusOr<SeedReport> report = SeedReportFromJson(result.answer);
    if (report.ok()) return *std::move(report);
  }
  // The process ended in the middle: a failed check of the code itself, or worse. Its last words say which.
  SeedReport report;
  report.seed = seed;
  report.check = result.errors.find("check failed") != std::string::npos ? kCodeCheck : "process";
  const std::string words = result.errors.substr(0, result.errors.find_last_not_of('\n') + 1);
  const size_t line = words.rfind('\n');
  report.verdict = (line == std::string::npos ? words : words.substr(line + 1)) +
                   (result.death.empty() ? "" : " (" + result.death + ")");
  return report;
}

SeedReport RunScriptAlone(const Script& script) {
  return ReportOf(script.seed, RunAlone([&script] { return ToJson(RunScript(script)); }));
}

TableShape ShapeOfTable() {
  TableShape shape;
  for (int k = 0; k < kFaultKinds; ++k) shape.faults.push_back(Name(static_cast<FaultKind>(k)));
  for (int s = 0; s < kProtocolStates; ++s) shape.states.push_back(Name(static_cast<ProtocolState>(s)));
  for (int k = 0; k < kFaultKinds; ++k) {
    for (int s = 0; s < kProtocolStates; ++s) {
      const char* const reason = Impossible(static_cast<FaultKind>(k), static_cast<ProtocolState>(s));
      if (reason != nullptr)
        shape.impossible.push_back(
            {shape.faults[static_cast<size_t>(k)], shape.states[static_cast<size_t>(s)], reason});
    }
  }
  return shape;
}

}  // namespace switchyard::simulation
