#include "simulation/world/audience.h"

namespace switchyard::simulation {

void Audience::OnBegin(DrawBook* draws) {
  Tell([&](Observer* o) { o->OnBegin(draws); });
}

void Audience::OnInstruction(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  if (order.kind() != v1::HASHING) ++firm_starts_;
  Tell([&](Observer* o) { o->OnInstruction(now, node, order); });
}

void Audience::OnGone(MonoTime now, const std::string& node, uint64_t allocation, uint32_t epoch) {
  Tell([&](Observer* o) { o->OnGone(now, node, allocation, epoch); });
}

void Audience::OnPrepared(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  Tell([&](Observer* o) { o->OnPrepared(now, node, order); });
}

void Audience::OnDevices(MonoTime now, const std::string& node, const v1::DesiredAllocation& order) {
  Tell([&](Observer* o) { o->OnDevices(now, node, order); });
}

void Audience::OnStart(MonoTime now, Leader leader, const core::State& state) {
  Tell([&](Observer* o) { o->OnStart(now, leader, state); });
}

void Audience::OnDecided(MonoTime now, Leader leader, const core::Stamp& stamp,
                         const std::vector<store::v1::Command>& commands, const core::Effects& effects,
                         const core::Core& core) {
  Tell([&](Observer* o) { o->OnDecided(now, leader, stamp, commands, effects, core); });
}

void Audience::OnDurable(MonoTime now, Leader leader, uint64_t sequence, const std::vector<core::Row>& rows) {
  Tell([&](Observer* o) { o->OnDurable(now, leader, sequence, rows); });
}

void Audience::OnDead(MonoTime now, Leader leader) {
  Tell([&](Observer* o) { o->OnDead(now, leader); });
}

void Audience::OnAnswer(MonoTime now, const std::string& key, const store::v1::Command& command,
                        const core::Reply& reply) {
  Tell([&](Observer* o) { o->OnAnswer(now, key, command, reply); });
}

void Audience::OnDown(MonoTime now, const v1::SchedulerMessage& message, bool accepted) {
  Tell([&](Observer* o) { o->OnDown(now, message, accepted); });
}

void Audience::OnUp(MonoTime now, Leader leader, const v1::AgentMessage& message) {
  Tell([&](Observer* o) { o->OnUp(now, leader, message); });
}

void Audience::OnFault(MonoTime now, const Deed& deed) {
  Tell([&](Observer* o) { o->OnFault(now, deed); });
}

void Audience::OnEnd(MonoTime now, const core::State& state, bool quiet) {
  Tell([&](Observer* o) { o->OnEnd(now, state, quiet); });
}

absl::Status Audience::verdict() const {
  if (!told_) return absl::OkStatus();
  told_ = false;
  for (const Observer* const observer : observers_) {
    if (absl::Status verdict = observer->verdict(); !verdict.ok()) return verdict;
  }
  return absl::OkStatus();
}

}  // namespace switchyard::simulation
