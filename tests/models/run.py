#!/usr/bin/env python3
"""The model check: spin's verdict on the models of models/ (docs/model-check.md).

  run.py MODEL WORK_DIR   checks one model, then that each rule removed gives a counter-example
  run.py MODEL WORK_DIR --trail [RULE]        prints the shortest counter-example without RULE, step by step

Exit status: 0 all as expected, 1 not (each fault on standard error), 2 misuse.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"

MOST_STATES = 20_000_000
MOST_SECONDS = 60
MOST_MEGABYTES = 2000
DEPTH = 1_000_000

# What spin is asked: `runs` are the complete searches, each with its switches; a rule is looked for under the switches
# named for it, else under those of the first run. A model that is `sampled` cannot be searched completely.
Model = collections.namedtuple("Model", "runs rules sampled")
CHECKS = {
    "bound": Model([[], ["ALL_GRANTS"]], {
        "CONFIRMATION_WAIT": [], "REVISION_MATCH": [], "MAX_OVER_LATER_GRANTS": [], "GRANT_IN_FORCE": [],
        "VALUED_CONFIRMATION": [], "REPORT_SEQUENCE": [], "LOWERING_FIRST": ["ALL_GRANTS"], "FRESH_STREAM": []}, False),
    "lease": Model([[]], {
        "DRIFT_MARGIN": [], "COUNT_FROM_SEND": [], "ECHO": [], "ORDERED_STREAM": [], "NEW_STRETCH": [],
        "WITHHOLDING": [], "DURABLE_EXPIRY": [], "COUNTING_ENFORCER": [], "RENEWED_AT_START": [],
        "CONFIRMATION": []}, False),
    "session": Model([[]], {
        "TERM_CHECK": ["WATTS_ALONE"], "DURABLE_TERM": [], "INCARNATION": ["WATTS_ALONE"], "SCAN_FIRST": [],
        "LEASE_FOR_RAISE": [], "HARDWARE_CHECK": [], "SESSION_CHECK": ["WATTS_ALONE"], "WELCOME_FIRST": ["WATTS_ALONE"],
        "HEARD_FIRST": [], "STOCK_FIRST": []}, False),
    "plan": Model([[]], {
        "EARMARK": [], "ONE_PLAN_PER_WATT": [], "FILL_EXCLUSION": [], "PLAN_ROWS": [], "ALL_PREPARED": [],
        "FULL_IN_EVERY_BUDGET": [], "RETURN_ON_TIMEOUT": [], "EPOCH": []}, False),
    "joined": Model([[]], {"TERM_CHECK": [], "EARMARK": []}, True),
}

Verdict = collections.namedtuple("Verdict", "errors states seconds megabytes complete unreached assertion output")


class Fault(Exception):
    """Something is not as it must be; the text says what."""


def execute(command, folder, seconds=600):
    """Runs a command to its end and returns what it printed; a failure of the command itself is a fault."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as late:
        raise Fault(f"{' '.join(command[:2])}: not done after {seconds} s; make the model smaller") from late
    if done.returncode != 0:
        raise Fault(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(model, switches, folder, compiler_flags):
    """Makes `folder`/pan, the checker of one model under some switches."""
    if shutil.which("spin") is None:
        raise Fault("spin: not installed; run scripts/setup")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(MODELS / f"{model}.pml", folder)
    execute(["spin", "-a", *(f"-D{name}" for name in switches), f"{model}.pml"], folder)
    execute(["gcc", "-w", "-DSAFETY", f"-DMEMLIM={MOST_MEGABYTES}", *compiler_flags, "-o", "pan", "pan.c"], folder)


def number(pattern, text):
    """The first number that the pattern finds, or none."""
    found = re.search(pattern, text, re.MULTILINE)
    return float(found.group(1)) if found else None


def search(folder, arguments, seconds):
    """Runs pan and reads its verdict."""
    before = time.monotonic()
    output = execute(["./pan", *arguments], folder, seconds)
    errors, states = number(r"errors: (\d+)", output), number(r"^\s*([\d.e+]+) states, stored", output)
    if errors is None or states is None:
        raise Fault(f"pan: no verdict in its output\n{output}")
    cut_short = r"max search depth too small|Search not completed|out of memory|reached memory|hash factor"
    complete = not re.search(cut_short, output)
    unreached = [line.strip() for line in output.splitlines()
                 if re.search(r"\.pml:\d+, state", line) and "-end-" not in line]
    assertion = re.search(r"pan:1: assertion violated (.*) \(at depth", output)
    return Verdict(int(errors), int(states), time.monotonic() - before,
                   number(r"([\d.]+)\s+total actual memory usage", output) or 0.0, complete, unreached,
                   assertion.group(1) if assertion else None, output)


def check_run(model, switches, folder):
    """One complete search, or for a sampled model one bitstate search."""
    sampled = CHECKS[model].sampled
    build(model, switches, folder, ["-O2", "-DBITSTATE"] if sampled else ["-O2"])
    arguments = ["-m20000", "-w22"] if sampled else [f"-m{DEPTH}"]
    verdict = search(folder, arguments, MOST_SECONDS)
    name = " ".join([model, *(f"-D{switch}" for switch in switches)])
    kind = "bitstate search, NOT EXHAUSTIVE" if sampled else "complete search"
    print(f"{name}: {verdict.states:,} states, {verdict.seconds:.1f} s, {verdict.megabytes:.0f} MB, {kind}", flush=True)
    if verdict.errors:
        raise Fault(f"{name}: assertion violated: {verdict.assertion}\n"
                    f"  read it with tests/models/run.py {model} /tmp/trail --trail")
    if sampled:
        return
    if not verdict.complete:
        raise Fault(f"{name}: the search was cut short\n{verdict.output}")
    if verdict.states > MOST_STATES or verdict.megabytes > MOST_MEGABYTES:
        raise Fault(f"{name}: {verdict.states} states in {verdict.megabytes} MB, allowed are {MOST_STATES} and "
                    f"{MOST_MEGABYTES}; make the model smaller")
    return verdict.unreached


def check_rule(model, rule, folder):
    """A rule is removed: spin has to find an execution that breaks a promise."""
    flags = ["-O0", "-DBITSTATE"] if CHECKS[model].sampled else ["-O0"]
    build(model, [f"WITHOUT_{rule}", *CHECKS[model].rules[rule]], folder, flags)
    verdict = search(folder, ["-m100000", "-w22"] if CHECKS[model].sampled else ["-m100000"], MOST_SECONDS)
    if verdict.errors == 0 or verdict.assertion is None:
        raise Fault(f"{model} without {rule}: {verdict.states} states and no assertion violated; the model does not "
                    f"need the rule, or does not see it")
    print(f"{model} without {rule}: counter-example after {verdict.states:,} states, {verdict.seconds:.1f} s",
          flush=True)


def check(model, work):
    """Everything about one model. A step that no execution reaches would prove nothing, so there may be none."""
    unreached = None
    for number_of_run, switches in enumerate(CHECKS[model].runs):
        of_run = check_run(model, switches, work / model / f"run{number_of_run}")
        if of_run is not None:
            lines = {re.sub(r", state \d+", "", line) for line in of_run}
            unreached = lines if unreached is None else unreached & lines
    faults = []
    for rule in CHECKS[model].rules:
        try:
            check_rule(model, rule, work / model / rule.lower())
        except Fault as fault:
            faults.append(str(fault))
    if unreached:
        faults.append(f"{model}: steps that no execution reaches: {'; '.join(sorted(unreached))}")
    if faults:
        raise Fault("\n".join(faults))


def show(model, rule, work):
    """The shortest counter-example, in the words that the model prints at each step."""
    switches = [f"WITHOUT_{rule}", *CHECKS[model].rules[rule]] if rule else CHECKS[model].runs[0]
    build(model, switches, work, ["-O1", "-DBFS"])
    verdict = search(work, [], 600)
    print(f"{verdict.states:,} states, {verdict.errors} errors")
    if verdict.errors:
        trail = execute(["spin", "-t", *(f"-D{name}" for name in switches), f"{model}.pml"], work)
        print("\n".join(line for line in trail.splitlines() if not line.startswith("\t\t")))


def main(arguments):
    """Reads the command line."""
    try:
        if len(arguments) == 2 and arguments[0] in CHECKS:
            check(arguments[0], pathlib.Path(arguments[1]).resolve())
        elif len(arguments) in (3, 4) and arguments[0] in CHECKS and arguments[2] == "--trail":
            rule = arguments[3].removeprefix("WITHOUT_") if len(arguments) == 4 else ""
            if rule and rule not in CHECKS[arguments[0]].rules:
                raise Fault(f'rule "{rule}": not one of {arguments[0]}, allowed are '
                            f'{", ".join(CHECKS[arguments[0]].rules)}')
            show(arguments[0], rule, pathlib.Path(arguments[1]).resolve())
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except Fault as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
