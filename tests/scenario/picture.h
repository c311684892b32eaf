// What a scenario prints: the core's state in the words of docs/protocol.md. Revisions are named r1, r2, ... as they come
// up, so that a file speaks of orders and not of how many batches there were.
#ifndef SWITCHYARD_TESTS_SCENARIO_PICTURE_H_
#define SWITCHYARD_TESTS_SCENARIO_PICTURE_H_

#include <cstdint>
#include <map>
#include <string>

#include "common/units.h"
#include "tests/support/core_harness.h"

namespace switchyard::scenario {

// 30250W, 4800.001W: exact, for the last milliwatt is what a golden file is for.
std::string Exact(Power power);

class Picture {
 public:
  // `names` are those that the scenario gave to its jobs, by id.
  Picture(const testing::CoreHarness& cluster, const std::map<uint64_t, std::string>& names) : cluster_(cluster), names_(names) {}

  // budgets, allocations, orphans, nodes, jobs, plans
  std::string Show(const std::string& what);
  std::string Order(const core::NodeOrder& order);

  // Gives names to the revisions that came up since the last call, the older first.
  void NameRevisions();
  uint64_t RevisionOf(const std::string& name) const;  // of a name that was printed
  const core::Allocation& Find(const std::string& name) const;  // JOB@NODE

 private:
  std::string Revision(uint64_t revision);
  std::string NameOf(const core::Allocation& allocation) const;
  std::string JobName(uint64_t id) const;
  std::string Budgets() const;
  std::string Allocations();
  std::string Orphans() const;
  std::string Nodes();
  std::string Jobs() const;
  std::string Plans() const;

  const testing::CoreHarness& cluster_;
  const std::map<uint64_t, std::string>& names_;
  std::map<uint64_t, std::string> revisions_;
};

}  // namespace switchyard::scenario

#endif  // SWITCHYARD_TESTS_SCENARIO_PICTURE_H_
