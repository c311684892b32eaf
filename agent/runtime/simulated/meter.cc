#include "agent/runtime/simulated/meter.h"

#include <algorithm>
#include <cmath>

namespace switchyard::agent::simulated {
namespace {

// Values that nobody reads are dropped: an agent without a stream must not gather them for ever.
constexpr size_t kSamplesKept = 64;

}  // namespace

void Meter::Sample(MonoTime now, const Draw& draw) {
  if (now < next_) return;
  next_ = now + settings_.interval;
  Power sum = settings_.base;
  for (const configuration::MeterTerm& term : settings_.terms) {
    for (const std::string& node : term.nodes) sum += ScaleUp(draw(node, term.group), term.coefficient);
  }
  if (settings_.noise_sigma > Power()) {
    std::normal_distribution<double> noise(0.0, static_cast<double>(settings_.noise_sigma.count()));
    sum += Power(std::llround(noise(random_)));
  }
  samples_.emplace_back(now, std::max(sum, Power()));
  if (samples_.size() > kSamplesKept) samples_.pop_front();
}

bool Meter::Read(MonoTime now, v1::MeterReading* reading) {
  bool found = false;
  while (!samples_.empty() && samples_.front().first + settings_.lag <= now) {
    reading->set_budget(settings_.budget);
    reading->set_draw_mw(samples_.front().second.count());
    reading->set_age_ms((now - samples_.front().first).count());
    samples_.pop_front();
    found = true;
  }
  return found;
}

}  // namespace switchyard::agent::simulated
