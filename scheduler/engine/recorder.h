// A record of everything that happened to a core, and its replay. A field bug becomes a test: the same rows and the same stamped
// commands give the same digests on every machine, or the first batch that does not is named.
//
// The file: a RecordHeader with the rows that the term began with, then one RecordedBatch a batch, each length-delimited. What
// follows a batch that was cut by a crash does not exist.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_RECORDER_H_
#define SWITCHYARD_SCHEDULER_ENGINE_RECORDER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "scheduler/core/core.h"
#include "scheduler/engine/machine.h"

namespace switchyard::engine {

// Rises when the stable hash, the order of application or the file itself changes so that old records cannot agree any more.
inline constexpr int kRecordVersion = 1;

// Thread rule: used by the writer's thread alone.
class Recorder {
 public:
  // Makes `path` anew. RESOURCE_EXHAUSTED: the rows are more than a record's header can hold (2 GiB).
  static absl::StatusOr<std::unique_ptr<Recorder>> Open(const std::string& path, const std::vector<core::Row>& rows);
  ~Recorder();

  // Appends and passes the batch to the system, so that a crash of this process loses none. An error ends the record, not the
  // scheduler: status() keeps it.
  void Add(const core::Stamp& stamp, const std::vector<store::v1::Command>& commands, uint64_t digest);
  const absl::Status& status() const { return status_; }

 private:
  class File;
  explicit Recorder(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
  absl::Status status_;
};

struct ReplayReport {
  uint64_t batches = 0;
  uint64_t commands = 0;
  uint64_t last_sequence = 0;
  bool torn_tail = false;  // the file ends within a batch
};

// Drives `machine`, which must be new, through the record. ABORTED: the digest of a batch differs from the recorded one; the message
// names the batch. FAILED_PRECONDITION: another version of record. `each`, if given, is called after every batch.
absl::StatusOr<ReplayReport> Replay(const std::string& path, Machine* machine,
                                    const std::function<absl::Status(const core::Stamp&)>& each = nullptr);

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_RECORDER_H_
