// The wires between agents and schedulers. A stream is what TCP makes of one: whole and in order. Where a fault of
// messages strikes its link, messages are lost, repeated, overtaken or late one by one all the same, because
// docs/protocol.md promises to bear that. A partition holds back what is sent; either end finds out late, by itself,
// that the other is gone.
#ifndef SWITCHYARD_SIMULATION_WORLD_NETWORK_H_
#define SWITCHYARD_SIMULATION_WORLD_NETWORK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/units.h"
#include "simulation/world/stage.h"
#include "switchyard/v1/agent.pb.h"

namespace switchyard::simulation {

struct Stream;
using Up = std::shared_ptr<v1::AgentMessage>;
using Down = std::shared_ptr<v1::SchedulerMessage>;

enum class Direction : int { kUp, kDown };

// Where a stream begins: an agent's process.
class LowerEnd {
 public:
  virtual ~LowerEnd() = default;
  // Also from a stream that this end has closed, where the word of an earlier scheduler was already read when it did.
  virtual void OnMessage(Stream* stream, const v1::SchedulerMessage& message) = 0;
  virtual void OnEnded(Stream* stream) = 0;
};

// Where it ends: a scheduler's gate.
class UpperEnd {
 public:
  virtual ~UpperEnd() = default;
  virtual Leader leader() const = 0;
  virtual void OnOpened(Stream* stream) = 0;
  virtual void OnMessage(Stream* stream, Up message) = 0;
  virtual void OnEnded(Stream* stream) = 0;
};

struct Stream {
  uint64_t number = 0;
  uint32_t link = 0;
  LowerEnd* lower = nullptr;
  UpperEnd* upper = nullptr;
  bool lower_open = false, upper_open = false;
  bool maimed = false;       // a message of it was lost: no TCP connection lives on after that
  Instant last[2] = {0, 0};  // latest arrival planned, by direction
  uint64_t sent[2] = {0, 0};
};

class Network {
 public:
  explicit Network(Stage* stage) : stage_(*stage) {}

  // One link for each agent, by number; a clone has one of its own.
  uint32_t AddLink();

  // A new stream, or nothing where the link is cut now. Upper hears of it when the connection is there.
  Stream* Connect(uint32_t link, LowerEnd* lower, UpperEnd* upper);
  void Send(Stream* stream, Up message);
  void Send(Stream* stream, Down message);
  // One end ends the stream, and hears nothing of it any more. The other finds out: soon, or `late` where nobody was
  // left to say it.
  void CloseLower(Stream* stream, bool late = false);
  void CloseUpper(Stream* stream, bool late = false);

  // A fault of messages (kDelay .. kOneWayPartition) on one link, or on all.
  void Strike(FaultKind kind, uint32_t link, Duration span, int64_t amount);
  void StrikeAll(FaultKind kind, Duration span, int64_t amount);

 private:
  struct Fault {
    FaultKind kind;
    Instant until;
    int64_t amount;
  };
  struct Link {
    std::vector<Fault> faults;  // those that may still strike
    std::vector<Stream*> open;  // of which an end is open
  };
  // What becomes of one message.
  struct Fate {
    bool lost = false;
    Instant arrival = 0;
    Instant again = kNoInstant;  // arrives once more then
  };

  Instant CutUntil(const Link& link, Direction direction) const;
  Fate FateOf(Stream* stream, Direction direction);
  template <typename Message, typename Deliver>
  void Carry(Stream* stream, Direction direction, const Message& message, Deliver deliver);
  void TellLower(Stream* stream, Instant at);
  void TellUpper(Stream* stream, Instant at);
  void BreakCut(uint32_t link, uint64_t salt);
  void BreakMaimed(uint32_t link);
  void Tidy(uint32_t link);

  Stage& stage_;
  std::vector<Link> links_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_WORLD_NETWORK_H_
