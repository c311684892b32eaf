#include "scheduler/orders/order_book.h"

#include <algorithm>
#include <utility>

#include "common/faults/mutation.h"
#include "common/set_hash.h"

namespace switchyard::orders {
namespace {

// Reports that crossed so many sets on their way are still recognised.
constexpr size_t kHashesKept = 16;

}  // namespace

uint64_t OrderBook::Apply(core::NodeOrder order) {
  Entry& entry = nodes_[order.node];
  entry.known = true;
  entry.revision = order.revision;
  Told& told = entry.told;
  if (order.reset) {
    entry.set.clear();
    told.full_due = true;
    told.changed.clear();
    told.removed.clear();
  }
  // Without a stream, or before its full set, there is no difference to gather.
  const bool gather = told.session != 0 && !told.full_due;
  for (v1::DesiredAllocation& allocation : order.upserts) {
    const uint64_t id = allocation.allocation();
    entry.set[id] = std::move(allocation);
    if (!gather) continue;
    told.removed.erase(id);
    told.changed.insert(id);
  }
  for (const uint64_t id : order.removed) {
    entry.set.erase(id);
    if (!gather) continue;
    told.changed.erase(id);
    told.removed.insert(id);
  }
  return told.session;
}

void OrderBook::Allow(uint64_t session, const std::string& node) {
  Told& told = nodes_[node].told;
  told = Told();
  told.session = session;
}

void OrderBook::Withdraw(uint64_t session, const std::string& node) {
  if (Told* told = ToldOf(session, node)) *told = Told();
}

uint64_t OrderBook::SessionOf(const std::string& node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? 0 : found->second.told.session;
}

OrderBook::Told* OrderBook::ToldOf(uint64_t session, const std::string& node) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end() || session == 0 || found->second.told.session != session) return nullptr;
  return &found->second.told;
}

uint64_t OrderBook::HashOf(const Entry& entry) const {
  SetHash hash;
  for (const auto& [id, allocation] : entry.set)
    hash.Add(id, allocation.epoch(), allocation.phase(), allocation.grant_mw());
  return hash.Finish();
}

std::optional<v1::DesiredSet> OrderBook::NextSet(uint64_t session, const std::string& node, MonoTime now) {
  if (ToldOf(session, node) == nullptr) return std::nullopt;
  Entry& entry = nodes_.at(node);
  Told& told = entry.told;
  // Before the first order nothing is known of the node's set, and an empty one would be a claim.
  if (!entry.known) return std::nullopt;
  if (!told.full_due && told.changed.empty() && told.removed.empty() && told.revision == entry.revision)
    return std::nullopt;

  v1::DesiredSet set;
  set.set_revision(entry.revision);
  if (told.full_due) {
    for (const auto& [id, allocation] : entry.set) *set.add_upserts() = allocation;
  } else {
    set.set_base_revision(told.revision);
    for (const uint64_t id : told.changed) *set.add_upserts() = entry.set.at(id);
    for (const uint64_t id : told.removed) set.add_removed(id);
  }
  set.set_set_hash(HashOf(entry));

  told.full_due = false;
  told.changed.clear();
  told.removed.clear();
  told.revision = entry.revision;
  told.hash = set.set_hash();
  told.at = now;
  told.hashes.push_back(told.hash);
  if (told.hashes.size() > kHashesKept) told.hashes.pop_front();
  return set;
}

bool OrderBook::ResendFull(Told* told, MonoTime now) {
  if (told->resent && now - *told->resent < kSetSettle) return false;
  told->resent = now;
  told->full_due = true;
  told->changed.clear();
  told->removed.clear();
  return true;
}

bool OrderBook::Reported(uint64_t session, const std::string& node, const v1::NodeReport& report, MonoTime now) {
  Told* told = ToldOf(session, node);
  if (told == nullptr || told->hashes.empty()) return false;
  told->holds = report.set_hash();
  if (report.set_hash() == told->hash || SWITCHYARD_MUTATION(ignores_reported_hash)) return false;
  const bool sent = std::find(told->hashes.begin(), told->hashes.end(), report.set_hash()) != told->hashes.end();
  if (sent && report.applied_revision() != told->revision) return Heard(session, node, now);
  return ResendFull(told, now);
}

bool OrderBook::Heard(uint64_t session, const std::string& node, MonoTime now) {
  Told* told = ToldOf(session, node);
  if (told == nullptr || !told->holds || *told->holds == told->hash) return false;
  if (now - told->at < kSetSettle) return false;
  return ResendFull(told, now);
}

}  // namespace switchyard::orders
