#include "scheduler/rpc/read_streams.h"

#include <utility>

#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

WatchStream::WatchStream(ReadModel* model, Principal principal, StreamQuota::Place place,
                         const v1::WatchRequest& request)
    : model_(*model),
      principal_(std::move(principal)),
      place_(std::move(place)),
      cursor_(model->StartWatch(request.from_revision(), {request.ids().begin(), request.ids().end()})) {}

WatchStream::Next WatchStream::NextMessage(v1::WatchResponse* message, absl::Status* status) {
  if (ending_) {
    *status = absl::OkStatus();
    return Next::kEnd;
  }
  ReadModel::WatchAnswer answer;
  if (cursor_) {
    answer = model_.NextChange(&*cursor_, principal_);
  } else {
    answer.next = ReadModel::Next::kResync;
    answer.revision = model_.applied();
  }
  message->set_store_revision(answer.revision);
  switch (answer.next) {
    case ReadModel::Next::kJob:
      message->set_kind(v1::WatchResponse::JOB);
      *message->mutable_job() = std::move(answer.job);
      return Next::kMessage;
    case ReadModel::Next::kProgress:
      message->set_kind(v1::WatchResponse::PROGRESS);
      return Next::kMessage;
    case ReadModel::Next::kResync:
      message->set_kind(v1::WatchResponse::RESYNC);
      ending_ = true;
      return Next::kMessage;
    case ReadModel::Next::kWait:
      break;
  }
  return Next::kWait;
}

EventStream::EventStream(ReadModel* model, StreamQuota::Place place, const v1::StreamEventsRequest& request)
    : model_(*model), place_(std::move(place)), follow_(request.follow()) {
  const int limit = request.limit() == 0 ? kEventsDefault : request.limit();
  const bool from_now = request.follow() && request.since_utc_ms() == 0;
  next_ = model->StartEvents(request.since_utc_ms(), from_now ? 0 : limit);
}

EventStream::Next EventStream::NextMessage(v1::Event* message, absl::Status* status) {
  if (held_) {
    *message = std::move(*held_);
    held_.reset();
    return Next::kMessage;
  }
  uint64_t missed = 0;
  std::optional<v1::Event> event = model_.NextEvent(&next_, &missed);
  if (!event) {
    *status = absl::OkStatus();
    return follow_ ? Next::kWait : Next::kEnd;
  }
  if (missed == 0) {
    *message = *std::move(event);
    return Next::kMessage;
  }
  message->set_kind("EventsMissed");
  message->set_utc_ms(event->utc_ms());
  message->set_text(
      fmt::format("{} events were dropped before this reader took them; ask again with an earlier time", missed));
  held_ = std::move(event);
  return Next::kMessage;
}

}  // namespace switchyard::rpc
