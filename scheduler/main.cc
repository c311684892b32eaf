// switchyardd, the scheduler.
#include <iostream>

#include "common/platform/logging.h"
#include "common/platform/program.h"
#include "scheduler/daemon/daemon.h"
#include "scheduler/daemon/deeds.h"
#include "scheduler/daemon/dev_cluster.h"
#include "scheduler/daemon/options.h"

#ifdef SWITCHYARD_FAULTS
#include "common/faults/faults.h"
#endif

namespace switchyard::daemon {
namespace {

int Finish(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << "switchyardd: " << status.message() << "\n";
  return 1;
}

int Serve(Options options) {
  platform::ProgramSignals signals;  // before the first thread
  platform::RaiseDescriptorLimit();
  DevCluster dev;
  if (options.dev) {
    if (absl::Status prepared = dev.Prepare(&options); !prepared.ok()) return Finish(prepared);
  }
  Daemon daemon(options);
  absl::Status status = daemon.Start();
  if (status.ok() && options.dev) status = dev.Start(options);
  if (!status.ok()) return Finish(status);
  while (signals.Wait() == platform::ProgramSignals::Event::kReload) daemon.Reload();
  platform::Log(platform::LogLevel::kInfo, "stopping");
  dev.Stop();
  daemon.Stop();
  return 0;
}

int Main(int argc, char** argv) {
  int exit_code = 0;
  const std::optional<Options> options = ParseOptions(argc, argv, &exit_code);
  if (!options.has_value()) return exit_code;
#ifdef SWITCHYARD_FAULTS
  if (absl::Status armed = faults::ArmFromEnvironment(); !armed.ok()) return Finish(armed);
#endif
  platform::StartLogging(options->log_level);
  if (!options->make_ca.empty()) return Finish(MakeAuthority(*options));
  if (!options->backup.empty()) return Finish(BackUp(*options));
  if (!options->replay.empty()) return Finish(ReplayRecord(*options));
  if (options->dump) return Finish(Dump(*options));
  return Serve(*options);
}

}  // namespace
}  // namespace switchyard::daemon

int main(int argc, char** argv) { return switchyard::daemon::Main(argc, argv); }
