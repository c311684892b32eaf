// What happens in one simulated run besides what the system itself does: the cluster, the jobs, the operators' words,
// and every fault with its moment. A script is a value with a text form (script_text.h): a seed becomes a script
// (generate.h), a failing script shrinks to a shorter one (shrink.h), and the short one is kept as a regression test.
//
// What is drawn while a run goes on (a message's delay, a meter's noise) is hashed from the seed and from what it is
// about, never taken from one running stream, so that removing a deed leaves everything else as it was.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_
#define SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::simulation {

// The kinds of faults. A script uses some of them; the table of fault kind x protocol state counts where each one
// struck. Beside each: what `subject` names (a node "<site>/<node>", a device "<site>/<node>/<group>/<index>" by its
// position in the configured group, a budget "<site>/<budget>"; "-" nothing), what `span` is, and what `amount` is
// where it has one.
enum class FaultKind : uint8_t {
  // Messages. Subject: the node whose link it is, or empty for all. For span.
  kDelay,            // amount: up to so many ms more
  kLoss,             // amount: ppm of the messages
  kRepeat,           // amount: ppm
  kReorder,          // amount: a message overtakes others by up to so many ms
  kPartition,        // nothing passes
  kOneWayPartition,  // amount 0: nothing passes from node to scheduler; 1: nothing from scheduler to node
  // Scheduler. Subject "-".
  kSchedulerCrash,  // SIGKILL; batches in flight are committed or lost, never torn. It starts again after span
  kStaleLeader,     // a second leader is elected while the old one still speaks, for span at most
  kOlderBackup,     // down for span, then on a copy of the store that is amount ms old, with a new incarnation
  kEmptyStore,      // down for span, then on an empty store
  // Agents and machines. Subject: a node.
  kAgentCrash,        // down for span
  kAgentUpgrade,      // an orderly stop, and the new one after span
  kNodeReboot,        // powerless for span, then a new boot id: processes are gone, external devices are not
  kNodeSuspend,       // for span CLOCK_BOOTTIME runs on, nothing else does
  kWipedAgent,        // its state directory is lost; a new agent after span
  kClonedAgent,       // a second agent of the same name for span. amount 0: on other hardware; 1: with a copied state
                      // directory
  kReplacedHardware,  // powerless for span, then another machine of the same name
  kClockDrift,        // of the agent's clock, at most rho. amount: ppm, negative: slow. Span zero: for ever
  kSupervisorKilled,  // amount: salt that chooses one of the node's tasks
  // Devices. Subject: a device. For span.
  kDeviceOvershoots,   // draws amount ppm of its setting above it
  kDeviceLies,         // stays up and reads as if it had complied
  kDeviceSticks,       // stays up and reads honestly
  kDeviceToNameplate,  // reboots by itself, at its maximum
  kDeviceSlow,         // complies, in amount ppm of the worst ramp of its class
  // Meters. Subject: a budget. For span.
  kMeterNoise,  // amount: mW, the most that a reading is off
  kMeterLag,    // amount: ms more
  kMeterSticks,
  kMeterDies,
  // People. kReload and kOperatorWord only name what deeds of those kinds are, for the table.
  kReload,        // a changed configuration, caps among it
  kOperatorWord,  // cordon, drain, lost, admit, replace, orphan stop|adopt, quarantine clear at bad moments
  kFeedLost,      // subject: a feeder; everything behind it loses power for span and comes back
  kUtcStep,       // civil time of the scheduler steps by amount ms
  kCount
};
inline constexpr int kFaultKinds = static_cast<int>(FaultKind::kCount);
const char* Name(FaultKind kind);  // "scheduler-crash"
std::optional<FaultKind> FaultKindByName(const std::string& name);

// A device as a deed names it.
struct DeviceSubject {
  std::string node;  // "<site>/<node>"
  std::string group;
  int index = 0;
};
std::string ToText(const DeviceSubject& subject);
std::optional<DeviceSubject> ParseDeviceSubject(const std::string& text);

// One thing that happens at a moment. Which fields are meant is said beside the kind; unused ones stay at their
// defaults.
struct Deed {
  enum class Kind : uint8_t {
    kSubmit,    // job, by the first member of its tenant; key names it: the same key later is the same request
    kCancel,    // key, by whoever submitted it; nothing happens before that submit was answered
    kFault,     // fault; subject: node "<site>/<n>", device, budget, or empty for the scheduler; span, amount: see
                // FaultKind
    kOperator,  // subject: node; word: one of OperatorWords(), by the first operator
    kReload,    // configuration
  };
  MonoTime at;
  Kind kind = Kind::kFault;
  std::string key;
  v1::JobSpec job;
  std::vector<std::string> after;  // kSubmit: keys of jobs that must have succeeded. The client adds the ids that it
                                   // was answered to job.after; keys that are not answered yet are left out
  Duration runs;      // kSubmit: its tasks end by themselves after so long; zero: they never do
  int exit_code = 0;  // kSubmit: with this
  FaultKind fault = FaultKind::kDelay;
  std::string subject;
  Duration span;       // how long it lasts; what is permanent until mended ignores it
  int64_t amount = 0;  // ppm, ms or mW, by kind
  std::string word;
  v1::ClusterConfiguration configuration;
};

// cordon, uncordon, drain, undrain, "node admit", "node lost", "node replace", "orphan stop", "orphan adopt",
// "quarantine clear". Words on orphans and quarantine mean all of the node. Whoever says "node lost" looked: it is said
// of a node without power, and left unsaid of one that has it. `span` of a drain is its deadline.
const std::vector<std::string>& OperatorWords();

struct Script {
  uint64_t seed = 0;
  Duration length = Minutes(30);
  v1::ClusterConfiguration configuration;
  std::vector<Deed> deeds;  // by rising time
  std::string profile;      // "" or the name of a profile of generate.h: situations in which a mutation shows
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_
