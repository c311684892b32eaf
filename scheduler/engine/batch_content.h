// What a decided batch is about, read off its rows: for whoever aims at one kind of batch and must not ask the core.
#ifndef SWITCHYARD_SCHEDULER_ENGINE_BATCH_CONTENT_H_
#define SWITCHYARD_SCHEDULER_ENGINE_BATCH_CONTENT_H_

#include "scheduler/engine/batching.h"

namespace switchyard::engine {

// A lease ran out in it.
bool HoldsExpiry(const Batch& batch);

// A yield plan was opened in it.
bool OpensPlan(const Batch& batch);

// A plan closed because it was full: its tasks run.
bool FillsPlan(const Batch& batch);

}  // namespace switchyard::engine

#endif  // SWITCHYARD_SCHEDULER_ENGINE_BATCH_CONTENT_H_
