"""Proves that tidy catches each violation that it is for, and lets sound code pass."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # noqa: E402
import tidy  # noqa: E402

TABLE = '    {Constraint::kCpu, "cpu", Unit::kMilliCpu, CpuShortfall, kCpuText},\n' \
        '    {Constraint::kBudgetCap, "budget-cap", Unit::kMilliwatts, nullptr, kBudgetCapText},\n'


class TreeTest(unittest.TestCase):
    """Each case writes a small tree and reads its faults."""

    def faults(self, path, text):
        with tempfile.TemporaryDirectory() as root:
            for name, content in ((rules.CONSTRAINT_TABLE, TABLE), (path, text)):
                os.makedirs(os.path.join(root, os.path.dirname(name)), exist_ok=True)
                with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                    file.write(content)
            return tidy.check_tree(root)

    def assert_caught(self, path, text, *words):
        found = self.faults(path, text)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_sound_code_passes(self):
        self.assertEqual(self.faults("scheduler/core/apply.cc",
                                     '#include "scheduler/core/core.h"\n#include <map>\n#include "common/units.h"\n'
                                     '#include "switchyard/store/v1/rows.pb.h"\nstd::map<int, int> jobs;\n'), [])

    def test_each_pure_room_is_held_to_it(self):
        for room in rules.PURE:
            self.assert_caught(room + "/a.cc", "\n#include <chrono>\n", room + "/a.cc:2:", "a clock", "as an argument")

    def test_impure_rooms_may_have_clocks_and_threads(self):
        self.assertEqual(self.faults("scheduler/engine/a.cc", "#include <thread>\nstd::jthread t;\n"), [])
        self.assertEqual(self.faults("common/platform/clock.cc", "#include <time.h>\nint t = clock_gettime(0, nullptr);\n"), [])

    def test_every_banned_include_is_caught(self):
        for include, word in (("chrono", "clock"), ("absl/time/clock.h", "clock"), ("thread", "thread"), ("atomic", "thread"),
                              ("absl/synchronization/mutex.h", "thread"), ("random", "random"),
                              ("absl/random/random.h", "random"), ("fstream", "I/O"), ("unistd.h", "I/O"),
                              ("sys/stat.h", "I/O"), ("spdlog/spdlog.h", "I/O"), ("unordered_map", "unordered"),
                              ("absl/container/flat_hash_map.h", "unordered"), ("absl/hash/hash.h", "salt")):
            self.assert_caught("scheduler/power/a.cc", f"#include <{include}>\n", f"<{include}>", word)

    def test_every_banned_name_is_caught(self):
        for code, word in (("auto t = std::chrono::seconds(1);", "clock"), ("auto t = absl::Now();", "clock"),
                           ("auto t = time(nullptr);", "clock"), ("clock_gettime(0, &t);", "clock"),
                           ("std::thread t;", "thread"), ("std::mutex m;", "thread"), ("std::atomic<int> n;", "thread"),
                           ("thread_local int n;", "thread"), ("std::random_device d;", "random"),
                           ("int n = rand();", "random"), ("std::mt19937_64 g(1);", "random"),
                           ("std::cerr << 1;", "I/O"), ("fprintf(f, s);", "I/O"), ('auto e = getenv("X");', "environment"),
                           ("std::unordered_map<int, int> m;", "unordered"), ("absl::flat_hash_set<int> s;", "unordered"),
                           ("auto h = std::hash<int>()(1);", "same everywhere"), ("grpc::Status s;", "gRPC"),
                           ("auto k = reinterpret_cast<uintptr_t>(p);", "address")):
            self.assert_caught("scheduler/core/a.cc", "\n\n" + code + "\n", "a.cc:3:", word)

    def test_comments_and_strings_are_no_code(self):
        self.assertEqual(self.faults("scheduler/core/a.cc",
                                     "// std::thread and time(nullptr)\n/* std::mutex\n   rand() */\n"
                                     'const char* s = "std::random_device // \\" rand()";\n'
                                     "const char* r = R\"(std::cout)\";\nint n = 10'000; // '\n"), [])

    def test_code_after_a_digit_separator_is_still_read(self):
        self.assert_caught("scheduler/core/a.cc", "int n = 10'000; std::thread t; int m = 5'000;\n", "std::thread")

    def test_a_commented_include_is_none(self):
        self.assertEqual(self.faults("scheduler/core/a.cc", "// #include <thread>\n"), [])

    def test_an_include_against_the_arrows_is_caught(self):
        self.assert_caught("scheduler/power/a.cc", '#include "scheduler/core/core.h"\n', "scheduler/core/core.h", "through the caller")
        self.assert_caught("agent/session/a.cc", '#include "scheduler/core/row.h"\n', "allowed for agent/session")
        self.assert_caught("scheduler/rpc/a.cc", '#include "agent/session/link.h"\n', "allowed for scheduler/rpc")
        self.assert_caught("scheduler/core/a.cc", '#include "simulation/world.h"\n', "simulation/world.h")
        self.assert_caught("tools/referee/a.cc", '#include "scheduler/power/ledger.h"\n', "its own headers")

    def test_one_allowed_header_does_not_open_its_room(self):
        self.assertEqual(self.faults("scheduler/store/a.cc", '#include "scheduler/core/row.h"\n'), [])
        self.assert_caught("scheduler/store/a.cc", '#include "scheduler/core/core.h"\n', "scheduler/core/core.h")

    def test_libraries_stay_in_their_homes(self):
        self.assert_caught("scheduler/engine/a.cc", "#include <grpcpp/grpcpp.h>\n", "speak gRPC")
        self.assert_caught("client/cli/a.cc", '#include "switchyard/v1/job_service.grpc.pb.h"\n', "speak gRPC")
        self.assert_caught("scheduler/rpc/a.cc", "#include <rocksdb/db.h>\n", "store/store.h")
        self.assert_caught("client/a.cc", '#include "switchyard/store/v1/rows.pb.h"\n', "switchyard/v1")

    def test_a_folder_without_arrows_is_caught(self):
        self.assert_caught("scheduler/attic/a.cc", "int n;\n", 'folder "scheduler/attic"', "ARCHITECTURE.md")

    def test_a_dependency_against_the_arrows_is_caught(self):
        self.assert_caught("scheduler/power/CMakeLists.txt",
                           "switchyard_library(\n  SOURCES a.cc\n  DEPS common scheduler_core)\n", "depends on scheduler_core")
        self.assert_caught("scheduler/power/CMakeLists.txt", "target_link_libraries(scheduler_power PRIVATE scheduler_store)\n",
                           "depends on scheduler_store")
        self.assertEqual(self.faults("scheduler/core/CMakeLists.txt",
                                     "# scheduler_store is not ours\nswitchyard_library(SOURCES a.cc DEPS common scheduler_power)\n"), [])

    def test_a_long_file_is_caught_in_code_and_in_tests(self):
        self.assert_caught("scheduler/core/a.cc", "int n;\n" * 601, "601 lines")
        self.assert_caught("tests/scheduler/core/a_test.cc", "int n;\n" * 601, "601 lines")
        self.assertEqual(self.faults("scheduler/core/a.cc", "int n;\n" * 600), [])

    def test_a_constraint_named_outside_the_table_is_caught(self):
        self.assert_caught("scheduler/core/a.cc", 'auto s = "budget-cap";\n', 'the constraint "budget-cap"', "placement::Name")
        self.assert_caught("client/cli/a.cc", 'auto c = ByName("cpu");\n', 'the constraint "cpu"')
        self.assertEqual(self.faults("client/cli/a.cc", '// "budget-cap"\nauto s = Column("cpu");\n'), [])

    def test_a_table_that_cannot_be_read_is_a_fault(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertIn("holds no row", tidy.check_tree(root)[0])

    def test_every_exception_names_a_rule_that_exists(self):
        kinds = {kind for _, kind, _ in rules.PURE_INCLUDES + rules.PURE_NAMES}
        for file, kind, reason in rules.EXCEPTIONS:
            self.assertTrue(any(known.startswith(kind) for known in kinds), file)
            self.assertTrue(reason)

    def test_the_arrows_have_no_cycle(self):
        done = set()

        def walk(folder, path):
            self.assertNotIn(folder, path, " -> ".join(path + (folder,)))
            if folder not in done:
                for target in rules.ARROWS.get(folder, ()):
                    walk(target if not target.endswith(".h") else os.path.dirname(target), path + (folder,))
                done.add(folder)

        for folder in rules.ARROWS:
            walk(folder, ())


if __name__ == "__main__":
    unittest.main()
