#include "tests/fuzz/message_maker.h"

#include <array>
#include <limits>

#include "google/protobuf/descriptor.h"

namespace switchyard::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr int kDepthMost = 5;
constexpr int kRepeatedMost = 4;

// Names of the cluster that tests/fuzz/hostile_cluster.h builds, and some that it does not have.
constexpr std::array kTexts = {
    "",
    "site/rack-1",
    "site/rack-2",
    "site/server-1",
    "site/box-1",
    "site/box-2",
    "site",
    "meter",
    "site/meter",
    "site/pdu",
    "asic",
    "gpu",
    "cpu",
    "team",
    "other",
    "uid:0",
    "hash",
    "train",
    "workers",
    "key-1",
    "key-2",
    "boot-1",
    "boot-2",
    "incarnation-rack-1",
    "hardware-rack-1",
    "hardware-box-1",
    "rack-1-asic-0",
    "rack-1-asic-9",
    "server-1-gpu-0",
    "box-1-cpu-0",
    "box-1-cpu-3",
    "/",
    "site/",
    "../..",
    "stratum+tcp://127.0.0.1:3333",
    "/bin/true",
};
constexpr std::array<int64_t, 20> kNumbers = {0,
                                              1,
                                              -1,
                                              2,
                                              3,
                                              7,
                                              100,
                                              1000,
                                              1001,
                                              25'000,
                                              700'000,
                                              3'000'000,
                                              1'000'000'000,
                                              30'000,
                                              86'400'000,
                                              std::numeric_limits<int32_t>::max(),
                                              std::numeric_limits<int32_t>::min(),
                                              std::numeric_limits<int64_t>::max(),
                                              std::numeric_limits<int64_t>::min(),
                                              1'000'000'000'000'000};

void SetField(Bytes* bytes, Message* message, const FieldDescriptor* field, int depth) {
  const Reflection* reflection = message->GetReflection();
  const bool repeated = field->is_repeated();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      Fill(bytes, repeated ? reflection->AddMessage(message, field) : reflection->MutableMessage(message, field),
           depth + 1);
      break;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = bytes->Text();
      repeated ? reflection->AddString(message, field, std::move(text))
               : reflection->SetString(message, field, std::move(text));
      break;
    }
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool value = bytes->Below(2) == 1;
      repeated ? reflection->AddBool(message, field, value) : reflection->SetBool(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int value = static_cast<int>(bytes->Below(static_cast<uint32_t>(field->enum_type()->value_count()) + 1));
      repeated ? reflection->AddEnumValue(message, field, value) : reflection->SetEnumValue(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      const auto value = static_cast<int32_t>(bytes->Number());
      repeated ? reflection->AddInt32(message, field, value) : reflection->SetInt32(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto value = static_cast<uint32_t>(bytes->Number());
      repeated ? reflection->AddUInt32(message, field, value) : reflection->SetUInt32(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT64: {
      const int64_t value = bytes->Number();
      repeated ? reflection->AddInt64(message, field, value) : reflection->SetInt64(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const auto value = static_cast<uint64_t>(bytes->Number());
      repeated ? reflection->AddUInt64(message, field, value) : reflection->SetUInt64(message, field, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      break;  // the API has none
  }
}

}  // namespace

int64_t Bytes::Number() {
  const uint8_t how = Byte();
  if (how < 160) return how % 24;
  if (how < 240) return kNumbers[how % kNumbers.size()];
  int64_t value = 0;
  for (int i = 0; i < (how % 8) + 1; ++i) value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | Byte());
  return value;
}

std::string Bytes::Text() {
  const uint8_t how = Byte();
  if (how < 240) return kTexts[how % kTexts.size()];
  std::string text;
  for (int left = Byte(); left > 0; --left)
    text.push_back(static_cast<char>('!' + Byte() % 94));  // printable, hence UTF-8
  return text;
}

void Fill(Bytes* bytes, Message* message, int depth) {
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  for (int i = 0; i < type->field_count() && !bytes->empty(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (depth >= kDepthMost && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const uint8_t how = bytes->Byte();
    if (how % 4 == 0) continue;
    const int times = field->is_repeated() ? 1 + how / 4 % kRepeatedMost : 1;
    for (int n = 0; n < times && !bytes->empty(); ++n) SetField(bytes, message, field, depth);
  }
}

}  // namespace switchyard::testing
