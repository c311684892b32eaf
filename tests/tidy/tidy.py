#!/usr/bin/env python3
"""Reads the tree against the rules of rules.py: pure rooms are pure, arrows point one way, files are of one idea.

  tidy.py ROOT     prints one line per fault, `file:line: what was found, what is allowed; cure`, and exits 1 if any
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # noqa: E402

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/'                               # comments
    r'|R"([^ ()\\\t\n]{0,16})\(.*?\)\1"'                # raw strings
    r'|"(?:\\.|[^"\\\n])*"'                             # strings
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])*'",           # characters, but not the ' inside 10'000
    re.DOTALL)


def files_under(root, roots):
    """Paths relative to root of every file below the given folders, sorted."""
    found = []
    for top in roots:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            found += [os.path.relpath(os.path.join(folder, name), root) for name in sorted(names)]
    return found


def is_cpp(path):
    return path.endswith((".cc", ".h", ".inc"))


def without_comments(text, strings_too):
    """The same text, as long and with the same lines, with comments (and literals) blanked."""
    def blank(match):
        token = match.group(0)
        if token.startswith(("//", "/*")) or strings_too:
            return re.sub(r"[^\n]", " ", token)
        return token
    return _TOKENS.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def includes_of(text):
    """[(line, path)] of the include directives that are not commented out."""
    code = without_comments(text, strings_too=False)
    return [(line_of(code, match.start(1)), match.group(1)) for match in _INCLUDE.finditer(code)]


def excepted(path, kind):
    return any(path == file and kind.startswith(what) for file, what, _ in rules.EXCEPTIONS)


def check_pure(path, text):
    if os.path.dirname(path) not in rules.PURE:
        return []
    faults = []
    for line, include in includes_of(text):
        for pattern, kind, cure in rules.PURE_INCLUDES:
            if re.search(pattern, include) and not excepted(path, kind):
                faults.append(f"{path}:{line}: includes <{include}>, {kind}; a pure room has none: {cure}")
    code = _INCLUDE.sub("", without_comments(text, strings_too=True))
    for pattern, kind, cure in rules.PURE_NAMES:
        for match in re.finditer(pattern, code):
            if not excepted(path, kind):
                faults.append(f"{path}:{line_of(code, match.start())}: names `{match.group(0).strip()}`, {kind}; "
                              f"a pure room has none: {cure}")
    return faults


def check_arrows(path, text):
    folder = os.path.dirname(path)
    if folder not in rules.ARROWS:
        return [f"{path}:1: folder \"{folder}\" has no arrows, every folder of code has a line in ARROWS; "
                "add it to tests/tidy/rules.py and to ARCHITECTURE.md"]
    allowed = rules.ARROWS[folder]
    faults = []
    for line, include in includes_of(text):
        target = os.path.dirname(include)
        if include.split("/")[0] in rules.CODE_ROOTS + ("tests", "bench"):
            if target != folder and target not in allowed and include not in allowed:
                faults.append(f'{path}:{line}: includes "{include}", allowed for {folder} are '
                              f'{", ".join(allowed) or "its own headers"}; pass a value through the caller, or move what both '
                              "need to common")
        for pattern, homes, cure in rules.HOMES:
            if re.search(pattern, include) and folder not in homes:
                faults.append(f'{path}:{line}: includes "{include}", allowed only in {", ".join(homes)}; {cure}')
    return faults


def check_dependencies(path, text):
    """The DEPS of a CMakeLists.txt may name no room that the arrows forbid."""
    folder = os.path.dirname(path)
    allowed = rules.ARROWS.get(folder, ())
    rooms = {name.replace("/", "_"): name for name in rules.ARROWS}
    code = re.sub(r"#[^\n]*", "", text)
    faults = []
    for call in re.finditer(r"\b(switchyard_library|switchyard_program|target_link_libraries)\s*\(([^)]*)\)", code):
        words = call.group(2).split()
        if call.group(1) != "target_link_libraries":
            words = words[words.index("DEPS") + 1:] if "DEPS" in words else []
        for word in words:
            room = rooms.get(word) or rooms.get(word.removesuffix("_faults"))  # a fault variant is its room
            if room and room != folder and room not in allowed:
                faults.append(f'{path}:{line_of(code, call.start())}: depends on {word}, allowed for {folder or "the root"} are '
                              f'{", ".join(allowed) or "no rooms"}; drop it, or move what both need to common')
    return faults


def check_length(path, text):
    lines = text.count("\n")
    if lines <= rules.MAX_LINES:
        return []
    return [f"{path}:{rules.MAX_LINES + 1}: has {lines} lines, allowed are {rules.MAX_LINES}; find its second idea and give "
            "it a file of its own"]


def constraint_names(table_text):
    return re.findall(rules.CONSTRAINT_ROW, table_text)


def check_constraints(path, text, names):
    """No literal that names a constraint outside the table."""
    if path == rules.CONSTRAINT_TABLE:
        return []
    code = without_comments(text, strings_too=False)
    faults = []
    for name in names:
        look_up = rf'\bByName\s*\(\s*(?:std::string\s*\(\s*)?"{re.escape(name)}"'
        pattern = rf'"{re.escape(name)}"' if "-" in name else look_up
        for match in re.finditer(pattern, code):
            faults.append(f'{path}:{line_of(code, match.start())}: names the constraint "{name}", names stand only in '
                          f"{rules.CONSTRAINT_TABLE}; use placement::Name(Constraint)")
    return faults


def check_tree(root):
    """Every fault of the tree below root."""
    def read(path):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            return file.read()

    table = os.path.join(root, rules.CONSTRAINT_TABLE)
    names = constraint_names(read(rules.CONSTRAINT_TABLE)) if os.path.exists(table) else []
    faults = []
    if not names:
        faults.append(f"{rules.CONSTRAINT_TABLE}:1: holds no row that CONSTRAINT_ROW finds; correct tests/tidy/rules.py")
    for path in files_under(root, rules.ALL_ROOTS):
        if is_cpp(path) or path.endswith((".py", ".proto")):
            faults += check_length(path, read(path))
        if not path.startswith(tuple(top + "/" for top in rules.CODE_ROOTS)):
            continue
        if is_cpp(path):
            text = read(path)
            faults += check_pure(path, text) + check_arrows(path, text) + check_constraints(path, text, names)
        elif os.path.basename(path) == "CMakeLists.txt":
            faults += check_dependencies(path, read(path))
    return faults


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    faults = check_tree(arguments[0])
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
