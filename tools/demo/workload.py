"""The AI jobs that arrive: a stated model with a fixed seed, or the lists of a real trace.

The model's figures are fitted to the default task list of the Alibaba GPU trace of 2023 (Weng et al., "Beware of Fragmentation",
USENIX ATC 2023): how many tasks ask for a part of a GPU, one, two, four or eight, how large the parts are, how long tasks live
(10 % below 167 s, half below 540 s, 90 % below 6,574 s) and how unevenly they arrive (over its last 30 days the spread of the
gaps between arrivals is 1.64 times their mean). CPU-only tasks are left out of both: this site's spare cores are elsewhere.
"""

import collections
import csv
import math
import os
import random
from dataclasses import dataclass

# Tasks of the list by whole GPUs; 0 is a part of one.
GPU_COUNTS = {0: 3078, 1: 3911, 2: 16, 4: 15, 8: 44}
# Sizes of the parts in thousandths: share of tasks, size (the list's 10 %, 25 %, 50 %, 75 %, 90 % points).
PART_SIZES = [(0.10, 50), (0.20, 230), (0.45, 460), (0.10, 600), (0.15, 810)]
# 10 %, 50 % and 90 % points of the run time in seconds.
RUN_TIME_P10, RUN_TIME_P50, RUN_TIME_P90 = 167.0, 540.0, 6574.0
# Spread (standard deviation) over mean of the gaps between arrivals.
GAP_VARIATION = 1.64

TRACE_FILE = "openb_pod_list_default.csv"
Z90 = 1.2815515655446004  # the normal distribution's 90 % point


@dataclass(frozen=True)
class Task:
    """One job of one task. Times are seconds of the demonstration, after compression."""

    arrival: float
    gpus: int  # whole GPUs; 0: a part
    gpu_milli: int  # thousandths of one GPU; 0: whole ones
    run_time: float

    @property
    def gpu_share(self):
        return self.gpus + self.gpu_milli / 1000


@dataclass(frozen=True)
class Compression:
    """How days become a minute. Arrivals fill `window` seconds; run times are divided by `divisor` and kept within bounds."""

    window: float = 30.0
    divisor: float = 60.0
    shortest: float = 1.0
    longest: float = 40.0

    def run_time(self, seconds):
        return min(max(seconds / self.divisor, self.shortest), self.longest)


def run_time_of(normal):
    """Seconds of a task: log-normal on either side of the median, each side through its own outer point."""
    outer = RUN_TIME_P90 / RUN_TIME_P50 if normal > 0 else RUN_TIME_P50 / RUN_TIME_P10
    return RUN_TIME_P50 * math.exp(normal * math.log(outer) / Z90)


def from_model(count, seed, compression):
    """`count` tasks in the order of their arrival; the same for the same seed."""
    random_source = random.Random(seed)
    # Gaps are gamma distributed: the shape gives the spread over the mean.
    shape = 1 / GAP_VARIATION**2
    gaps = [random_source.gammavariate(shape, 1) for _ in range(count)]
    scale = compression.window / sum(gaps)
    tasks, now = [], 0.0
    for gap in gaps:
        now += gap * scale
        gpus = random_source.choices(list(GPU_COUNTS), list(GPU_COUNTS.values()))[0]
        part = random_source.choices([size for _, size in PART_SIZES], [share for share, _ in PART_SIZES])[0]
        seconds = run_time_of(random_source.gauss(0, 1))
        tasks.append(Task(now, gpus, 0 if gpus else part, compression.run_time(seconds)))
    return tasks


def from_trace(folder, count, compression):
    """The first `count` GPU tasks of the trace's last 30 days, in their own order and rhythm, compressed."""
    path = os.path.join(folder, TRACE_FILE)
    with open(path, newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["num_gpu"]) > 0 and row["deletion_time"]]
    if not rows:
        raise ValueError(f'trace "{path}": no GPU task, required is the 2023 list with its columns')
    rows.sort(key=lambda row: int(row["creation_time"]))
    begin = int(rows[-1]["creation_time"]) - 30 * 86400
    rows = [row for row in rows if int(row["creation_time"]) >= begin][:count]
    first = int(rows[0]["creation_time"])
    span = max(1, int(rows[-1]["creation_time"]) - first)
    tasks = []
    for row in rows:
        created = int(row["creation_time"])
        milli = int(row["gpu_milli"])
        part = milli if milli < 1000 else 0
        tasks.append(
            Task(
                (created - first) / span * compression.window,
                0 if part else int(row["num_gpu"]),
                part,
                compression.run_time(max(0, int(row["deletion_time"]) - created)),
            )
        )
    return tasks


def figures(tasks):
    """What the tasks are, for the table: measured on them, not copied from the model."""
    run_times = sorted(task.run_time for task in tasks)
    gaps = [b.arrival - a.arrival for a, b in zip(tasks, tasks[1:])]
    mean = sum(gaps) / len(gaps)
    spread = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
    sizes = {size: sum(1 for task in tasks if task.gpus == size) for size in sorted({task.gpus for task in tasks})}
    return {
        "tasks": len(tasks),
        "gpus": round(sum(task.gpu_share for task in tasks), 1),
        "tasks_by_gpus": {"part" if size == 0 else str(size): number for size, number in sizes.items()},
        "run_time_s": {name: round(run_times[int(len(run_times) * at)], 2) for name, at in (("p10", 0.1), ("p50", 0.5), ("p90", 0.9))},
        "gap_variation": round(spread / mean, 2),
        "longest_lull_s": round(max(gaps), 2),
        "busiest_second": max(collections.Counter(int(task.arrival) for task in tasks).values()),
    }


def gang_document(name, tenant, priority, nodes, gpus, seconds):
    """A gang that takes `gpus` GPUs of each of `nodes` racks at once: no trace has it, and every site of this kind does."""
    return {
        "kind": "training",
        "name": name,
        "tenant": tenant,
        "priority": priority,
        "count": nodes,
        "spread_over": "node",
        "resources": {"gpus": gpus, "gpu_models": ["gb300"], "cpus": gpus, "memory": "512GiB"},
        "command": ["/bin/true"],
        "environment": {"SWITCHYARD_SIM_RUN_MS": str(int(seconds * 1000))},
        "grace": "2s",
    }


def job_document(number, task, tenant):
    """The job file of a task, as a JSON object (which is YAML). It ends by itself after its run time."""
    resources = {"cpus": 1, "memory": "1GiB"}
    if task.gpus:
        resources["gpus"] = task.gpus
    else:
        resources["gpu_share"] = f"{task.gpu_milli / 10:g}%"
    return {
        "kind": "training",
        "name": f"ai-{number:04}",
        "tenant": tenant,
        "priority": 100,
        "resources": resources,
        "command": ["/bin/true"],
        "environment": {"SWITCHYARD_SIM_RUN_MS": str(int(task.run_time * 1000))},
        "labels": {"demo": "ai"},
        "tolerations": ["gpu"],
        "grace": "2s",
    }
