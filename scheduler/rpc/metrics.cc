#include "scheduler/rpc/metrics.h"

#include <exception>
#include <mutex>
#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "scheduler/rpc/listen_address.h"

namespace switchyard::rpc {
namespace {

// Gauges that are functions, asked when a page is made.
class ReadGauges final : public prometheus::Collectable {
 public:
  void Add(std::string name, std::string help, std::function<double()> read) {
    std::lock_guard lock(mutex_);
    gauges_.push_back({std::move(name), std::move(help), std::move(read)});
  }
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::lock_guard lock(mutex_);
    std::vector<prometheus::MetricFamily> families;
    for (const Entry& gauge : gauges_) {
      prometheus::ClientMetric metric;
      metric.gauge.value = gauge.read();
      prometheus::MetricFamily family;
      family.name = gauge.name;
      family.help = gauge.help;
      family.type = prometheus::MetricType::Gauge;
      family.metric.push_back(metric);
      families.push_back(std::move(family));
    }
    return families;
  }

 private:
  struct Entry {
    std::string name, help;
    std::function<double()> read;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> gauges_;
};

}  // namespace

struct Metrics::Inside {
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  std::shared_ptr<ReadGauges> gauges = std::make_shared<ReadGauges>();
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("switchyard_requests_total")
                                                          .Help("Requests answered, by method and gRPC status code")
                                                          .Register(*registry);
  prometheus::Counter& agent_messages = prometheus::BuildCounter()
                                            .Name("switchyard_agent_messages_total")
                                            .Help("Messages received from agents")
                                            .Register(*registry)
                                            .Add({});
  prometheus::Counter& dropped = prometheus::BuildCounter()
                                     .Name("switchyard_agent_commands_dropped_total")
                                     .Help("Agents' messages that met a full queue")
                                     .Register(*registry)
                                     .Add({});
  prometheus::Counter& resends = prometheus::BuildCounter()
                                     .Name("switchyard_full_set_resends_total")
                                     .Help("Sets sent in full because an agent held another one")
                                     .Register(*registry)
                                     .Add({});
  prometheus::Gauge& sessions = prometheus::BuildGauge()
                                    .Name("switchyard_agent_sessions")
                                    .Help("Agents' streams that are open")
                                    .Register(*registry)
                                    .Add({});
  std::unique_ptr<prometheus::Exposer> exposer;
};

Metrics::Metrics() : inside_(std::make_unique<Inside>()) {}
Metrics::~Metrics() = default;

void Metrics::CountRequest(const char* method, int code) {
  inside_->requests.Add({{"method", method}, {"code", std::to_string(code)}}).Increment();
}
void Metrics::CountAgentMessage() { inside_->agent_messages.Increment(); }
void Metrics::CountDropped() { inside_->dropped.Increment(); }
void Metrics::CountFullResend() { inside_->resends.Increment(); }
void Metrics::SetSessions(size_t open) { inside_->sessions.Set(static_cast<double>(open)); }

void Metrics::AddGauge(const std::string& name, const std::string& help, std::function<double()> read) {
  inside_->gauges->Add(name, help, std::move(read));
}

absl::StatusOr<int> Metrics::Serve(const std::string& address) {
  const absl::StatusOr<ListenAddress> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->kind != ListenAddress::Kind::kTcp || !parsed->loopback) {
    return absl::InvalidArgumentError(
        fmt::format("metrics address \"{}\": not on loopback, only loopback is allowed as the page asks nobody "
                    "who they are; use 127.0.0.1:PORT and a proxy",
                    address));
  }
  try {
    inside_->exposer =
        std::make_unique<prometheus::Exposer>(parsed->host + ":" + std::to_string(parsed->port), /*num_threads=*/2);
  } catch (const std::exception& error) {
    return absl::UnavailableError(
        fmt::format("metrics address \"{}\": {}; choose another port", address, error.what()));
  }
  inside_->exposer->RegisterCollectable(inside_->registry);
  inside_->exposer->RegisterCollectable(inside_->gauges);
  return inside_->exposer->GetListeningPorts().at(0);
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = inside_->registry->Collect();
  for (auto& family : inside_->gauges->Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace switchyard::rpc
