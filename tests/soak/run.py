#!/usr/bin/env python3
"""The soak: a whole cluster under constant load for an hour, killed at random, watched for what grows.

  run.py [--minutes 60] [--nodes 1000] [--seed 1] [--out build/soak]

The first half kills scheduler and agents at random; what a restart does not give back shows in the store's files and in the level at
which each life ends. In the second half the scheduler lives, so that what it never gives back shows as a slope, and only some agents
die. Memory, descriptors, threads and files are sampled every 10 s, written to OUT/curves.csv and OUT/curves.svg, and fitted after the
warm-up; the table says what grew and what that makes in an hour.

Exit status: 0 flat and nothing lost, 1 not (each fault on standard error).
"""
import argparse
import collections
import csv
import itertools
import pathlib
import random
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration/support"), str(ROOT / "tests/soak")]
import live_cluster  # noqa: E402
from curves import draw, growth  # noqa: E402

SAMPLE_S = 10
SUBMIT_S = 1
JOBS_PER_SUBMIT = 20
RUN_MS = (2_000, 20_000)
CANCELLED_SHARE = 0.05
KILL_S = (20, 60)
AGENTS = 4
# Which agents may die while the scheduler is watched: the others' curves are whole.
MORTAL_AGENTS = 2
# Each start writes new files, which the store merges when there are two dozen of a kind; only then their number says something.
WARMING_RESTARTS = 26
SETTLE_S = 135  # what is over leaves the history after a minute, at the next pruning, which is once a minute
# Growth that an hour may show. Memory: the allocator's noise, and the idempotency keys of a day; if a kilobyte of each job were kept,
# it would be 70 MiB.
MOST_MEMORY_GROWTH_MIB = 32
# Bounded, and filled while one watches: the newest 65,536 changes, for watchers, since the last start; and the newest 100,000 events,
# for which this load takes so many seconds.
CHANGES_MIB = 8
EVENTS_MIB, EVENTS_S = 40, 1200
MOST_COUNT_GROWTH = 20
MIB = 1 << 20

# `memory` is what is resident less the rows that wait to become table files: these rise and fall with the store's own rhythm.
Sample = collections.namedtuple("Sample", "seconds phase process life resident buffered memory descriptors threads files")
CURVES = ("memory", "descriptors", "threads", "files")


def site(nodes):
    """Half racks, half servers, under a cap that feeds two thirds of them: starts take watts from hashing all the time."""
    racks, servers = nodes // 2, nodes - nodes // 2
    cap_kw = (racks * 14.54 + servers * 2.4) * 2 // 3
    # History is as short as it may be: what is over has to leave.
    return live_cluster.site_yaml(racks=racks, servers=servers, cap=f"{cap_kw:.0f}kW", timing="lease: 30s, heartbeat: 5s",
                                  more_timing=", history: 1m"), racks, servers


def threads(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Threads:"))


class Soak:
    """One run."""

    def __init__(self, cluster, seed, racks, servers):
        self.cluster = cluster
        self.random = random.Random(seed)
        self.began = time.monotonic()
        self.samples = []
        self.lives = collections.Counter()
        self.counts = collections.Counter()
        self.faults = []
        self.phase = "start"
        halves = AGENTS // 2
        self.nodes = {}
        for kind, letter, number in (("racks", "r", racks), ("servers", "g", servers)):
            for part in range(halves):
                first, last = 1 + part * number // halves, (part + 1) * number // halves
                self.nodes[f"{kind}-{part}"] = f'"s/{letter}[{first}-{last}]"'
        # One of each kind lives on in the second half.
        self.mortal = [name for name in self.nodes if not name.endswith("-0")][:MORTAL_AGENTS]
        self.recent = collections.deque(maxlen=200)

    def seconds(self):
        return time.monotonic() - self.began

    # ---- the world ----

    def start(self):
        self.cluster.start_scheduler()
        for name, nodes in self.nodes.items():
            self.cluster.start_agent(name, nodes, more=f", seed: {self.random.randrange(1, 1000)}")
        self.wait_until_ready()
        self.cluster.submit(live_cluster.HASHING)

    def wait_until_ready(self):
        def all_ready():
            done = self.cluster.cli("-o", "json", "nodes")
            return done.returncode == 0 and done.stdout.count('"state": "READY"') == done.stdout.count('"model":')
        live_cluster.eventually(all_ready, "every node is ready", 180)

    def submit(self):
        jobs = "---\n".join(
            live_cluster.training_yaml(f"soak-{self.counts['submits']}-{i}", run_ms=self.random.randrange(*RUN_MS))
            for i in range(JOBS_PER_SUBMIT))
        path = self.cluster.path("load.yaml")
        path.write_text(jobs, encoding="utf-8")
        done = self.cluster.cli("-o", "json", "submit", path)
        if done.returncode != 0:  # a client outwaits a restart
            self.faults.append(f"submit {self.counts['submits']}: exit status {done.returncode}: {done.stderr.strip()}")
            return
        ids = [int(word.strip(' ",')) for word in done.stdout.splitlines() if word.strip(' ",').isdigit()]
        self.counts["submits"] += 1
        self.counts["jobs"] += len(ids)
        self.recent.extend(ids)
        if self.random.random() < CANCELLED_SHARE * JOBS_PER_SUBMIT:
            # One that ended meanwhile is not cancelled; both are an answer.
            self.cluster.cli("cancel", self.random.choice(self.recent))
            self.counts["cancels"] += 1

    def warm_up(self):
        """Restarts as often as a store has to be started to show all of its files."""
        for _ in range(WARMING_RESTARTS):
            self.submit()
            self.kill("scheduler")
        self.wait_until_ready()

    def kill(self, name):
        self.counts["kills"] += 1
        self.lives[name] += 1
        if name == "scheduler":
            self.cluster.kill_scheduler()
            self.cluster.start_scheduler()
        else:
            self.cluster.kill_agent(name)
            self.cluster.restart_agent(name)

    def sample(self):
        files = sum(1 for path in self.cluster.path("store").rglob("*") if path.is_file())
        processes = [("scheduler", self.cluster.scheduler), *self.cluster.agents.items()]
        for name, process in processes:
            if process.poll() is not None:
                raise AssertionError(f"{name}: ended by itself with {process.returncode}")
            resident = live_cluster.resident_bytes(process.pid) / MIB
            buffered = self.cluster.metric("switchyard_store_buffered_bytes") / MIB if name == "scheduler" else 0.0
            self.samples.append(Sample(round(self.seconds(), 1), self.phase, name, self.lives[name], round(resident, 2),
                                       round(buffered, 2), round(resident - buffered, 2), live_cluster.descriptors(process.pid),
                                       threads(process.pid), files if name == "scheduler" else None))

    # ---- the run ----

    def run(self, phase, seconds, victims):
        """Load and samples for so long; now and then one of the victims dies."""
        self.phase = phase
        end = self.seconds() + seconds
        due = {"sample": self.seconds(), "submit": self.seconds(), "kill": self.seconds() + self.random.uniform(*KILL_S)}
        while self.seconds() < end:
            what = min(due, key=due.get)
            time.sleep(max(0.0, min(due[what], end) - self.seconds()))
            if self.seconds() >= end:
                return
            if what == "sample":
                self.sample()
                due[what] += SAMPLE_S
            elif what == "submit":
                self.submit()
                due[what] = max(due[what] + SUBMIT_S, self.seconds())  # what was missed is not made up for
            else:
                self.kill(self.random.choice(victims))
                due[what] = self.seconds() + self.random.uniform(*KILL_S)

    def drain(self):
        """The load ends; every job must."""
        def left():
            done = self.cluster.cli("-o", "json", "jobs", "--kind", "training")
            return done.returncode == 0 and not any(f'"{state}"' in done.stdout for state in ("PENDING", "RUNNING", "STOPPING"))
        live_cluster.eventually(left, "the queue is empty after the load", 180)
        self.wait_until_ready()

    # ---- the verdict ----

    def judge(self):
        """The lines of the table; what grows is a fault."""
        table = []
        whole = ["scheduler", *(name for name in self.nodes if name not in self.mortal)]
        for process, curve in itertools.product(whole, CURVES):
            points = self.points("watched", process, curve)
            if points:
                table.append(self.verdict(process, curve, points))
        # Over the lives of the first half: the store's files, and how many descriptors a process had when it died.
        table.append(self.verdict("over the kills", "files", self.points("killed", "scheduler", "files")))
        for process in ["scheduler", *self.nodes]:
            lives = {sample.life: (sample.seconds, sample.descriptors) for sample in self.samples
                     if sample.phase == "killed" and sample.process == process}
            if len(lives) >= 5:
                table.append(self.verdict(f"{process}, end of each life", "descriptors", list(lives.values())))
        return table

    def points(self, phase, process, curve):
        return [(sample.seconds, getattr(sample, curve)) for sample in self.samples
                if sample.phase == phase and sample.process == process and getattr(sample, curve) is not None]

    def verdict(self, process, curve, points):
        most = MOST_COUNT_GROWTH
        if curve == "memory":
            most = MOST_MEMORY_GROWTH_MIB
            if process == "scheduler":
                filling = CHANGES_MIB + (EVENTS_MIB if points[0][0] < EVENTS_S else 0)
                most += filling * 3600 / (points[-1][0] - points[0][0])
        found = growth(points, most)
        if found.grows:
            self.faults.append(f"{process}: {curve} grows by {found.hourly:.1f} +- {found.doubt:.1f} an hour, allowed are {most:.0f}")
        return (f"{process:30} {curve:12} {points[0][1]:9.1f} {points[-1][1]:9.1f} {found.hourly:9.1f} {found.doubt:8.1f} {most:9.0f}  "
                f"{'GROWS' if found.grows else 'flat'}")


def write_csv(path, samples):
    with open(path, "w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(Sample._fields)
        writer.writerows(samples)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build/soak")
    arguments = parser.parse_args()
    if arguments.minutes < 10:
        parser.error(f"--minutes {arguments.minutes:g}: at least 10 are needed; a slope over less says nothing")
    arguments.out.mkdir(parents=True, exist_ok=True)
    live_cluster.raise_descriptor_limit()

    text, racks, servers = site(arguments.nodes)
    with live_cluster.Cluster(text) as cluster:
        soak = Soak(cluster, arguments.seed, racks, servers)
        try:
            soak.start()
            soak.warm_up()
            half = max((arguments.minutes * 60 - soak.seconds() - SETTLE_S) / 2, 120)
            soak.run("killed", half, ["scheduler"] * len(soak.nodes) + list(soak.nodes))
            soak.kill("scheduler")
            soak.wait_until_ready()
            soak.run("settling", SETTLE_S, soak.mortal)
            soak.run("watched", half, soak.mortal)
            soak.drain()
        finally:
            write_csv(arguments.out / "curves.csv", soak.samples)
            draw(arguments.out / "curves.svg", soak.samples)
        table = soak.judge()
        print(f"{arguments.minutes:g} minutes, {arguments.nodes} nodes, {soak.counts['jobs']} jobs, {soak.counts['cancels']} cancels, "
              f"{soak.counts['kills']} kills ({soak.lives['scheduler']} of the scheduler)")
        print(f"{'process':30} {'what':12} {'first':>9} {'last':>9} {'an hour':>9} {'+-':>8} {'allowed':>9}")
        print("\n".join(table))
        print(f"curves: {arguments.out}/curves.csv, {arguments.out}/curves.svg")
        if soak.faults:
            print("\n".join(soak.faults), file=sys.stderr)
            raise SystemExit(1)


if __name__ == "__main__":
    main()
