// Shape of what people send: every bad field of a request at once, with its path. Whether a tenant, job or node exists
// is the core's to say. Bounds: limits.h and common/validation/job_spec.h.
#ifndef SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_REQUEST_H_
#define SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_REQUEST_H_

#include <string>
#include <vector>

#include "common/validation/problem.h"
#include "switchyard/v1/agent.pb.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::rpc {

using Problems = std::vector<validation::Problem>;

// REQUIRES: ApplyJobDefaults was called on each job.
Problems Validate(const v1::SubmitRequest& request);
Problems Validate(const v1::GetJobRequest& request);
Problems Validate(const v1::ListJobsRequest& request);
Problems Validate(const v1::CancelRequest& request);
Problems Validate(const v1::WatchRequest& request);
Problems Validate(const v1::ExplainRequest& request);
Problems Validate(const v1::StreamLogsRequest& request);

Problems Validate(const v1::ListNodesRequest& request);
Problems Validate(const v1::GetNodeRequest& request);
Problems Validate(const v1::GetSiteRequest& request);
Problems Validate(const v1::ListBudgetsRequest& request);
Problems Validate(const v1::GetTenantRequest& request);
Problems Validate(const v1::WhyNotRisingRequest& request);
Problems Validate(const v1::NodeActionRequest& request);
Problems Validate(const v1::OrphanActionRequest& request);
Problems Validate(const v1::ClearQuarantineRequest& request);
Problems Validate(const v1::CreateTokenRequest& request);
Problems Validate(const v1::StreamEventsRequest& request);
Problems Validate(const v1::EnrolRequest& request);
// These have no fields.
inline Problems Validate(const v1::ListSitesRequest&) { return {}; }
inline Problems Validate(const v1::ListTenantsRequest&) { return {}; }
inline Problems Validate(const v1::ListAlarmsRequest&) { return {}; }
inline Problems Validate(const v1::ListOrphansRequest&) { return {}; }
inline Problems Validate(const v1::ListQuarantineRequest&) { return {}; }
inline Problems Validate(const v1::ListPlansRequest&) { return {}; }

// "<site>/<name>".
bool IsScopedName(const std::string& text);

}  // namespace switchyard::rpc

#endif  // SWITCHYARD_SCHEDULER_RPC_BOUNDS_VALIDATE_REQUEST_H_
