#include "agent/reconcile/lease.h"

#include "common/faults/mutation.h"

namespace switchyard::agent::reconcile {

void Lease::Configure(Duration lease, Duration start_grace) {
  if (lease > Duration() && !SWITCHYARD_MUTATION(ignores_lease)) lease_ = lease;
  if (start_grace > Duration()) start_grace_ = start_grace;
}

uint64_t Lease::Send(MonoTime now) {
  sent_[++last_] = now;
  if (sent_.size() > kHeartbeatsRemembered) sent_.erase(sent_.begin());
  return last_;
}

bool Lease::Renew(MonoTime now, uint64_t sequence) {
  const auto found = sent_.find(sequence);
  const bool own = found != sent_.end();
  if (!own && !SWITCHYARD_MUTATION(renewal_without_echo)) return false;
  const MonoTime from = own && !SWITCHYARD_MUTATION(lease_from_receipt) ? found->second : now;
  const MonoTime end = from + lease_;
  // Earlier heartbeats end earlier: their answers, should they still come, say nothing new.
  if (own) sent_.erase(sent_.begin(), std::next(found));
  if (end <= now || (end_.has_value() && end <= *end_)) return false;
  if (!Runs(now)) ++stretch_;
  end_ = end;
  return true;
}

bool Lease::FallbackDue(MonoTime now) const {
  if (end_.has_value()) return now >= *end_;
  return now >= started_ + start_grace_;
}

MonoTime Lease::NextDeadline(MonoTime now) const {
  const MonoTime next = end_.has_value() ? *end_ : started_ + start_grace_;
  return now < next ? next : MonoTime::Never();
}

}  // namespace switchyard::agent::reconcile
