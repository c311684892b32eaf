"""seeds.py against a simulator that is a script."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
SIMULATOR = """#!/usr/bin/env python3
import sys
open(sys.argv[sys.argv.index("--json") + 1], "w").write('{"failures": [{"seed": 7, "check": "y"}]}')
print("BROKEN starts per seed: below the floor")
sys.exit(1)
"""
BOTH = "seed 7: y\nrun: starts per seed: below the floor\n"


def judge(known):
    with tempfile.TemporaryDirectory() as folder:
        simulator = pathlib.Path(folder) / "simulator"
        simulator.write_text(SIMULATOR)
        os.chmod(simulator, 0o755)
        listed = pathlib.Path(folder) / "known_wrong.txt"
        listed.write_text(known)
        done = subprocess.run([sys.executable, HERE / "seeds.py", "--simulator", simulator, "--known", listed], capture_output=True, text=True)
        return done.returncode, done.stdout


class Seeds(unittest.TestCase):
    def test_what_fails_and_is_listed_is_known(self):
        status, out = judge("# comment\n" + BOTH)
        self.assertEqual(status, 0, out)

    def test_what_fails_and_is_not_listed_is_wrong(self):
        status, out = judge("seed 7: y\n")
        self.assertEqual(status, 1)
        self.assertIn("WRONG run: starts per seed: below the floor", out)
        status, out = judge(BOTH.replace("7: y", "7: d"))
        self.assertEqual(status, 1)
        self.assertIn("WRONG seed 7: y", out)

    def test_what_holds_may_not_stay_listed(self):
        status, out = judge(BOTH + "seed 8: d\n")
        self.assertEqual(status, 1)
        self.assertIn("MENDED seed 8: d", out)


if __name__ == "__main__":
    unittest.main()
