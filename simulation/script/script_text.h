// A script as text that a person reads and edits, and that is kept as a regression test.
//
//   script 1
//   seed 17
//   profile yield
//   length 420.000s
//   at 2.310s submit hash-0 job name: "hash-0" tenant: "mine" kind: HASHING ...
//   at 12.340s submit train-3 runs 31.000s exit 1 after train-1,train-2 job name: "train-3" ...
//   at 14.000s cancel train-3
//   at 20.000s fault device-lies s/n03/asic/4 for 12.000s amount 0
//   at 21.500s operator s/n03 says drain deadline 10.000s
//   at 60.000s reload caps s/meter 250000.000W, s/pdu-1 31000.000W
//   at 90.000s reload configuration 2
//   configuration
//     cluster_id: "simulated"
//     ...
//   end
//   configuration 2
//     ...
//   end
//
// One deed a line; jobs and configurations are protobuf text. `reload caps` is a configuration that differs from the
// first one by these caps alone ("none": by nothing). Lines that begin with # are comments and are not kept.
//
// Promises: Parse(Print(script)) is that script, to the last byte of its configuration; Print is the same for equal
// scripts.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_TEXT_H_
#define SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "simulation/script/script.h"

namespace switchyard::simulation {

std::string PrintScript(const Script& script);
// One deed as its line, without a line's end. Of a reload that changes more than caps it names no number.
std::string PrintDeed(const Deed& deed, const v1::ClusterConfiguration& first);

// INVALID_ARGUMENT names the line, what was found and what is allowed. It judges the form alone, not whether the
// configuration is sound.
absl::StatusOr<Script> ParseScript(const std::string& text);

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_TEXT_H_
