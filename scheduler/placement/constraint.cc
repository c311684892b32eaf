#include "scheduler/placement/constraint.h"

#include <array>
#include <cstddef>

#include "common/check.h"
#include "common/quantity_text.h"
#include "common/units.h"
#include "fmt/format.h"
#include "scheduler/placement/node_checks.h"

namespace switchyard::placement {
namespace {

// `noun "subject"`, or the noun alone where the subject is not known.
std::string The(const char* noun, const std::string& subject) {
  return subject.empty() ? noun : fmt::format("{} \"{}\"", noun, subject);
}
// "1 task", "3 tasks".
std::string Many(int64_t count, const char* noun) { return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s"); }
// Thousandths as a decimal number: 1500 is "1.500".
std::string Thousandths(int64_t milli) { return fmt::format("{}.{:03}", milli / 1000, milli % 1000); }
std::string PowerText(int64_t milliwatts) { return FormatPower(Power(milliwatts)); }
std::string SpanText(int64_t milliseconds) { return FormatDuration(Duration(milliseconds)); }

// The rows, each text in the house's shape: what, what was found, what would change it.
using Text = std::string (*)(int64_t, const std::string&);

constexpr Text kNoneText = [](int64_t, const std::string&) { return std::string("nothing stands in its way"); };
constexpr Text kDiskFullText = [](int64_t bytes, const std::string& subject) {
  return fmt::format("{}: {} short of the free disk that starts need; free some", The("store", subject),
                     FormatBytes(bytes));
};
constexpr Text kRecoveryText = [](int64_t nodes, const std::string& subject) {
  return fmt::format(
      "{}: the scheduler has started and {} not reported yet; starts go on when they report or are stated lost",
      The("site", subject), nodes == 1 ? "1 node has" : fmt::format("{} nodes have", nodes));
};
constexpr Text kDependencyText = [](int64_t jobs, const std::string& subject) {
  return fmt::format("{}: {} in `after` not succeeded yet; waits for {}", The("job", subject),
                     jobs == 1 ? "1 job has" : fmt::format("{} jobs have", jobs), jobs == 1 ? "it" : "all of them");
};
constexpr Text kBackoffText = [](int64_t span, const std::string& subject) {
  return fmt::format("{}: the last attempt failed; it is tried again in {}", The("job", subject), SpanText(span));
};
constexpr Text kCrashLoopText = [](int64_t span, const std::string& subject) {
  return fmt::format("{}: fails again and again and has given its devices back; it is tried again in {}; read its logs",
                     The("job", subject), SpanText(span));
};
constexpr Text kFencingText = [](int64_t tasks, const std::string& subject) {
  return fmt::format(
      "{}: {} of the last attempt not confirmed ended; waits for the node to report, or for an operator who has "
      "checked that it is lost",
      The("node", subject), Many(tasks, "task"));
};
constexpr Text kQuotaWattsText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format("{}: {} over its quota of firm watts; waits for the tenant's other jobs, or raise the quota",
                     The("tenant", subject), PowerText(milliwatts));
};
constexpr Text kQuotaGpusText = [](int64_t milli, const std::string& subject) {
  return fmt::format("{}: {} GPUs over its quota; waits for the tenant's other jobs, or raise the quota",
                     The("tenant", subject), Thousandths(milli));
};
constexpr Text kPriorityQueueText = [](int64_t jobs, const std::string& subject) {
  return fmt::format("{}: {} ahead of it with the first claim; raise its priority to pass them", The("job", subject),
                     jobs <= 1 ? "1 job is" : fmt::format("{} jobs are", jobs));
};
constexpr Text kSiteText = [](int64_t, const std::string& subject) {
  return fmt::format("{}: not at the site that the job asks for; drop `site` to let it go elsewhere",
                     The("node", subject));
};
constexpr Text kOwnerText = [](int64_t, const std::string& subject) {
  return fmt::format("{}: belongs to another tenant; only its owner's jobs run there", The("node", subject));
};
constexpr Text kLabelsText = [](int64_t labels, const std::string& subject) {
  return fmt::format("{}: lacks {} of the group's selector; change the selector or label the node",
                     The("node", subject), Many(labels, "label"));
};
constexpr Text kTaintsText = [](int64_t taints, const std::string& subject) {
  return fmt::format("{}: has {} that the job does not tolerate; add it to `tolerations`", The("node", subject),
                     Many(taints, "taint"));
};
constexpr Text kDeviceKindsText = [](int64_t, const std::string&) {
  return std::string(
      "a task holds devices of one kind, and this one asks for GPUs and whole CPU devices; use two groups");
};
constexpr Text kDeviceModelText = [](int64_t, const std::string& subject) {
  return fmt::format("{}: has no device of a kind and model that the task accepts; allow more in `gpu_models`",
                     The("node", subject));
};
constexpr Text kDeviceMemoryText = [](int64_t bytes, const std::string& subject) {
  return fmt::format("{}: its devices have {} less memory than the task asks for; lower `gpu_memory`",
                     The("node", subject), FormatBytes(bytes));
};
constexpr Text kDeviceCountText = [](int64_t devices, const std::string& subject) {
  return fmt::format("{}: has {} fewer than one task asks for, even when idle; use more, smaller tasks",
                     The("node", subject), Many(devices, "device"));
};
constexpr Text kNodeStateText = [](int64_t, const std::string& subject) {
  return fmt::format("{}: not ready, cordoned, draining or not heard from; waits for it", The("node", subject));
};
constexpr Text kCountsText = [](int64_t count, const std::string& subject) {
  return fmt::format("{}: {} short of a named count; waits for the tasks that hold it", The("node", subject), count);
};
constexpr Text kPortsText = [](int64_t ports, const std::string& subject) {
  return fmt::format("{}: {} short; waits for tasks there to end", The("node", subject), Many(ports, "port"));
};
constexpr Text kDiskText = [](int64_t bytes, const std::string& subject) {
  return fmt::format("{}: {} short of disk; waits for tasks there to end", The("node", subject), FormatBytes(bytes));
};
constexpr Text kMemoryText = [](int64_t bytes, const std::string& subject) {
  return fmt::format("{}: {} short of memory; waits for tasks there to end", The("node", subject), FormatBytes(bytes));
};
constexpr Text kCpuText = [](int64_t milli, const std::string& subject) {
  return fmt::format("{}: {} CPUs short; waits for tasks there to end", The("node", subject), Thousandths(milli));
};
constexpr Text kDevicesText = [](int64_t devices, const std::string& subject) {
  return fmt::format("{}: {} short; waits for jobs there to end", The("node", subject), Many(devices, "free device"));
};
constexpr Text kDeviceShareText = [](int64_t milli, const std::string& subject) {
  return fmt::format("{}: its emptiest device lacks {} of a device; waits for jobs there to end", The("node", subject),
                     Thousandths(milli));
};
constexpr Text kSpreadText = [](int64_t tasks, const std::string& subject) {
  return fmt::format("{}: {} without a failure domain that no other task of the group uses; relax `spread_over`",
                     The("task group", subject), Many(tasks, "task"));
};
constexpr Text kPackText = [](int64_t tasks, const std::string& subject) {
  return fmt::format("{}: the best single domain leaves {} without a place; waits for room there, or relax `pack_into`",
                     The("task group", subject), Many(tasks, "task"));
};
constexpr Text kGangText = [](int64_t tasks, const std::string& subject) {
  return fmt::format("{}: {} left without a node while the rest of the gang fits; all start together, so all wait",
                     The("task group", subject), Many(tasks, "task"));
};
constexpr Text kBudgetCapText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format("{}: {} more than the whole cap allows; make the job smaller or give its devices a lower limit",
                     The("budget", subject), PowerText(milliwatts));
};
constexpr Text kBudgetBlockedText = [](int64_t, const std::string& subject) {
  return fmt::format("{}: nothing may rise under it now; `why-not-rising` names what blocks it",
                     The("budget", subject));
};
constexpr Text kBudgetHeadroomText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format("{}: {} short of headroom, even after all hashing that may yield; waits for firm load to end",
                     The("budget", subject), PowerText(milliwatts));
};
constexpr Text kYieldPendingText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format("{}: placed; waits for hashing to confirm {} that it gives up", The("plan", subject),
                     milliwatts > 0 ? PowerText(milliwatts) : "the devices");
};
constexpr Text kOperatingPointsText = [](int64_t, const std::string& subject) {
  return fmt::format(
      "{}: no node has devices with operating points, and only these hash; give them some in the catalogue",
      The("job", subject));
};
constexpr Text kHashingBackoffText = [](int64_t span, const std::string& subject) {
  return fmt::format("{}: hashing there ended by itself; it is tried again in {}; read its logs", The("node", subject),
                     SpanText(span));
};
constexpr Text kStalePricesText = [](int64_t, const std::string& subject) {
  return fmt::format(
      "{}: its hashprice or its energy price is missing or too old, and nobody hashes on a guess; set a new one",
      The("site", subject));
};
constexpr Text kBreakEvenText = [](int64_t micro_usd, const std::string& subject) {
  return fmt::format("{}: hashing is {}/MWh below break-even; waits for a higher hashprice or cheaper energy",
                     The("site", subject), FormatUsd(Usd(micro_usd)));
};
constexpr Text kHashingHeadroomText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format(
      "{}: {} short of one device step more; firm load, plans and hashing that is worth more have the rest",
      The("budget", subject), PowerText(milliwatts));
};
constexpr Text kLoweringText = [](int64_t orders, const std::string& subject) {
  return fmt::format("{}: {} to lower not acknowledged yet; nothing there rises before", The("node", subject),
                     Many(orders, "order"));
};
constexpr Text kRampUpText = [](int64_t milliwatts, const std::string& subject) {
  return fmt::format("{}: hashing beneath it rises by no more than its ramp each minute, {} wait for the next",
                     The("budget", subject), PowerText(milliwatts));
};
constexpr Text kDwellText = [](int64_t span, const std::string& subject) {
  return fmt::format("{}: its hashing was changed a moment ago; it may rise in {}", The("node", subject),
                     SpanText(span));
};

constexpr std::array<ConstraintRow, kConstraints> kTable = {{
    {Constraint::kNone, "none", Unit::kNothing, nullptr, kNoneText},
    {Constraint::kDiskFull, "disk-full", Unit::kBytes, nullptr, kDiskFullText},
    {Constraint::kRecovery, "recovery", Unit::kCount, nullptr, kRecoveryText},
    {Constraint::kDependency, "dependency", Unit::kCount, nullptr, kDependencyText},
    {Constraint::kBackoff, "back-off", Unit::kMilliseconds, nullptr, kBackoffText},
    {Constraint::kCrashLoop, "crash-loop", Unit::kMilliseconds, nullptr, kCrashLoopText},
    {Constraint::kFencing, "fencing", Unit::kTasks, nullptr, kFencingText},
    {Constraint::kQuotaWatts, "quota-watts", Unit::kMilliwatts, nullptr, kQuotaWattsText},
    {Constraint::kQuotaGpus, "quota-gpus", Unit::kMilliGpu, nullptr, kQuotaGpusText},
    {Constraint::kPriorityQueue, "priority-queue", Unit::kCount, nullptr, kPriorityQueueText},
    {Constraint::kSite, "site", Unit::kNothing, SiteShortfall, kSiteText},
    {Constraint::kOwner, "owner", Unit::kNothing, OwnerShortfall, kOwnerText},
    {Constraint::kLabels, "labels", Unit::kCount, LabelShortfall, kLabelsText},
    {Constraint::kTaints, "taints", Unit::kCount, TaintShortfall, kTaintsText},
    {Constraint::kDeviceKinds, "device-kinds", Unit::kNothing, DeviceKindShortfall, kDeviceKindsText},
    {Constraint::kDeviceModel, "device-model", Unit::kNothing, DeviceModelShortfall, kDeviceModelText},
    {Constraint::kDeviceMemory, "device-memory", Unit::kBytes, DeviceMemoryShortfall, kDeviceMemoryText},
    {Constraint::kDeviceCount, "device-count", Unit::kDevices, DeviceCountShortfall, kDeviceCountText},
    {Constraint::kNodeState, "node-state", Unit::kNothing, NodeStateShortfall, kNodeStateText},
    {Constraint::kCounts, "counts", Unit::kCount, CountsShortfall, kCountsText},
    {Constraint::kPorts, "ports", Unit::kCount, PortShortfall, kPortsText},
    {Constraint::kDisk, "disk", Unit::kBytes, DiskShortfall, kDiskText},
    {Constraint::kMemory, "memory", Unit::kBytes, MemoryShortfall, kMemoryText},
    {Constraint::kCpu, "cpu", Unit::kMilliCpu, CpuShortfall, kCpuText},
    {Constraint::kDevices, "devices", Unit::kDevices, DevicesShortfall, kDevicesText},
    {Constraint::kDeviceShare, "device-share", Unit::kMilliGpu, DeviceShareShortfall, kDeviceShareText},
    {Constraint::kSpread, "spread", Unit::kTasks, nullptr, kSpreadText},
    {Constraint::kPack, "pack", Unit::kTasks, nullptr, kPackText},
    {Constraint::kGang, "gang", Unit::kTasks, nullptr, kGangText},
    {Constraint::kBudgetCap, "budget-cap", Unit::kMilliwatts, nullptr, kBudgetCapText},
    {Constraint::kBudgetBlocked, "budget-blocked", Unit::kMilliwatts, nullptr, kBudgetBlockedText},
    {Constraint::kBudgetHeadroom, "budget-headroom", Unit::kMilliwatts, nullptr, kBudgetHeadroomText},
    {Constraint::kYieldPending, "yield-pending", Unit::kMilliwatts, nullptr, kYieldPendingText},
    {Constraint::kOperatingPoints, "operating-points", Unit::kNothing, nullptr, kOperatingPointsText},
    {Constraint::kHashingBackoff, "hashing-back-off", Unit::kMilliseconds, nullptr, kHashingBackoffText},
    {Constraint::kStalePrices, "stale-prices", Unit::kNothing, nullptr, kStalePricesText},
    {Constraint::kBreakEven, "break-even", Unit::kMicroUsdPerMwh, nullptr, kBreakEvenText},
    {Constraint::kHashingHeadroom, "hashing-headroom", Unit::kMilliwatts, nullptr, kHashingHeadroomText},
    {Constraint::kLowering, "lowering", Unit::kCount, nullptr, kLoweringText},
    {Constraint::kRampUp, "ramp-up", Unit::kMilliwatts, nullptr, kRampUpText},
    {Constraint::kDwell, "dwell", Unit::kMilliseconds, nullptr, kDwellText},
}};

// Row() indexes the table by the constraint.
constexpr bool InOrder() {
  for (size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<size_t>(kTable[i].constraint) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "the rows stand in the order of the enumeration");

}  // namespace

std::span<const ConstraintRow> Table() { return kTable; }

const ConstraintRow& Row(Constraint constraint) {
  const auto index = static_cast<size_t>(constraint);
  SWITCHYARD_CHECK(index < kTable.size()) << "constraint " << index;
  return kTable[index];
}

Constraint ByName(const std::string& name) {
  for (const ConstraintRow& row : kTable) {
    if (name == row.name) return row.constraint;
  }
  return Constraint::kNone;
}

std::string Describe(Constraint constraint, int64_t shortfall, const std::string& subject) {
  return Row(constraint).describe(shortfall, subject);
}

std::string DescribeBreakEven(const std::string& site, Usd earned, Usd energy_per_mwh, PartsPerMillion overhead,
                              Usd cost) {
  return fmt::format("{} (its best watt earns {}/MWh and costs {}/MWh x {} overhead = {}/MWh)",
                     Describe(Constraint::kBreakEven, (cost - earned).count(), site), FormatUsd(earned),
                     FormatUsd(energy_per_mwh), Thousandths(overhead.count() / 1000), FormatUsd(cost));
}

}  // namespace switchyard::placement
