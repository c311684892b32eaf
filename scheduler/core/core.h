// The heart: a deterministic state machine. Whatever happens in the world reaches it as a command with a stamp;
// whatever it decides leaves as effects. It reads no clock, does no I/O, starts no thread and draws no random number,
// so that the same commands with the same stamps give the same effects and the same digest: in the daemon, in a replay
// and in a simulation.
//
// Not thread-safe: one writer drives it (scheduler/engine).
#ifndef SWITCHYARD_SCHEDULER_CORE_CORE_H_
#define SWITCHYARD_SCHEDULER_CORE_CORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/ids.h"
#include "common/units.h"
#include "scheduler/core/row.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::core {

// When a batch of commands happens, as the engine stamps it.
struct Stamp {
  MonoTime mono;  // since the term's start; never decreases
  UtcTime utc;    // never decreases
  uint64_t sequence =
      0;  // of the batch: its store_revision and the set_revision of every set that it changes; rises over terms
};

struct Reply {
  uint64_t request = 0;
  absl::Status status;
  store::v1::CommandResult result;
};

// The change of one node's set, for the gate to send (docs/protocol.md, "Session"). Upserts are complete allocations.
struct NodeOrder {
  std::string node;
  uint64_t revision = 0;  // set_revision after the change
  bool reset = false;     // upserts is the full set: forget what was held for this node
  std::vector<switchyard::v1::DesiredAllocation> upserts;
  std::vector<uint64_t> removed;
};

// To one node on one stream: nothing here changes a set.
struct SessionEffect {
  uint64_t session = 0;
  std::string node;
  enum class Kind { kWelcome, kRenewal, kRefusal, kSetAllowed } kind;
  switchyard::v1::Welcome welcome;  // kWelcome
  uint64_t heartbeat_sequence = 0;  // kRenewal: echo
  std::string refusal;              // kRefusal: ends the node on this stream
  bool retry = false;               // kRefusal: it may come again by itself
  // kSetAllowed follows the welcome: from now on orders for the node go to this stream, beginning with the full set.
};

// Why a job hashes nothing, or less than it could, where that changed. Readers show it; it is of the moment, so that no
// row is written for it, and what a restart finds in rows may be older.
struct ReasonChange {
  uint64_t job = 0;
  switchyard::v1::PendingReason reason;  // without a constraint: nothing any more
};

// Everything that leaves. The contract is the order: rows are durable first, then replies, orders and session effects
// go out, those of batch n before those of n+1. If the commit fails nothing of this may leave, and the process ends.
struct Effects {
  std::vector<Row> rows;  // events and accounts among them; each key once
  std::vector<Reply> replies;
  std::vector<NodeOrder> orders;
  std::vector<SessionEffect> sessions;
  std::vector<ReasonChange> reasons;
};

// How often sums are compared with a recount from the entities. A disagreement is our bug and ends the process.
enum class CheckLevel { kNone, kEvery64th, kEveryBatch };

struct Options {
#ifdef NDEBUG
  CheckLevel checks = CheckLevel::kNone;  // a recount of a large cluster would be felt by its clients
#else
  CheckLevel checks = CheckLevel::kEvery64th;
#endif
};

class State;  // scheduler/core/state.h

class Core {
 public:
  explicit Core(Options options);
  ~Core();

  // Rebuilds the state from every row of a store. REQUIRES: nothing was applied before. DATA_LOSS names a row that
  // cannot be read or that refers to what is not there.
  absl::Status Restore(const std::vector<Row>& rows);

  // Applies the commands in order, then runs one scheduling round if anything that matters to it changed.
  Effects Apply(const Stamp& stamp, const std::vector<store::v1::Command>& batch);

  // When an Advance command is due; MonoTime::Never() on a quiet cluster.
  MonoTime NextDeadline() const;

  // Stable hash of the whole state; equal states give equal digests on every machine and build.
  uint64_t Digest() const;

  // Proves W, Y, D and G and every cross-reference from scratch out of the entities; the first violation, with its
  // numbers.
  absl::Status CheckInvariants() const;

  const State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
  Options options_;
  uint64_t batches_ = 0;
};

}  // namespace switchyard::core

#endif  // SWITCHYARD_SCHEDULER_CORE_CORE_H_
