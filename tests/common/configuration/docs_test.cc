// The reference pages are true: every key of the tables stands in them, and every example of theirs is accepted.
#include <sstream>

#include "common/configuration/agent_file.h"
#include "common/configuration/cluster_file.h"
#include "common/configuration/cluster_schema.h"
#include "common/configuration/job_file.h"
#include "common/configuration/job_schema.h"
#include "common/platform/files.h"
#include "gtest/gtest.h"

namespace switchyard::configuration {
namespace {

std::string Page(const std::string& name) { return *platform::ReadFile(std::string(SWITCHYARD_SOURCE_DIR) + "/docs/" + name); }

std::vector<std::string> YamlBlocks(const std::string& page) {
  std::vector<std::string> blocks;
  std::istringstream lines(page);
  std::string line;
  bool inside = false;
  while (std::getline(lines, line)) {
    if (line == "```yaml") {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

void ExpectKeys(const Schema& schema, const std::string& page) {
  for (const Field& field : schema.fields) {
    const std::string key = field.key;
    const bool named = page.find("`" + key + "`") != std::string::npos || page.find("{" + key + ",") != std::string::npos ||
                       page.find(", " + key + ",") != std::string::npos || page.find(", " + key + "}") != std::string::npos;
    EXPECT_TRUE(named) << "key " << key << " of " << schema.noun << " is not explained";
    if (field.schema != nullptr) ExpectKeys(*field.schema, page);
  }
}

TEST(DocsTest, EveryKeyOfTheClustersFileIsExplained) {
  ExpectKeys(ClusterSchema(), Page("configuration.md"));
  ExpectKeys(NodeSchema(), Page("configuration.md"));
}

TEST(DocsTest, EveryKeyOfAJobIsExplained) { ExpectKeys(JobSchema(), Page("jobs.md")); }

TEST(DocsTest, EveryExampleOfThePagesIsAccepted) {
  int clusters = 0, agents = 0, jobs = 0;
  for (const std::string& block : YamlBlocks(Page("configuration.md"))) {
    if (block.starts_with("# cluster\n")) {
      EXPECT_EQ(ParseClusterText(block, "docs/configuration.md").status(), absl::OkStatus());
      ++clusters;
    } else {
      EXPECT_EQ(ParseAgentText(block, "docs/configuration.md").status(), absl::OkStatus());
      ++agents;
    }
  }
  for (const std::string& block : YamlBlocks(Page("jobs.md"))) {
    EXPECT_EQ(ParseJobText(block, "docs/jobs.md").status(), absl::OkStatus());
    ++jobs;
  }
  EXPECT_EQ(clusters, 1);
  EXPECT_EQ(agents, 2);
  EXPECT_EQ(jobs, 3);
}

}  // namespace
}  // namespace switchyard::configuration
