#!/usr/bin/env python3
"""Every entry of the registry has a hook in the code, and prints where: a mutation without one breaks nothing, and is never
caught; a failpoint without one kills nothing.

  hooks.py ROOT
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tidy"))
import rules  # noqa: E402
import tidy  # noqa: E402

_ENTRY = re.compile(r'SWITCHYARD_(MUTATION|FAILPOINT)_ENTRY\("?([\w.]+)"?,')
_HOOK = re.compile(r'SWITCHYARD_(MUTATION|FAILPOINT)(?:_IF)?\("?([\w.]+)"?')
OWN = "common/faults/"


def main():
    root = sys.argv[1]
    with open(os.path.join(root, OWN, "registry.inc"), encoding="utf-8") as file:
        entries = set(_ENTRY.findall(tidy.without_comments(file.read(), strings_too=False)))
    hooks = {}
    for path in tidy.files_under(root, rules.CODE_ROOTS):
        if not tidy.is_cpp(path) or path.startswith(OWN):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = tidy.without_comments(file.read(), strings_too=False)
        for match in _HOOK.finditer(text):
            hooks.setdefault(match.groups(), []).append(f"{path}:{tidy.line_of(text, match.start())}")
    for entry in sorted(entries):
        print(f'{entry[0].lower():9} {entry[1]:40} {" ".join(hooks.get(entry, ["-"]))}')
    missing = sorted(name for kind, name in entries - hooks.keys())
    if missing:
        print(f'registry: {", ".join(missing)} without a hook; put one at the place of the rule, or take the entry out')
    return 1 if missing or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
