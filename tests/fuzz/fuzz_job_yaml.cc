// A job file: whatever it holds, it is either jobs that pass the API's own validation or errors that name a place.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/check.h"
#include "common/configuration/job_file.h"
#include "common/validation/job_spec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace switchyard;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto jobs = configuration::ParseJobText(text, "job.yaml");
  if (!jobs.ok()) {
    SWITCHYARD_CHECK(jobs.status().message().find("job.yaml") != absl::string_view::npos)
        << "an error without its file";
    return 0;
  }
  for (v1::JobSpec job : *jobs) {
    validation::ApplyJobDefaults(&job);
    SWITCHYARD_CHECK(validation::ValidateJobSpec(job).empty())
        << "a job file passed that the API refuses: " << job.ShortDebugString();
  }
  return 0;
}
