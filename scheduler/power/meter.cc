#include "scheduler/power/meter.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace switchyard::power {
void MeterWindow::Add(MonoTime at, Power draw) {
  auto position = readings_.end();
  while (position != readings_.begin() && (position - 1)->at > at) --position;
  readings_.insert(position, {at, draw});
  const MonoTime oldest = readings_.back().at - kSpan;
  while (readings_.front().at < oldest || readings_.size() > kReadingsKept) readings_.pop_front();
}

std::optional<Power> MeterWindow::Mean(MonoTime from, MonoTime to) const {
  __int128 sum = 0;
  int64_t count = 0;
  for (const Reading& reading : readings_) {
    if (reading.at < from || reading.at > to) continue;
    sum += reading.draw.count();
    ++count;
  }
  if (count == 0) return std::nullopt;
  return Power(static_cast<int64_t>(sum / count));
}

std::optional<Power> MeterWindow::Least(MonoTime from) const {
  Power least = Power::Max();
  int count = 0;
  for (const Reading& reading : readings_) {
    if (reading.at < from) continue;
    least = std::min(least, reading.draw);
    ++count;
  }
  if (count < 3) return std::nullopt;
  return least;
}

std::optional<Power> MeterWindow::Noise() const {
  if (readings_.size() < 4) return std::nullopt;
  // The median of |differences| ignores the few steps of real load; for a normal distribution sigma = median / (0.6745
  // sqrt 2).
  std::vector<int64_t> steps;
  for (size_t i = 1; i < readings_.size(); ++i) {
    steps.push_back(std::abs(readings_[i].draw.count() - readings_[i - 1].draw.count()));
  }
  std::nth_element(steps.begin(), steps.begin() + static_cast<int64_t>(steps.size() / 2), steps.end());
  const int64_t median = steps[steps.size() / 2];
  return Power(median * 3 * 1'000'000 / 953'874);
}

Power UnprovenDrop(const DropWatch& watch, Power mean_after, Power others_now) {
  const Power allowed = watch.mean_before - watch.ordered_drop * 3 / 4 + (others_now - watch.others_before);
  if (mean_after <= allowed) return Power();
  const Power seen = watch.mean_before + (others_now - watch.others_before) - mean_after;
  return std::clamp(watch.ordered_drop - seen, Power(), watch.ordered_drop);
}

}  // namespace switchyard::power
