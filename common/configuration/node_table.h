// Internal to this room: nodes from CSV, as asset registers export them. The first line names the columns by the keys of `nodes`;
// feeds are written `pdu-1` or `pdu-1=50%;pdu-2=50%`, labels `key=value;key=value`, taints `a;b`. No quoting: no field of ours
// holds a comma.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_NODE_TABLE_H_
#define SWITCHYARD_COMMON_CONFIGURATION_NODE_TABLE_H_

#include <string>

#include "common/configuration/binder.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::configuration {

// Binds every line; the binder's current file is the table.
void BindNodeTable(Binder* binder, const std::string& text, v1::ClusterConfiguration* configuration);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_NODE_TABLE_H_
