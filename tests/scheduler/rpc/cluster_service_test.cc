#include "scheduler/rpc/cluster_service.h"

#include <gtest/gtest.h>

#include "scheduler/rpc/bounds/limits.h"
#include "tests/scheduler/rpc/house.h"
#include "tests/scheduler/rpc/rows.h"

namespace switchyard::rpc {
namespace {

using testing_house::Command;

using ClusterServiceTest = testing_house::House;

TEST_F(ClusterServiceTest, EveryQuestionGoesToTheCoreAndComesBackWhole) {
  engine_.AnswerWith([](const Command& command) {
    core::Reply reply;
    auto& result = reply.result;
    switch (command.query().what_case()) {
      case store::v1::Query::kBudgets:
        result.mutable_budgets()->add_budgets()->set_id("site/b");
        break;
      case store::v1::Query::kSites:
        result.mutable_sites()->add_sites()->set_id("site");
        break;
      case store::v1::Query::kTenants:
        result.mutable_tenants()->add_tenants()->set_id("ml");
        break;
      case store::v1::Query::kAlarms:
        result.mutable_alarms()->add_alarms()->set_kind("overage");
        break;
      case store::v1::Query::kWhy:
        result.mutable_why()->add_entries()->set_budget("site/b");
        break;
      case store::v1::Query::kOrphans:
        result.mutable_orphans()->add_orphans()->set_id(4);
        break;
      case store::v1::Query::kQuarantine:
        result.mutable_quarantine()->add_devices()->set_device("d");
        break;
      case store::v1::Query::kPlans:
        result.mutable_plans()->add_plans()->set_id(8);
        break;
      case store::v1::Query::kNodes:
        result.mutable_nodes()->add_nodes()->set_id("site/n");
        break;
      case store::v1::Query::kNode:
        result.mutable_node()->set_id("site/n");
        break;
      default:
        reply.status = absl::InternalError("another question");
    }
    return reply;
  });
  const auto cluster = Cluster();
  const auto ask = [&](auto method, auto request, auto response) {
    const grpc::Status status =
        Within([&](auto* context) { return (cluster.get()->*method)(context, request, &response); });
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  };
  using Stub = v1::ClusterService::Stub;
  EXPECT_EQ(ask(&Stub::ListBudgets, v1::ListBudgetsRequest(), v1::ListBudgetsResponse()).budgets(0).id(), "site/b");
  EXPECT_EQ(ask(&Stub::ListSites, v1::ListSitesRequest(), v1::ListSitesResponse()).sites(0).id(), "site");
  EXPECT_EQ(ask(&Stub::ListTenants, v1::ListTenantsRequest(), v1::ListTenantsResponse()).tenants(0).id(), "ml");
  EXPECT_EQ(ask(&Stub::ListAlarms, v1::ListAlarmsRequest(), v1::ListAlarmsResponse()).alarms(0).kind(), "overage");
  EXPECT_EQ(ask(&Stub::WhyNotRising, v1::WhyNotRisingRequest(), v1::WhyNotRisingResponse()).entries(0).budget(),
            "site/b");
  EXPECT_EQ(ask(&Stub::ListOrphans, v1::ListOrphansRequest(), v1::ListOrphansResponse()).orphans(0).id(), 4u);
  EXPECT_EQ(ask(&Stub::ListQuarantine, v1::ListQuarantineRequest(), v1::ListQuarantineResponse()).devices(0).device(),
            "d");
  EXPECT_EQ(ask(&Stub::ListPlans, v1::ListPlansRequest(), v1::ListPlansResponse()).plans(0).id(), 8u);
  EXPECT_EQ(ask(&Stub::ListNodes, v1::ListNodesRequest(), v1::ListNodesResponse()).nodes(0).id(), "site/n");
  v1::GetNodeRequest node;
  node.set_id("site/n");
  EXPECT_EQ(ask(&Stub::GetNode, node, v1::NodeStatus()).id(), "site/n");
  v1::GetSiteRequest site;
  site.set_id("site");
  EXPECT_EQ(ask(&Stub::GetSite, site, v1::SiteStatus()).id(), "site");
  v1::GetTenantRequest tenant;
  tenant.set_id("ml");
  EXPECT_EQ(ask(&Stub::GetTenant, tenant, v1::TenantStatus()).id(), "ml");

  v1::SiteStatus none;
  site.set_id("elsewhere");
  EXPECT_EQ(Within([&](auto* context) { return cluster->GetSite(context, site, &none); }).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ClusterServiceTest, AnOperatorsWordNeedsItsFieldsAndHisEyes) {
  v1::NodeActionRequest request;
  request.set_node("n1");
  request.set_action(v1::NodeActionRequest::MARK_LOST);
  v1::NodeActionResponse response;
  const auto act = [&] {
    return Within([&](auto* context) { return Cluster()->NodeAction(context, request, &response); });
  };
  const grpc::Status refused = act();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* path : {"node:", "checked:", "idempotency_key:"}) {
    EXPECT_NE(refused.error_message().find(path), std::string::npos) << path << " in " << refused.error_message();
  }
  EXPECT_TRUE(engine_.All().empty());
  request.set_node("site/n1");
  request.set_checked(true);
  request.set_idempotency_key("k");
  EXPECT_TRUE(act().ok());
  EXPECT_EQ(engine_.Wait(Command::kNodeAction).node_action().node(), "site/n1");
}

TEST_F(ClusterServiceTest, EventsAreListedAndFollowed) {
  gate_->OnRows(1,
                {testing_rows::Row(testing_rows::EventRow(1, 100)), testing_rows::Row(testing_rows::EventRow(2, 200))});
  while (gate_->reads().applied() < 1) std::this_thread::yield();
  {
    grpc::ClientContext context;
    v1::StreamEventsRequest request;
    request.set_since_utc_ms(150);
    auto reader = Cluster()->StreamEvents(&context, request);
    v1::Event event;
    ASSERT_TRUE(reader->Read(&event));
    EXPECT_EQ(event.sequence(), 2u);
    EXPECT_FALSE(reader->Read(&event));
    EXPECT_TRUE(reader->Finish().ok());
  }
  grpc::ClientContext context;
  v1::StreamEventsRequest request;
  request.set_since_utc_ms(150);
  request.set_follow(true);
  auto reader = Cluster()->StreamEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.sequence(), 2u);
  gate_->OnRows(2, {testing_rows::Row(testing_rows::EventRow(3, 300))});
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.sequence(), 3u);
  context.TryCancel();
}

}  // namespace
}  // namespace switchyard::rpc
