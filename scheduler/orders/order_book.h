// What each node shall do, and how much of it the agent's stream has been told (docs/protocol.md, "Session"). Orders
// arrive as changes of a node's set; they leave as one DesiredSet at a time: in full at first, then as the difference
// to the last one, with a hash of the whole. Orders that wait while a stream is busy merge, so a slow agent costs at
// most one set.
//
// Pure and not thread-safe: the gate (scheduler/rpc/agent_sessions.h) locks, the
// simulation needs none. Times are arguments.
#ifndef SWITCHYARD_SCHEDULER_ORDERS_ORDER_BOOK_H_
#define SWITCHYARD_SCHEDULER_ORDERS_ORDER_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/units.h"
#include "scheduler/core/core.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::orders {

// A set that the agent did not take over within this is sent again in full.
inline constexpr Duration kSetSettle = Seconds(3);

class OrderBook {
 public:
  // Takes over a change. Returns the session that has to be told; 0: none yet.
  uint64_t Apply(core::NodeOrder order);

  // From now on the node's orders go to `session`, beginning with the full set.
  void Allow(uint64_t session, const std::string& node);
  // The node's orders no longer go to `session`, if they did.
  void Withdraw(uint64_t session, const std::string& node);
  // Where the node's orders go; 0: nowhere.
  uint64_t SessionOf(const std::string& node) const;

  // What the session has not been told yet; nothing: it knows all, or the node is not its.
  std::optional<v1::DesiredSet> NextSet(uint64_t session, const std::string& node, MonoTime now);

  // What the agent holds, from a report. Returns whether it differs from what it was told, and a full set is due:
  //  - it has carried out the revision sent last, and yet holds something else, or
  //  - it holds something that this session never sent it, or
  //  - for kSetSettle it has kept to an older set (it could not apply a difference).
  // At most one full set a kSetSettle is caused so: two ends that never agree cost a set now and then, not a storm.
  bool Reported(uint64_t session, const std::string& node, const v1::NodeReport& report, MonoTime now);
  // A sign of life without a report: what was last reported still holds.
  bool Heard(uint64_t session, const std::string& node, MonoTime now);

 private:
  // What one stream was told of a node.
  struct Told {
    uint64_t session = 0;
    bool full_due = true;
    uint64_t revision = 0;  // sent last
    uint64_t hash = 0;
    MonoTime at;
    std::deque<uint64_t> hashes;  // sent, newest last, at most kHashesKept
    std::set<uint64_t> changed;   // allocations to send
    std::set<uint64_t> removed;
    std::optional<uint64_t> holds;   // hash last reported after a set was sent
    std::optional<MonoTime> resent;  // the last full set that a mismatch caused
  };
  struct Entry {
    bool known = false;  // an order has come: the set is complete
    uint64_t revision = 0;
    std::map<uint64_t, v1::DesiredAllocation> set;
    Told told;
  };

  uint64_t HashOf(const Entry& entry) const;
  Told* ToldOf(uint64_t session, const std::string& node);
  bool ResendFull(Told* told, MonoTime now);

  std::map<std::string, Entry> nodes_;
};

}  // namespace switchyard::orders

#endif  // SWITCHYARD_SCHEDULER_ORDERS_ORDER_BOOK_H_
