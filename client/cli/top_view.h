// One frame of `top`: sites, budgets, alarms and the newest jobs on one screen.
#ifndef SWITCHYARD_CLIENT_CLI_TOP_VIEW_H_
#define SWITCHYARD_CLIENT_CLI_TOP_VIEW_H_

#include <string>

#include "client/cli/table.h"
#include "switchyard/v1/cluster.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::client::cli {

struct TopFrame {
  v1::ListSitesResponse sites;
  v1::ListBudgetsResponse budgets;
  v1::ListAlarmsResponse alarms;
  v1::ListJobsResponse jobs;  // one page: a screen has no room for more
};

// Budgets that matter first: the least headroom relative to the cap, at most kTopBudgets of them.
inline constexpr int kTopBudgets = 12;
std::string TopView(const TopFrame& frame, const View& view);

// {"sites": ListSitesResponse, "budgets": ..., "alarms": ..., "jobs": ...}
std::string TopJson(const TopFrame& frame);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_TOP_VIEW_H_
