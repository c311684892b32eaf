// Internal to this room: the words of the cluster's file (docs/configuration.md) and the fields that they fill.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_SCHEMA_H_
#define SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_SCHEMA_H_

#include <string>

#include "common/configuration/binder.h"
#include "switchyard/v1/configuration.pb.h"

namespace switchyard::configuration {

const Schema& ClusterSchema();    // the file; `catalogue` and `nodes_csv` are followed by the loader
const Schema& CatalogueSchema();  // device_models and node_models alone
const Schema& NodeSchema();

// Binds one entry of `nodes`, whose id may be a range, and adds what it stands for.
void BindNodes(Binder* binder, const YamlValue& entry, v1::ClusterConfiguration* configuration);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_CLUSTER_SCHEMA_H_
