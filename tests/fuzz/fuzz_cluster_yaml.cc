// A cluster file: whatever it holds, it is either a configuration that the core loads without a failed CHECK, or errors
// that name a place.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/check.h"
#include "common/configuration/cluster_file.h"
#include "scheduler/core/core.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace switchyard;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto file = configuration::ParseClusterText(text, "cluster.yaml");
  if (!file.ok()) {
    SWITCHYARD_CHECK(file.status().message().find("cluster.yaml") != absl::string_view::npos)
        << "an error without its file";
    return 0;
  }
  core::Core core(core::Options{.checks = core::CheckLevel::kEveryBatch});
  store::v1::Command load;
  *load.mutable_load_configuration()->mutable_configuration() = file->configuration;
  core.Apply({MonoTime(0), UtcTime(1), 1}, {load});
  return 0;
}
