// What ships: the hooks are nothing, known to the compiler.
#include <gtest/gtest.h>

#include "common/faults/failpoint.h"
#include "common/faults/mutation.h"

#ifdef SWITCHYARD_FAULTS
#error "this test is about the libraries without faults"
#endif

namespace switchyard::faults {
namespace {

TEST(Hooks, AMutationIsTheConstantFalseInWhatShips) {
  static_assert(!SWITCHYARD_MUTATION(no_wait_for_confirmation));
  constexpr bool kHook = SWITCHYARD_MUTATION(no_wait_for_confirmation);
  EXPECT_FALSE(kHook);
}

TEST(Hooks, TheConditionOfAFailpointIsNotEvaluatedInWhatShips) {
  [[maybe_unused]] int asked = 0;
  SWITCHYARD_FAILPOINT("commit.before");
  SWITCHYARD_FAILPOINT_IF("commit.before", ++asked > 0);
  EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace switchyard::faults
