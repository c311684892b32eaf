"""What is watched all the time, each by a thread of its own: the scheduler's bounds, and the cores of the real nodes."""

import os
import threading
import time

from cluster import REAL_NODES, SITE, Refused
from processes import now_ms


class Watcher:
    def __init__(self, interval):
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _run(self):
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._interval)

    def stop(self):
        self._ended.set()
        self._thread.join(10)


class BoundWatcher(Watcher):
    """The highest bound/cap of every budget, as the scheduler tells it; what it says while a budget commissions is left out."""

    def __init__(self, cluster):
        super().__init__(0.7)
        self._cluster = cluster
        self.worst = {}
        self.samples = 0

    def look(self):
        try:
            budgets = self._cluster.ask("budgets", timeout=20)["budgets"]
        except (Refused, OSError, ValueError, KeyError):
            return  # it is being killed, or comes back
        self.samples += 1
        for budget in budgets:
            if budget["commissioning"]:
                continue
            worst = self.worst.setdefault(budget["id"], {"ratio": 0.0, "bound_mw": 0, "cap_mw": 0, "earmarked_mw": 0, "overage_ms": 0})
            # Earmarked watts are of somebody who draws them until they are released: they are in the bound.
            ratio = int(budget["bound_mw"]) / int(budget["cap_mw"])
            if ratio > worst["ratio"]:
                worst.update(ratio=ratio, bound_mw=int(budget["bound_mw"]), cap_mw=int(budget["cap_mw"]))
            worst["overage_ms"] = max(worst["overage_ms"], int(budget["overage_ms"]))


class CoreWatcher(Watcher):
    """Writes the draw of the real nodes for the referee: the CPU time that the kernel charged to each node's tasks, times the watts
    of a core by the catalogue. No meter of this machine shows a core; this is the nearest that does not ask the scheduler."""

    def __init__(self, cluster):
        super().__init__(0.25)
        self._cluster = cluster
        self._file = open(cluster.path("real.draw"), "a", buffering=1)
        self._used = {}  # (pid, start) -> ticks
        self._ticks = os.sysconf("SC_CLK_TCK")
        self._before = time.monotonic()
        self._loads = {(load["node"], load["group"]): load for load in cluster.plan["loads"] if load["node"].split("/")[1] in REAL_NODES}

    def look(self):
        now, used = time.monotonic(), self._read_all()
        span, self._before = now - self._before, now
        for node in REAL_NODES:
            ticks = sum(ticks - self._used.get(key, 0) for key, (owner, ticks) in used.items() if owner == node)
            busy = min(1.0, ticks / self._ticks / span) if span > 0 else 0.0
            core, platform = self._loads[(f"{SITE}/{node}", "cpu")], self._loads[(f"{SITE}/{node}", "platform")]
            draw = core["idle_mw"] + round(busy * (core["nameplate_mw"] - core["idle_mw"]))
            self._file.write(f"{now_ms()} {SITE}/{node} cpu {draw}\n{now_ms()} {SITE}/{node} platform {platform['nameplate_mw']}\n")
        self._used = {key: ticks for key, (_, ticks) in used.items()}

    def _read_all(self):
        found = {}
        for pid, (node, _) in tasks_of(self._cluster.folder).items():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            found[(pid, fields[19])] = (node, int(fields[11]) + int(fields[12]))
        return found


def tasks_of(folder):
    """Processes of tasks on the real nodes: pid to (node, job's name), from the environment that their agent gave them."""
    found = {}
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if f"{folder}/".encode() not in environment:
            continue
        variables = dict(line.split("=", 1) for line in environment.decode(errors="replace").split("\0") if "=" in line)
        node = variables.get("SWITCHYARD_NODE", "").removeprefix(f"{SITE}/")
        if node in REAL_NODES:
            found[int(pid)] = (node, variables.get("SWITCHYARD_JOB_NAME", ""))
    return found
