// The door through which a running scheduler is asked for a backup: a unix socket in the store's own directory, open to the
// store's owner alone. RocksDB makes no promise to a second process that reads beside its writer, so the process that writes takes
// the backup.
//
// One request a connection: the absolute path of the new directory and a newline; the answer is "ok\n" or "CODE message\n".
#ifndef SWITCHYARD_SCHEDULER_STORE_BACKUP_DOOR_H_
#define SWITCHYARD_SCHEDULER_STORE_BACKUP_DOOR_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/store/store.h"

namespace switchyard::store {

class BackupDoor {
 public:
  // Serves requests on a thread of its own until destroyed. REQUIRES: `store` outlives it and was opened in `directory`.
  static absl::StatusOr<std::unique_ptr<BackupDoor>> Open(Store* store, const std::string& directory);
  ~BackupDoor();
  BackupDoor(const BackupDoor&) = delete;
  BackupDoor& operator=(const BackupDoor&) = delete;

 private:
  BackupDoor(Store* store, int listener, int stop) : store_(store), listener_(listener), stop_(stop) {}
  void Serve();
  void Answer(int connection);

  Store* const store_;
  const int listener_;
  const int stop_;  // an eventfd: readable when the door closes
  std::thread thread_;
};

// Backs up the store in `directory` to the new directory `target`: through the door where a scheduler runs, else by opening the
// store here (which costs it a term). Errors are those of Store::Backup and of RocksStore::Open.
absl::Status BackupStore(const std::string& directory, const std::string& target);

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_BACKUP_DOOR_H_
