#include "scheduler/daemon/daemon.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "common/configuration/cluster_file.h"
#include "common/platform/logging.h"
#include "common/platform/tls.h"
#include "fmt/format.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::daemon {
namespace {

using platform::Log;
using platform::LogLevel;

[[noreturn]] void EndAfterFailedCommit(const absl::Status& status) {
  Log(LogLevel::kError, "commit-failed", {{"reason", status}, {"next", "the process ends, its next start reads the store"}});
  // No destructors: memory is ahead of the disk, and nothing that is in memory may reach anybody any more.
  std::_Exit(1);
}

// Each line of a status of many problems is an event of its own.
void LogLines(LogLevel level, const char* event, const std::string& text) {
  size_t start = 0;
  while (start < text.size()) {
    const size_t end = std::min(text.find('\n', start), text.size());
    Log(level, event, {{"problem", text.substr(start, end - start)}});
    start = end + 1;
  }
}

store::v1::Command OwnCommand() {
  store::v1::Command command;
  command.set_is_operator(true);
  return command;
}

}  // namespace

Daemon::Daemon(Options options) : options_(std::move(options)) {}

Daemon::~Daemon() { Stop(); }

absl::Status Daemon::Start() {
  bool from_file = false;
  absl::Status file_status;
  if (!options_.config.empty()) {
    const absl::StatusOr<configuration::ClusterFile> file = configuration::LoadClusterFile(options_.config);
    file_status = file.status();
    if (file.ok()) {
      for (const std::string& warning : file->warnings) Log(LogLevel::kWarning, "configuration-warning", {{"what", warning}});
      configuration_ = file->configuration;
      from_file = true;
    }
  }
  if (absl::Status status = OpenStore(); !status.ok()) return status;
  if (!from_file && !stored_configuration_) {
    if (!file_status.ok()) return file_status;
    return absl::FailedPreconditionError(
        fmt::format("store \"{}\": it holds no configuration yet; name the cluster's file with --config", options_.store));
  }
  if (!file_status.ok()) {
    LogLines(LogLevel::kError, "configuration-refused", std::string(file_status.message()));
    Log(LogLevel::kError, "configuration-stored", {{"file", options_.config}, {"next", "serving with the configuration of the store"}});
  }
  if (absl::Status status = MakeGate(); !status.ok()) return status;
  if (absl::Status status = StartEngine(); !status.ok()) return status;
  if (absl::Status status = BeginTerm(from_file); !status.ok()) return status;
  return Listen();
}

// Opens the store and rebuilds the core. The configuration of the store counts where no file gave one.
absl::Status Daemon::OpenStore() {
  auto opened = store::RocksStore::Open({.directory = options_.store});
  if (!opened.ok()) return opened.status();
  store_ = *std::move(opened);
  LogTerm();
  auto rows = store_->LoadAll();
  if (!rows.ok()) return rows.status();
  rows_ = *std::move(rows);
  for (const core::Row& row : rows_) {
    if (row.kind != core::RowKind::kConfiguration) continue;
    store::v1::ConfigurationRow stored;
    if (!stored.ParseFromString(*row.value)) {
      return absl::DataLossError(
          fmt::format("store \"{}\": its configuration row cannot be read; restore the newest backup", options_.store));
    }
    stored_configuration_ = true;
    if (configuration_.cluster_id().empty()) configuration_ = stored.configuration();
    if (configuration_.cluster_id() != stored.configuration().cluster_id()) {
      return absl::FailedPreconditionError(
          fmt::format("store \"{}\": it belongs to cluster \"{}\", {} describes \"{}\"; a cluster keeps its name, give another "
                      "--store for another cluster",
                      options_.store, stored.configuration().cluster_id(), options_.config, configuration_.cluster_id()));
    }
  }
  return machine_.Restore(rows_);
}

void Daemon::LogTerm() const {
  const store::Term& term = store_->term();
  Log(LogLevel::kInfo, "term-started",
      {{"store", options_.store}, {"term", term.number}, {"incarnation", fmt::format("{:016x}", term.incarnation)},
       {"created", term.created}});
  if (term.restored) Log(LogLevel::kWarning, "store-restored", {{"store", options_.store}, {"next", "a new incarnation"}});
  if (term.torn_tail) {
    Log(LogLevel::kWarning, "store-torn-tail", {{"store", options_.store}, {"next", "the last, unacknowledged write was dropped"}});
  }
}

absl::Status Daemon::MakeGate() {
  std::optional<platform::CertificateAuthority> authority;
  if (!options_.ca_dir.empty()) {
    auto loaded = platform::LoadCa(options_.ca_dir);
    if (!loaded.ok()) return loaded.status();
    authority = *std::move(loaded);
  }
  const store::Term& term = store_->term();
  const rpc::Identity identity = {configuration_.cluster_id(), term.incarnation, term.number};
  gate_ = std::make_unique<rpc::Gate>(&port_, &clock_, identity, std::move(authority));
  return gate_->reads().Load(term.first_sequence - 1, rows_);
}

absl::Status Daemon::StartEngine() {
  if (!options_.record.empty()) {
    auto recorder = engine::Recorder::Open(options_.record, rows_);
    if (!recorder.ok()) return recorder.status();
    recorder_ = *std::move(recorder);
  }
  rows_ = {};  // the core and the read model have their own
  engine::EngineOptions options;
  options.machine = &machine_;
  options.clock = &clock_;
  options.sink = gate_.get();
  options.commit = [store = store_.get()](uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows) {
    return store->Commit(sequence, utc, rows);
  };
  options.first_sequence = store_->term().first_sequence;
  options.sequence_slack = store::kSequenceSlack;
  options.not_before = store_->term().not_before;
  options.recorder = recorder_.get();
  options.on_failed_commit = EndAfterFailedCommit;
  options.on_clock_step = [](Duration step) { Log(LogLevel::kWarning, "clock-stepped", {{"by", step}}); };
  engine_ = std::make_unique<engine::Engine>(std::move(options));
  port_.Connect(engine_.get());
  engine_->Start();
  ShowEngine();
  return absl::OkStatus();
}

// The term first, then the configuration: both durable before anybody can connect. The core answers requests alone, so that the
// term, which is none, is waited for by the answer to what follows it.
absl::Status Daemon::BeginTerm(bool configuration_from_file) {
  store::v1::Command begin = OwnCommand();
  begin.mutable_start_term()->set_store_incarnation(store_->term().incarnation);
  begin.mutable_start_term()->set_term(store_->term().number);
  if (absl::Status begun = engine_->Post(std::move(begin)); !begun.ok()) return begun;
  if (!configuration_from_file) {
    store::v1::Command question = OwnCommand();
    question.mutable_query()->mutable_alarms();
    return engine_->Call(std::move(question)).status;
  }

  store::v1::Command load = OwnCommand();
  *load.mutable_load_configuration()->mutable_configuration() = configuration_;
  const core::Reply loaded = engine_->Call(std::move(load));
  if (loaded.status.ok()) return absl::OkStatus();
  if (!stored_configuration_) return loaded.status;
  LogLines(LogLevel::kError, "configuration-refused", std::string(loaded.status.message()));
  Log(LogLevel::kError, "configuration-stored", {{"file", options_.config}, {"next", "serving with the configuration of the store"}});
  return absl::OkStatus();
}

absl::Status Daemon::Listen() {
  auto door = store::BackupDoor::Open(store_.get(), options_.store);
  if (!door.ok()) return door.status();
  backup_door_ = *std::move(door);

  engine::Housekeeper::Options keep;
  keep.free_bytes = [store = store_.get()] { return store->FreeBytes(); };
  keep.post = [engine = engine_.get()](store::v1::Command command) { return engine->Post(std::move(command)); };
  housekeeper_ = std::make_unique<engine::Housekeeper>(std::move(keep));

  rpc::ServerOptions options;
  options.listen = options_.listen;
  options.insecure_loopback = options_.insecure_loopback;
  options.http = options_.http;
  options.port_file = options_.port_file;
  if (!options_.tls.empty()) {
    auto tls = platform::LoadTls(options_.tls);
    if (!tls.ok()) return tls.status();
    options.tls = *std::move(tls);
  }
  server_ = std::make_unique<rpc::Server>(gate_.get(), std::move(options));
  if (absl::Status started = server_->Start(); !started.ok()) return started;
  for (const std::string& address : server_->bound()) Log(LogLevel::kInfo, "listening", {{"address", address}});
  return absl::OkStatus();
}

void Daemon::ShowEngine() {
  const auto show = [this](const char* name, const char* help, double (*read)(const engine::EngineStats&)) {
    gate_->metrics().AddGauge(name, help, [engine = engine_.get(), read] { return read(engine->Stats()); });
  };
  using Stats = engine::EngineStats;
  show("switchyard_engine_commands", "Commands decided since the start", [](const Stats& s) { return double(s.commands); });
  show("switchyard_engine_batches", "Batches decided since the start", [](const Stats& s) { return double(s.batches); });
  show("switchyard_engine_commits", "Batches written since the start", [](const Stats& s) { return double(s.commits); });
  show("switchyard_engine_rows", "Rows written since the start", [](const Stats& s) { return double(s.rows); });
  show("switchyard_engine_refused", "Commands refused for a full queue", [](const Stats& s) { return double(s.refused); });
  show("switchyard_engine_queued", "Commands that wait", [](const Stats& s) { return double(s.queued); });
  show("switchyard_engine_commit_seconds", "Time spent in commits", [](const Stats& s) { return s.commit_microseconds * 1e-6; });
  show("switchyard_engine_decide_seconds", "Time spent in the core", [](const Stats& s) { return s.decide_microseconds * 1e-6; });
  gate_->metrics().AddGauge("switchyard_store_buffered_bytes", "Rows in memory that are not in table files yet",
                            [store = store_.get()] { return double(store->BufferedBytes()); });
}

void Daemon::Reload() {
  if (options_.config.empty()) {
    Log(LogLevel::kWarning, "reload-ignored", {{"reason", "there is no --config to read again"}});
    return;
  }
  const absl::StatusOr<configuration::ClusterFile> file = configuration::LoadClusterFile(options_.config);
  absl::Status status = file.status();
  if (status.ok() && file->configuration.cluster_id() != configuration_.cluster_id()) {
    status = absl::FailedPreconditionError(fmt::format("cluster \"{}\": the running one is \"{}\"; a cluster keeps its name",
                                                       file->configuration.cluster_id(), configuration_.cluster_id()));
  }
  if (status.ok()) {
    for (const std::string& warning : file->warnings) Log(LogLevel::kWarning, "configuration-warning", {{"what", warning}});
    store::v1::Command load = OwnCommand();
    *load.mutable_load_configuration()->mutable_configuration() = file->configuration;
    status = engine_->Call(std::move(load)).status;
  }
  if (!status.ok()) {
    LogLines(LogLevel::kError, "configuration-refused", std::string(status.message()));
    return;
  }
  configuration_ = file->configuration;
  Log(LogLevel::kInfo, "configuration-loaded", {{"file", options_.config}});
}

void Daemon::Stop() {
  if (server_ != nullptr) server_->Stop();
  housekeeper_.reset();
  backup_door_.reset();
  if (store_ != nullptr) store_->MakeRoomToStop();
  if (engine_ != nullptr) engine_->Stop();
  if (recorder_ != nullptr && !recorder_->status().ok()) {
    Log(LogLevel::kWarning, "record-incomplete", {{"reason", recorder_->status()}});
  }
}

}  // namespace switchyard::daemon
