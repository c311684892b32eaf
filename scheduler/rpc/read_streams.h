// The streams that tell people what changes: JobService.Watch and ClusterService.StreamEvents. Both pull from the read
// model.
#ifndef SWITCHYARD_SCHEDULER_RPC_READ_STREAMS_H_
#define SWITCHYARD_SCHEDULER_RPC_READ_STREAMS_H_

#include "scheduler/rpc/principal.h"
#include "scheduler/rpc/pumped_reactor.h"
#include "scheduler/rpc/read_model.h"
#include "scheduler/rpc/stream_quota.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::rpc {

// From revision 0: the present state (the jobs asked for, or all that have not ended), PROGRESS, then every change,
// each followed by a PROGRESS to resume from. From a later one: the changes after it. Where those are no longer kept,
// and when the reader falls behind what is kept: RESYNC, and the stream ends well.
class WatchStream final : public PumpedReactor<grpc::ServerWriteReactor<v1::WatchResponse>, v1::WatchResponse> {
 public:
  WatchStream(ReadModel* model, Principal principal, StreamQuota::Place place, const v1::WatchRequest& request);

 private:
  Next NextMessage(v1::WatchResponse* message, absl::Status* status) override;
  void Ended() override { model_.RemoveWatcher(this); }

  ReadModel& model_;
  const Principal principal_;
  const StreamQuota::Place place_;
  std::optional<ReadModel::Cursor> cursor_;
  bool ending_ = false;
};

// Without follow: the newest `limit` events since then, in order, and the end. With it: these, then whatever comes;
// `since` 0 then means from now on. A reader that falls behind what is kept gets one event "EventsMissed" in place of
// those lost.
class EventStream final : public PumpedReactor<grpc::ServerWriteReactor<v1::Event>, v1::Event> {
 public:
  EventStream(ReadModel* model, StreamQuota::Place place, const v1::StreamEventsRequest& request);

 private:
  Next NextMessage(v1::Event* message, absl::Status* status) override;
  void Ended() override { model_.RemoveWatcher(this); }

  ReadModel& model_;
  const StreamQuota::Place place_;
  const bool follow_;
  uint64_t next_;
  std::optional<v1::Event> held_;  // read behind a gap that is told first
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_READ_STREAMS_H_
