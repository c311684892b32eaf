#include "simulation/world/record.h"

#include <algorithm>
#include <utility>

#include "common/stable_hash.h"
#include "fmt/format.h"

namespace switchyard::simulation {

uint64_t DigestOf(const core::Stamp& stamp, const core::Effects& effects) {
  StableHash hash;
  hash.Add(stamp.sequence).Add(stamp.mono.milliseconds()).Add(stamp.utc.milliseconds());
  for (const core::Row& row : effects.rows) {
    hash.Add(static_cast<int>(row.kind)).Add(row.key).Add(row.value.has_value());
    if (row.value.has_value()) hash.Add(*row.value);
  }
  for (const core::Reply& reply : effects.replies) hash.Add(reply.request).Add(static_cast<int>(reply.status.code()));
  for (const core::NodeOrder& order : effects.orders) {
    hash.Add(order.node).Add(order.revision).Add(order.reset);
    for (const v1::DesiredAllocation& upsert : order.upserts) {
      hash.Add(upsert.allocation()).Add(upsert.epoch()).Add(static_cast<int>(upsert.phase())).Add(upsert.grant_mw());
    }
    for (const uint64_t removed : order.removed) hash.Add(removed);
  }
  for (const core::SessionEffect& effect : effects.sessions) {
    hash.Add(effect.session).Add(static_cast<int>(effect.kind)).Add(effect.heartbeat_sequence);
  }
  return hash.Finish();
}

void Record::Add(const core::Stamp& stamp, std::vector<store::v1::Command> commands, const core::Effects& effects,
                 const core::Core& core) {
  Batch batch{.stamp = stamp, .commands = std::move(commands), .effects = DigestOf(stamp, effects)};
  if ((batches_.size() + 1) % kStateEvery == 0) batch.state = core.Digest();
  chain_ = StableHash().Add(chain_).Add(batch.effects).Add(batch.state).Finish();
  batches_.push_back(std::move(batch));
}

uint64_t Record::digest() const { return StableHash().Add(chain_).Add(batches_.size()).Add(last_state_).Finish(); }

absl::Status Record::Differs(const Batch& batch, const char* what) const {
  return absl::AbortedError(
      fmt::format("replay: leader {}, batch {} at {} ms gives other {} than when it was decided; something in the "
                  "core depends on more than its rows, stamps and commands",
                  leader_, batch.stamp.sequence, batch.stamp.mono.milliseconds(), what));
}

absl::Status Record::Replay(size_t most) const {
  core::Core core(core::Options{.checks = core::CheckLevel::kNone});
  if (absl::Status restored = core.Restore(rows_); !restored.ok()) return restored;
  const size_t replayed = std::min(most, batches_.size());
  for (size_t i = 0; i < replayed; ++i) {
    const Batch& batch = batches_[i];
    const core::Effects effects = core.Apply(batch.stamp, batch.commands);
    if (DigestOf(batch.stamp, effects) != batch.effects) return Differs(batch, "effects");
    if (batch.state != 0 && core.Digest() != batch.state) return Differs(batch, "states");
  }
  const bool whole = replayed == batches_.size();
  if (whole && replayed > 0 && core.Digest() != last_state_) return Differs(batches_.back(), "states");
  return absl::OkStatus();
}

}  // namespace switchyard::simulation
