#!/usr/bin/env python3
"""The models and the tree agree: every step of a model names code that exists, every rule that can be removed is tested
and stands in the document's table.

  names.py ROOT

Exit status: 0 they agree, 1 not (each fault on standard error), 2 misuse.
"""
import pathlib
import re
import sys

from run import CHECKS

CODE = re.compile(r"code:\s*(.+?)\s*\*/", re.DOTALL)
STEP = re.compile(r"^\s*:: (?:d_step|atomic) \{")
REMOVED = re.compile(r"\bWITHOUT_([A-Z_]+)\b")


def references(text):
    """The (file, function) pairs of every `code:` comment: files are set off by ';', functions by ','."""
    for comment in CODE.findall(text):
        for part in re.sub(r"\s*\n\s*\*?\s*", " ", comment).split(";"):
            words = part.split(None, 1)
            for function in words[1].split(",") if len(words) == 2 else [""]:
                yield words[0], function.strip()


def unnamed_steps(text):
    """Lines of steps above which no comment names code. Steps that follow each other share a comment."""
    named, faults = False, []
    for number, line in enumerate(text.splitlines(), 1):
        if "code:" in line:
            named = True
        elif re.match(r"^(?:active proctype|inline)\b", line):
            named = False
        elif STEP.match(line) and not named:
            faults.append(number)
        elif re.match(r"^  /\* (?!code:)", line):
            named = False  # the next step's own words: its code follows
    return faults


def check_model(root, path):
    """The faults of one model's file."""
    text, faults = path.read_text(encoding="utf-8"), []
    seen = 0
    for file, function in references(text):
        seen += 1
        source = root / file
        if not source.is_file():
            faults.append(f'{path.name}: names "{file}", which is no file; correct the comment')
        elif not function or not re.search(rf"\b{re.escape(function)}\(", source.read_text(encoding="utf-8")):
            faults.append(f'{path.name}: names "{function}" in {file}, which has no such function; correct the comment')
    if seen == 0:
        faults.append(f"{path.name}: names no code; say at each step which code it stands for")
    faults += [f"{path.name}:{line}: a step that names no code; say above it which it stands for"
               for line in unnamed_steps(text)]
    rules = set(REMOVED.findall(re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))
    tested = set(CHECKS[path.stem].rules) if path.stem in CHECKS else set()
    for rule in sorted(rules ^ tested):
        faults.append(f"{path.name}: rule {rule} is in the model or in tests/models/run.py, not in both")
    return faults


def main(arguments):
    """Reads the command line."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0])
    faults = []
    models = sorted((root / "models").glob("*.pml"))
    if {path.stem for path in models} != set(CHECKS):
        faults.append("models/: its files and the models of tests/models/run.py differ; add or drop one")
    for path in models:
        faults += check_model(root, path)
    document = (root / "docs" / "model-check.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \| `([A-Z_]+)` \|", document, re.MULTILINE))
    wanted = {(model, rule) for model, check in CHECKS.items() for rule in check.rules}
    for model, rule in sorted(listed ^ wanted):
        faults.append(f"docs/model-check.md: rule {rule} of {model} is in its table or in run.py, not in both")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
