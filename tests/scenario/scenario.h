// Plays a golden scenario against the real core. A file is a sequence of blocks:
//
//   # the rule of docs/protocol.md that the file shows
//   commands, one a line
//   ----
//   events and refused sessions since the last block, then what the commands printed
//
// and a blank line ends the output.
//
// The language, on the harness of tests/support (README.md of this folder lists every verb): the cluster is described first, `start`
// makes it; agents do at once what they are told unless a line says otherwise; `run 3s` turns the clock.
#ifndef SWITCHYARD_TESTS_SCENARIO_SCENARIO_H_
#define SWITCHYARD_TESTS_SCENARIO_SCENARIO_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/scenario/picture.h"
#include "tests/scenario/words.h"
#include "tests/support/cluster_builder.h"
#include "tests/support/core_harness.h"

namespace switchyard::scenario {

// The file with every block's output as the core gives it: equal to the file if nothing changed.
std::string Play(const std::string& file);

class Scenario {
 public:
  // Does one line and returns what it prints.
  std::string Do(const std::string& line);
  // Events and refused sessions since the last call.
  std::string News();

 private:
  bool Describe(const Words& words);     // before `start`, and for `reload`
  bool Clock(const Words& words);
  bool Agent(const Words& words);
  bool Speak(const Words& words);
  bool Client(const Words& words);
  bool OperatorSays(const Words& words);
  bool Ask(const Words& words);

  void Start();
  void Hello(const Words& words);
  void Say(const Words& words);
  void Orphan(const Words& words);
  void Meter(const Words& words);
  void Telemetry(const std::string& node, const std::string& budget, Power draw);
  void NewStore();
  void Submit(const Words& words);
  void Reply(const absl::Status& status, const std::string& done);
  testing::pb::CommandResult Query(testing::pb::Query query);
  std::vector<std::string> Nodes(const Words& words) const;  // the named ones, or all
  uint64_t Job(const std::string& name) const;

  testing::ClusterBuilder builder_;
  std::unique_ptr<testing::CoreHarness> cluster_;
  std::unique_ptr<Picture> picture_;
  std::map<uint64_t, std::string> names_;
  std::map<std::string, testing::pb::Command> kept_;  // reports on their way, by node
  testing::CoreHarness::Rows backup_;
  std::string out_;
  uint64_t next_key_ = 1;
  uint64_t next_session_ = 1'000'000;  // of sessions that the harness does not open itself
  size_t events_seen_ = 0, orders_seen_ = 0;
};

}  // namespace switchyard::scenario

#endif  // SWITCHYARD_TESTS_SCENARIO_SCENARIO_H_
