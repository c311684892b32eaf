#include "scheduler/store/row_text.h"

#include <google/protobuf/util/json_util.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "common/check.h"
#include "fmt/format.h"
#include "switchyard/store/v1/rows.pb.h"

namespace switchyard::store {
namespace {

using core::RowKind;

std::unique_ptr<google::protobuf::Message> EmptyMessage(RowKind kind) {
  switch (kind) {
    case RowKind::kMeta: return std::make_unique<v1::MetaRow>();
    case RowKind::kConfiguration: return std::make_unique<v1::ConfigurationRow>();
    case RowKind::kJob: return std::make_unique<v1::JobRow>();
    case RowKind::kAllocation: return std::make_unique<v1::AllocationRow>();
    case RowKind::kPlan: return std::make_unique<v1::PlanRow>();
    case RowKind::kNode: return std::make_unique<v1::NodeRow>();
    case RowKind::kIdempotency: return std::make_unique<v1::IdempotencyRow>();
    case RowKind::kEvent: return std::make_unique<v1::EventRow>();
    case RowKind::kAccount: return std::make_unique<v1::AccountRow>();
    case RowKind::kTenant: return std::make_unique<v1::TenantRow>();
    case RowKind::kToken: return std::make_unique<v1::TokenRow>();
  }
  SWITCHYARD_CHECK(false) << "row kind " << static_cast<int>(kind);
  return nullptr;
}

bool HasNumberKey(RowKind kind) {
  return kind == RowKind::kJob || kind == RowKind::kAllocation || kind == RowKind::kPlan || kind == RowKind::kEvent ||
         kind == RowKind::kAccount;
}

// Numbers as numbers; an orphan's key is its node, a zero byte and its number.
std::string KeyText(const core::Row& row) {
  constexpr size_t kNumber = sizeof(uint64_t);
  if (!HasNumberKey(row.kind) || row.key.size() < kNumber) return row.key;
  uint64_t number = 0;
  for (const char byte : row.key.substr(row.key.size() - kNumber)) number = number << 8 | static_cast<unsigned char>(byte);
  if (row.key.size() == kNumber) return std::to_string(number);
  if (row.kind != RowKind::kAllocation || row.key[row.key.size() - kNumber - 1] != '\0') return row.key;
  return row.key.substr(0, row.key.size() - kNumber - 1) + " " + std::to_string(number);
}

// A JSON string; bytes that are no UTF-8 are replaced, for a dump must never fail over a name.
std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

const char* KindName(RowKind kind) {
  switch (kind) {
    case RowKind::kMeta: return "meta";
    case RowKind::kConfiguration: return "configuration";
    case RowKind::kJob: return "job";
    case RowKind::kAllocation: return "allocation";
    case RowKind::kPlan: return "plan";
    case RowKind::kNode: return "node";
    case RowKind::kIdempotency: return "idempotency";
    case RowKind::kEvent: return "event";
    case RowKind::kAccount: return "account";
    case RowKind::kTenant: return "tenant";
    case RowKind::kToken: return "token";
  }
  SWITCHYARD_CHECK(false) << "row kind " << static_cast<int>(kind);
  return "";
}

absl::StatusOr<std::string> RowToJson(const core::Row& row) {
  std::string body = "null";
  if (row.value.has_value()) {
    const std::unique_ptr<google::protobuf::Message> message = EmptyMessage(row.kind);
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    body.clear();
    if (!message->ParseFromString(*row.value) ||
        !google::protobuf::util::MessageToJsonString(*message, &body, options).ok()) {
      return absl::DataLossError(fmt::format("row \"{}/{}\": its {} bytes are no {}, every row is one; restore a backup",
                                             KindName(row.kind), KeyText(row), row.value->size(),
                                             message->GetDescriptor()->name()));
    }
  }
  return fmt::format("{{\"kind\":\"{}\",\"key\":{},\"row\":{}}}", KindName(row.kind), Quoted(KeyText(row)), body);
}

}  // namespace switchyard::store
