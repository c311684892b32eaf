#!/usr/bin/env python3
"""Runs a thousand seeds of switchyard-sim and holds their outcome against known_wrong.txt: a seed that fails and is not listed is an
error, and so is a listed one that holds. The list is of defects that are known and not yet mended; it can only be kept empty by
mending them.

  seeds.py --simulator PROGRAM [--seeds 1000] [--first-seed 1] [--jobs 2] [--known FILE] [--write]

  --write   writes the list anew from what failed. Whoever does so has looked at every line.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

KNOWN_FILE = pathlib.Path(__file__).with_name("known_wrong.txt")
HEADER = """\
# Defects that the simulation found and that are not mended yet, one a line: `seed N: check` or `run: what it says of itself`. It is
# written by seeds.py --write and judged by seeds.py: a line that is not true any more is an error.
"""


def read_known(text):
    return {line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")}


def outcome(report, said):
    """The lines that are wrong in a run: its failing seeds, and what the run says against itself ("BROKEN ...")."""
    wrong = {f"seed {failure['seed']}: {failure['check']}" for failure in report["failures"]}
    return wrong | {f"run: {line.removeprefix('BROKEN ')}" for line in said.splitlines() if line.startswith("BROKEN ")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--known", type=pathlib.Path, default=KNOWN_FILE)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        path = pathlib.Path(scratch) / "report.json"
        command = [options.simulator, "--seeds", str(options.seeds), "--first-seed", str(options.first_seed), "--jobs", str(options.jobs),
                   "--shrink-runs", "0", "--json", str(path)]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout + done.stderr)
        if not path.exists():
            sys.exit(f"{options.simulator} ended with status {done.returncode} and wrote no report")
        wrong = outcome(json.loads(path.read_text()), done.stdout + done.stderr)
    if options.write:
        options.known.write_text(HEADER + "".join(line + "\n" for line in sorted(wrong, key=lambda line: (len(line.split(":")[0]), line))))
        return 0
    known = read_known(options.known.read_text())
    for line in sorted(wrong - known):
        print(f"WRONG {line}: is not in {options.known.name}")
    for line in sorted(known - wrong):
        print(f"MENDED {line}: take it off {options.known.name}")
    print(f"{options.seeds} seeds, {len(wrong)} wrong, {len(known)} known")
    return 0 if wrong == known else 1


if __name__ == "__main__":
    sys.exit(main())
