#include "scheduler/rpc/status.h"

#include <string>

#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  std::string message(status.message());
  if (message.size() > kStatusMessageBytesMax) {
    static constexpr char kCut[] = "\n(more problems are left out; mend these first)";
    const size_t end = message.rfind('\n', kStatusMessageBytesMax - sizeof(kCut));
    message.resize(end == std::string::npos ? kStatusMessageBytesMax - sizeof(kCut) : end);
    message += kCut;
  }
  // Both number the codes as google.rpc.Code does.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message);
}

}  // namespace switchyard::rpc
