// Turns the bytes of a fuzzer into messages, field by field over protobuf's reflection, so that coverage guides it into
// fields rather than into the wire format. Values come mostly from what means something to a scheduler: names of the
// test's cluster, the edges of ranges, small numbers.
#ifndef SWITCHYARD_TESTS_FUZZ_MESSAGE_MAKER_H_
#define SWITCHYARD_TESTS_FUZZ_MESSAGE_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "google/protobuf/message.h"

namespace switchyard::testing {

// The fuzzer's input, read from the front. Past its end everything is zero.
class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : next_(data), end_(data + size) {}
  bool empty() const { return next_ == end_; }
  uint8_t Byte() { return next_ == end_ ? 0 : *next_++; }
  uint32_t Below(uint32_t bound) { return bound <= 1 ? 0 : (bound <= 256 ? Byte() : Byte() * 256U + Byte()) % bound; }
  int64_t Number();  // mostly small, zero or at an edge
  std::string Text();

 private:
  const uint8_t* next_;
  const uint8_t* end_;
};

// Sets some fields of the message and, a few levels deep, of those within.
void Fill(Bytes* bytes, google::protobuf::Message* message, int depth = 0);

}  // namespace switchyard::testing

#endif  // SWITCHYARD_TESTS_FUZZ_MESSAGE_MAKER_H_
