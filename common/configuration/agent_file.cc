#include "common/configuration/agent_file.h"

#include <algorithm>
#include <limits>

#include "common/configuration/binder.h"
#include "common/configuration/documents.h"
#include "common/configuration/map_reader.h"
#include "common/configuration/name_range.h"
#include "common/platform/files.h"
#include "common/validation/problem.h"
#include "fmt/format.h"

namespace switchyard::configuration {
namespace {

// "<site>/<name>"
bool IsFullName(const std::string& text) {
  const size_t slash = text.find('/');
  return slash != std::string::npos && validation::IsName(text.substr(0, slash)) && validation::IsName(text.substr(slash + 1));
}

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address.starts_with("localhost:") || address.starts_with("[::1]:");
}

class AgentReader {
 public:
  AgentReader(Binder* binder, const YamlValue& root) : binder_(binder), root_(root), map_(binder, root, "agent") {}

  AgentFile Read() {
    ReadConnection();
    ReadNodes("nodes", map_.Items("nodes"), &file_.nodes);
    ReadReal();
    if (const YamlValue* simulated = map_.Child("simulated")) ReadSimulated(*simulated);
    map_.Finish();
    CheckWhole();
    return std::move(file_);
  }

 private:
  void ReadConnection() {
    map_.Text("scheduler", &file_.scheduler);
    map_.Bool("insecure_loopback", &file_.insecure_loopback);
    if (const YamlValue* tls = map_.Child("tls")) {
      MapReader reader(binder_, *tls, "tls");
      reader.Text("ca", &file_.tls.ca);
      reader.Text("certificate", &file_.tls.certificate);
      reader.Text("key", &file_.tls.key);
      reader.Finish();
    }
    map_.Text("state_dir", &file_.state_dir);
    std::string mode = "real";
    map_.Text("mode", &mode);
    if (mode == "simulated") {
      file_.mode = AgentFile::Mode::kSimulated;
    } else if (mode != "real") {
      binder_->Report(*root_.Find("mode"), fmt::format("mode: \"{}\", allowed are real and simulated; choose one", mode));
    }
  }

  void ReadNodes(const char* key, const std::vector<YamlValue>& items, std::vector<std::string>* nodes) {
    for (const YamlValue& item : items) {
      const std::optional<std::string> pattern = binder_->Text(key, item);
      if (!pattern.has_value()) continue;
      const absl::StatusOr<std::vector<CountedName>> names = ExpandRange(*pattern);
      if (!names.ok()) {
        binder_->Report(item, fmt::format("{}: {}", key, std::string(names.status().message())));
        continue;
      }
      if (!IsFullName(names->front().name)) {
        binder_->Report(item, fmt::format("{}: \"{}\", required is <site>/<node>; write for example moses-lake/rack-[001-150]", key, *pattern));
        continue;
      }
      for (const CountedName& name : *names) nodes->push_back(name.name);
    }
  }

  void ReadReal() {
    map_.Text("run_as", &file_.run_as);
    map_.Texts("allowed_users", &file_.allowed_users);
    for (const YamlValue& item : map_.Items("cpus")) {
      const std::optional<int64_t> core = binder_->Scalar("cpus", item, Unit::kInteger);
      if (!core.has_value()) continue;
      if (*core < 0 || *core >= 4096) {
        binder_->Report(item, fmt::format("cpus: {}, allowed are core numbers 0 to 4095", *core));
      } else {
        file_.cpus.push_back(static_cast<int>(*core));
      }
    }
    std::sort(file_.cpus.begin(), file_.cpus.end());
    file_.cpus.erase(std::unique(file_.cpus.begin(), file_.cpus.end()), file_.cpus.end());
    map_.Text("supervisor_program", &file_.supervisor_program);
    map_.Text("hasher_program", &file_.hasher_program);
    map_.Text("checkpoint_dir", &file_.checkpoint_dir);
    map_.Quantity("log_file_size", Unit::kBytes, &file_.log_file_bytes);
    if (file_.log_file_bytes < (4 << 10) || file_.log_file_bytes > (int64_t{1} << 30)) {
      binder_->Report(*root_.Find("log_file_size"), "log_file_size: allowed is 4KiB to 1GiB");
    }
    int64_t log_files = file_.log_files;
    map_.Integer("log_files", 2, 64, &log_files);
    file_.log_files = static_cast<int>(log_files);
    map_.Text("hardware_id", &file_.hardware_id);
    map_.Text("boot_id_file", &file_.boot_id_file);
    map_.Text("sysfs_root", &file_.sysfs_root);
    map_.Text("cgroup_root", &file_.cgroup_root);
    for (const YamlValue& item : map_.Items("meters")) {
      MapReader reader(binder_, item, "meter");
      MeterSource& meter = file_.meters.emplace_back();
      ReadBudget(&reader, &meter.budget);
      reader.Text("path", &meter.path);
      if (meter.path.empty()) binder_->Report(item, "path: missing, required is the file with the meter's count; add it");
      reader.Integer("microwatts_per_count", 1, 1'000'000'000'000, &meter.microwatts_per_count);
      reader.Read("lag", &meter.lag);
      reader.Finish();
    }
  }

  void ReadBudget(MapReader* reader, std::string* budget) {
    reader->Text("budget", budget);
    if (!IsFullName(*budget)) binder_->Report(reader->map(), fmt::format("budget: \"{}\", required is <site>/<budget>; correct it", *budget));
  }

  void ReadSimulated(const YamlValue& value) {
    MapReader reader(binder_, value, "simulated");
    SimulatedSettings& settings = file_.simulated;
    int64_t seed = static_cast<int64_t>(settings.seed);
    reader.Integer("seed", 0, std::numeric_limits<int64_t>::max(), &seed);
    settings.seed = static_cast<uint64_t>(seed);
    if (const YamlValue* defects = reader.Child("defects")) ReadDefects(*defects);
    reader.Text("draw_file", &settings.draw_file);
    reader.Text("device_draw_file", &settings.device_draw_file);
    reader.Text("control_socket", &settings.control_socket);
    reader.Integer("speed", 1, 1000, &settings.speed);
    for (const YamlValue& item : reader.Items("meters")) ReadSimulatedMeter(item);
    reader.Finish();
  }

  void ReadDefects(const YamlValue& value) {
    MapReader reader(binder_, value, "defects");
    Defects& defects = file_.simulated.defects;
    reader.Read("liars", &defects.liars);
    reader.Read("stuck", &defects.stuck);
    reader.Read("slow", &defects.slow);
    reader.Finish();
    const int64_t sum = defects.liars.count() + defects.stuck.count() + defects.slow.count();
    if (sum > kOne.count()) binder_->Report(value, "defects: their shares sum to more than 100%, allowed is 100% of the devices; lower them");
  }

  void ReadSimulatedMeter(const YamlValue& value) {
    MapReader reader(binder_, value, "meter");
    SimulatedMeter& meter = file_.simulated.meters.emplace_back();
    ReadBudget(&reader, &meter.budget);
    reader.Read("base", &meter.base);
    reader.Read("noise_sigma", &meter.noise_sigma);
    reader.Read("lag", &meter.lag);
    reader.Read("interval", &meter.interval);
    if (meter.interval < Milliseconds(100)) binder_->Report(value, "interval: allowed is 100ms or more; write for example 1s");
    for (const YamlValue& item : reader.Items("terms")) {
      MapReader term_reader(binder_, item, "term");
      MeterTerm& term = meter.terms.emplace_back();
      ReadNodes("nodes", term_reader.Items("nodes"), &term.nodes);
      term_reader.Text("group", &term.group);
      term_reader.Read("coefficient", &term.coefficient);
      term_reader.Finish();
    }
    reader.Finish();
  }

  void CheckWhole() {
    const bool tcp = !file_.scheduler.starts_with("unix:");
    if (tcp && file_.scheduler.rfind(':') == std::string::npos) {
      binder_->Report(At("scheduler"), fmt::format("scheduler: \"{}\", allowed are unix:PATH and HOST:PORT; correct it", file_.scheduler));
    } else if (tcp && file_.insecure_loopback && !IsLoopback(file_.scheduler)) {
      binder_->Report(At("insecure_loopback"), fmt::format("insecure_loopback: \"{}\" is not a loopback address, allowed are 127.*, localhost and [::1]; "
                                                           "use tls",
                                                           file_.scheduler));
    } else if (tcp && !file_.insecure_loopback && file_.tls.ca.empty()) {
      binder_->Report(At("scheduler"), fmt::format("scheduler: \"{}\" over TCP without tls.ca; name the authority's certificate", file_.scheduler));
    }
    if (file_.tls.certificate.empty() != file_.tls.key.empty()) {
      binder_->Report(At("tls"), "tls: certificate and key go together, only one of them is named; name both or neither");
    }
    if (file_.nodes.empty()) {
      binder_->Report(At("nodes"), "nodes: empty, required is at least one <site>/<node>; add it");
    } else if (file_.mode == AgentFile::Mode::kReal && file_.nodes.size() != 1) {
      binder_->Report(At("nodes"), fmt::format("nodes: {} nodes, required is one for a real machine; remove the others", file_.nodes.size()));
    }
    std::vector<std::string> sorted = file_.nodes;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) binder_->Report(At("nodes"), fmt::format("nodes: \"{}\" stands twice, allowed is once; remove one", *twice));
  }

  const YamlValue& At(const char* key) const {
    const YamlValue* const value = root_.Find(key);
    return value == nullptr ? root_ : *value;
  }

  Binder* binder_;
  const YamlValue& root_;
  MapReader map_;
  AgentFile file_;
};

}  // namespace

absl::StatusOr<AgentFile> ParseAgentText(const std::string& text, const std::string& file) {
  Binder binder(file);
  const std::optional<YamlValue> root = SingleDocument(text, file, &binder);
  if (!root.has_value()) return binder.ToStatus();
  AgentFile result = AgentReader(&binder, *root).Read();
  if (absl::Status status = binder.ToStatus(); !status.ok()) return status;
  return result;
}

absl::StatusOr<AgentFile> LoadAgentFile(const std::string& path) {
  const absl::StatusOr<std::string> text = platform::ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseAgentText(*text, path == "-" ? "stdin" : path);
}

}  // namespace switchyard::configuration
