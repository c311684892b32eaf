// What the gate counts, in the Prometheus text format on an HTTP port. The page shows loads and states of the whole
// site without asking who looks, so it is served on loopback only.
#ifndef SWITCHYARD_SCHEDULER_RPC_METRICS_H_
#define SWITCHYARD_SCHEDULER_RPC_METRICS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace switchyard::rpc {

// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void CountRequest(const char* method, int code);
  void CountAgentMessage();
  void CountDropped();     // commands of agents that the engine had no room for
  void CountFullResend();  // sets sent in full because the agent held another one
  void SetSessions(size_t open);

  // A number that is read when the page is; `name` as Prometheus wants it, with its unit. `read` must be thread-safe
  // and outlive this. Whoever has something to show adds it at start.
  void AddGauge(const std::string& name, const std::string& help, std::function<double()> read);

  // Serves http://ADDRESS/metrics. INVALID_ARGUMENT off loopback, UNAVAILABLE when the port is taken. Returns the port.
  absl::StatusOr<int> Serve(const std::string& address);
  // The page's text.
  std::string Text() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_METRICS_H_
