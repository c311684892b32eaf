// Users and operators. Each request has an idempotency key and is repeated until it is answered: when no leader
// listens, when the answer does not come in time, when it was lost on its way, and then maybe at another leader.
#ifndef SWITCHYARD_SIMULATION_WORLD_CLIENTS_H_
#define SWITCHYARD_SIMULATION_WORLD_CLIENTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/units.h"
#include "scheduler/core/core.h"
#include "simulation/script/script.h"
#include "simulation/world/scheduler_process.h"
#include "simulation/world/stage.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {

class Clients {
 public:
  // A process that listens, for the n-th attempt of a request; nothing: none does.
  using Find = std::function<SchedulerProcess*(const std::string& key, uint64_t attempt)>;
  Clients(Stage* stage, Find find) : stage_(*stage), find_(std::move(find)) {}

  // kSubmit, kCancel, kOperator and kReload deeds.
  void Do(const Deed& deed);

  // How long a job's tasks run, by the key of its submission; nothing: it is not ours.
  struct Run {
    Duration runs;
    int exit_code = 0;
  };
  std::optional<Run> RunOf(const std::string& key) const;

 private:
  struct Request {
    std::string key;
    store::v1::Command command;
    // Fills the command with what had to be known first; false: it is not known yet.
    std::function<bool(store::v1::Command*, const SchedulerProcess&)> prepare;
    std::function<void(const core::Reply&)> answered;
    std::function<bool()> obsolete;  // it need not be asked any more
    uint64_t attempts = 0;
    bool sent = false;  // once: the body must stay the same under its key
    bool done = false;
    Duration back_off;
  };

  void Submit(const Deed& deed);
  void Cancel(const Deed& deed);
  void Say(const Deed& deed);
  void SayOfNode(const Deed& deed, v1::NodeActionRequest::Action action);
  void SayOfOrphans(const Deed& deed, v1::OrphanActionRequest::Action action);
  void SayOfQuarantine(const Deed& deed);
  void Reload(const Deed& deed);

  store::v1::Command OperatorCommand() const;
  // Looks at what the leader shows, as a person with a command line does, and then maybe says something.
  void Inspect(int tries, std::function<void(const core::State&)> look);
  void Begin(Request request);
  void Attempt(Request* request);
  void Retry(Request* request, Duration after);
  void Answered(Request* request, const core::Reply& reply);
  std::string Owner(const std::string& tenant) const;

  Stage& stage_;
  const Find find_;
  std::vector<std::unique_ptr<Request>> requests_;
  std::map<std::string, Run> runs_;                    // by key
  std::map<std::string, std::vector<uint64_t>> jobs_;  // as answered, by key
  std::map<std::string, std::string> owners_;          // principal, by key
  int reloads_ = 0;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_CLIENTS_H_
