#include "simulation/runner/seed_report.h"

#include <nlohmann/json.hpp>

namespace switchyard::simulation {

using Json = nlohmann::ordered_json;

std::string ToJson(const SeedReport& report) {
  Json json = {{"seed", report.seed},
               {"check", report.check},
               {"verdict", report.verdict},
               {"at_ms", report.at_ms},
               {"simulated_ms", report.simulated_ms},
               {"cpu_us", report.cpu_us},
               {"starts", report.starts},
               {"leaders", report.leaders},
               {"batches", report.batches},
               {"commands", report.commands},
               {"messages", report.messages},
               {"digest", report.digest},
               {"exception_ms", report.exception_ms},
               {"reached", report.reached}};
  json["strikes"] = Json::array();
  for (const auto& [cell, count] : report.strikes) json["strikes"].push_back({cell.first, cell.second, count});
  json["allowances"] = Json::array();
  for (const auto& [cause, use] : report.allowances) json["allowances"].push_back({cause, use.times, use.most_mw});
  // A verdict may quote bytes that are no UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<SeedReport> SeedReportFromJson(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return absl::InvalidArgumentError("seed report: not a JSON object; the process that ran the seed ended early");
  SeedReport report;
  try {
    json.at("seed").get_to(report.seed);
    json.at("check").get_to(report.check);
    json.at("verdict").get_to(report.verdict);
    json.at("at_ms").get_to(report.at_ms);
    json.at("simulated_ms").get_to(report.simulated_ms);
    json.at("cpu_us").get_to(report.cpu_us);
    json.at("starts").get_to(report.starts);
    json.at("leaders").get_to(report.leaders);
    json.at("batches").get_to(report.batches);
    json.at("commands").get_to(report.commands);
    json.at("messages").get_to(report.messages);
    json.at("digest").get_to(report.digest);
    json.at("exception_ms").get_to(report.exception_ms);
    json.at("reached").get_to(report.reached);
    for (const Json& cell : json.at("strikes")) report.strikes[{cell.at(0), cell.at(1)}] = cell.at(2);
    for (const Json& use : json.at("allowances"))
      report.allowances[use.at(0)] = {.times = use.at(1), .most_mw = use.at(2)};
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(std::string("seed report: ") + error.what() +
                                      "; the process that ran the seed ended early");
  }
  return report;
}

}  // namespace switchyard::simulation
