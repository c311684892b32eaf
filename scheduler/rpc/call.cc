#include "scheduler/rpc/call.h"

#include <algorithm>

#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {

std::chrono::steady_clock::time_point WaitDeadline(const grpc::CallbackServerContext& context) {
  using std::chrono::milliseconds;
  // The context's deadline is of the system's clock; what counts is how far away it is.
  const auto own = context.deadline() - std::chrono::system_clock::now();
  const auto longest =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(milliseconds(kAtLeastWaitMax.count()));
  return std::chrono::steady_clock::now() + std::clamp(own, std::chrono::system_clock::duration::zero(), longest);
}

}  // namespace switchyard::rpc
