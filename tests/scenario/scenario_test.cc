// Every *.txt of this folder is one test. A file in known_wrong.txt says what is right and must differ from what the core does:
// when the core is mended the test asks for the line to be taken out.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/scenario/scenario.h"

namespace switchyard::scenario {
namespace {

namespace fs = std::filesystem;

const fs::path& Folder() {
  static const fs::path folder = fs::path(SWITCHYARD_SOURCE_DIR) / "tests" / "scenario";
  return folder;
}

std::string Read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::set<std::string> KnownWrong() {
  std::set<std::string> names;
  std::istringstream in(Read(Folder() / "known_wrong.txt"));
  for (std::string line; std::getline(in, line);) if (!line.empty() && line[0] != '#') names.insert(line);
  return names;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(Folder())) {
    const std::string file = entry.path().filename();
    if (entry.path().extension() == ".txt" && file != "known_wrong.txt" && file != "CMakeLists.txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ScenarioTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, EndsAsTheFileSays) {
  const std::string file = Read(Folder() / (GetParam() + ".txt"));
  const std::string played = Play(file);
  if (KnownWrong().contains(GetParam())) {
    EXPECT_NE(played, file) << "mended: take " << GetParam() << " out of tests/scenario/known_wrong.txt";
  } else {
    EXPECT_EQ(played, file) << "if the difference is right, run scenario_test --rewrite and review the diff";
  }
}

INSTANTIATE_TEST_SUITE_P(Protocol, ScenarioTest, ::testing::ValuesIn(Names()), [](const auto& info) {
  std::string name = info.param;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c) && c != '_'; }, '_');
  return name;
});

void Rewrite(const std::vector<std::string>& names) {
  const std::set<std::string> known_wrong = KnownWrong();
  for (const std::string& name : names) {
    if (known_wrong.contains(name)) continue;  // says what is right, not what is
    const fs::path path = Folder() / (name + ".txt");
    const std::string before = Read(path), after = Play(before);
    if (after == before) continue;
    std::ofstream(path, std::ios::binary) << after;
    std::cout << "rewrote " << path.string() << "\n";
  }
}

}  // namespace
}  // namespace switchyard::scenario

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1 && std::string(argv[1]) == "--rewrite") {
    const std::vector<std::string> named(argv + 2, argv + argc);
    switchyard::scenario::Rewrite(named.empty() ? switchyard::scenario::Names() : named);
    return 0;
  }
  return RUN_ALL_TESTS();
}
