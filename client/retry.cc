#include "client/retry.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>

#include "fmt/format.h"

namespace switchyard::client {
namespace {

uint64_t RandomWord() {
  std::random_device device;
  return static_cast<uint64_t>(device()) << 32 | device();
}

}  // namespace

std::string NewIdempotencyKey() { return fmt::format("{:016x}{:016x}", RandomWord(), RandomWord()); }

Backoff::Backoff(Duration initial, Duration max)
    : initial_(std::max(initial, Milliseconds(1))),
      max_(std::max(max, initial_)),
      span_(initial_),
      random_(RandomWord()) {}

Duration Backoff::Next() {
  random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
  const int64_t half = span_.count() / 2;
  const Duration drawn(span_.count() - half + static_cast<int64_t>((random_ >> 33) % static_cast<uint64_t>(half + 1)));
  span_ = std::min(span_ * 2, max_);
  return drawn;
}

bool SleepFor(Duration span, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock<std::mutex> lock(mutex);
  wake.wait_for(lock, stop, std::chrono::milliseconds(span.count()), [] { return false; });
  return !stop.stop_requested();
}

}  // namespace switchyard::client
