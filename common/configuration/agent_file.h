// The agent's file: who it is, how it reaches the scheduler, where it keeps what must survive it, and for simulated nodes how
// their devices behave. What a node *is* (model, devices, watts) comes from the scheduler, never from here.
#ifndef SWITCHYARD_COMMON_CONFIGURATION_AGENT_FILE_H_
#define SWITCHYARD_COMMON_CONFIGURATION_AGENT_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/platform/tls.h"
#include "common/units.h"

namespace switchyard::configuration {

// A real meter that this agent reads: a file with one integer, such as hwmon's power1_input (microwatts).
struct MeterSource {
  std::string budget;             // "<site>/<budget>"
  std::string path;
  int64_t microwatts_per_count = 1;
  Duration lag = Seconds(1);      // age of a value when it is read
};

// Part of what a simulated meter sees: coefficient x the true draw of a group of some nodes.
struct MeterTerm {
  std::vector<std::string> nodes;  // "<site>/<node>", ranges expanded
  std::string group;               // "platform", a device group's name, or empty: all of the node
  PartsPerMillion coefficient = kOne;
};

struct SimulatedMeter {
  std::string budget;              // "<site>/<budget>"
  Power base;                      // constant load that it sees besides: the budget's base, a site's fixed overhead
  std::vector<MeterTerm> terms;
  Power noise_sigma;
  Duration lag = Seconds(1);
  Duration interval = Seconds(1);
};

// Devices that misbehave from the start, drawn with the seed among ASICs and GPUs; shares of all devices.
struct Defects {
  PartsPerMillion liars;  // the own reading says low while the draw stays high
  PartsPerMillion stuck;  // acknowledge, stay at the old draw, read honestly
  PartsPerMillion slow;   // comply after three times the worst ramp of their class
};

struct SimulatedSettings {
  uint64_t seed = 1;
  Defects defects;
  std::string draw_file;           // true draw per node and device group; empty: none
  std::string device_draw_file;    // true draw per device at each change; empty: none
  std::string control_socket;      // takes commands: reboot, wipe, stick ...; empty: none
  int64_t speed = 1;               // hollow tasks' run times are divided by it; 1..1000
  std::vector<SimulatedMeter> meters;
};

struct AgentFile {
  enum class Mode { kReal, kSimulated };

  std::string scheduler = "unix:/run/switchyard/switchyard.sock";  // "unix:PATH" or "HOST:PORT"
  bool insecure_loopback = false;  // TCP without TLS, to a loopback address only
  platform::TlsFiles tls;          // needed for TCP otherwise; certificate and key are written there by enrolment
  std::string state_dir = "/var/lib/switchyard-agent";
  Mode mode = Mode::kReal;
  std::vector<std::string> nodes;  // "<site>/<node>", ranges expanded; exactly one when real

  // The real machine.
  std::string run_as;              // user for tasks whose job names none; empty: the agent's own
  std::vector<std::string> allowed_users;  // users that a job may ask for; empty: only run_as
  std::vector<int> cpus;           // cores that are the node's CPU devices, ascending; empty: all that it may use
  std::string supervisor_program;  // default: switchyard-supervisor beside the agent
  std::string hasher_program;      // default: switchyard-hasher beside the agent
  std::string checkpoint_dir;      // shared by nodes; default: under state_dir
  int64_t log_file_bytes = 8 << 20;  // a task's output: this large a file ...
  int log_files = 4;                 // ... and so many of them
  std::string hardware_id;         // default: the machine's
  std::string boot_id_file = "/proc/sys/kernel/random/boot_id";
  std::string sysfs_root = "/sys";
  std::string cgroup_root = "/sys/fs/cgroup";
  std::vector<MeterSource> meters;

  SimulatedSettings simulated;
};

// INVALID_ARGUMENT: every problem of the file, one a line, each `file:line:column: what; cure`.
absl::StatusOr<AgentFile> LoadAgentFile(const std::string& path);
absl::StatusOr<AgentFile> ParseAgentText(const std::string& text, const std::string& file);

}  // namespace switchyard::configuration

#endif  // SWITCHYARD_COMMON_CONFIGURATION_AGENT_FILE_H_
