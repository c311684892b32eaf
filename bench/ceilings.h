// What the parts beneath the scheduler can do alone, on the same machine in the same run: the figures that stand beside
// the scheduler's own.
#ifndef SWITCHYARD_BENCH_CEILINGS_H_
#define SWITCHYARD_BENCH_CEILINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scheduler/core/row.h"

namespace switchyard::bench {

// The value below which `percent` of the values lie. REQUIRES: some values.
double Percentile(std::vector<double> values, double percent);

// Milliseconds of one 4 KiB append with fdatasync in the directory, for so many of them.
absl::StatusOr<std::vector<double>> MeasureFdatasync(const std::string& directory, int writes);

// Every row of a closed store.
absl::StatusOr<std::vector<core::Row>> RowsOf(const std::string& store_directory);

// Commits the rows to a new store in `directory`, `rows_per_commit` a synced batch; rows a second.
absl::StatusOr<double> CommitAlone(const std::string& directory, const std::vector<core::Row>& rows,
                                   int rows_per_commit);

// Serves an empty JobService.Submit on a port of its own until SIGTERM; its address is written to `port_file`.
int ServeEcho(const std::string& port_file);

}  // namespace switchyard::bench

#endif  // SWITCHYARD_BENCH_CEILINGS_H_
