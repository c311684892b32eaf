#include "client/cli/node_view.h"

#include "client/cli/text.h"
#include "common/quantity_text.h"
#include "fmt/format.h"

namespace switchyard::client::cli {
namespace {

std::string DeviceCounts(const v1::NodeStatus& node) {
  std::string text;
  for (const v1::GroupStatus& group : node.groups()) {
    text += fmt::format("{}{} {}/{}", text.empty() ? "" : ", ", group.name(), group.allocated(), group.count());
    if (group.quarantined() > 0) text += fmt::format(" ({} quarantined)", group.quarantined());
  }
  return text;
}

std::string Measured(const v1::NodeStatus& node) {
  if (node.measured_mw() == -1) return "-";
  return Watts(node.measured_mw()) + (node.modelled() ? "~" : "");
}

Table AllocationTable() {
  return Table({NumberColumn("ALLOCATION"),
                NumberColumn("JOB"),
                {"TASK"},
                {"KIND"},
                {"PHASE"},
                NumberColumn("GRANT"),
                NumberColumn("BOUND"),
                {"WITNESS"},
                NumberColumn("DEVICES"),
                {"NODE"}});
}
void AddAllocation(const v1::AllocationStatus& allocation, Table* table) {
  table->AddRow({fmt::format("{}", allocation.id()), fmt::format("{}", allocation.job()), allocation.task(),
                 Word(allocation.kind()), Word(allocation.phase()), Watts(allocation.grant_mw()),
                 Watts(allocation.bound_mw()), allocation.witness(), fmt::format("{}", allocation.device_count()),
                 allocation.orphan() ? Cell(allocation.node() + " (orphan)", Tone::kBad) : Cell(allocation.node())});
}

}  // namespace

std::string NodesView(const v1::ListNodesResponse& response, const View& view) {
  if (response.nodes().empty()) return "no nodes\n";
  Table table({{"NODE"},
               {"STATE"},
               {"MODEL"},
               {"DEVICES USED"},
               NumberColumn("GRANT"),
               NumberColumn("BOUND"),
               NumberColumn("MEASURED"),
               WideColumn("LEASE"),
               WideColumn("REVISION"),
               WideColumn("COMMISSIONED"),
               {"REASON"}});
  for (const v1::NodeStatus& node : response.nodes()) {
    table.AddRow({node.id(), StateCell(node.state()), node.model(), DeviceCounts(node), Watts(node.grant_mw()),
                  Watts(node.bound_mw()), Measured(node),
                  node.lease_remaining_ms() == -1 ? "-" : FormatDuration(Duration(node.lease_remaining_ms())),
                  fmt::format("{}/{}", node.applied_revision(), node.set_revision()),
                  node.commissioned() ? "yes" : "no", node.state_reason()});
  }
  return table.Render(view);
}

std::string NodeView(const v1::NodeStatus& node, const View& view) {
  Record record;
  record.Add("node", node.id());
  record.Add("state", StateCell(node.state()));
  record.AddIfAny("reason", node.state_reason());
  record.Add("model", node.model());
  record.Add("commissioned", node.commissioned()
                                 ? Cell("yes")
                                 : Cell("no: its budgets do not rise before it reported", Tone::kWarning));
  record.Add("platform", Watts(node.platform_mw()));
  record.Add("grant", Watts(node.grant_mw()));
  record.Add("bound", Watts(node.bound_mw()));
  record.Add("measured", node.measured_mw() == -1
                             ? std::string("-")
                             : Watts(node.measured_mw()) + (node.modelled() ? " (a model's)" : ""));
  record.Add("lease", node.lease_remaining_ms() == -1 ? std::string("none runs")
                                                      : FormatDuration(Duration(node.lease_remaining_ms())) + " left");
  record.Add("revision", fmt::format("{} applied of {} ordered", node.applied_revision(), node.set_revision()));
  if (node.drain_deadline_utc_ms() > 0) {
    record.Add("drain deadline",
               fmt::format("{} ({})", At(node.drain_deadline_utc_ms()), In(node.drain_deadline_utc_ms(), view)));
  }
  record.AddIfAny("agent", node.agent_incarnation());
  record.AddIfAny("boot", node.boot_id());
  record.AddIfAny("hardware", node.hardware_id());
  for (const v1::Label& label : node.labels()) record.Add("label " + label.key(), label.value());
  std::string text = record.Render(view);

  if (!node.groups().empty()) {
    Table groups({{"GROUP"},
                  {"DEVICE MODEL"},
                  NumberColumn("COUNT"),
                  NumberColumn("ALLOCATED"),
                  NumberColumn("QUARANTINED"),
                  NumberColumn("BOUND"),
                  {"ENFORCER"}});
    for (const v1::GroupStatus& group : node.groups()) {
      groups.AddRow({group.name(), group.device_model(), fmt::format("{}", group.count()),
                     fmt::format("{}", group.allocated()),
                     Cell(fmt::format("{}", group.quarantined()), group.quarantined() > 0 ? Tone::kBad : Tone::kPlain),
                     Watts(group.bound_mw()), Word(group.enforcer())});
    }
    text += "\n" + groups.Render(view);
  }
  if (!node.allocations().empty()) {
    Table allocations = AllocationTable();
    for (const v1::AllocationStatus& allocation : node.allocations()) AddAllocation(allocation, &allocations);
    text += "\n" + allocations.Render(view);
  }
  return text;
}

std::string OrphansView(const v1::ListOrphansResponse& response, const View& view) {
  if (response.orphans().empty()) return "no orphans\n";
  Table table = AllocationTable();
  for (const v1::AllocationStatus& orphan : response.orphans()) AddAllocation(orphan, &table);
  return table.Render(view) + Paragraph(
                                  "each runs without being known to the scheduler and is counted; decide with: "
                                  "switchyard orphan stop|adopt ALLOCATION "
                                  "[--node NODE]",
                                  0, view);
}

std::string QuarantineView(const v1::ListQuarantineResponse& response, const View& view) {
  if (response.devices().empty()) return "no devices in quarantine\n";
  Table table({{"DEVICE"}, {"NODE"}, NumberColumn("COUNTED AT"), {"REASON"}});
  for (const v1::Quarantine& device : response.devices()) {
    table.AddRow({device.device(), device.node(), Watts(device.counted_mw()), device.reason()});
  }
  return table.Render(view);
}

std::string TokenView(const std::string& node, const v1::CreateTokenResponse& response, const View& view) {
  Record record;
  record.Add("node", node);
  record.Add("token", Cell(response.token(), Tone::kStrong));
  record.Add("expires", fmt::format("{} ({}); one use, shown once", At(response.expires_utc_ms()),
                                    In(response.expires_utc_ms(), view)));
  return record.Render(view);
}

}  // namespace switchyard::client::cli
