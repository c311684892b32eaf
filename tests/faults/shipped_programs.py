#!/usr/bin/env python3
"""Proves that no shipped program can be broken on purpose: none contains a symbol of common/faults, the name of a mutation or a
sentence of the registry; and that the programs of the fault variant contain all of them, so that this check can fail.

  shipped_programs.py --registry registry.inc --bin DIR --shipped PROGRAM... --guilty PROGRAM...
"""
import argparse
import os
import re
import sys

_ENTRY = re.compile(r'SWITCHYARD_(MUTATION|FAILPOINT)_ENTRY\("?([\w.]+)"?,\s*"([^"]*)",\s*"([^"]*)"\)')
# switchyard::faults as the compiler spells it in a symbol.
NAMESPACE = b"10switchyard6faults"
ENVIRONMENT = (b"SWITCHYARD_FAILPOINT", b"SWITCHYARD_MUTATION")


def traces_of(registry_text):
    """[(what it is, its bytes)]: all that a program of the fault variant contains and a shipped one must not."""
    code = "\n".join(line for line in registry_text.splitlines() if not line.lstrip().startswith("//"))
    traces = [("the namespace of faults", NAMESPACE)]
    traces += [("an environment variable", name) for name in ENVIRONMENT]
    for kind, name, _, sentence in _ENTRY.findall(code):
        traces.append((f"{kind.lower()} {name}", sentence.encode()))
        if kind == "MUTATION":  # a failpoint's name may be an ordinary word, a mutation's never is
            traces.append((f"mutation {name}", name.encode()))
    return traces


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--registry", required=True)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--shipped", nargs="+", required=True)
    parser.add_argument("--guilty", nargs="+", required=True)
    options = parser.parse_args()
    with open(options.registry, encoding="utf-8") as file:
        traces = traces_of(file.read())
    faults = []
    if len(traces) < 40:
        faults.append(f"{options.registry}: only {len(traces)} traces were read from it; the pattern no longer fits")
    for program in options.shipped + options.guilty:
        with open(os.path.join(options.bin, program), "rb") as file:
            text = file.read()
        for what, trace in traces:
            if (trace in text) != (program in options.guilty):
                faults.append(f'{program}: {"lacks" if program in options.guilty else "contains"} {what} ("{trace.decode()}")')
    for fault in faults:
        print(fault)
    print(f"{len(options.shipped)} shipped programs and {len(options.guilty)} of the fault variant against {len(traces)} traces")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
