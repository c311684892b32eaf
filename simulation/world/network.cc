#include "simulation/world/network.h"

#include <algorithm>
#include <utility>

namespace switchyard::simulation {
namespace {

constexpr Instant kLeastDelay = 200;
constexpr Instant kMostDelay = 5'000;

// How long an end takes to find out that the other is cut off: a keepalive that nobody answers.
constexpr Instant kLeastKeepalive = 2'000'000;
constexpr Instant kMostKeepalive = 9'000'000;

// A connection that lost bytes is ended by its own checks not long after.
constexpr Instant kLeastMaimed = 200'000;
constexpr Instant kMostMaimed = 3'000'000;

// Whoever is repeated comes again within this.
constexpr Instant kMostRepeat = 3'000'000;

constexpr int64_t kMillion = 1'000'000;

bool Cuts(FaultKind kind, int64_t amount, Direction direction) {
  if (kind == FaultKind::kPartition) return true;
  return kind == FaultKind::kOneWayPartition && (amount == 0) == (direction == Direction::kUp);
}

}  // namespace

uint32_t Network::AddLink() {
  links_.emplace_back();
  return static_cast<uint32_t>(links_.size() - 1);
}

// The moment from which the link carries messages of this direction; now, if it does already.
Instant Network::CutUntil(const Link& link, Direction direction) const {
  Instant until = stage_.events.instant();
  for (const Fault& fault : link.faults) {
    if (Cuts(fault.kind, fault.amount, direction)) until = std::max(until, fault.until);
  }
  return until;
}

Stream* Network::Connect(uint32_t link, LowerEnd* lower, UpperEnd* upper) {
  const Instant now = stage_.events.instant();
  if (CutUntil(links_[link], Direction::kUp) > now || CutUntil(links_[link], Direction::kDown) > now) return nullptr;
  auto made = std::make_unique<Stream>();
  Stream* const stream = made.get();
  streams_.push_back(std::move(made));
  stream->number = streams_.size();
  stream->link = link;
  stream->lower = lower;
  stream->upper = upper;
  stream->lower_open = stream->upper_open = true;
  links_[link].open.push_back(stream);
  const Instant there = now + stage_.chance.Between(kLeastDelay, kMostDelay, Topic::kConnect, stream->number);
  stream->last[0] = stream->last[1] = there;
  stage_.events.At(there, [stream] {
    if (stream->upper_open) stream->upper->OnOpened(stream);
  });
  return stream;
}

Network::Fate Network::FateOf(Stream* stream, Direction direction) {
  const int way = static_cast<int>(direction);
  Link& link = links_[stream->link];
  const Chance& chance = stage_.chance;
  const uint64_t number = stream->sent[way]++;
  const Instant now = stage_.events.instant();
  const auto draw = [&](Topic topic, int64_t least, int64_t most) {
    return chance.Between(least, most, topic, stream->number, way, number);
  };
  Fate fate;
  fate.arrival = now + draw(Topic::kMessageDelay, kLeastDelay, kMostDelay);
  bool overtakes = false;
  if (!link.faults.empty()) {
    fate.arrival += CutUntil(link, direction) - now;
    for (const Fault& fault : link.faults) {
      if (fault.until <= now) continue;
      switch (fault.kind) {
        case FaultKind::kDelay:
          fate.arrival += draw(Topic::kMessageExtra, 0, fault.amount * 1000);
          break;
        case FaultKind::kReorder:
          fate.arrival += draw(Topic::kMessageExtra, 0, fault.amount * 1000);
          overtakes = true;
          break;
        case FaultKind::kLoss:
          fate.lost |= draw(Topic::kMessageLost, 1, kMillion) <= fault.amount;
          break;
        case FaultKind::kRepeat:
          if (draw(Topic::kMessageRepeated, 1, kMillion) > fault.amount) break;
          fate.again = fate.arrival + draw(Topic::kMessageExtra, 0, kMostRepeat);
          break;
        default:
          break;
      }
    }
  }
  if (fate.lost) {
    stream->maimed = true;
    return fate;
  }
  if (!overtakes) {
    fate.arrival = std::max(fate.arrival, stream->last[way]);
    stream->last[way] = fate.arrival;
  }
  return fate;
}

template <typename Message, typename Deliver>
void Network::Carry(Stream* stream, Direction direction, const Message& message, Deliver deliver) {
  ++stage_.figures.messages;
  const Fate fate = FateOf(stream, direction);
  if (fate.lost) return;
  stage_.events.At(fate.arrival, [stream, message, deliver] { deliver(stream, message); });
  if (fate.again == kNoInstant) return;
  // The receiver may take a message apart: each delivery has its own.
  using Value = typename Message::element_type;
  stage_.events.At(fate.again, [stream, copy = std::make_shared<Value>(*message), deliver] { deliver(stream, copy); });
}

void Network::Send(Stream* stream, Up message) {
  if (!stream->lower_open) return;
  Carry(stream, Direction::kUp, message, [](Stream* to, const Up& arrived) {
    if (to->upper_open) to->upper->OnMessage(to, arrived);
  });
}

void Network::Send(Stream* stream, Down message) {
  if (!stream->upper_open) return;
  // The lower end is told of a message on a stream that it has closed: it may have been read before that.
  Carry(stream, Direction::kDown, message, [](Stream* to, const Down& arrived) { to->lower->OnMessage(to, *arrived); });
}

void Network::TellLower(Stream* stream, Instant at) {
  stage_.events.At(at, [this, stream] {
    if (!stream->lower_open) return;
    stream->lower_open = false;
    stream->lower->OnEnded(stream);
    Tidy(stream->link);
  });
}

void Network::TellUpper(Stream* stream, Instant at) {
  stage_.events.At(at, [this, stream] {
    if (!stream->upper_open) return;
    stream->upper_open = false;
    stream->upper->OnEnded(stream);
    Tidy(stream->link);
  });
}

void Network::CloseLower(Stream* stream, bool late) {
  if (!stream->lower_open) return;
  stream->lower_open = false;
  const Instant silence =
      late ? stage_.chance.Between(kLeastKeepalive, kMostKeepalive, Topic::kBreakAbove, stream->number) : kMostDelay;
  const Instant heard = CutUntil(links_[stream->link], Direction::kUp) + silence;
  TellUpper(stream, std::max(heard, stream->last[static_cast<int>(Direction::kUp)]));
  Tidy(stream->link);
}

void Network::CloseUpper(Stream* stream, bool late) {
  if (!stream->upper_open) return;
  stream->upper_open = false;
  const Instant silence =
      late ? stage_.chance.Between(kLeastKeepalive, kMostKeepalive, Topic::kBreakBelow, stream->number) : kMostDelay;
  const Instant heard = CutUntil(links_[stream->link], Direction::kDown) + silence;
  TellLower(stream, std::max(heard, stream->last[static_cast<int>(Direction::kDown)]));
  Tidy(stream->link);
}

void Network::Strike(FaultKind kind, uint32_t link, Duration span, int64_t amount) {
  const Instant now = stage_.events.instant();
  std::vector<Fault>& faults = links_[link].faults;
  std::erase_if(faults, [now](const Fault& fault) { return fault.until <= now; });
  faults.push_back({kind, now + Microseconds(span), amount});
  if (kind == FaultKind::kPartition || kind == FaultKind::kOneWayPartition) BreakCut(link, static_cast<uint64_t>(now));
  if (kind == FaultKind::kLoss) {
    const Instant after = stage_.chance.Between(kLeastMaimed, kMostMaimed, Topic::kLossEnds, link, now);
    stage_.events.After(Microseconds(span) + after, [this, link] { BreakMaimed(link); });
  }
}

void Network::StrikeAll(FaultKind kind, Duration span, int64_t amount) {
  for (uint32_t link = 0; link < links_.size(); ++link) Strike(kind, link, span, amount);
}

// Each end finds out for itself, and only if the link is still cut then.
void Network::BreakCut(uint32_t link, uint64_t salt) {
  for (Stream* const stream : links_[link].open) {
    const auto keepalive = [&](Topic topic) {
      return stage_.chance.Between(kLeastKeepalive, kMostKeepalive, topic, link, stream->number, salt);
    };
    const auto still_cut = [this, link] {
      const Instant now = stage_.events.instant();
      return CutUntil(links_[link], Direction::kUp) > now || CutUntil(links_[link], Direction::kDown) > now;
    };
    stage_.events.After(keepalive(Topic::kBreakBelow), [this, stream, still_cut] {
      if (still_cut()) TellLower(stream, stage_.events.instant());
    });
    stage_.events.After(keepalive(Topic::kBreakAbove), [this, stream, still_cut] {
      if (still_cut()) TellUpper(stream, stage_.events.instant());
    });
  }
}

void Network::BreakMaimed(uint32_t link) {
  for (Stream* const stream : std::vector<Stream*>(links_[link].open)) {
    if (!stream->maimed) continue;
    TellLower(stream, stage_.events.instant());
    TellUpper(stream, stage_.events.instant());
  }
}

void Network::Tidy(uint32_t link) {
  std::erase_if(links_[link].open, [](const Stream* stream) { return !stream->lower_open && !stream->upper_open; });
}

}  // namespace switchyard::simulation
