// Jobs as people see them, kept from committed rows: a job's row joined with the rows of its allocations (node,
// devices, grant, bound) and the device names of its nodes, with indices for the filters of ListJobs. Not thread-safe:
// the read model locks.
#ifndef SWITCHYARD_SCHEDULER_RPC_JOB_TABLE_H_
#define SWITCHYARD_SCHEDULER_RPC_JOB_TABLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "scheduler/core/core.h"
#include "scheduler/core/row.h"
#include "switchyard/store/v1/rows.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::rpc {

// The most that an allocation may still draw: protocol.md, "Ledger".
int64_t BoundOf(const store::v1::AllocationRow& allocation);

class JobTable {
 public:
  struct Query {
    v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
    v1::JobKind kind = v1::JOB_KIND_UNSPECIFIED;
    std::string tenant;
    uint64_t before = 0;  // ids below this; 0: from the newest
    int page_size = 0;    // > 0
  };
  struct Page {
    std::vector<v1::Job> jobs;  // newest first, together at most kServedBytesMax
    uint64_t next = 0;          // `before` of the next page; 0: this was the last
  };

  // Takes over a row of kind kJob, kAllocation or kNode that was committed as `sequence`; adds the jobs that look
  // different now. DATA_LOSS names a row that cannot be read.
  absl::Status Apply(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed);

  // What a job waits for now, until its next row says so itself.
  void Apply(const core::ReasonChange& change);

  std::optional<v1::Job> Get(uint64_t id) const;
  std::optional<std::string> TenantOf(uint64_t id) const;
  // A page may be short, even empty, with `next` set: it looked at kScanPerPageMax jobs.
  Page List(const Query& query, const std::function<bool(const std::string& tenant)>& visible) const;
  // The first job above `id` that has not ended; 0: none.
  uint64_t NextLive(uint64_t id) const;
  size_t size() const { return jobs_.size(); }

 private:
  struct Entry {
    v1::Job job;
    uint64_t revision = 0;  // of the last change of the job or of an allocation of it
    std::map<uint64_t, store::v1::AllocationRow> allocations;
  };

  absl::Status ApplyJob(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed);
  absl::Status ApplyAllocation(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed);
  absl::Status ApplyNode(const core::Row& row);
  void Index(const v1::Job& job);
  void Unindex(const v1::Job& job);
  v1::Job Join(const Entry& entry) const;
  void FillTask(const store::v1::AllocationRow& allocation, v1::Task* task) const;
  bool Matches(const Query& query, const v1::Job& job) const;

  std::map<uint64_t, Entry> jobs_;
  std::map<uint64_t, uint64_t> job_of_allocation_;
  std::map<uint64_t, std::map<uint64_t, store::v1::AllocationRow>> waiting_;  // by job: its row has not come
  std::map<std::string, std::set<uint64_t>> by_tenant_;
  std::map<int, std::set<uint64_t>> by_state_;
  std::set<uint64_t> live_;  // not ended
  // Device names by node and group, in the order of their positions.
  std::map<std::string, std::map<std::string, std::vector<std::string>>> devices_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_JOB_TABLE_H_
