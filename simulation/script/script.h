// What happens in one simulated run besides what the system itself does: the cluster, the jobs, the operators' words, and every
// fault with its moment. A script is a value with a text form (script_text.h): a seed becomes a script (generate.h), a failing script
// shrinks to a shorter one (shrink.h), and the short one is kept as a regression test.
//
// What is drawn while a run goes on (a message's delay, a meter's noise) is hashed from the seed and from what it is about, never
// taken from one running stream, so that removing a deed leaves everything else as it was.
#ifndef SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_
#define SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/units.h"
#include "switchyard/v1/configuration.pb.h"
#include "switchyard/v1/job.pb.h"

namespace switchyard::simulation {

// The kinds of faults. A script uses some of them; the table of fault kind x protocol state counts where each one struck.
enum class FaultKind : uint8_t {
  // messages
  kDelay, kLoss, kRepeat, kReorder, kPartition, kOneWayPartition,
  // scheduler
  kSchedulerCrash,        // SIGKILL; batches in flight are committed or lost, never torn
  kStaleLeader,           // a second leader is elected while the old one still speaks
  kOlderBackup,           // it comes up on an older copy of the store with a new incarnation
  kEmptyStore,
  // agents and machines
  kAgentCrash, kAgentUpgrade,
  kNodeReboot,            // a new boot id: processes are gone, external devices are not
  kNodeSuspend,           // CLOCK_BOOTTIME runs on, nothing else does
  kWipedAgent, kClonedAgent, kReplacedHardware,
  kClockDrift,            // of the agent's clock, at most rho
  kSupervisorKilled,
  // devices
  kDeviceOvershoots,      // draws above its setting for a while
  kDeviceLies,            // stays up and reads as if it had complied
  kDeviceSticks,          // stays up and reads honestly
  kDeviceToNameplate,     // reboots by itself, at its maximum
  kDeviceSlow,            // complies, later than the worst ramp of its class
  // meters
  kMeterNoise, kMeterLag, kMeterSticks, kMeterDies,
  // people
  kReload,                // a changed configuration, caps among it
  kOperatorWord,          // cordon, drain, lost, admit, replace, orphan stop|adopt, quarantine clear at bad moments
  kFeedLost,              // everything behind a feeder loses power and comes back
  kUtcStep,               // civil time of the scheduler steps
  kCount
};
inline constexpr int kFaultKinds = static_cast<int>(FaultKind::kCount);
const char* Name(FaultKind kind);  // "scheduler-crash"

// One thing that happens at a moment. Which fields are meant is said beside the kind; unused ones stay at their defaults.
struct Deed {
  enum class Kind : uint8_t {
    kSubmit,          // job; key names it: the same key later is the same request
    kCancel,          // key
    kFault,           // fault; subject: node "<site>/<n>", device, budget, or empty for the scheduler; span, amount: see FaultKind
    kOperator,        // subject: node; word: an operator's word as on the command line ("drain", "node lost", ...)
    kReload,          // configuration
  };
  MonoTime at;
  Kind kind = Kind::kFault;
  std::string key;
  v1::JobSpec job;
  Duration runs;               // kSubmit: its tasks end by themselves after so long; zero: they never do
  int exit_code = 0;           // kSubmit: with this
  FaultKind fault = FaultKind::kDelay;
  std::string subject;
  Duration span;               // how long it lasts; what is permanent until mended ignores it
  int64_t amount = 0;          // ppm, ms or mW, by kind
  std::string word;
  v1::ClusterConfiguration configuration;
};

struct Script {
  uint64_t seed = 0;
  Duration length = Minutes(30);
  v1::ClusterConfiguration configuration;
  std::vector<Deed> deeds;     // by rising time
  std::string profile;         // "" or the name of a profile of generate.h: situations in which a mutation shows
};

}  // namespace switchyard::simulation

#endif  // SWITCHYARD_SIMULATION_SCRIPT_SCRIPT_H_
