// The gate's only way to the core: commands go in here, replies come back when their batch is durable. An interface so
// that the gate is tested against something smaller than an engine.
#ifndef SWITCHYARD_SCHEDULER_RPC_COMMAND_PORT_H_
#define SWITCHYARD_SCHEDULER_RPC_COMMAND_PORT_H_

#include <atomic>
#include <utility>

#include "absl/status/status.h"
#include "scheduler/engine/engine.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::rpc {

class CommandPort {
 public:
  virtual ~CommandPort() = default;

  // engine::Engine::Post: never blocks on the core or the disk; `done` is called exactly once where it is given;
  // commands of one thread keep their order.
  virtual absl::Status Post(store::v1::Command command, engine::Done done) = 0;
};

// The engine as a port. Gate and engine need each other: the gate is made on this port first, then the engine on the
// gate, then they are connected. Before that nothing is taken. The engine must outlive what posts.
class EnginePort final : public CommandPort {
 public:
  void Connect(engine::Engine* engine) { engine_.store(engine); }

  absl::Status Post(store::v1::Command command, engine::Done done) override {
    if (engine::Engine* engine = engine_.load()) return engine->Post(std::move(command), std::move(done));
    core::Reply refused;
    refused.status = absl::UnavailableError("scheduler: it is starting; repeat the call");
    if (done) done(refused);
    return refused.status;
  }

 private:
  std::atomic<engine::Engine*> engine_{nullptr};
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_COMMAND_PORT_H_
