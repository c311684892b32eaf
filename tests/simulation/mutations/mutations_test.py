"""mutations.py against a simulator that is a shell script."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
import mutations  # noqa: E402


def run_with(cases, known=""):
    """mutations.py with a simulator whose shell `cases` decide."""
    with tempfile.TemporaryDirectory() as folder:
        simulator = pathlib.Path(folder) / "simulator"
        simulator.write_text('#!/bin/sh\ncase "$*" in\n--list-mutations) echo "forgetful yield it forgets";;\n' + cases + "\nesac\n")
        os.chmod(simulator, 0o755)
        listed = pathlib.Path(folder) / "known_wrong.txt"
        listed.write_text(known)
        done = subprocess.run([sys.executable, HERE / "mutations.py", "--simulator", simulator, "--known", listed], capture_output=True, text=True)
        return done.returncode, done.stdout


class Mutations(unittest.TestCase):
    def test_a_mutation_that_is_caught_in_a_profile_that_holds_is_well(self):
        status, out = run_with('*--mutation*) echo "mutation forgetful: caught at seed 3"; exit 1;;\n*) exit 0;;')
        self.assertEqual(status, 0, out)

    def test_a_mutation_that_is_not_caught_is_a_problem(self):
        status, out = run_with('*--mutation*) echo "mutation forgetful: not caught"; exit 0;;\n*) exit 0;;')
        self.assertEqual(status, 1)
        self.assertIn("WRONG mutation forgetful: forgetful: mutation forgetful: not caught", out)

    def test_a_profile_that_fails_without_a_mutation_proves_nothing(self):
        status, out = run_with('*--mutation*) exit 1;;\n*) echo "seed 2 fails"; exit 1;;')
        self.assertEqual(status, 1)
        self.assertIn("WRONG profile yield: fails without a mutation: seed 2 fails", out)

    def test_what_is_known_to_be_wrong_may_be_and_what_is_mended_may_not_stay_listed(self):
        status, out = run_with('*--mutation*) echo "not caught"; exit 0;;\n*) exit 0;;', known="mutation forgetful\n")
        self.assertEqual(status, 0, out)
        status, out = run_with('*--mutation*) echo "caught"; exit 1;;\n*) exit 0;;', known="mutation forgetful\n")
        self.assertEqual(status, 1)
        self.assertIn("MENDED mutation forgetful", out)

    def test_a_simulator_that_crashes_has_caught_nothing(self):
        status, out = run_with('*--mutation*) exit 2;;\n*) exit 0;;')
        self.assertEqual(status, 1)
        self.assertIn("status 2", out)

    def test_what_is_seen_elsewhere_has_a_reason_and_is_not_caught_here(self):
        self.assertEqual(mutations.read_elsewhere("# comment\n\na: b, for c\n"), {"a": "b, for c"})
        with self.assertRaises(ValueError):
            mutations.read_elsewhere("a\n")
        self.assertIsNone(mutations.judge("a", 0, "not caught", {"a": "b"}))
        self.assertIn("take it off", mutations.judge("a", 1, "caught", {"a": "b"}))


if __name__ == "__main__":
    unittest.main()
