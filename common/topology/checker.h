// Internal to this room: collects problems, with the few judgements that every part of a configuration needs.
#ifndef SWITCHYARD_COMMON_TOPOLOGY_CHECKER_H_
#define SWITCHYARD_COMMON_TOPOLOGY_CHECKER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/quantity_text.h"
#include "common/validation/problem.h"
#include "fmt/format.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::topology {

class Checker {
 public:
  // `subject` is the noun with its name: `budget "moses-lake/pdu-1"`.
  void Add(std::string path, const std::string& subject, const std::string& what) {
    if (problems_.size() < validation::kMaxProblems) problems_.push_back({std::move(path), subject + ": " + what});
  }

  void Range(const std::string& path, const std::string& subject, const char* field, int64_t value, int64_t least, int64_t most) {
    if (value >= least && value <= most) return;
    Add(path, subject, fmt::format("{} {}, allowed is {} to {}; choose one in that range", field, value, least, most));
  }
  void Range(const std::string& path, const std::string& subject, const char* field, Power value, Power least, Power most) {
    if (value >= least && value <= most) return;
    Add(path, subject,
        fmt::format("{} {}, allowed is {} to {}; choose one in that range", field, FormatPower(value), FormatPower(least), FormatPower(most)));
  }
  void Range(const std::string& path, const std::string& subject, const char* field, Duration value, Duration least, Duration most) {
    if (value >= least && value <= most) return;
    Add(path, subject,
        fmt::format("{} {}, allowed is {} to {}; choose one in that range", field, FormatDuration(value), FormatDuration(least), FormatDuration(most)));
  }

  void Count(const std::string& path, const std::string& subject, const char* things, int count, int least, int most) {
    if (count >= least && count <= most) return;
    Add(path, subject, fmt::format("{} {}, allowed are {} to {}; {}", count, things, least, most, count < least ? "add some" : "remove some"));
  }

  // A well-formed name that `seen` does not hold yet.
  void NewName(const std::string& path, const char* noun, const std::string& name, std::set<std::string>* seen) {
    const std::string subject = Subject(noun, name);
    if (!validation::IsName(name)) {
      Add(path, subject, "not a name, allowed are 1 to 63 of [a-z0-9.-] that begin and end with a letter or digit; rename it");
    } else if (!seen->insert(name).second) {
      Add(path, subject, "the name stands twice, allowed is once; rename one");
    }
  }
  void Name(const std::string& path, const std::string& subject, const char* field, const std::string& name) {
    if (validation::IsName(name)) return;
    Add(path, subject,
        fmt::format("{} \"{}\", allowed are 1 to 63 of [a-z0-9.-] that begin and end with a letter or digit; rename it", field, name));
  }
  void Labels(const std::string& path, const std::string& subject, const google::protobuf::RepeatedPtrField<v1::Label>& labels, int most) {
    Count(path, subject, "labels", labels.size(), 0, most);
    std::set<std::string> seen;
    for (int i = 0; i < labels.size(); ++i) {
      const std::string at = fmt::format("{}[{}]", path, i);
      Name(at + ".key", subject, "label", labels[i].key());
      if (!seen.insert(labels[i].key()).second) Add(at + ".key", subject, fmt::format("label \"{}\" stands twice, allowed is once; remove one", labels[i].key()));
      if (labels[i].value().size() > 256) Add(at + ".value", subject, "a label's value above 256 characters; shorten it");
    }
  }

  static std::string Subject(const char* noun, const std::string& name) { return fmt::format("{} \"{}\"", noun, name); }

  bool empty() const { return problems_.empty(); }
  bool full() const { return problems_.size() >= validation::kMaxProblems; }
  std::vector<validation::Problem> Take() { return std::move(problems_); }

 private:
  std::vector<validation::Problem> problems_;
};

// What one part of a configuration must know of the others, by name.
struct Names {
  std::map<std::string, const v1::Site*> sites;
  std::map<std::string, const v1::DeviceModel*> device_models;
  std::map<std::string, const v1::NodeModel*> node_models;
  std::set<std::string> tenants;
  std::map<std::pair<std::string, std::string>, v1::BudgetKind> budgets;  // (site, budget); survivors among them
};

// The shares of a list of feeds: known budgets of the site that carry power, each once, together whole.
void CheckFeeds(const std::string& path, const std::string& subject, const std::string& site,
                const google::protobuf::RepeatedPtrField<v1::BudgetEdge>& feeds, const Names& names, Checker* checker);

void CheckModels(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker);
void CheckSites(const v1::ClusterConfiguration& configuration, const Names& names, Checker* checker);

}  // namespace switchyard::topology

#endif  // SWITCHYARD_COMMON_TOPOLOGY_CHECKER_H_
