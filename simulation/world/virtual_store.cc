#include "simulation/world/virtual_store.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/faults/mutation.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::simulation {
namespace {

using core::RowKind;

constexpr int kSchemaVersion = 1;

std::pair<int, std::string> MetaKey() { return {static_cast<int>(RowKind::kMeta), "meta"}; }

// As RocksStore makes one: above the one before, and for lost stores later in civil time.
uint64_t NewIncarnation(uint64_t previous, UtcTime civil, uint64_t salt) {
  constexpr int kRandomBits = 20;
  return std::max(previous + 1,
                  (static_cast<uint64_t>(civil.milliseconds()) << kRandomBits) | (salt >> (64 - kRandomBits)));
}

}  // namespace

VirtualTerm VirtualStore::Open(Leader leader, UtcTime civil, uint64_t salt) {
  const auto found = content_.rows.find(MetaKey());
  store::v1::MetaRow meta;
  const bool created = found == content_.rows.end();
  SWITCHYARD_CHECK(created || meta.ParseFromString(found->second)) << "the meta row must be a MetaRow";
  holder_ = leader;
  term_.first_sequence = content_.last_sequence == 0 ? 1 : content_.last_sequence + kSequenceSlack + 1;
  term_.not_before = content_.last_utc;
  term_.incarnation =
      created || restored_ ? NewIncarnation(meta.store_incarnation(), civil, salt) : meta.store_incarnation();
  term_.number = meta.term() + 1;
  restored_ = false;
  meta.set_schema_version(kSchemaVersion);
  meta.set_store_incarnation(term_.incarnation);
  // Broken on purpose: the term lives in memory alone, so that the next leader takes the same number.
  if (!SWITCHYARD_MUTATION(term_not_durable)) meta.set_term(term_.number);
  content_.rows[MetaKey()] = meta.SerializeAsString();
  return term_;
}

// The store owns schema, incarnation and term of the meta row and keeps its own values for them.
std::string VirtualStore::MetaOf(const std::string& value) const {
  store::v1::MetaRow meta;
  SWITCHYARD_CHECK(meta.ParseFromString(value)) << "the meta row must be a MetaRow";
  meta.set_schema_version(kSchemaVersion);
  meta.set_store_incarnation(term_.incarnation);
  meta.set_term(SWITCHYARD_MUTATION(term_not_durable) ? term_.number - 1 : term_.number);
  return meta.SerializeAsString();
}

bool VirtualStore::Commit(Leader leader, uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows) {
  if (!HeldBy(leader)) return false;
  SWITCHYARD_CHECK(sequence > content_.last_sequence) << "sequence " << sequence << " after " << content_.last_sequence;
  for (const core::Row& row : rows) {
    // Accounts only grow, and no start reads them; observers are told of them when they are written.
    if (row.kind == RowKind::kAccount) continue;
    const auto key = std::make_pair(static_cast<int>(row.kind), row.key);
    if (!row.value.has_value()) {
      content_.rows.erase(key);
    } else {
      content_.rows[key] = key == MetaKey() ? MetaOf(*row.value) : *row.value;
    }
  }
  content_.last_sequence = sequence;
  content_.last_utc = utc;
  return true;
}

std::vector<core::Row> VirtualStore::Load() const {
  std::vector<core::Row> rows;
  rows.reserve(content_.rows.size());
  for (const auto& [key, value] : content_.rows) rows.push_back({static_cast<RowKind>(key.first), key.second, value});
  return rows;
}

void VirtualStore::Restore(Copy copy) {
  content_ = std::move(copy);
  restored_ = true;
  holder_ = 0;
}

void VirtualStore::Lose() {
  content_ = {};
  restored_ = false;
  holder_ = 0;
}

}  // namespace switchyard::simulation
