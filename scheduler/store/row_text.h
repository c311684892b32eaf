// Rows for people and programs outside: one line of JSON a row.
#ifndef SWITCHYARD_SCHEDULER_STORE_ROW_TEXT_H_
#define SWITCHYARD_SCHEDULER_STORE_ROW_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "scheduler/core/row.h"

namespace switchyard::store {

// The table's name on disk and in dumps: "job", "allocation", ...
const char* KindName(core::RowKind kind);

// {"kind":"job","key":"17","row":{...}} with the row in protobuf's JSON mapping, proto field names. A deleted row has null.
// DATA_LOSS names a row that is not the message of its kind.
absl::StatusOr<std::string> RowToJson(const core::Row& row);

}  // namespace switchyard::store

#endif  // SWITCHYARD_SCHEDULER_STORE_ROW_TEXT_H_
