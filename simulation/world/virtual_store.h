// What is durable in a run: the rows of scheduler/store's contract, and its term, incarnation and first sequence as
// RocksStore chooses them. Unlike that one it may be opened by a second leader while the first still lives, as a
// replicated store will allow: from that moment the first one's commits fail.
//
// Promises: a batch is in it whole or not at all; a term is in it before Open returns; an older copy, once restored,
// and a store that was lost have a new incarnation above every earlier one.
#ifndef SWITCHYARD_SIMULATION_WORLD_VIRTUAL_STORE_H_
#define SWITCHYARD_SIMULATION_WORLD_VIRTUAL_STORE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/units.h"
#include "scheduler/core/row.h"
#include "simulation/world/observer.h"

namespace switchyard::simulation {

// As store::kSequenceSlack: at most so many sequences pass between two commits, and a term begins further than this
// after the last.
inline constexpr uint64_t kSequenceSlack = 4096;

// store::Term, of this store.
struct VirtualTerm {
  uint64_t incarnation = 0;
  uint64_t number = 0;
  uint64_t first_sequence = 1;
  UtcTime not_before;
};

class VirtualStore {
 public:
  // A copy as a backup makes it.
  struct Copy {
    std::map<std::pair<int, std::string>, std::string> rows;
    uint64_t last_sequence = 0;
    UtcTime last_utc;
  };

  // Starts a term for this leader; whoever had it open is fenced off. `civil` and `salt` make a new incarnation where
  // one is due.
  VirtualTerm Open(Leader leader, UtcTime civil, uint64_t salt);
  bool HeldBy(Leader leader) const { return holder_ == leader; }

  // False: the leader is fenced off, and nothing was written.
  bool Commit(Leader leader, uint64_t sequence, UtcTime utc, const std::vector<core::Row>& rows);

  // Every row but the accounts, by kind and key.
  std::vector<core::Row> Load() const;

  const Copy& content() const { return content_; }
  // The store is now this copy, or nothing at all. REQUIRES: nobody holds it, or whoever does is dead.
  void Restore(Copy copy);
  void Lose();

 private:
  std::string MetaOf(const std::string& value) const;

  Copy content_;
  VirtualTerm term_;
  Leader holder_ = 0;
  bool restored_ = false;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_VIRTUAL_STORE_H_
