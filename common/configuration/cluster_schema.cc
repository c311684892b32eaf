#include "common/configuration/cluster_schema.h"

#include "common/configuration/name_range.h"
#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

using google::protobuf::Message;
using google::protobuf::RepeatedPtrField;

// feeds_from: meter | [feeder-a, {budget: feeder-b, share: 50%}]
void BindFeeds(Binder* binder, const YamlValue& value, const std::string& path, Message* message) {
  static const Schema kEdge{"feed", {{"budget", "budget"}, {"share", "coefficient_ppm", Unit::kFactor}}};
  auto* const budget = dynamic_cast<v1::Budget*>(message);
  auto* const edges = budget != nullptr ? budget->mutable_feeds_from() : dynamic_cast<v1::Node&>(*message).mutable_feeds_from();
  const std::vector<YamlValue> single{value};
  if (value.kind == YamlValue::Kind::kNull) return;
  for (const YamlValue& item : value.kind == YamlValue::Kind::kSequence ? value.items : single) {
    const std::string at = fmt::format("{}[{}]", path, edges->size());
    if (item.kind == YamlValue::Kind::kScalar) {
      binder->Remember(at, item);
      edges->Add()->set_budget(item.scalar);
    } else {
      binder->Bind(kEdge, item, at, edges->Add());
    }
  }
}

// energy_price: 0.055USD/kWh | [{from: 2026-01-01T00:00:00Z, value: 0.04USD/kWh, source: utility}]
void BindPrices(Binder* binder, const YamlValue& value, const std::string& path, const Schema& schema, const char* key, Unit unit,
                RepeatedPtrField<v1::PricePoint>* points) {
  if (value.kind == YamlValue::Kind::kSequence) {
    for (const YamlValue& item : value.items) {
      const std::string at = fmt::format("{}[{}]", path, points->size());
      binder->Bind(schema, item, at, points->Add());
    }
  } else if (value.kind != YamlValue::Kind::kNull) {
    if (const std::optional<int64_t> constant = binder->Scalar(key, value, unit)) points->Add()->set_value_micro_usd(*constant);
  }
}
void BindEnergyPrice(Binder* binder, const YamlValue& value, const std::string& path, Message* message) {
  static const Schema kPoint{"energy price",
                             {{"from", "from_utc_ms", Unit::kUtc},
                              {"value", "value_micro_usd", Unit::kEnergyPrice},
                              {"source", "source"},
                              {"stale_after", "stale_after_ms", Unit::kDuration}}};
  BindPrices(binder, value, path, kPoint, "energy_price", Unit::kEnergyPrice, dynamic_cast<v1::Site&>(*message).mutable_energy_price());
}
void BindHashPrice(Binder* binder, const YamlValue& value, const std::string& path, Message* message) {
  static const Schema kPoint{"hashprice",
                             {{"from", "from_utc_ms", Unit::kUtc},
                              {"value", "value_micro_usd", Unit::kHashPrice},
                              {"source", "source"},
                              {"stale_after", "stale_after_ms", Unit::kDuration}}};
  BindPrices(binder, value, path, kPoint, "hashprice", Unit::kHashPrice, dynamic_cast<v1::Site&>(*message).mutable_hashprice());
}

const Schema& BudgetSchema() {
  static const Schema kSchema{"budget",
                              {{"id", "id"},
                               {"kind", "kind", Unit::kEnum},
                               {"cap", "cap_mw", Unit::kPowerOrVa},
                               {"power_factor", "power_factor_ppm", Unit::kFactor},
                               {"base_load", "base_load_mw", Unit::kPower},
                               {"fault_reserve", "fault_reserve_mw", Unit::kPower},
                               {"shed_deadline", "shed_deadline_ms", Unit::kDuration},
                               {"meter_lag", "meter_lag_ms", Unit::kDuration},
                               {"ramp_up", "ramp_up_mw", Unit::kPower},
                               {"feeds_from", "feeds_from", Unit::kCustom, nullptr, BindFeeds}}};
  return kSchema;
}

// A rating in VA says nothing about watts without a power factor, and a cap in watts has no use for one.
void BindBudgets(Binder* binder, const YamlValue& value, const std::string& path, Message* message) {
  auto& site = dynamic_cast<v1::Site&>(*message);
  if (value.kind != YamlValue::Kind::kSequence) {
    return binder->Report(value, fmt::format("budgets: {}, allowed is a list; write one `- ` for each budget", value.Describe()));
  }
  for (const YamlValue& item : value.items) {
    const std::string at = fmt::format("{}[{}]", path, site.budgets_size());
    binder->Bind(BudgetSchema(), item, at, site.add_budgets());
    const YamlValue* const cap = item.Find("cap");
    if (cap == nullptr) continue;
    const bool apparent = cap->scalar.ends_with("VA");
    const YamlValue* const factor = item.Find("power_factor");
    if (apparent && factor == nullptr) {
      binder->Report(*cap, fmt::format("cap: \"{}\" without a power_factor, required with a cap in VA; add for example power_factor: 0.95", cap->scalar));
    } else if (!apparent && factor != nullptr) {
      binder->Report(*factor, fmt::format("power_factor: given for a cap of \"{}\", allowed with a cap in VA only; remove it", cap->scalar));
    }
  }
}

void BindNodeList(Binder* binder, const YamlValue& value, const std::string&, Message* message) {
  auto& configuration = dynamic_cast<v1::ClusterConfiguration&>(*message);
  if (value.kind == YamlValue::Kind::kNull) return;
  if (value.kind != YamlValue::Kind::kSequence) {
    return binder->Report(value, fmt::format("nodes: {}, allowed is a list; write one `- ` for each node or range of nodes", value.Describe()));
  }
  for (const YamlValue& item : value.items) BindNodes(binder, item, &configuration);
}

void LeaveToLoader(Binder*, const YamlValue&, const std::string&, Message*) {}

const Schema& SiteSchema() {
  static const Schema kPair{"feed pair", {{"id", "id"}, {"a", "a"}, {"b", "b"}, {"failover_cap", "failover_cap_mw", Unit::kPower}}};
  static const Schema kSchema{"site",
                              {{"id", "id"},
                               {"time_zone", "time_zone"},
                               {"energy_price", "energy_price", Unit::kCustom, nullptr, BindEnergyPrice},
                               {"hashprice", "hashprice", Unit::kCustom, nullptr, BindHashPrice},
                               {"overhead_fixed", "overhead_fixed_mw", Unit::kPower},
                               {"overhead_marginal", "overhead_marginal_ppm", Unit::kFactor},
                               {"overhead_lag", "overhead_lag_ms", Unit::kDuration},
                               {"budgets", "budgets", Unit::kCustom, nullptr, BindBudgets},
                               {"feed_pairs", "feed_pairs", Unit::kMessages, &kPair}}};
  return kSchema;
}

const Schema& DeviceModelSchema() {
  static const Schema kPoint{"operating point", {{"name", "name"}, {"power", "mw", Unit::kPower}, {"rate", "ghs", Unit::kHashRate}}};
  static const Schema kSchema{"device model",
                              {{"id", "id"},
                               {"kind", "kind", Unit::kEnum},
                               {"power_cycle", "power_cycle", Unit::kEnum},
                               {"enforcer", "enforcer", Unit::kEnum},
                               {"idle", "idle_mw", Unit::kPower},
                               {"min", "min_mw", Unit::kPower},
                               {"max", "max_mw", Unit::kPower},
                               {"transient", "transient_mw", Unit::kPower},
                               {"prepare_watts", "prepare_mw", Unit::kPower},
                               {"fallback", "fallback_mw", Unit::kPower},
                               {"ramp_up", "ramp_up_ms", Unit::kDuration},
                               {"ramp_down", "ramp_down_ms", Unit::kDuration},
                               {"limiter", "limiter", Unit::kBool},
                               {"operating_points", "operating_points", Unit::kMessages, &kPoint},
                               {"memory", "memory_bytes", Unit::kBytes}}};
  return kSchema;
}

const Schema& NodeModelSchema() {
  static const Schema kGroup{"device group",
                             {{"name", "name"}, {"device_model", "device_model"}, {"count", "count", Unit::kInteger}, {"liquid", "liquid_ppm", Unit::kFactor}}};
  static const Schema kSchema{"node model",
                              {{"id", "id"},
                               {"platform", "platform_mw", Unit::kPower},
                               {"cpus", "cpu_milli", Unit::kThousandths},
                               {"memory", "memory_bytes", Unit::kBytes},
                               {"disk", "disk_bytes", Unit::kBytes},
                               {"groups", "groups", Unit::kMessages, &kGroup},
                               {"counts", "counts", Unit::kPairs},
                               {"labels", "labels", Unit::kPairs}}};
  return kSchema;
}

const Schema& TenantSchema() {
  static const Schema kSchema{"tenant",
                              {{"id", "id"},
                               {"members", "members", Unit::kTexts},
                               {"weight", "weight", Unit::kInteger},
                               {"quota", "quota_mw", Unit::kPower},
                               {"quota_gpus", "quota_gpu_milli", Unit::kThousandths},
                               {"borrow", "borrow_mw", Unit::kPower},
                               {"max_pending_jobs", "max_pending_jobs", Unit::kInteger}}};
  return kSchema;
}

const Schema& TimingSchema() {
  static const Schema kSchema{"timing",
                              {{"lease", "lease_ms", Unit::kDuration},
                               {"heartbeat", "heartbeat_ms", Unit::kDuration},
                               {"margin", "margin_ms", Unit::kDuration},
                               {"confirm_timeout", "confirm_timeout_ms", Unit::kDuration},
                               {"prepare_timeout", "prepare_timeout_ms", Unit::kDuration},
                               {"member_timeout", "member_timeout_ms", Unit::kDuration},
                               {"restart_hold", "restart_hold_ms", Unit::kDuration},
                               {"backoff_initial", "backoff_initial_ms", Unit::kDuration},
                               {"backoff_max", "backoff_max_ms", Unit::kDuration},
                               {"dwell", "dwell_ms", Unit::kDuration},
                               {"report_interval", "report_interval_ms", Unit::kDuration},
                               {"history", "history_ms", Unit::kDuration},
                               {"ramp_scale", "ramp_scale_ppm", Unit::kFactor},
                               {"start_grace", "start_grace_ms", Unit::kDuration}}};
  return kSchema;
}

// "$n" in a name of the pattern stands for the node's own number.
void ReplaceNumber(std::string* text, const std::string& number) {
  for (size_t at = text->find("$n"); at != std::string::npos; at = text->find("$n", at + number.size())) text->replace(at, 2, number);
}

v1::Node Counted(const v1::Node& pattern, const CountedName& name) {
  v1::Node node = pattern;
  node.set_id(name.name);
  if (name.number.empty()) return node;
  for (v1::BudgetEdge& edge : *node.mutable_feeds_from()) ReplaceNumber(edge.mutable_budget(), name.number);
  for (std::string* text : {node.mutable_air_zone(), node.mutable_liquid_zone(), node.mutable_rack(), node.mutable_switch_name()}) {
    ReplaceNumber(text, name.number);
  }
  for (v1::Label& label : *node.mutable_labels()) ReplaceNumber(label.mutable_value(), name.number);
  return node;
}

}  // namespace

const Schema& NodeSchema() {
  static const Schema kSchema{"node",
                              {{"id", "id"},
                               {"site", "site"},
                               {"model", "model"},
                               {"feeds_from", "feeds_from", Unit::kCustom, nullptr, BindFeeds},
                               {"air_zone", "air_zone"},
                               {"liquid_zone", "liquid_zone"},
                               {"rack", "rack"},
                               {"switch", "switch_name"},
                               {"labels", "labels", Unit::kPairs},
                               {"taints", "taints", Unit::kTexts},
                               {"owner", "owner"}}};
  return kSchema;
}

void BindNodes(Binder* binder, const YamlValue& entry, v1::ClusterConfiguration* configuration) {
  const std::string original = fmt::format("nodes@{}-{}-{}", binder->file_index(), entry.position.line, entry.position.column);
  v1::Node pattern;
  binder->Bind(NodeSchema(), entry, original, &pattern);
  const absl::StatusOr<std::vector<CountedName>> names = ExpandRange(pattern.id());
  if (!names.ok()) {
    const YamlValue* const id = entry.Find("id");
    return binder->Report(id == nullptr ? entry : *id, "id: " + std::string(names.status().message()));
  }
  for (const CountedName& name : *names) {
    binder->Alias(fmt::format("nodes[{}]", configuration->nodes_size()), original);
    *configuration->add_nodes() = Counted(pattern, name);
  }
}

const Schema& ClusterSchema() {
  static const Schema kSchema{"cluster",
                              {{"cluster", "cluster_id"},
                               {"catalogue", nullptr, Unit::kCustom, nullptr, LeaveToLoader},
                               {"operators", "operators", Unit::kTexts},
                               {"timing", "timing", Unit::kMessage, &TimingSchema()},
                               {"sites", "sites", Unit::kMessages, &SiteSchema()},
                               {"device_models", "device_models", Unit::kMessages, &DeviceModelSchema()},
                               {"node_models", "node_models", Unit::kMessages, &NodeModelSchema()},
                               {"nodes", "nodes", Unit::kCustom, nullptr, BindNodeList},
                               {"nodes_csv", nullptr, Unit::kCustom, nullptr, LeaveToLoader},
                               {"tenants", "tenants", Unit::kMessages, &TenantSchema()}}};
  return kSchema;
}

const Schema& CatalogueSchema() {
  static const Schema kSchema{"catalogue",
                              {{"device_models", "device_models", Unit::kMessages, &DeviceModelSchema()},
                               {"node_models", "node_models", Unit::kMessages, &NodeModelSchema()}}};
  return kSchema;
}

}  // namespace switchyard::configuration
