// A stream that writes what there is to write, one message at a time, and sleeps in between: the shape of every stream
// that leaves the gate. A reader that is slow holds up its own stream and nothing else, for nothing is queued here:
// Next() is asked when the last message is on its way, and only then decides what to say.
#ifndef SWITCHYARD_SCHEDULER_RPC_PUMPED_REACTOR_H_
#define SWITCHYARD_SCHEDULER_RPC_PUMPED_REACTOR_H_

#include <grpcpp/grpcpp.h>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "scheduler/rpc/read_model.h"
#include "scheduler/rpc/status.h"

namespace switchyard::rpc {

// Reactor: grpc::ServerWriteReactor<Message> or grpc::ServerBidiReactor<Request, Message>. Owns itself from Start until
// gRPC is done with it; others hold it by weak_ptr.
template <typename Reactor, typename Message>
class PumpedReactor : public Reactor,
                      public Wakeable,
                      public std::enable_shared_from_this<PumpedReactor<Reactor, Message>> {
 public:
  enum class Next { kMessage, kWait, kEnd };

  // Keeps itself alive and pumps for the first time. REQUIRES: called once, in the handler of `context`'s call, on an
  // object made by make_shared.
  void Start(grpc::CallbackServerContext* context) {
    {
      std::lock_guard lock(pump_mutex_);
      context_ = context;
      self_ = this->shared_from_this();
    }
    Wake();
  }

  // There may be something new. Any thread; never blocks on the peer.
  void Wake() override {
    {
      std::lock_guard lock(pump_mutex_);
      if (self_ == nullptr || finished_) return;
      if (busy_) {
        woken_ = true;
        return;
      }
      busy_ = true;
    }
    Pump();
  }

  // Ends the stream with `status` as soon as the message under way is written; nothing else is written. The first call
  // counts.
  void Close(absl::Status status) override {
    {
      std::lock_guard lock(pump_mutex_);
      if (!close_) close_ = std::move(status);
    }
    Wake();
  }

  // Ends the stream now, even if the message under way is stuck because the peer does not read: the peer then hears
  // CANCELLED.
  void Cut(absl::Status status) {
    Close(std::move(status));
    std::lock_guard lock(pump_mutex_);
    // The context lives until OnDone has returned, and OnDone lets go of self_ under this lock.
    if (self_ != nullptr && !finished_) context_->TryCancel();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      std::lock_guard lock(pump_mutex_);
      if (!close_) close_ = absl::CancelledError("the reader went away");
    }
    Pump();
  }
  void OnCancel() override { Close(absl::CancelledError("the reader went away")); }
  void OnDone() override {
    Ended();
    std::shared_ptr<void> last;
    std::lock_guard lock(pump_mutex_);
    last = std::move(self_);  // destroyed after the lock: declared before it
  }

 protected:
  // Fills `message`, or says that there is nothing now, or sets `status` and ends. Called by one thread at a time,
  // without a lock.
  virtual Next NextMessage(Message* message, absl::Status* status) = 0;
  // gRPC is done: unregister. No method is called after it.
  virtual void Ended() = 0;

  bool closing() const {
    std::lock_guard lock(pump_mutex_);
    return close_.has_value();
  }

 private:
  // REQUIRES: busy_ was taken by the caller.
  void Pump() {
    for (;;) {
      {
        std::lock_guard lock(pump_mutex_);
        woken_ = false;
        if (close_) {
          if (finished_) return;
          finished_ = true;
          break;
        }
      }
      message_.Clear();
      absl::Status status;
      switch (NextMessage(&message_, &status)) {
        case Next::kMessage:
          this->StartWrite(&message_);
          return;
        case Next::kEnd: {
          std::lock_guard lock(pump_mutex_);
          if (!close_) close_ = status;
          break;
        }
        case Next::kWait: {
          std::lock_guard lock(pump_mutex_);
          if (woken_ || close_) break;
          busy_ = false;
          return;
        }
      }
    }
    this->Finish(ToGrpc(*close_));
  }

  mutable std::mutex pump_mutex_;
  bool busy_ = false;  // a thread pumps or a write is under way
  bool woken_ = false;
  bool finished_ = false;
  std::optional<absl::Status> close_;
  Message message_;  // under way
  std::shared_ptr<void> self_;
  grpc::CallbackServerContext* context_ = nullptr;
};

// A call that is refused before it becomes a stream.
template <typename Message>
class RefusedStream final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_PUMPED_REACTOR_H_
