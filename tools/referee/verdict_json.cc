#include "tools/referee/verdict_json.h"

#include <nlohmann/json.hpp>

namespace switchyard::tools::referee {
namespace {

using Json = nlohmann::ordered_json;

Json PowerJson(const PowerVerdict& power, const DrawLog& log) {
  Json budgets = Json::array(), timeline = Json::array();
  for (const BudgetVerdict& budget : power.budgets) {
    budgets.push_back({{"id", budget.id},
                       {"cap_mw", budget.cap_mw},
                       {"worst_mw", budget.worst_mw},
                       {"worst_ratio", static_cast<double>(budget.worst_mw) / static_cast<double>(budget.cap_mw)},
                       {"worst_utc_ms", budget.worst_utc_ms},
                       {"above_cap_ms", budget.above_cap_ms}});
  }
  for (const TimelinePoint& point : power.timeline) {
    timeline.push_back({{"utc_ms", point.utc_ms},
                        {"hashing_mw", point.hashing_mw},
                        {"ai_mw", point.ai_mw},
                        {"cpu_mw", point.cpu_mw},
                        {"other_mw", point.other_mw},
                        {"cap_mw", point.cap_mw}});
  }
  return {{"from_utc_ms", power.from_utc_ms},
          {"to_utc_ms", power.to_utc_ms},
          {"lines", power.lines},
          {"skipped_lines", log.skipped_lines},
          {"unknown_loads", log.unknown_loads},
          {"nodes_unseen", power.nodes_unseen},
          {"longest_silence_ms", power.longest_silence_ms},
          {"longest_silence_node", power.longest_silence_node},
          {"budgets", std::move(budgets)},
          {"timeline", std::move(timeline)}};
}

Json SharesJson(const ShareAudit& audit) {
  Json workers = Json::object();
  for (const auto& [name, worker] : audit.workers) {
    workers[name] = {{"shares", worker.shares},
                     {"hashes", worker.hashes},
                     {"difficulty_least", worker.difficulty_least},
                     {"first_utc_ms", worker.first_utc_ms},
                     {"last_utc_ms", worker.last_utc_ms}};
  }
  return {{"shares", audit.shares},
          {"wrong_hash", audit.wrong_hash},
          {"above_target", audit.above_target},
          {"repeated", audit.repeated},
          {"unreadable_lines", audit.unreadable_lines},
          {"complaints", audit.complaints},
          {"workers", std::move(workers)}};
}

const char* Name(LoadKind kind) {
  switch (kind) {
    case LoadKind::kPlatform: return "platform";
    case LoadKind::kHashing: return "asic";
    case LoadKind::kGpu: return "gpu";
    case LoadKind::kCpu: return "cpu";
  }
  return "";
}

}  // namespace

std::string VerdictJson(const Verdict& verdict, const DrawLog& log) {
  Json json = Json::object();
  if (verdict.power.has_value()) json["power"] = PowerJson(*verdict.power, log);
  if (verdict.shares.has_value()) json["shares"] = SharesJson(*verdict.shares);
  Json ranks = Json::array();
  for (const RankResult& rank : verdict.ranks) {
    ranks.push_back({{"file", rank.file},
                     {"rank", rank.rank},
                     {"accuracy", rank.accuracy},
                     {"steps", rank.steps},
                     {"resumed_from", rank.resumed_from}});
  }
  json["ranks"] = std::move(ranks);
  if (verdict.handovers.has_value()) {
    json["handovers"] = {{"count", verdict.handovers->count},
                         {"median_ms", verdict.handovers->median_ms},
                         {"p90_ms", verdict.handovers->p90_ms},
                         {"worst_ms", verdict.handovers->worst_ms}};
  }
  return json.dump(1) + "\n";
}

std::string PlanJson(const SitePlan& plan) {
  Json budgets = Json::array(), loads = Json::array();
  for (const Budget& budget : plan.budgets) {
    budgets.push_back({{"id", budget.id}, {"kind", budget.kind}, {"cap_mw", budget.cap_mw}, {"base_mw", budget.base_mw}});
  }
  for (const Load& load : plan.loads) {
    Json shares = Json::object();
    for (const Share& share : load.shares) shares[plan.budgets[share.budget].id] = share.per_billion;
    loads.push_back({{"node", load.node},
                     {"group", load.group},
                     {"kind", Name(load.kind)},
                     {"nameplate_mw", load.nameplate_mw},
                     {"idle_mw", load.idle_mw},
                     {"shares_per_billion", std::move(shares)}});
  }
  const Json json = {{"site", plan.site},
                     {"meter", plan.budgets[plan.meter].id},
                     {"nodes", plan.node_count},
                     {"budgets", std::move(budgets)},
                     {"loads", std::move(loads)}};
  return json.dump(1) + "\n";
}

}  // namespace switchyard::tools::referee
