// Internal to this room: the words of a job file (docs/jobs.md) and the fields that they fill.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_JOB_SCHEMA_H_
#define SWITCHYARD_COMMON_CONFIGURATION_JOB_SCHEMA_H_

#include "common/configuration/binder.h"

namespace switchyard::configuration {

const Schema& JobSchema();

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_JOB_SCHEMA_H_
