// Linked into a test program of the fault variant: SWITCHYARD_MUTATION names what is broken while its tests run.
#include <cstdlib>
#include <gtest/gtest.h>
#include <iostream>

#include "common/faults/faults.h"

namespace switchyard::faults {
namespace {

class Armed : public ::testing::Environment {
 public:
  void SetUp() override {
    const absl::Status armed = ArmFromEnvironment();
    if (armed.ok()) return;
    std::cerr << armed << "\n";
    std::exit(2);
  }
};

[[maybe_unused]] ::testing::Environment* const kArmed = ::testing::AddGlobalTestEnvironment(new Armed);

}  // namespace
}  // namespace switchyard::faults
