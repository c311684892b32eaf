// Sites, budgets and what keeps their watts from rising, as people read them; tenants and events beside them.
#ifndef SWITCHYARD_CLIENT_CLI_POWER_VIEW_H_
#define SWITCHYARD_CLIENT_CLI_POWER_VIEW_H_

#include <string>

#include "client/cli/table.h"
#include "switchyard/v1/cluster.pb.h"

namespace switchyard::client::cli {

std::string SitesView(const v1::ListSitesResponse& response, const View& view);
std::string SiteView(const v1::SiteStatus& site, const View& view);
std::string BudgetsView(const v1::ListBudgetsResponse& response, const View& view);
std::string AlarmsView(const v1::ListAlarmsResponse& response, const View& view);
std::string WhyNotRisingView(const v1::WhyNotRisingResponse& response, const View& view);
std::string PlansView(const v1::ListPlansResponse& response, const View& view);

std::string TenantsView(const v1::ListTenantsResponse& response, const View& view);
std::string TenantView(const v1::TenantStatus& tenant, const View& view);

// One line.
std::string EventView(const v1::Event& event, const View& view);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_POWER_VIEW_H_
