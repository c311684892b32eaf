#!/usr/bin/env python3
"""The test budget, tests/budget.txt: what each part of `scripts/test` may take.

  budget.py BUDGET BUILD_DIR                  every ctest label has a line, every line a use, the sum stays under the limit
  budget.py --took RESULTS BUDGET BUILD_DIR   says which label took longer than its line in a JUnit file of ctest

Exit status: 0 within the budget, 1 not (each fault on standard error), 2 misuse.
"""
import json
import subprocess
import sys
import xml.etree.ElementTree

LIMIT_SECONDS = 1500
# Parts of scripts/test that are no label of ctest.
STEPS = ("setup", "build")


def read_budget(path):
    """Returns ({part: seconds}, [fault]); a fault names the line."""
    budget, faults = {}, []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            if len(words) != 2 or not words[1].isdigit() or int(words[1]) == 0:
                faults.append(f'{path}:{number}: "{line.strip()}", allowed is `label seconds`; correct the line')
            elif words[0] in budget:
                faults.append(f'{path}:{number}: label "{words[0]}" stands twice; keep one line')
            else:
                budget[words[0]] = int(words[1])
    return budget, faults


def labels_of_tests(build_dir):
    """{name of test: its labels} of a configured build."""
    listed = subprocess.run(["ctest", "--test-dir", build_dir, "--show-only=json-v1"],
                            check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    labels = {}
    for test in json.loads(listed.stdout)["tests"]:
        values = {p["name"]: p["value"] for p in test.get("properties", [])}
        labels[test["name"]] = values.get("LABELS", [])
    return labels


def check(budget, labels):
    """The faults of a budget, given the labels of every test."""
    faults = []
    for step in STEPS:
        if step not in budget:
            faults.append(f'step "{step}": has no line in the budget; add one')
    used = set()
    for name, of_test in sorted(labels.items()):
        if len(of_test) != 1:
            faults.append(f'test "{name}": has {len(of_test)} labels, required is one; give it LABEL in its CMakeLists.txt')
        used.update(of_test)
    for label in sorted(used - budget.keys()):
        faults.append(f'label "{label}": has no line in the budget; add one and shrink another')
    for label in sorted(budget.keys() - used - set(STEPS)):
        faults.append(f'label "{label}": no test has it; drop the line')
    total = sum(budget.values())
    if total >= LIMIT_SECONDS:
        faults.append(f"sum: {total} s, allowed is less than {LIMIT_SECONDS} s; shrink a line by making its work smaller")
    return faults


def took(budget, labels, results):
    """The labels whose tests together took longer than their line. Two tests run at a time, so this overstates."""
    seconds = dict.fromkeys(budget, 0.0)
    for case in xml.etree.ElementTree.parse(results).getroot().iter("testcase"):
        for label in labels.get(case.get("name"), []):
            seconds[label] = seconds.get(label, 0.0) + float(case.get("time", "0"))
    return [f'label "{label}": took {spent:.0f} s, its budget is {budget[label]} s; make it quicker, or take from another label'
            for label, spent in sorted(seconds.items()) if label in budget and spent > budget[label]]


def main(arguments):
    results = None
    if len(arguments) == 4 and arguments[0] == "--took":
        results, arguments = arguments[1], arguments[2:]
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    budget, faults = read_budget(arguments[0])
    labels = labels_of_tests(arguments[1])
    faults += took(budget, labels, results) if results else check(budget, labels)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
