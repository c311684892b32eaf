#include "tools/referee/site_plan.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include "absl/status/status.h"

namespace switchyard::tools::referee {
namespace {

// Thrown within this file only; ReadSitePlan makes a status of it.
struct Unreadable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Number {
  double value = 0;
  std::string unit;
};

Number Split(const std::string& text) {
  size_t used = 0;
  Number number;
  try {
    number.value = std::stod(text, &used);
  } catch (const std::exception&) {
    throw Unreadable(fmt::format("quantity \"{}\": not a number with a unit; write for example 18MW", text));
  }
  number.unit = text.substr(used);
  return number;
}

int64_t Milliwatts(const std::string& text, double power_factor) {
  static const std::map<std::string, double> kUnits = {{"mW", 1},   {"W", 1e3},   {"kW", 1e6},   {"MW", 1e9},
                                                       {"GW", 1e12}, {"VA", 1e3}, {"kVA", 1e6}, {"MVA", 1e9}};
  const Number number = Split(text);
  const auto unit = kUnits.find(number.unit);
  if (unit == kUnits.end()) throw Unreadable(fmt::format("power \"{}\": unknown unit, allowed are W, kW, MW and kVA, MVA", text));
  return std::llround(number.value * unit->second * power_factor);
}

int64_t Milliwatts(const YAML::Node& map, const char* key, int64_t otherwise) {
  return map[key] ? Milliwatts(map[key].as<std::string>(), 1) : otherwise;
}

int64_t PerBillion(const YAML::Node& value, int64_t otherwise) {
  if (!value) return otherwise;
  const Number number = Split(value.as<std::string>());
  return std::llround(number.value * (number.unit == "%" ? 1e7 : 1e9));
}

int64_t Product(int64_t a, int64_t b) {
  return static_cast<int64_t>((static_cast<__int128>(a) * b + kBillion / 2) / kBillion);
}

// `rack-[001-150]`: the names, each with its number as written ("" for a plain name).
std::vector<std::pair<std::string, std::string>> Expand(const std::string& pattern) {
  const size_t open = pattern.find('['), dash = pattern.find('-', open), close = pattern.find(']', open);
  if (open == std::string::npos) return {{pattern, ""}};
  if (dash == std::string::npos || close == std::string::npos || dash > close) {
    throw Unreadable(fmt::format("node \"{}\": a range is written rack-[001-150]", pattern));
  }
  const std::string first = pattern.substr(open + 1, dash - open - 1), last = pattern.substr(dash + 1, close - dash - 1);
  std::vector<std::pair<std::string, std::string>> names;
  for (int n = std::stoi(first); n <= std::stoi(last); ++n) {
    const std::string number = fmt::format("{:0{}}", n, first.size());
    names.emplace_back(pattern.substr(0, open) + number + pattern.substr(close + 1), number);
  }
  return names;
}

std::string WithNumber(std::string text, const std::string& number) {
  for (size_t at = text.find("$n"); at != std::string::npos; at = text.find("$n")) text.replace(at, 2, number);
  return text;
}

struct Edge {
  std::string budget;
  int64_t per_billion = kBillion;
};

// meter | [feeder-a, {budget: feeder-b, share: 50%}]
std::vector<Edge> Edges(const YAML::Node& value, const std::string& number) {
  std::vector<Edge> edges;
  const auto add = [&](const YAML::Node& item) {
    if (item.IsScalar()) {
      edges.push_back({WithNumber(item.as<std::string>(), number)});
    } else {
      edges.push_back({WithNumber(item["budget"].as<std::string>(), number), PerBillion(item["share"], kBillion)});
    }
  };
  if (!value || value.IsNull()) return edges;
  if (value.IsSequence()) {
    for (const YAML::Node& item : value) add(item);
  } else {
    add(value);
  }
  return edges;
}

struct Part {
  std::string group;
  LoadKind kind = LoadKind::kPlatform;
  int64_t nameplate_mw = 0, idle_mw = 0;
  int64_t liquid = 0;  // per billion of its heat
};

class Reader {
 public:
  SitePlan Read(const std::string& path) {
    const YAML::Node root = YAML::LoadFile(path);
    if (root["catalogue"]) {
      const auto catalogue = std::filesystem::path(path).parent_path() / root["catalogue"].as<std::string>();
      ReadModels(YAML::LoadFile(catalogue.string()));
    }
    ReadModels(root);
    if (!root["sites"] || root["sites"].size() == 0) throw Unreadable("sites: none; the file must describe one");
    ReadSite(root["sites"][0]);
    for (const YAML::Node& node : root["nodes"]) {
      if (node["site"].as<std::string>() == plan_.site) AddNodes(node);
    }
    return std::move(plan_);
  }

 private:
  void ReadModels(const YAML::Node& root) {
    for (const YAML::Node& model : root["device_models"]) devices_[model["id"].as<std::string>()] = YAML::Clone(model);
    for (const YAML::Node& model : root["node_models"]) {
      std::vector<Part> parts = {{.group = "platform", .nameplate_mw = Milliwatts(model, "platform", 0)}};
      parts.front().idle_mw = parts.front().nameplate_mw;
      for (const YAML::Node& group : model["groups"]) parts.push_back(ReadGroup(group));
      nodes_[model["id"].as<std::string>()] = std::move(parts);
    }
  }

  Part ReadGroup(const YAML::Node& group) {
    const std::string id = group["device_model"].as<std::string>();
    const auto device = devices_.find(id);
    if (device == devices_.end()) throw Unreadable(fmt::format("device model \"{}\": not in the catalogue; add it", id));
    const std::string kind = device->second["kind"].as<std::string>();
    const int64_t count = group["count"].as<int64_t>();
    return {.group = group["name"].as<std::string>(),
            .kind = kind == "asic" ? LoadKind::kHashing : kind == "gpu" ? LoadKind::kGpu : LoadKind::kCpu,
            .nameplate_mw = count * Milliwatts(device->second, "max", 0),
            .idle_mw = count * Milliwatts(device->second, "idle", 0),
            .liquid = PerBillion(group["liquid"], 0)};
  }

  void ReadSite(const YAML::Node& site) {
    plan_.site = site["id"].as<std::string>();
    overhead_ = kBillion + PerBillion(site["overhead_marginal"], 0);
    for (const YAML::Node& budget : site["budgets"]) {
      const std::string id = budget["id"].as<std::string>(), kind = budget["kind"].as<std::string>();
      const double factor = budget["power_factor"] ? PerBillion(budget["power_factor"], kBillion) / 1e9 : 1;
      index_[id] = plan_.budgets.size();
      plan_.budgets.push_back({plan_.site + "/" + id, kind, Milliwatts(budget["cap"].as<std::string>(), factor)});
      if (kind == "meter") plan_.meter = index_[id];
      parents_.push_back(Edges(budget["feeds_from"], ""));
      base_.push_back(Milliwatts(budget, "base_load", 0));
    }
    for (const YAML::Node& pair : site["feed_pairs"]) {
      pairs_.push_back({pair["a"].as<std::string>(), pair["b"].as<std::string>(), plan_.budgets.size()});
      plan_.budgets.push_back({plan_.site + "/" + pair["id"].as<std::string>(), "survivor",
                               Milliwatts(pair["failover_cap"].as<std::string>(), 1)});
    }
    AddBaseLoads(Milliwatts(site, "overhead_fixed", 0));
  }

  void AddBaseLoads(int64_t overhead_fixed_mw) {
    plan_.budgets[plan_.meter].base_mw = overhead_fixed_mw;
    for (size_t i = 0; i < base_.size(); ++i) {
      if (base_[i] == 0) continue;
      for (const auto& [budget, per_billion] : Climb({{i, kBillion}})) {
        // At the place where it hangs a base load is as the meter there sees it; above that it brings its overhead.
        plan_.budgets[budget].base_mw += budget == i ? base_[i] : Product(base_[i], per_billion);
      }
    }
  }

  // What every budget sees of a watt that enters at `entries`: along every path upwards, multiplied by the shares on it.
  std::map<size_t, int64_t> Climb(const std::vector<std::pair<size_t, int64_t>>& entries) const {
    std::map<size_t, int64_t> seen;
    const std::function<void(size_t, int64_t, int)> climb = [&](size_t budget, int64_t per_billion, int depth) {
      if (depth > 64) throw Unreadable(fmt::format("budget \"{}\": feeds from itself; break the cycle", plan_.budgets[budget].id));
      seen[budget] += per_billion;
      for (const Edge& edge : parents_[budget]) climb(Find(edge.budget), Product(per_billion, edge.per_billion), depth + 1);
    };
    for (const auto& [budget, per_billion] : entries) climb(budget, per_billion, 0);
    for (const Pair& pair : pairs_) {
      const int64_t both = At(seen, Find(pair.a)) + At(seen, Find(pair.b));
      if (both > 0) seen[pair.survivor] = both;
    }
    if (seen.contains(plan_.meter)) seen[plan_.meter] = Product(seen[plan_.meter], overhead_);
    return seen;
  }

  static int64_t At(const std::map<size_t, int64_t>& values, size_t key) {
    const auto found = values.find(key);
    return found == values.end() ? 0 : found->second;
  }

  size_t Find(const std::string& budget) const {
    const auto found = index_.find(budget);
    if (found == index_.end()) throw Unreadable(fmt::format("budget \"{}\": named but not described; add it", budget));
    return found->second;
  }

  void AddNodes(const YAML::Node& entry) {
    const std::string model = entry["model"].as<std::string>();
    if (!nodes_.contains(model)) throw Unreadable(fmt::format("node model \"{}\": not in the catalogue; add it", model));
    for (const auto& [name, number] : Expand(entry["id"].as<std::string>())) {
      ++plan_.node_count;
      std::vector<std::pair<size_t, int64_t>> entries;
      for (const Edge& edge : Edges(entry["feeds_from"], number)) entries.emplace_back(Find(edge.budget), edge.per_billion);
      const std::string air = entry["air_zone"] ? WithNumber(entry["air_zone"].as<std::string>(), number) : "";
      const std::string liquid = entry["liquid_zone"] ? WithNumber(entry["liquid_zone"].as<std::string>(), number) : "";
      for (const Part& part : nodes_[model]) {
        std::map<size_t, int64_t> seen = Climb(entries);
        if (!air.empty() && part.liquid < kBillion) seen[Find(air)] += kBillion - part.liquid;
        if (!liquid.empty() && part.liquid > 0) seen[Find(liquid)] += part.liquid;
        AddLoad(plan_.site + "/" + name, part, seen);
      }
    }
  }

  void AddLoad(const std::string& node, const Part& part, const std::map<size_t, int64_t>& seen) {
    Load load{node, part.group, part.kind, part.nameplate_mw, part.idle_mw, {}};
    for (const auto& [budget, per_billion] : seen) load.shares.push_back({budget, per_billion});
    plan_.load_index[{node, part.group}] = plan_.loads.size();
    plan_.loads.push_back(std::move(load));
  }

  struct Pair {
    std::string a, b;
    size_t survivor;
  };

  SitePlan plan_;
  int64_t overhead_ = kBillion;
  std::map<std::string, YAML::Node> devices_;
  std::map<std::string, std::vector<Part>> nodes_;
  std::map<std::string, size_t> index_;
  std::vector<std::vector<Edge>> parents_;  // of each configured budget
  std::vector<int64_t> base_;
  std::vector<Pair> pairs_;
};

}  // namespace

absl::StatusOr<SitePlan> ReadSitePlan(const std::string& path) {
  try {
    return Reader().Read(path);
  } catch (const YAML::BadFile&) {
    return absl::NotFoundError(fmt::format("site file \"{}\": it or its catalogue cannot be opened; check the path", path));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(fmt::format("site file \"{}\": {}", path, error.what()));
  }
}

}  // namespace switchyard::tools::referee
