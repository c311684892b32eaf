#include "scheduler/rpc/read_model.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "fmt/format.h"
#include "scheduler/rpc/bounds/limits.h"

namespace switchyard::rpc {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

// A watcher with a narrow filter still learns of a revision to resume from after so many changes of others.
constexpr int kUnreportedMax = 1024;
// Changes that one call looks at while it holds the read lock.
constexpr int kChangesPerLook = 4096;

}  // namespace

ReadModel::Limits ReadModel::DefaultLimits() { return {kChangesKept, kEventsKept}; }

ReadModel::ReadModel(Limits limits) : limits_(limits), thread_([this] { Run(); }) {}

ReadModel::~ReadModel() {
  {
    std::lock_guard lock(queue_mutex_);
    stopping_ = true;
  }
  queue_changed_.notify_all();
  thread_.join();
  for (auto& [deadline, waiter] : waiters_) waiter.done(absl::UnavailableError("scheduler: it stops; repeat the call"));
}

absl::Status ReadModel::Load(uint64_t sequence, const std::vector<core::Row>& rows) {
  std::lock_guard lock(queue_mutex_);
  std::unique_lock data(data_mutex_);
  // Revision 0 keeps the revisions that the rows themselves carry.
  if (absl::Status status = ApplyRows(0, rows, /*ring=*/false); !status.ok()) return status;
  applied_ = sequence;
  ring_floor_ = sequence;
  published_ = sequence;
  return absl::OkStatus();
}

void ReadModel::Publish(uint64_t sequence, std::vector<core::Row> rows) {
  {
    std::lock_guard lock(queue_mutex_);
    SWITCHYARD_CHECK(sequence >= published_) << "batch " << sequence << " after " << published_;
    published_ = sequence;
    queue_.push_back({sequence, std::move(rows), {}});
  }
  queue_changed_.notify_one();
}

void ReadModel::PublishReasons(uint64_t sequence, std::vector<core::ReasonChange> reasons) {
  {
    std::lock_guard lock(queue_mutex_);
    SWITCHYARD_CHECK(sequence == published_) << "reasons of batch " << sequence << " after " << published_;
    queue_.push_back({sequence, {}, std::move(reasons)});
  }
  queue_changed_.notify_one();
}

uint64_t ReadModel::published() const {
  std::lock_guard lock(queue_mutex_);
  return published_;
}

uint64_t ReadModel::applied() const {
  std::shared_lock data(data_mutex_);
  return applied_;
}

void ReadModel::WhenReached(uint64_t revision, SteadyTime deadline, std::function<void(absl::Status)> done) {
  {
    // The thread releases waiters under this lock after it has applied: what is not seen here is seen there.
    std::lock_guard lock(queue_mutex_);
    if (applied() < revision && !stopping_) {
      waiters_.emplace(deadline, Waiter{revision, std::move(done)});
      queue_changed_.notify_one();
      return;
    }
  }
  done(absl::OkStatus());
}

std::shared_ptr<const Membership> ReadModel::membership() const {
  std::shared_lock data(data_mutex_);
  return membership_;
}

ReadModel::JobAnswer ReadModel::GetJob(uint64_t id) const {
  std::shared_lock data(data_mutex_);
  return {jobs_.Get(id), applied_};
}

std::optional<std::string> ReadModel::TenantOf(uint64_t id) const {
  std::shared_lock data(data_mutex_);
  return jobs_.TenantOf(id);
}

ReadModel::ListAnswer ReadModel::ListJobs(const JobTable::Query& query, const Principal& principal) const {
  std::shared_lock data(data_mutex_);
  const Membership& members = *membership_;
  const auto visible = [&](const std::string& tenant) { return members.MaySee(principal, tenant); };
  return {jobs_.List(query, visible), applied_};
}

// ---- the thread ----

void ReadModel::Run() {
  std::unique_lock lock(queue_mutex_);
  while (!stopping_) {
    if (!queue_.empty()) {
      Batch batch = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      {
        std::unique_lock data(data_mutex_);
        const absl::Status status = ApplyRows(batch.sequence, batch.rows, /*ring=*/true);
        SWITCHYARD_CHECK(status.ok()) << status;  // our own core wrote these rows a moment ago
        for (const core::ReasonChange& change : batch.reasons) jobs_.Apply(change);
        applied_ = batch.sequence;
      }
      if (!batch.rows.empty()) {
        for (const auto& watcher : Watchers()) watcher->Wake();  // none of our locks is held
      }
      lock.lock();
    }
    lock.unlock();
    ReleaseWaiters();
    lock.lock();
    if (stopping_ || !queue_.empty()) continue;
    if (waiters_.empty()) {
      queue_changed_.wait(lock);
    } else {
      queue_changed_.wait_until(lock, SteadyTime(waiters_.begin()->first));
    }
  }
}

void ReadModel::ReleaseWaiters() {
  std::vector<std::pair<Waiter, absl::Status>> released;
  {
    std::lock_guard lock(queue_mutex_);
    const uint64_t reached = applied();
    const SteadyTime now = std::chrono::steady_clock::now();
    for (auto at = waiters_.begin(); at != waiters_.end();) {
      absl::Status status;
      if (at->second.revision > reached) {
        if (at->first > now) {
          ++at;
          continue;
        }
        status = absl::UnavailableError(
            fmt::format("revision {}: the read model has reached {} within the deadline; repeat the call",
                        at->second.revision, reached));
      }
      released.emplace_back(std::move(at->second), status);
      at = waiters_.erase(at);
    }
  }
  for (auto& [waiter, status] : released) waiter.done(status);
}

std::vector<std::shared_ptr<Wakeable>> ReadModel::Watchers() {
  std::vector<std::shared_ptr<Wakeable>> held;
  std::lock_guard lock(watchers_mutex_);
  for (const auto& [key, watcher] : watchers_) {
    if (auto alive = watcher.lock()) held.push_back(std::move(alive));
  }
  return held;
}

void ReadModel::CloseWatchers(const absl::Status& status) {
  for (const auto& watcher : Watchers()) watcher->Close(status);
}

void ReadModel::AddWatcher(const std::shared_ptr<Wakeable>& watcher) {
  std::lock_guard lock(watchers_mutex_);
  watchers_[watcher.get()] = watcher;
}

void ReadModel::RemoveWatcher(const Wakeable* watcher) {
  std::lock_guard lock(watchers_mutex_);
  watchers_.erase(watcher);
}

absl::Status ReadModel::ApplyRows(uint64_t sequence, const std::vector<core::Row>& rows, bool ring) {
  std::set<uint64_t> changed;
  for (const core::Row& row : rows) {
    if (absl::Status status = ApplyRow(sequence, row, &changed); !status.ok()) return status;
  }
  if (ring) {
    for (const uint64_t job : changed) RecordChange(sequence, job);
  }
  return absl::OkStatus();
}

absl::Status ReadModel::ApplyRow(uint64_t sequence, const core::Row& row, std::set<uint64_t>* changed) {
  if (row.kind == core::RowKind::kConfiguration && row.value) {
    store::v1::ConfigurationRow stored;
    if (!stored.ParseFromString(*row.value))
      return absl::DataLossError("configuration row: it cannot be read; restore a backup");
    membership_ = std::make_shared<Membership>(stored.configuration());
    return absl::OkStatus();
  }
  if (row.kind == core::RowKind::kEvent && row.value) {
    store::v1::EventRow stored;
    if (!stored.ParseFromString(*row.value))
      return absl::DataLossError("event row: it cannot be read; restore a backup");
    ApplyEvent(stored.event());
    return absl::OkStatus();
  }
  return jobs_.Apply(sequence, row, changed);
}

void ReadModel::ApplyEvent(const v1::Event& event) {
  const auto place =
      std::lower_bound(events_.begin(), events_.end(), event.sequence(),
                       [](const v1::Event& held, uint64_t sequence) { return held.sequence() < sequence; });
  if (place != events_.end() && place->sequence() == event.sequence()) return;
  events_.insert(place, event);
  if (events_.size() <= limits_.events_kept) return;
  events_dropped_ = events_.front().sequence();
  events_.pop_front();
}

void ReadModel::RecordChange(uint64_t sequence, uint64_t job) {
  last_change_[job] = ring_start_ + ring_.size();
  ring_.push_back({sequence, job});
  if (ring_.size() <= limits_.changes_kept) return;
  const Change& oldest = ring_.front();
  ring_floor_ = oldest.revision;
  if (const auto last = last_change_.find(oldest.job); last->second == ring_start_) last_change_.erase(last);
  ring_.pop_front();
  ++ring_start_;
}

// ---- watching ----

std::optional<ReadModel::Cursor> ReadModel::StartWatch(uint64_t from, std::vector<uint64_t> ids) const {
  const uint64_t newest = published();
  std::shared_lock data(data_mutex_);
  Cursor cursor;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  cursor.ids = std::move(ids);
  if (from == 0) {
    cursor.snapshot = true;
    cursor.position = ring_start_ + ring_.size();
    cursor.snapshot_revision = applied_;
    return cursor;
  }
  // A revision of the future is of another store, or of this one before a backup was restored.
  if (from < ring_floor_ || from > std::max(newest, applied_)) return std::nullopt;
  const auto first = std::upper_bound(ring_.begin(), ring_.end(), from, [](uint64_t revision, const Change& change) {
    return revision < change.revision;
  });
  cursor.position = ring_start_ + static_cast<uint64_t>(first - ring_.begin());
  cursor.unreported = kUnreportedMax;  // the first thing that it is told is how far it has come
  return cursor;
}

bool ReadModel::Wanted(const Cursor& cursor, const Principal& principal, uint64_t job) const {
  if (!cursor.ids.empty() && !std::binary_search(cursor.ids.begin(), cursor.ids.end(), job)) return false;
  const std::optional<std::string> tenant = jobs_.TenantOf(job);
  return tenant && membership_->MaySee(principal, *tenant);
}

ReadModel::WatchAnswer ReadModel::NextChange(Cursor* cursor, const Principal& principal) const {
  std::shared_lock data(data_mutex_);
  return cursor->snapshot ? NextOfSnapshot(cursor, principal) : NextOfRing(cursor, principal);
}

ReadModel::WatchAnswer ReadModel::NextOfSnapshot(Cursor* cursor, const Principal& principal) const {
  for (;;) {
    if (cursor->ids.empty()) {
      cursor->after = jobs_.NextLive(cursor->after);
    } else {
      const auto next = std::upper_bound(cursor->ids.begin(), cursor->ids.end(), cursor->after);
      cursor->after = next == cursor->ids.end() ? 0 : *next;
    }
    if (cursor->after == 0) {
      cursor->snapshot = false;
      cursor->unreported = 0;
      WatchAnswer answer;
      answer.next = Next::kProgress;
      answer.revision = cursor->snapshot_revision;
      return answer;
    }
    if (!Wanted(*cursor, principal, cursor->after)) continue;
    WatchAnswer answer;
    answer.next = Next::kJob;
    answer.job = *jobs_.Get(cursor->after);
    answer.revision = cursor->snapshot_revision;
    return answer;
  }
}

ReadModel::WatchAnswer ReadModel::NextOfRing(Cursor* cursor, const Principal& principal) const {
  WatchAnswer answer;
  if (cursor->position < ring_start_) {
    answer.next = Next::kResync;
    answer.revision = applied_;
    return answer;
  }
  const uint64_t end = ring_start_ + ring_.size();
  for (int looked = 0; cursor->position < end && looked < kChangesPerLook; ++looked) {
    const Change& change = ring_[cursor->position - ring_start_];
    const uint64_t number = cursor->position++;
    ++cursor->unreported;
    // A job that changed again later is sent once, as it is now, at its last change.
    if (last_change_.at(change.job) != number || !Wanted(*cursor, principal, change.job)) continue;
    answer.next = Next::kJob;
    answer.job = *jobs_.Get(change.job);
    answer.revision = change.revision;
    cursor->unreported += kUnreportedMax;  // what was sent is followed by a revision to resume from
    return answer;
  }
  const bool all = cursor->position == end;
  // A look that ends early has passed over more than kUnreportedMax, so nothing is left lying here.
  if (cursor->unreported < kUnreportedMax) return answer;
  // Everything up to here has been sent or is nobody's business: a point to resume from. All changes of a revision
  // stand together in the ring, so short of the end only the revision before the next change is complete.
  answer.next = Next::kProgress;
  answer.revision = all ? applied_ : ring_[cursor->position - ring_start_].revision - 1;
  cursor->unreported = 0;
  return answer;
}

// ---- events ----

uint64_t ReadModel::StartEvents(int64_t since_utc_ms, int limit) const {
  std::shared_lock data(data_mutex_);
  const uint64_t end = events_.empty() ? 1 : events_.back().sequence() + 1;
  if (limit == 0) return end;
  const auto first = std::find_if(events_.begin(), events_.end(),
                                  [&](const v1::Event& event) { return event.utc_ms() >= since_utc_ms; });
  const auto count = std::min<ptrdiff_t>(events_.end() - first, limit);
  return count == 0 ? end : (events_.end() - count)->sequence();
}

std::optional<v1::Event> ReadModel::NextEvent(uint64_t* next, uint64_t* missed) const {
  std::shared_lock data(data_mutex_);
  *missed = 0;
  const auto found =
      std::lower_bound(events_.begin(), events_.end(), *next,
                       [](const v1::Event& held, uint64_t sequence) { return held.sequence() < sequence; });
  if (found == events_.end()) return std::nullopt;
  if (events_dropped_ >= *next) *missed = events_dropped_ - *next + 1;
  *next = found->sequence() + 1;
  return *found;
}

}  // namespace switchyard::rpc
