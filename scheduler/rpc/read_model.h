// What Get, List, Watch and StreamEvents read: committed rows, applied on a thread of its own. Readers never stop the
// writer: Publish only queues. Every answer says the store_revision that it is of, and a read may wait until a revision
// is reached.
//
// Watchers pull: each keeps a position in one bounded ring of changes and asks for what comes next, so that a slow one
// costs nothing and is told to resync when the ring has moved on.
//
// Thread-safe.
#ifndef SWITCHYARD_SCHEDULER_RPC_READ_MODEL_H_
#define SWITCHYARD_SCHEDULER_RPC_READ_MODEL_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/core/core.h"
#include "scheduler/core/row.h"
#include "scheduler/rpc/job_table.h"
#include "scheduler/rpc/membership.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::rpc {

// Someone who wants to know that there is more to read.
class Wakeable {
 public:
  virtual ~Wakeable() = default;
  // Must return soon.
  virtual void Wake() = 0;
  // Nothing more will come.
  virtual void Close(absl::Status status) = 0;
};

class ReadModel {
 public:
  struct Limits {
    size_t changes_kept;
    size_t events_kept;
  };
  static Limits DefaultLimits();

  explicit ReadModel(Limits limits = DefaultLimits());
  ~ReadModel();

  // The rows of a store at start, as of `sequence`. REQUIRES: before the first Publish and before any reader.
  absl::Status Load(uint64_t sequence, const std::vector<core::Row>& rows);

  // Takes over a committed batch. Called in the order of the sequences; returns at once.
  void Publish(uint64_t sequence, std::vector<core::Row> rows);

  // Takes over what jobs wait for now. No change of a job: watchers are not told. REQUIRES: the rows of `sequence` were
  // published last.
  void PublishReasons(uint64_t sequence, std::vector<core::ReasonChange> reasons);

  // Highest sequence published, and highest applied, which is what readers see.
  uint64_t published() const;
  uint64_t applied() const;

  // Calls `done` once: OK as soon as applied() >= revision (maybe at once, on this thread), UNAVAILABLE at `deadline`.
  void WhenReached(uint64_t revision, std::chrono::steady_clock::time_point deadline,
                   std::function<void(absl::Status)> done);

  std::shared_ptr<const Membership> membership() const;

  struct JobAnswer {
    std::optional<v1::Job> job;
    uint64_t revision = 0;
  };
  JobAnswer GetJob(uint64_t id) const;
  std::optional<std::string> TenantOf(uint64_t id) const;

  struct ListAnswer {
    JobTable::Page page;
    uint64_t revision = 0;
  };
  ListAnswer ListJobs(const JobTable::Query& query, const Principal& principal) const;

  // ---- watching ----

  // Where a watcher stands: in the present state by job id first, then in the ring of changes.
  struct Cursor {
    std::vector<uint64_t> ids;  // the jobs that matter, ascending; empty: all
    bool snapshot = false;      // still sending the present state: `ids`, or the live jobs, above `after`
    uint64_t after = 0;
    uint64_t position = 0;  // of the next change to look at
    uint64_t snapshot_revision = 0;
    int unreported = 0;  // changes passed over since the watcher was last told a revision
  };
  enum class Next { kJob, kProgress, kResync, kWait };
  struct WatchAnswer {
    Next next = Next::kWait;
    v1::Job job;
    uint64_t revision = 0;
  };
  // From the present state on (`from` 0), or after revision `from`. Nothing: that is too old, or not of this store.
  std::optional<Cursor> StartWatch(uint64_t from, std::vector<uint64_t> ids) const;
  // The next thing to send of what the principal may see; moves the cursor.
  WatchAnswer NextChange(Cursor* cursor, const Principal& principal) const;

  // ---- events ----

  // Sequence of the first event to send: of those since `since_utc_ms` at most the `limit` newest; 0 for `limit`: only
  // what comes.
  uint64_t StartEvents(int64_t since_utc_ms, int limit) const;
  // The first event with sequence >= *next, which is set behind it. `missed`: how many were dropped before it.
  std::optional<v1::Event> NextEvent(uint64_t* next, uint64_t* missed) const;

  void AddWatcher(const std::shared_ptr<Wakeable>& watcher);
  void RemoveWatcher(const Wakeable* watcher);
  void CloseWatchers(const absl::Status& status);

 private:
  struct Batch {
    uint64_t sequence;
    std::vector<core::Row> rows;
    std::vector<core::ReasonChange> reasons;
  };
  struct Waiter {
    uint64_t revision;
    std::function<void(absl::Status)> done;
  };
  struct Change {
    uint64_t revision;
    uint64_t job;
  };

  void Run();
  absl::Status ApplyRows(uint64_t sequence, const std::vector<core::Row>& rows,
                         bool ring);  // REQUIRES: data_mutex_ held
  absl::Status ApplyRow(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed);
  void ApplyEvent(const v1::Event& event);
  void RecordChange(uint64_t sequence, uint64_t job);
  std::vector<std::shared_ptr<Wakeable>> Watchers();
  void ReleaseWaiters();
  WatchAnswer NextOfSnapshot(Cursor* cursor, const Principal& principal) const;
  WatchAnswer NextOfRing(Cursor* cursor, const Principal& principal) const;
  bool Wanted(const Cursor& cursor, const Principal& principal, uint64_t job) const;

  const Limits limits_;

  // What readers read. The thread alone writes it.
  mutable std::shared_mutex data_mutex_;
  JobTable jobs_;
  std::shared_ptr<const Membership> membership_ = std::make_shared<Membership>();
  uint64_t applied_ = 0;
  std::deque<Change> ring_;  // ring_[i] is change number ring_start_ + i
  uint64_t ring_start_ = 0;
  uint64_t ring_floor_ = 0;                   // revision of the newest change that is no longer in the ring
  std::map<uint64_t, uint64_t> last_change_;  // number of the newest change of a job in the ring
  std::deque<v1::Event> events_;              // ascending sequence
  uint64_t events_dropped_ = 0;               // sequence of the newest event that is no longer kept

  // What comes in.
  mutable std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<Batch> queue_;
  uint64_t published_ = 0;
  bool stopping_ = false;
  std::multimap<std::chrono::steady_clock::time_point, Waiter> waiters_;

  std::mutex watchers_mutex_;
  std::map<const Wakeable*, std::weak_ptr<Wakeable>> watchers_;

  std::thread thread_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_READ_MODEL_H_
