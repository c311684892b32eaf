#include "scheduler/rpc/agent_stream.h"

#include "scheduler/rpc/agent_sessions.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

void AgentStream::Open(grpc::CallbackServerContext* context) {
  Start(context);
  StartRead(&incoming_);
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) {
    Close(absl::OkStatus());
    return;
  }
  sessions_.Receive(this, &incoming_);
  // gRPC holds this stream until the call returns, so a read that meets the end of the stream is harmless: it fails.
  if (!closing()) StartRead(&incoming_);
}

void AgentStream::Ended() { sessions_.OnEnded(this); }

void AgentStream::Queue(const std::string& node, Outbox* outbox) {
  if (outbox->queued) return;
  outbox->queued = true;
  ready_.push_back(node);
}

void AgentStream::Welcome(const std::string& node, v1::Welcome welcome) {
  {
    std::lock_guard lock(outbox_mutex_);
    Outbox& outbox = outboxes_[node];
    outbox.welcome = std::move(welcome);
    outbox.renewal.reset();
    outbox.set_due = false;
    Queue(node, &outbox);
  }
  Wake();
}

void AgentStream::Renew(const std::string& node, uint64_t heartbeat) {
  {
    std::lock_guard lock(outbox_mutex_);
    Outbox& outbox = outboxes_[node];
    outbox.renewal = heartbeat;  // a later heartbeat's answer says all that an earlier one's would
    Queue(node, &outbox);
  }
  Wake();
}

void AgentStream::Refuse(const std::string& node, std::string reason, bool retry) {
  {
    std::lock_guard lock(outbox_mutex_);
    Outbox& outbox = outboxes_[node];
    outbox.refusal.emplace();
    outbox.refusal->set_reason(std::move(reason));
    outbox.refusal->set_retry(retry);
    outbox.welcome.reset();
    outbox.renewal.reset();
    outbox.set_due = false;
    Queue(node, &outbox);
  }
  Wake();
}

void AgentStream::SetDue(const std::string& node) {
  {
    std::lock_guard lock(outbox_mutex_);
    Outbox& outbox = outboxes_[node];
    outbox.set_due = true;
    Queue(node, &outbox);
  }
  Wake();
}

void AgentStream::RequestLog(const std::string& node, const v1::LogRequest& request) {
  bool over = false;
  {
    std::lock_guard lock(outbox_mutex_);
    over = logs_.size() >= kLogRequestsQueuedMax;
    if (!over) logs_.emplace_back(node, request);
  }
  if (over) {
    Cut(absl::ResourceExhaustedError("session: the agent does not read what it is sent; it comes back by itself"));
    return;
  }
  Wake();
}

AgentStream::Next AgentStream::NextMessage(v1::SchedulerMessage* message, absl::Status*) {
  logs_turn_ = !logs_turn_;
  const bool found = logs_turn_ ? NextLog(message) || NextOfNode(message) : NextOfNode(message) || NextLog(message);
  if (!found) return Next::kWait;
  sessions_.Stamp(message);
  return Next::kMessage;
}

bool AgentStream::NextLog(v1::SchedulerMessage* message) {
  std::lock_guard lock(outbox_mutex_);
  if (logs_.empty()) return false;
  message->set_node(logs_.front().first);
  *message->mutable_log() = std::move(logs_.front().second);
  logs_.pop_front();
  return true;
}

bool AgentStream::NextOfNode(v1::SchedulerMessage* message) {
  for (;;) {
    std::string node;
    {
      std::lock_guard lock(outbox_mutex_);
      if (ready_.empty()) return false;
      node = std::move(ready_.front());
      ready_.pop_front();
      Outbox& outbox = outboxes_[node];
      outbox.queued = false;
      message->set_node(node);
      if (outbox.refusal) {
        *message->mutable_refusal() = *std::move(outbox.refusal);
        outbox.refusal.reset();
      } else if (outbox.welcome) {
        *message->mutable_welcome() = *std::move(outbox.welcome);
        outbox.welcome.reset();
      } else if (outbox.renewal) {
        message->mutable_renewal()->set_sequence(*outbox.renewal);
        outbox.renewal.reset();
      } else {
        outbox.set_due = false;
      }
      if (!outbox.empty()) Queue(node, &outbox);
      if (message->message_case() != v1::SchedulerMessage::MESSAGE_NOT_SET) return true;
    }
    // The set is made outside the lock: it may be large, and orders must not wait for it here.
    if (std::optional<v1::DesiredSet> set = sessions_.NextSet(session_, node)) {
      *message->mutable_set() = *std::move(set);
      return true;
    }
  }
}

}  // namespace switchyard::rpc
