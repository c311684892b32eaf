// A client that remembers what it was promised: which request, by its idempotency key, was answered with which job.
// What was not answered it repeats with the same key. Its memory is the judge of what a scheduler still knows after it
// was murdered.
#ifndef SWITCHYARD_TESTS_KILL_PROMISED_CLIENT_H_
#define SWITCHYARD_TESTS_KILL_PROMISED_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/client.h"

namespace switchyard::integration {

class PromisedClient {
 public:
  // Jobs are named by their keys: `prefix`-1, -2 ...
  explicit PromisedClient(std::string prefix) : prefix_(std::move(prefix)) {}

  // A new connection; what was promised stays.
  void Connect(const std::string& server, Duration call_timeout);
  client::Client& client() { return *client_; }

  // What was not answered comes first; otherwise a new job of this shape, or the cancellation of the newest job.
  void Submit(const v1::JobSpec& shape);
  void Cancel();
  // Of all that was promised up to now nothing is cancelled.
  void Keep() { live_.clear(); }
  // A request that was answered, once more: the same answer is due.
  void Repeat(uint64_t which);

  bool AllAnswered() const { return unanswered_submits_.empty() && unanswered_cancels_.empty(); }
  // Name -> id of every acknowledged job, and the ids whose cancellation was acknowledged.
  const std::map<std::string, uint64_t>& jobs() const { return jobs_; }
  const std::set<uint64_t>& cancelled() const { return cancelled_; }

 private:
  const std::string prefix_;
  std::unique_ptr<client::Client> client_;
  int last_ = 0;
  std::map<std::string, v1::SubmitRequest> submits_;  // every one, by key
  std::set<std::string> unanswered_submits_;
  std::map<std::string, uint64_t> unanswered_cancels_;
  std::map<std::string, uint64_t> jobs_;
  std::vector<uint64_t> live_;  // not yet asked to be cancelled
  std::set<uint64_t> cancelled_;
};

}  // namespace switchyard::integration

#endif  // SWITCHYARD_TESTS_KILL_PROMISED_CLIENT_H_
