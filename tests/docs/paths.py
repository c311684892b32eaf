#!/usr/bin/env python3
"""Every file that a document names exists: paths in back quotes, and the targets of links.

  paths.py ROOT
"""
import glob
import os
import re
import sys

# What stands in the tree begins with one of these.
_ROOTS = ("agent", "bench", "client", "cmake", "common", "docs", "examples", "packaging", "proto", "scheduler", "scripts", "simulation",
          "tests", "tools", ".ci")
_QUOTED = re.compile(r"`([A-Za-z0-9_.][A-Za-z0-9_./{},*-]*/[A-Za-z0-9_./{},*-]*)`")
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
_FENCED = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)


def expand(path):
    """`a/{b,c}.h` stands for a/b.h and a/c.h."""
    match = re.search(r"\{([^{}]*)\}", path)
    if not match:
        return [path]
    return [whole for part in match.group(1).split(",")
            for whole in expand(path[:match.start()] + part + path[match.end():])]


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def missing_in(root, document, text):
    """[fault] for the names in one document that no file of the tree has."""
    # Blocks show trees of other machines; their lines still count.
    text = _FENCED.sub(lambda block: "\n" * block.group(0).count("\n"), text)
    faults = []
    for match in _QUOTED.finditer(text):
        for path in expand(match.group(1)):
            if path.split("/")[0] in _ROOTS and not glob.glob(os.path.join(root, path.rstrip("/"))):
                faults.append(f"{document}:{line_of(text, match.start())}: names `{path}`, which is not in the tree; correct the name")
    for match in _LINK.finditer(text):
        target = match.group(1)
        if not re.match(r"[a-z]+:", target) and not os.path.exists(os.path.join(root, os.path.dirname(document), target)):
            faults.append(f"{document}:{line_of(text, match.start())}: links to {target}, which is not in the tree; correct the link")
    return faults


def documents_of(root):
    return sorted(os.path.relpath(path, root) for pattern in ("*.md", "docs/*.md", "docs/*/*.md")
                  for path in glob.glob(os.path.join(root, pattern)))


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    faults = []
    for document in documents_of(arguments[0]):
        with open(os.path.join(arguments[0], document), encoding="utf-8") as file:
            faults += missing_in(arguments[0], document, file.read())
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
