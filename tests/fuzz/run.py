#!/usr/bin/env python3
"""Runs one fuzz target over its corpus and on from it.

  run.py [--binaries DIR] TARGET                the bounded run: the same inputs each time (a fixed seed, a fixed number)
  run.py [--binaries DIR] --seconds N TARGET    a long run; what it learns is added to the corpus

The corpus is tests/fuzz/corpus/TARGET.zip: small inputs that together reach what is reached so far. A failing input is left in the
folder that is named, with the command that repeats it.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
# Inputs of the bounded run, beyond the corpus. A step of the core under sanitizers costs most.
RUNS = {"job_yaml": 800, "cluster_yaml": 500, "requests": 300, "agent_messages": 300, "reconcile": 8000}
EXAMPLES = {"job_yaml": ["examples/jobs"], "cluster_yaml": ["examples/sites"]}


def unpack(target, folder):
    archive = HERE / "corpus" / f"{target}.zip"
    if archive.exists():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    for examples in EXAMPLES.get(target, []):
        for file in sorted((HERE.parent.parent / examples).glob("*.yaml")):
            shutil.copy(file, folder)


def pack(target, folder):
    archive = HERE / "corpus" / f"{target}.zip"
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(folder.iterdir()):
            # A fixed date: the archive changes only when its content does.
            packed.writestr(zipfile.ZipInfo(file.name), file.read_bytes(), zipfile.ZIP_DEFLATED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binaries", type=pathlib.Path, default=HERE.parent.parent / "build/fuzz/bin")
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("target", choices=sorted(RUNS))
    arguments = parser.parse_args()
    program = arguments.binaries / f"fuzz_{arguments.target}"
    if not program.exists():
        sys.exit(f"{program}: is missing; build it with `scripts/build fuzz fuzz_targets`")

    findings = arguments.binaries.parent / "findings"
    findings.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = pathlib.Path(scratch) / "corpus"
        corpus.mkdir()
        unpack(arguments.target, corpus)
        command = [program, f"-artifact_prefix={findings}/{arguments.target}-", "-timeout=20", "-rss_limit_mb=2048",
                   "-max_len=4096", "-print_final_stats=1", "-verbosity=0"]
        command.append(f"-max_total_time={arguments.seconds}" if arguments.seconds else f"-runs={RUNS[arguments.target]}")
        if not arguments.seconds:
            command.append("-seed=1")
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1", UBSAN_OPTIONS="print_stacktrace=1")
        status = subprocess.run([*command, corpus], env=environment, cwd=scratch, check=False).returncode
        if status != 0:
            print(f"fuzz_{arguments.target}: a failing input was left in {findings}; repeat it with `{program} FILE`", file=sys.stderr)
            sys.exit(1)
        if arguments.seconds:
            smallest = pathlib.Path(scratch) / "smallest"
            smallest.mkdir()
            subprocess.run([program, "-merge=1", "-max_len=4096", "-verbosity=0", smallest, corpus], env=environment, check=True)
            pack(arguments.target, smallest)
            print(f"corpus of {arguments.target}: {len(list(smallest.iterdir()))} inputs")


if __name__ == "__main__":
    main()
