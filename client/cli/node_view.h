// Nodes and what is on them as people read them.
#ifndef SWITCHYARD_CLIENT_CLI_NODE_VIEW_H_
#define SWITCHYARD_CLIENT_CLI_NODE_VIEW_H_

#include <string>

#include "client/cli/table.h"
#include "switchyard/v1/cluster.pb.h"

namespace switchyard::client::cli {

std::string NodesView(const v1::ListNodesResponse& response, const View& view);
std::string NodeView(const v1::NodeStatus& node, const View& view);
std::string OrphansView(const v1::ListOrphansResponse& response, const View& view);
std::string QuarantineView(const v1::ListQuarantineResponse& response, const View& view);
// A token and how it is used; it is shown once.
std::string TokenView(const std::string& node, const v1::CreateTokenResponse& response, const View& view);

}  // namespace switchyard::client::cli

#endif  // SWITCHYARD_CLIENT_CLI_NODE_VIEW_H_
