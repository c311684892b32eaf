#include "tests/kill/promised_client.h"

#include <gtest/gtest.h>
#include <iterator>
#include <utility>

#include "fmt/format.h"

namespace switchyard::integration {
namespace {

// A dead scheduler gives no answer; anything else would be a wrong one.
void ExpectNoAnswer(const absl::Status& status) {
  EXPECT_TRUE(status.code() == absl::StatusCode::kUnavailable || status.code() == absl::StatusCode::kDeadlineExceeded)
      << status;
}

}  // namespace

void PromisedClient::Connect(const std::string& server, Duration call_timeout) {
  client::ClientOptions options;
  options.server = server;
  options.call_timeout = call_timeout;
  options.backoff_initial = Milliseconds(20);
  options.backoff_max = Milliseconds(50);
  auto connected = client::Client::Connect(options);
  ASSERT_TRUE(connected.ok()) << connected.status();
  client_ = *std::move(connected);
}

void PromisedClient::Submit(const v1::JobSpec& shape) {
  if (unanswered_submits_.empty()) {
    const std::string key = fmt::format("{}-{}", prefix_, ++last_);
    v1::SubmitRequest& request = submits_[key];
    request.set_idempotency_key(key);
    *request.add_jobs() = shape;
    request.mutable_jobs(0)->set_name(key);
    unanswered_submits_.insert(key);
  }
  const std::string key = *unanswered_submits_.begin();
  const auto answer = client_->Submit(submits_.at(key));
  if (!answer.ok()) return ExpectNoAnswer(answer.status());
  ASSERT_EQ(answer->job_ids_size(), 1);
  unanswered_submits_.erase(key);
  jobs_[key] = answer->job_ids(0);
  live_.push_back(answer->job_ids(0));
}

void PromisedClient::Cancel() {
  if (unanswered_cancels_.empty()) {
    if (live_.empty()) return;
    unanswered_cancels_[fmt::format("{}-cancel-{}", prefix_, ++last_)] = live_.back();
    live_.pop_back();
  }
  const auto [key, id] = *unanswered_cancels_.begin();
  v1::CancelRequest request;
  request.set_idempotency_key(key);
  request.add_ids(id);
  const auto answer = client_->Cancel(request);
  if (!answer.ok()) return ExpectNoAnswer(answer.status());
  unanswered_cancels_.erase(key);
  cancelled_.insert(id);
}

void PromisedClient::Repeat(uint64_t which) {
  if (jobs_.empty()) return;
  const auto& [key, id] = *std::next(jobs_.begin(), static_cast<int64_t>(which % jobs_.size()));
  const auto answer = client_->Submit(submits_.at(key));
  if (!answer.ok()) return ExpectNoAnswer(answer.status());
  EXPECT_EQ(answer->job_ids(0), id) << "key " << key << " is answered with another job than before";
}

}  // namespace switchyard::integration
