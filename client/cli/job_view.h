// Jobs as people read them: lists, one job, and the answer to why it waits or why it runs where it runs.
#ifndef SWITCHYARD_CLIENT_CLI_JOB_VIEW_H_
#define SWITCHYARD_CLIENT_CLI_JOB_VIEW_H_

#include <string>

#include "client/cli/table.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::client::cli {

std::string JobsView(const v1::ListJobsResponse& response, const View& view);
std::string JobView(const v1::Job& job, const View& view);
std::string ExplainView(const v1::ExplainResponse& response, const View& view);

// Why a job is in its state, in one line: what it waits for, how it ended; "" of a job that just runs.
std::string JobReason(const v1::Job& job);

// A job's tasks: where each runs and what it may draw.
std::string TasksView(const google::protobuf::RepeatedPtrField<v1::Task>& tasks, const View& view);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_JOB_VIEW_H_
