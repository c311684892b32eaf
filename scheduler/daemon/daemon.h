// The scheduler as a process: the one place where clock, files and sockets are made and wired together.
//
// The order of a start is the order of its promises: the configuration is read before anything changes; the store is opened, which
// begins a term durably; the core is rebuilt from the rows; then the term and the configuration are commands like any other; and
// only when both are durable does anything listen. A stop goes the other way: nobody new, calls under way, the queue, the disk.
#ifndef SWITCHYARD_SCHEDULER_DAEMON_DAEMON_H_
#define SWITCHYARD_SCHEDULER_DAEMON_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/platform/clock.h"
#include "scheduler/core/row.h"
#include "scheduler/daemon/options.h"
#include "scheduler/engine/core_machine.h"
#include "scheduler/engine/engine.h"
#include "scheduler/engine/housekeeper.h"
#include "scheduler/engine/recorder.h"
#include "scheduler/rpc/command_port.h"
#include "scheduler/rpc/gate.h"
#include "scheduler/rpc/server.h"
#include "scheduler/store/backup_door.h"
#include "scheduler/store/rocks_store.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::daemon {

// Thread rule: one thread.
class Daemon {
 public:
  explicit Daemon(Options options);
  ~Daemon();  // stops

  // OK: it serves. Otherwise nothing listens and nothing runs.
  absl::Status Start();

  // Reads --config again. A file with errors, or that the core refuses, changes nothing; the log has every reason.
  void Reload();

  void Stop();

  // The lines of the port file.
  const std::vector<std::string>& bound() const { return server_->bound(); }

 private:
  absl::Status OpenStore();
  absl::Status MakeGate();
  absl::Status StartEngine();
  absl::Status BeginTerm(bool configuration_from_file);
  absl::Status Listen();
  void ShowEngine();
  void LogTerm() const;

  const Options options_;
  const platform::SystemClock clock_;
  v1::ClusterConfiguration configuration_;  // as it was loaded last
  bool stored_configuration_ = false;       // the store has one

  // In the order in which each needs those before it; the engine is made last and outlives the gate, which shows its numbers.
  std::unique_ptr<store::RocksStore> store_;
  std::vector<core::Row> rows_;             // from OpenStore until the engine runs
  engine::CoreMachine machine_{core::Options{}};
  std::unique_ptr<engine::Recorder> recorder_;
  rpc::EnginePort port_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<rpc::Gate> gate_;
  std::unique_ptr<engine::Housekeeper> housekeeper_;
  std::unique_ptr<store::BackupDoor> backup_door_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace switchyard::daemon

#endif  // SWITCHYARD_SCHEDULER_DAEMON_DAEMON_H_
