#!/usr/bin/env python3
"""Every mutation whose hook stands in a pure room is seen by the scenarios of the protocol or by the unit tests of its room: the
same tests, linked with the fault variant, fail with each mutation where they pass with none. A hook that changes nothing, or a rule that no small test knows, shows here at once; that whole runs see it as well is the simulation's to prove.

  seen.py ROOT PROGRAM...
"""
import os
import re
import subprocess
import sys

_ENTRY = re.compile(r"^SWITCHYARD_MUTATION_ENTRY\((\w+),", re.MULTILINE)
_FAILED = re.compile(r"^\[  FAILED  \] ([\w./]+)", re.MULTILINE)
PURE_HOOK = re.compile(r"SWITCHYARD_MUTATION\((\w+)\)")
ROOMS = ("scheduler", "agent")


def failures(program, mutation, but=()):
    """Tests that fail while this is broken, up to the first; a program that does not come to its end is a failure too."""
    command = [program, "--gtest_brief=1"] + (["--gtest_fail_fast"] if mutation != "none" else [])
    if but:
        command.append("--gtest_filter=-" + ":".join(sorted(but)))
    environment = dict(os.environ, SWITCHYARD_MUTATION=mutation)
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return {"does not end"}
    failed = set(_FAILED.findall(done.stdout))
    if done.returncode not in (0, 1):
        failed.add(f"ended with code {done.returncode}")
    return failed


def hooked(root):
    """Mutations with a hook in the code that ships, as its `false`."""
    found = set()
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(root, room)):
            for name in names:
                if name.endswith(".cc"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        found |= set(PURE_HOOK.findall(file.read()))
    return found


def main():
    root, programs = sys.argv[1], sys.argv[2:]
    with open(os.path.join(root, "common/faults/registry.inc"), encoding="utf-8") as file:
        mutations = [name for name in _ENTRY.findall(file.read()) if name in hooked(root)]
    whole = {program: failures(program, "none") for program in programs}  # what fails unbroken is its own test's to say
    faults = []
    for mutation in mutations:
        seen_by = next((program for program in programs if failures(program, mutation, whole[program])), None)
        print(f'{mutation:40} {os.path.basename(seen_by) if seen_by else "-"}')
        if not seen_by:
            faults.append(f"{mutation}: no test sees it; write a scenario of the rule that it breaks")
    print("\n".join(faults))
    return 1 if faults or not mutations else 0


if __name__ == "__main__":
    sys.exit(main())
