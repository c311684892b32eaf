#include "scheduler/engine/batch_content.h"

#include <gtest/gtest.h>

namespace switchyard::engine {
namespace {

using core::RowKind;

template <typename Message>
void Write(Batch* batch, RowKind kind, uint64_t number, const Message& row) {
  batch->effects.rows.push_back({kind, core::NumberKey(number), row.SerializeAsString()});
}

Batch At(int64_t utc_ms) {
  Batch batch;
  batch.stamp.utc = UtcTime(utc_ms);
  return batch;
}

TEST(BatchContent, ABatchWithoutRowsIsAboutNothing) {
  const Batch batch = At(1000);
  EXPECT_FALSE(HoldsExpiry(batch));
  EXPECT_FALSE(OpensPlan(batch));
  EXPECT_FALSE(FillsPlan(batch));
}

TEST(BatchContent, ALeaseThatRanOutIsAnExpiry) {
  Batch batch = At(1000);
  store::v1::EventRow row;
  row.mutable_event()->set_kind("NodeReported");
  Write(&batch, RowKind::kEvent, 1, row);
  EXPECT_FALSE(HoldsExpiry(batch));
  row.mutable_event()->set_kind("LeaseExpired");
  Write(&batch, RowKind::kEvent, 2, row);
  EXPECT_TRUE(HoldsExpiry(batch));
}

TEST(BatchContent, APlanOpensInTheBatchOfItsOwnTime) {
  Batch batch = At(1000);
  store::v1::PlanRow row;
  row.set_opened_utc_ms(999);
  Write(&batch, RowKind::kPlan, 1, row);
  EXPECT_FALSE(OpensPlan(batch));
  row.set_opened_utc_ms(1000);
  Write(&batch, RowKind::kPlan, 2, row);
  EXPECT_TRUE(OpensPlan(batch));
}

TEST(BatchContent, APlanIsFullWhenItClosesAndItsTasksRun) {
  Batch closed = At(1000);
  closed.effects.rows.push_back({RowKind::kPlan, core::NumberKey(7), std::nullopt});
  EXPECT_FALSE(FillsPlan(closed)) << "it timed out: nothing runs";
  store::v1::AllocationRow row;
  row.set_plan(6);
  row.set_phase(v1::RUN);
  Write(&closed, RowKind::kAllocation, 1, row);
  EXPECT_FALSE(FillsPlan(closed)) << "a task of another plan";
  row.set_plan(7);
  Write(&closed, RowKind::kAllocation, 2, row);
  EXPECT_TRUE(FillsPlan(closed));
}

}  // namespace
}  // namespace switchyard::engine
