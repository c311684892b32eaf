// How many long streams are open, in all and by principal (kStreamsMax, kStreamsPerPrincipalMax), so that one caller
// cannot take what others need. Thread-safe.
#ifndef SWITCHYARD_SCHEDULER_RPC_STREAM_QUOTA_H_
#define SWITCHYARD_SCHEDULER_RPC_STREAM_QUOTA_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"

namespace switchyard::rpc {

class StreamQuota {
 public:
  // Gives its place back when it is destroyed.
  using Place = std::shared_ptr<void>;

  // RESOURCE_EXHAUSTED names the bound. The quota must outlive its places.
  absl::StatusOr<Place> Take(const std::string& principal);

 private:
  void Return(const std::string& principal);

  std::mutex mutex_;
  int open_ = 0;
  std::map<std::string, int> by_principal_;
};

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_STREAM_QUOTA_H_
