#!/usr/bin/env python3
"""Runs the command blocks of a document, as its reader would: in order, in one shell, stopping at the first that fails.

  run_blocks.py ROOT BIN DOCUMENT

A block is run if its fence says so: ```sh run. What it may rely on: the programs of BIN on the PATH, a fresh empty home and
working directory, and `examples` of the tree in it. Whatever it leaves running is ended afterwards.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

_FENCE = re.compile(r"^```sh run[ \t]*$")
# Below the limit of ctest, so that what was printed is seen.
_LIMIT_SECONDS = 100
_STOP_SECONDS = 10


def blocks_of(text):
    """[(number of the first line, commands)] of the blocks to be run."""
    blocks, start, lines = [], None, []
    for number, line in enumerate(text.split("\n"), 1):
        if start is None:
            if _FENCE.match(line):
                start, lines = number + 1, []
        elif line.rstrip() == "```":
            blocks.append((start, "\n".join(lines) + "\n"))
            start = None
        else:
            lines.append(line)
    if start is not None:
        raise ValueError(f"line {start - 1}: the block is never closed")
    return blocks


def script_of(document, blocks):
    """One shell script that says which block it is at."""
    parts = ["set -euo pipefail\n"]
    for line, commands in blocks:
        parts.append(f"echo '--- {document}:{line}'\n{commands}")
    return "".join(parts)


def processes_with(marker):
    """Processes whose environment holds the marker: what a block started, wherever it went."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if marker.encode() in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            pass  # ended meanwhile, or not ours
    return [pid for pid in found if pid != os.getpid()]


def end_all(marker):
    """SIGTERM, and after a while SIGKILL, for everything that was started under the marker."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _STOP_SECONDS
        for pid in processes_with(marker):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass
        while processes_with(marker) and time.monotonic() < deadline:
            time.sleep(0.05)


def run(root, programs, document, text):
    """Exit status of the document's blocks; their output goes to standard output."""
    blocks = blocks_of(text)
    if not blocks:
        print(f"{document}: has no block to run")
        return 1
    # A short path: those of sockets are limited to 107 bytes.
    home = tempfile.mkdtemp(prefix="sy-docs-", dir="/tmp")
    marker = f"SWITCHYARD_DOCS_RUN={home}"
    environment = {"PATH": f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": home, "LC_ALL": "C.UTF-8", "USER": os.environ.get("USER", "root"),
                   "SWITCHYARD_DOCS_RUN": home}
    os.symlink(os.path.join(root, "examples"), os.path.join(home, "examples"))
    print(f"in {home}", flush=True)
    # Output goes to a file: a program left running would keep a pipe open.
    with open(os.path.join(home, ".output"), "w+", encoding="utf-8", errors="replace") as output:
        shell = subprocess.Popen(["/bin/bash", "-c", script_of(document, blocks)], cwd=home, env=environment, stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = shell.wait(_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"{document}: not done after {_LIMIT_SECONDS} s; the last block named below hangs")
            status = 1
        finally:
            end_all(marker)
            shell.wait()
        output.seek(0)
        sys.stdout.write(output.read())
    if status == 0:
        shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"{document}: exit status {status} in the last block named above; its files are in {home}")
    return status


def main(arguments):
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    root, programs, document = os.path.abspath(arguments[0]), os.path.abspath(arguments[1]), arguments[2]
    with open(os.path.join(root, document), encoding="utf-8") as file:
        text = file.read()
    return 0 if run(root, programs, document, text) == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
