"""A cluster of real programs on this machine, for tests in Python: one scheduler, agents, the command line, all in one temporary
directory. As cluster.h beside it: nothing of it is left when the object is closed, and the directory stays if a test failed.
"""
import collections
import glob
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Far more than anything takes, for a machine with other work.
PATIENCE_S = 60
CGROUP_TAG_DIGITS = 12  # agents name their cgroups by so much of their incarnation

MODELS = """
device_models:
  - {id: core, kind: cpu, power_cycle: self_idle, enforcer: supervisor, idle: 2W, min: 2W, max: 12W, ramp_up: 100ms,
     ramp_down: 100ms, operating_points: [{name: full, power: 12W, rate: 1TH/s}]}
  - {id: miner, kind: asic, power_cycle: persistent, enforcer: device, idle: 25W, min: 2100W, max: 3510W, ramp_up: 300ms,
     ramp_down: 200ms, limiter: true, operating_points: [{name: low, power: 2100W, rate: 160TH/s},
     {name: full, power: 3510W, rate: 234TH/s}]}
  - {id: gpu, kind: gpu, power_cycle: self_idle, enforcer: supervisor, idle: 70W, min: 200W, max: 700W, ramp_up: 100ms,
     ramp_down: 100ms, limiter: true, memory: 80GiB}
node_models:
  - {id: machine, platform: 20W, cpus: 8, memory: 4GiB, disk: 10GiB, groups: [{name: cpu, device_model: core, count: 1}]}
  - {id: rack, platform: 500W, groups: [{name: asic, device_model: miner, count: 4}]}
  - {id: server, platform: 1kW, cpus: 32, memory: 256GiB, disk: 1TiB, groups: [{name: gpu, device_model: gpu, count: 2}]}
tenants:
  - {id: mining, members: ["*"]}
  - {id: research, members: ["*"], weight: 2}
"""


def site_yaml(machines=0, racks=0, servers=0, cap="100kW", timing="lease: 4s, heartbeat: 500ms", more_timing=""):
    """The site "s": real nodes s/n1 .., simulated racks s/r1 .. and servers s/g1 .., all beneath one meter."""
    nodes = [(letter, count, model) for letter, count, model in
             (("n", machines, "machine"), ("r", racks, "rack"), ("g", servers, "server")) if count]
    return (f"cluster: test\noperators: [uid:{os.getuid()}]\n"
            f"timing: {{{timing}, margin: 500ms, confirm_timeout: 4s, dwell: 200ms, report_interval: 200ms, start_grace: 1s, "
            f"backoff_initial: 100ms, backoff_max: 1s, restart_hold: 4s{more_timing}}}\n"
            "sites:\n  - id: s\n    energy_price: 0.05USD/kWh\n    hashprice: 54USD/PH/day\n    overhead_lag: 1s\n"
            f"    budgets: [{{id: meter, kind: meter, cap: {cap}}}]\n{MODELS}nodes:\n" + "".join(
                f'  - {{id: "{letter}[1-{count}]", site: s, model: {model}, feeds_from: meter, switch: leaf}}\n'
                for letter, count, model in nodes))


HASHING = ("kind: hashing\nname: fill\ntenant: mining\nhashing: {pool: \"127.0.0.1:3333\", user: site}\n")


def training_yaml(name, command="[/bin/true]", resources="{gpus: 1}", run_ms=None):
    """A training job of one task; `run_ms` is how long a simulated node pretends that it runs."""
    environment = f'environment: {{SWITCHYARD_SIM_RUN_MS: "{run_ms}"}}\n' if run_ms is not None else ""
    return f"kind: training\nname: {name}\ntenant: research\ncommand: {command}\ngrace: 1s\nresources: {resources}\n{environment}"


def eventually(condition, what, patience=PATIENCE_S):
    """Waits for a condition of the world and returns what it gave; AssertionError names what did not come."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not seen within {patience} s: {what}")
        time.sleep(0.02)


def resident_bytes(pid):
    """The memory of a process that is in RAM."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def descriptors(pid):
    """How many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def control(path, line):
    """Has a simulated agent carry out a command (agent/runtime/simulated/control_socket.h); returns the words of its answer."""
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(str(path))
        door.sendall(line.encode() + b"\n")
        answer = door.makefile().readline().split()
    if not answer or answer[0] != "ok":
        raise AssertionError(f"{line}: {' '.join(answer)}")
    return answer[1:]


def raise_descriptor_limit():
    """As many as this process may have; returns it. Children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Cluster:
    """One scheduler and its agents. Use as a context manager; an exception that passes keeps the directory and prints logs."""

    def __init__(self, site):
        programs = os.environ.get("SWITCHYARD_PROGRAMS") or str(ROOT / "build/release/bin")
        self.programs = pathlib.Path(programs)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sy-", dir="/tmp"))  # short: paths of sockets are limited
        self.folder.chmod(0o711)
        (self.folder / "site.yaml").write_text(site, encoding="utf-8")
        self.address = f"unix:{self.folder}/socket"
        self.scheduler = None
        self.agents = {}
        self.failed = False
        self._files = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)

    def path(self, name):
        return self.folder / name

    # ---- processes ----

    def _start(self, command, log):
        with open(self.path(log), "ab") as out:
            return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                    cwd=self.folder)

    def start_scheduler(self):
        """Starts switchyardd on its socket, on a loopback port of its own, and with metrics; returns when it listens."""
        self.path("ports").unlink(missing_ok=True)
        self.scheduler = self._start(
            [self.programs / "switchyardd", "--config", self.path("site.yaml"), "--store", self.path("store"), "--listen",
             self.address, "--listen", "127.0.0.1:0", "--insecure-loopback", "--http", "127.0.0.1:0", "--port-file",
             self.path("ports")], "scheduler.log")
        eventually(lambda: self.path("ports").exists() or self.scheduler.poll() is not None, "the scheduler listens")
        if self.scheduler.poll() is not None:
            raise AssertionError(f"switchyardd ended with {self.scheduler.returncode}; see {self.path('scheduler.log')}")

    def _bound(self, kind):
        for line in self.path("ports").read_text(encoding="ascii").splitlines():
            if line.startswith(kind + " "):
                return line[len(kind) + 1:]
        raise AssertionError(f"no {kind} in {self.path('ports')}")

    def tcp(self):
        """(host, port) where it takes TCP."""
        host, port = self._bound("tcp").rsplit(":", 1)
        return host, int(port)

    def start_agent(self, name, nodes, address=None, simulated=True, more=""):
        """Starts an agent for `nodes` ("s/r1", or a list in YAML); `address` may be a proxy's. A simulated one writes what its
        devices truly draw to NAME.draw."""
        text = f"scheduler: {address or self.address}\nnodes: [{nodes}]\nstate_dir: {self.path(name)}\ninsecure_loopback: true\n"
        if simulated:
            text += f"mode: simulated\nsimulated: {{draw_file: {self.path(name + '.draw')}{more}}}\n"
        else:
            text += f"hardware_id: hw-{name}\ncpus: [0]\n{more}"
        self.path(name + ".yaml").write_text(text, encoding="utf-8")
        self.restart_agent(name)

    def restart_agent(self, name):
        """Starts the agent again from the file that is there."""
        self.agents[name] = self._start([self.programs / "switchyard-agent", "--config", self.path(name + ".yaml")],
                                        name + ".log")

    def kill_agent(self, name):
        self.agents[name].kill()
        self.agents[name].wait()

    def kill_scheduler(self):
        self.scheduler.kill()
        self.scheduler.wait()

    # ---- the command line ----

    def command(self, *words, address=None, timeout="30s"):
        server = [] if address is None else ["--insecure-loopback"]
        return [str(self.programs / "switchyard"), "--server", address or self.address, "--call-timeout", timeout, *server,
                *(str(word) for word in words)]

    def cli(self, *words, address=None):
        """Runs `switchyard WORDS`; returns the finished process."""
        return subprocess.run(self.command(*words, address=address), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL)

    def json(self, *words, address=None):
        """What `switchyard -o json WORDS` printed; fails unless it was done."""
        done = self.cli("-o", "json", *words, address=address)
        if done.returncode != 0:
            raise AssertionError(f"switchyard {' '.join(map(str, words))}: exit status {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def job_file(self, text):
        self._files += 1
        path = self.path(f"job-{self._files}.yaml")
        path.write_text(text, encoding="utf-8")
        return path

    def submit(self, text, *words, address=None):
        """Submits; returns the ids."""
        answer = self.json("submit", self.job_file(text), *words, address=address)
        return [int(number) for number in answer["job_ids"]]

    # ---- what is so ----

    def node(self, node):
        return self.json("node", node)

    def ready(self, node):
        """A node is up: its agent has reported and its lease runs."""
        status = self.node(node)
        return status["state"] == "READY" and int(status.get("lease_remaining_ms", 0)) > 0

    def job(self, number):
        answer = self.json("job", number)
        return answer.get("job", answer)

    def jobs(self):
        return self.json("jobs").get("jobs", [])

    def events(self, kind, subject=None):
        """The events of a kind, of all or of one subject."""
        return [event for event in self.json("events", "--limit", 10000)
                if event["kind"] == kind and subject in (None, event.get("subject"))]

    def metric(self, name):
        """One gauge of the metrics page."""
        with urllib.request.urlopen(f"http://{self._bound('metrics')}/metrics", timeout=PATIENCE_S) as page:
            for line in page.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise AssertionError(f"metric {name}: the page has none")

    def draw_lines(self, agent):
        """[(utc ms, node, group, mW)] of an agent's devices, in order of time."""
        lines = []
        path = self.path(agent + ".draw")
        if not path.exists():
            return lines
        for line in path.read_text(encoding="ascii").splitlines():
            words = line.split()
            if len(words) == 4 and words[0].isdigit():
                lines.append((int(words[0]), words[1], words[2], int(words[3])))
        return lines

    def draw_mw(self, agent, node):
        """What a simulated node truly draws now."""
        latest = {group: draw for _, of, group, draw in self.draw_lines(agent) if of == node}
        return sum(latest.values())

    # ---- the end ----

    def _kill_what_names_the_folder(self):
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            try:
                words = pathlib.Path("/proc", entry, "cmdline").read_bytes() + pathlib.Path("/proc", entry, "environ").read_bytes()
                if f"{self.folder}/".encode() in words:
                    os.kill(int(entry), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue

    def close(self, failed=False):
        for process in [self.scheduler, *self.agents.values()]:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        # Supervisors and tasks belong to nobody any more, but they name the directory.
        self._kill_what_names_the_folder()
        for name in self.agents:
            incarnation = self.path(name) / "incarnation"
            if incarnation.exists():
                self._remove_cgroups(incarnation.read_text(encoding="ascii")[:CGROUP_TAG_DIGITS])
        if failed:
            print(f"The cluster's files are in {self.folder}.")
            for log in sorted(self.folder.glob("*.log")):
                print(f"---- {log}")
                print("\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:]))
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _remove_cgroups(incarnation):
        for hierarchy in glob.glob(f"/sys/fs/cgroup/switchyard/{incarnation}") + glob.glob(
                f"/sys/fs/cgroup/*/switchyard/{incarnation}"):
            for folder in [*glob.glob(hierarchy + "/*/"), hierarchy]:
                try:
                    os.rmdir(folder)
                except OSError:
                    continue  # the kernel may need a moment; an empty group costs nothing


class WattsWitness:
    """Writes down what the scheduler counts for each node while a test goes on, to be compared with what the devices truly drew."""

    # The two are looked at by different clocks and at different moments: a draw is held against every bound counted within
    # this of it. It is well below the leases of these tests.
    SLACK_MS = 1000

    def __init__(self, cluster):
        self._cluster = cluster
        self._bounds = collections.defaultdict(list)  # node: [(utc ms, mW)]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.1):
            done = self._cluster.cli("-o", "json", "nodes")
            if done.returncode != 0:
                continue
            now = time.time() * 1000
            for node in json.loads(done.stdout).get("nodes", []):
                self._bounds[node["id"]].append((now, int(node.get("bound_mw", 0))))

    def excesses(self, agents):
        """[what was drawn beyond the bound], so far. `agents`: the simulated ones."""
        found = []
        for agent in agents:
            latest = {}
            for when, node, group, draw in self._cluster.draw_lines(agent):
                latest[node, group] = draw
                drawn = sum(value for (of, _), value in latest.items() if of == node)
                seen = list(self._bounds[node])
                if not seen or seen[-1][0] < when:
                    continue  # what was counted then is not known
                near = [bound for at, bound in seen if abs(at - when) <= self.SLACK_MS]
                if near and drawn > max(near):
                    found.append(f"{node} drew {drawn} mW at {when}, counted were {max(near)} mW")
        return found

    def compared(self):
        """How often bounds were looked at."""
        return sum(len(seen) for seen in self._bounds.values())
