"""Runs switchyard-sim with each mutation of the registry and asks that a check catches it within 100 seeds of its profile, and that
the same profile fails no check where nothing is broken.

  mutations.py --simulator PROGRAM [--seeds 100] [--sound-seeds 20] [--jobs 2] [NAME ...]

Exit status: 0 all are caught; 1 some are not, each with a line.
"""

import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import time

# mutation: why the simulation cannot see it, and which test does. The simulation does not lie about what it does not reach.
ELSEWHERE_FILE = pathlib.Path(__file__).with_name("elsewhere.txt")


def read_elsewhere(text):
    """{mutation: reason} of lines "mutation: reason"."""
    elsewhere = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.partition(":")
        if not reason.strip():
            raise ValueError(f'elsewhere.txt: "{line}": required is "mutation: the test that sees it, and why the simulation cannot"')
        elsewhere[name.strip()] = reason.strip()
    return elsewhere


def list_mutations(simulator):
    """[(name, profile)] in the registry's order."""
    lines = subprocess.run([simulator, "--list-mutations"], check=True, capture_output=True, text=True).stdout.splitlines()
    return [tuple(line.split()[:2]) for line in lines if line.strip()]


def run(simulator, arguments):
    """(exit status, last line, seconds)."""
    began = time.monotonic()
    done = subprocess.run([simulator, "--quiet", "--jobs", "1", "--shrink-runs", "0", *arguments], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines() or [""]
    return done.returncode, lines[-1], time.monotonic() - began


def judge(name, status, line, elsewhere):
    """What is wrong with a mutation's outcome; nothing if it is as it must be."""
    if name in elsewhere:
        return f"{name}: listed in elsewhere.txt, but caught; take it off the list" if status == 1 else None
    if status == 1:
        return None
    return f"{name}: {line}" if status == 0 else f"{name}: switchyard-sim ended with status {status}: {line}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulator", required=True)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--sound-seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    mutations = list_mutations(options.simulator)
    elsewhere = read_elsewhere(ELSEWHERE_FILE.read_text())
    known = {name for name, _ in mutations}
    wrong = [f"{name}: in elsewhere.txt, but no mutation; take it off the list" for name in elsewhere if name not in known]
    chosen = [(name, profile) for name, profile in mutations if not options.names or name in options.names]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        # The same seeds without a mutation first: a check that always fails catches everything.
        profiles = sorted({profile for _, profile in chosen})
        sound = {profile: pool.submit(run, options.simulator, ["--profile", profile, "--seeds", str(options.sound_seeds)]) for profile in profiles}
        caught = {name: pool.submit(run, options.simulator, ["--mutation", name, "--seeds", str(options.seeds)]) for name, _ in chosen}
        for profile, future in sound.items():
            status, line, seconds = future.result()
            print(f"profile {profile:20} {'holds' if status == 0 else 'FAILS'} in {seconds:.1f} s" + ("" if status == 0 else f": {line}"))
            if status != 0:
                wrong.append(f"profile {profile}: fails without a mutation: {line}")
        for name, _ in chosen:
            status, line, seconds = caught[name].result()
            print(f"{line}  [{seconds:.1f} s]" if name not in elsewhere else f"mutation {name}: {elsewhere[name]}")
            problem = judge(name, status, line, elsewhere)
            if problem:
                wrong.append(problem)
    for problem in wrong:
        print(f"WRONG {problem}")
    print(f"{len(chosen)} mutations, {len(wrong)} problems")
    return 1 if wrong or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
