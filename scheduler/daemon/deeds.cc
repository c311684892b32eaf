#include "scheduler/daemon/deeds.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "common/platform/tls.h"
#include "fmt/format.h"
#include "scheduler/engine/core_machine.h"
#include "scheduler/engine/recorder.h"
#include "scheduler/store/backup_door.h"
#include "scheduler/store/rocks_store.h"

namespace switchyard::daemon {

absl::Status MakeAuthority(const Options& options) {
  const std::string& directory = options.make_ca;
  if (absl::Status made = platform::MakeCa(directory, options.hosts); !made.ok()) return made;
  std::cout << fmt::format(
      "Made a certificate authority in {0}.\n"
      "  ca.pem                        give it to every client and agent\n"
      "  ca.key                        signs certificates: keep it on the scheduler's machine, readable by its user alone\n"
      "  scheduler.pem, scheduler.key  switchyardd --listen HOST:PORT --tls-ca {0}/ca.pem --tls-cert {0}/scheduler.pem "
      "--tls-key {0}/scheduler.key --ca-dir {0}\n"
      "  operator.pem, operator.key    the first operator; name \"cn:operator\" under `operators` of the configuration\n",
      directory);
  return absl::OkStatus();
}

absl::Status BackUp(const Options& options) {
  if (absl::Status backed_up = store::BackupStore(options.store, options.backup); !backed_up.ok()) return backed_up;
  std::cout << fmt::format("Backed up {} to {}.\n", options.store, options.backup);
  return absl::OkStatus();
}

absl::Status Dump(const Options& options) {
  const absl::Status direct = store::DumpStore(options.store, std::cout);
  if (!absl::IsFailedPrecondition(direct)) return direct;
  // A scheduler has it open. Within the store's directory a backup is made of hard links, at once and without a copy.
  const std::string copy = fmt::format("{}/dump-{}", options.store, ::getpid());
  absl::Status status = store::BackupStore(options.store, copy);
  if (status.ok()) status = store::DumpStore(copy, std::cout);
  std::error_code ignored;
  std::filesystem::remove_all(copy, ignored);
  return status;
}

absl::Status ReplayRecord(const Options& options) {
  engine::CoreMachine machine({});
  const absl::StatusOr<engine::ReplayReport> report = engine::Replay(options.replay, &machine);
  if (!report.ok()) return report.status();
  if (absl::Status proven = machine.core().CheckInvariants(); !proven.ok()) return proven;
  std::cout << fmt::format("Replayed {} batches, {} commands, up to sequence {}: every digest agrees, the invariants hold.{}\n",
                           report->batches, report->commands, report->last_sequence,
                           report->torn_tail ? " The record ends within a batch, which was left out." : "");
  return absl::OkStatus();
}

}  // namespace switchyard::daemon
