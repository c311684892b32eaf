#include "simulation/script/generate.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"
#include "simulation/script/cluster.h"
#include "simulation/script/recipe.h"
#include "simulation/script/trouble.h"
#include "simulation/script/workload.h"

namespace switchyard::simulation {

Script Generate(uint64_t seed, const std::string& profile) {
  const Recipe* recipe = FindRecipe(profile);
  SWITCHYARD_CHECK(recipe != nullptr) << profile;
  Script script;
  script.seed = seed;
  script.profile = profile;
  script.length = recipe->length;
  script.configuration = MakeCluster(seed, *recipe);
  script.deeds = MakeWorkload(seed, *recipe, script.configuration);
  std::vector<Deed> trouble = MakeTrouble(seed, *recipe, script.configuration, script.deeds);
  std::move(trouble.begin(), trouble.end(), std::back_inserter(script.deeds));
  std::stable_sort(script.deeds.begin(), script.deeds.end(), [](const Deed& a, const Deed& b) { return a.at < b.at; });
  return script;
}

}  // namespace switchyard::simulation
