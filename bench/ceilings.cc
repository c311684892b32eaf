#include "bench/ceilings.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <iostream>
#include <unistd.h>

#include "common/check.h"
#include "common/platform/files.h"
#include "common/platform/program.h"
#include "fmt/format.h"
#include "scheduler/store/rocks_store.h"
#include "switchyard/v1/job_service.grpc.pb.h"

namespace switchyard::bench {
namespace {

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

class EchoService final : public v1::JobService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Submit(grpc::CallbackServerContext* context, const v1::SubmitRequest*,
                                   v1::SubmitResponse*) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

double Percentile(std::vector<double> values, double percent) {
  SWITCHYARD_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(percent / 100 * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

absl::StatusOr<std::vector<double>> MeasureFdatasync(const std::string& directory, int writes) {
  const std::string path = directory + "/fdatasync";
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return absl::UnavailableError(fmt::format("file \"{}\": it cannot be made", path));
  const std::string block(4096, 'x');
  std::vector<double> milliseconds;
  bool written = true;
  for (int i = 0; i < writes && written; ++i) {
    const auto start = std::chrono::steady_clock::now();
    written = write(fd, block.data(), block.size()) == static_cast<ssize_t>(block.size()) && fdatasync(fd) == 0;
    milliseconds.push_back(SecondsSince(start) * 1e3);
  }
  close(fd);
  unlink(path.c_str());
  if (!written) return absl::UnavailableError(fmt::format("file \"{}\": it cannot be written and synced", path));
  return milliseconds;
}

absl::StatusOr<std::vector<core::Row>> RowsOf(const std::string& store_directory) {
  auto store = store::RocksStore::Open({.directory = store_directory, .ballast_bytes = 0});
  if (!store.ok()) return store.status();
  return (*store)->LoadAll();
}

absl::StatusOr<double> CommitAlone(const std::string& directory, const std::vector<core::Row>& rows,
                                   int rows_per_commit) {
  auto store = store::RocksStore::Open({.directory = directory, .ballast_bytes = 0});
  if (!store.ok()) return store.status();
  uint64_t sequence = (*store)->term().first_sequence;
  const auto start = std::chrono::steady_clock::now();
  for (size_t from = 0; from < rows.size(); from += static_cast<size_t>(rows_per_commit), ++sequence) {
    const size_t to = std::min(rows.size(), from + static_cast<size_t>(rows_per_commit));
    const std::vector<core::Row> batch(rows.begin() + static_cast<ptrdiff_t>(from),
                                       rows.begin() + static_cast<ptrdiff_t>(to));
    if (absl::Status status = (*store)->Commit(sequence, UtcTime(0), batch); !status.ok()) return status;
  }
  return static_cast<double>(rows.size()) / SecondsSince(start);
}

int ServeEcho(const std::string& port_file) {
  platform::ProgramSignals signals;
  EchoService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;
  const absl::Status told = platform::WriteFileAtomically(port_file, fmt::format("tcp 127.0.0.1:{}\n", port));
  if (!told.ok()) {
    std::cerr << told.message() << "\n";
    return 1;
  }
  signals.Wait();
  server->Shutdown(std::chrono::system_clock::now());
  return 0;
}

}  // namespace switchyard::bench
