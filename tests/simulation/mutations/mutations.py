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
# "profile NAME" or "mutation NAME", one a line: what is known to be wrong and not mended yet. A line that is not true any more is
# an error.
KNOWN_FILE = pathlib.Path(__file__).with_name("known_wrong.txt")


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


LOOKS = 15

KNOWN_HEADER = """\
# What is known to be wrong and not mended yet: `profile NAME`, a profile that fails without a mutation; `mutation NAME`, one that no
# check caught in the seeds with which the list was written. It is written by mutations.py --write; a line that is not true any more is an error.
"""


def read_known(path):
    """The lines of known_wrong.txt; none where there is no such file."""
    if not path.exists():
        return set()
    return {line.strip() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")}


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
    parser.add_argument("--write", action="store_true", help="write known_wrong.txt anew from what is wrong")
    parser.add_argument("--known", type=pathlib.Path, default=KNOWN_FILE)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()

    mutations = list_mutations(options.simulator)
    elsewhere = read_elsewhere(ELSEWHERE_FILE.read_text())
    known = {name for name, _ in mutations}
    wrong = {f"mutation {name}": "in elsewhere.txt, but no mutation; take it off the list" for name in elsewhere if name not in known}
    chosen = [(name, profile) for name, profile in mutations if not options.names or name in options.names]
    listed_before = set() if options.write else read_known(options.known)

    def seeds_of(name):
        # What is known not to be caught is only looked at, so that the list is not the dearest part.
        return min(options.seeds, LOOKS) if f"mutation {name}" in listed_before or name in elsewhere else options.seeds

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        # The same seeds without a mutation first: a check that always fails catches everything.
        profiles = sorted({profile for _, profile in chosen})
        sound = {profile: pool.submit(run, options.simulator, ["--profile", profile, "--seeds", str(options.sound_seeds)]) for profile in profiles}
        caught = {name: pool.submit(run, options.simulator, ["--mutation", name, "--seeds", str(seeds_of(name))]) for name, _ in chosen}
        for profile, future in sound.items():
            status, line, seconds = future.result()
            print(f"profile {profile:20} {'holds' if status == 0 else 'FAILS'} in {seconds:.1f} s" + ("" if status == 0 else f": {line}"))
            if status != 0:
                wrong[f"profile {profile}"] = f"fails without a mutation: {line}"
        for name, _ in chosen:
            status, line, seconds = caught[name].result()
            print(f"{line}  [{seconds:.1f} s]" if name not in elsewhere else f"mutation {name}: {elsewhere[name]}")
            problem = judge(name, status, line, elsewhere)
            if problem:
                wrong[f"mutation {name}"] = problem
    if options.write:
        options.known.write_text(KNOWN_HEADER + "".join(line + "\n" for line in sorted(wrong)))
    listed = read_known(options.known)
    for name, problem in sorted(wrong.items()):
        print(f"{'KNOWN' if name in listed else 'WRONG'} {name}: {problem}")
    mended = sorted(listed - wrong.keys()) if not options.names else []
    for name in mended:
        print(f"MENDED {name}: take it off {options.known.name}")
    print(f"{len(chosen)} mutations, {len(wrong)} problems, {len(listed)} known")
    return 0 if chosen and not mended and wrong.keys() <= listed else 1


if __name__ == "__main__":
    sys.exit(main())
