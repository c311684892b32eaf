"""The demonstration's cluster: scheduler, agents and pool in one folder, and the command line as the only way to talk to them."""

import json
import os
import signal
import subprocess
import tempfile
import threading

from processes import Failure, Processes, wait_for

SITE = "moses-lake"
REAL_NODES = ("cpu-a", "cpu-b")
# 25 million hashes a share: several shares a second from a core, each of them a fact that the referee recomputes.
DIFFICULTY = "0.004"
SEED = 20230623


class Refused(Exception):
    """The command line ended with an error."""


class Cluster:
    def __init__(self, programs, site_file):
        # Sockets have short names: the folder stays near the root.
        self.folder = tempfile.mkdtemp(prefix="switchyard-demo-", dir="/tmp")
        os.chmod(self.folder, 0o711)
        self.programs = programs
        self.site_file = site_file
        self.processes = Processes(self.folder)
        self.address = f"unix:{self.folder}/switchyard.sock"
        self.pool_port = 0
        self.plan = json.loads(
            subprocess.run([self.program("switchyard-referee"), "--site", site_file, "--describe"], check=True, capture_output=True, text=True).stdout
        )

    def program(self, name):
        return os.path.join(self.programs, name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    # ---- starting ----

    def start_scheduler(self):
        ports = self.path("scheduler.ports")
        if os.path.exists(ports):
            os.remove(ports)
        self.processes.start(
            "switchyardd",
            [self.program("switchyardd"), "--config", self.site_file, "--store", self.path("store"), "--listen", self.address, "--port-file", ports],
        )
        self._wait_for_file("switchyardd", ports)

    def start_pool(self):
        port_file = self.path("pool.port")
        self.processes.start(
            "pool",
            [self.program("switchyard-pool"), "--listen", "127.0.0.1:0", "--port-file", port_file, "--difficulty", DIFFICULTY]
            + ["--shares-file", self.shares_file, "--json", self.path("pool.json")],
        )
        self._wait_for_file("pool", port_file)
        with open(port_file) as file:
            self.pool_port = int(file.read())

    def start_agents(self):
        self.write("simulated.yaml", self._simulated_agent())
        cores = sorted(os.sched_getaffinity(0))
        for number, node in enumerate(REAL_NODES):
            self.write(f"{node}.yaml", self._real_agent(node, cores[number % len(cores)]))
        for name in ("simulated", *REAL_NODES):
            self.start_agent(name)

    def start_agent(self, name):
        self.processes.start(name, [self.program("switchyard-agent"), "--config", self.path(f"{name}.yaml")])

    def _wait_for_file(self, name, path):
        def there():
            self.processes.check()
            return os.path.exists(path) and os.path.getsize(path) > 0

        wait_for(f"{name} listens", there, 30, 0.01)

    def _simulated_agent(self):
        simulated = sorted({load["node"] for load in self.plan["loads"] if load["node"].split("/")[1] not in REAL_NODES})
        settings = {
            "scheduler": self.address,
            "mode": "simulated",
            "state_dir": self.path("simulated"),
            "nodes": simulated,
            "simulated": {
                "seed": SEED,
                # A few devices of twenty thousand do not do what they say: that is what the scheduler has to live with.
                "defects": {"liars": "0.005%", "stuck": "0.005%", "slow": "0.02%"},
                "draw_file": self.path("simulated.draw"),
                "device_draw_file": self.path("simulated-devices.draw"),
                "control_socket": self.path("simulated.sock"),
                "meters": self._meters(set(simulated)),
            },
        }
        return json.dumps(settings, indent=1) + "\n"

    def _meters(self, simulated):
        """A meter at every PDU all of whose load is simulated, a tenth of a percent off."""
        meters = []
        for budget in self.plan["budgets"]:
            terms = {}
            for load in self.plan["loads"]:
                share = load["shares_per_billion"].get(budget["id"])
                if share:
                    terms.setdefault((load["group"], share), []).append(load["node"])
            nodes = {node for group in terms.values() for node in group}
            if budget["kind"] != "pdu" or not nodes or not nodes <= simulated:
                continue
            meters.append(
                {
                    "budget": budget["id"],
                    "base": f"{budget['base_mw']}mW",
                    "noise_sigma": f"{budget['cap_mw'] // 10000}mW",
                    "lag": "200ms",
                    "interval": "500ms",
                    "terms": [
                        {"nodes": group_nodes, "group": group, "coefficient": f"{share / 1e7:g}%"} for (group, share), group_nodes in terms.items()
                    ],
                }
            )
        return meters

    def _real_agent(self, node, core):
        settings = {
            "scheduler": self.address,
            "nodes": [f"{SITE}/{node}"],
            "state_dir": self.path(node),
            "cpus": [core],
            "hardware_id": f"demo-{node}",
            "checkpoint_dir": self.path("checkpoints"),
        }
        return json.dumps(settings, indent=1) + "\n"

    # ---- what they write ----

    @property
    def shares_file(self):
        return self.path("shares.jsonl")

    @property
    def draw_files(self):
        return [self.path("simulated.draw"), self.path("real.draw")]

    def shares(self):
        """Accepted shares so far by node, as the pool wrote them down."""
        counts = dict.fromkeys(REAL_NODES, 0)
        with open(self.shares_file) as file:
            for line in file:
                for node in REAL_NODES:
                    counts[node] += f"{SITE}-{node}\"" in line
        return counts

    # ---- talking ----

    def command(self, *arguments):
        return [self.program("switchyard"), "--server", self.address, *arguments]

    def ask(self, *arguments, text=None, timeout=60):
        """The response of a verb; Refused with the words of the scheduler."""
        done = subprocess.run(self.command("-o", "json", *arguments), input=text, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0:
            raise Refused(f"switchyard {' '.join(arguments)}: {done.stderr.strip()}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def submit(self, documents, key=None):
        """Job ids of job documents, all or none."""
        text = "\n---\n".join(json.dumps(document) for document in documents)
        keyed = ["--key", key] if key else []
        return [int(number) for number in self.ask("submit", "-", *keyed, text=text)["job_ids"]]

    def job(self, number):
        return self.ask("job", str(number))

    def jobs(self):
        return {int(job["id"]): job for job in self.ask("jobs").get("jobs", [])}

    def wait_job(self, what, number, condition, timeout):
        """The job once `condition` holds for it; Failure at once if it ended otherwise."""

        def look():
            self.processes.check()
            job = self.job(number)
            if condition(job):
                return job
            if job["state"] in ("FAILED", "CANCELLED", "SUCCEEDED"):
                raise Failure(f"{what}: job {number} ended {job['state']}: {job.get('reason')}")
            return None

        return wait_for(f"{what} (job {number})", look, timeout, 0.2)


class Follower:
    """`switchyard events -f` into a list, started again when the scheduler is."""

    def __init__(self, cluster):
        self.events = {}
        self._cluster = cluster
        self._ended = threading.Event()
        self._process = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended.is_set():
            self._process = subprocess.Popen(
                self._cluster.command("-o", "json", "events", "-f", "--since", "1h"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            for line in self._process.stdout:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                self.events[(event["utc_ms"], event["kind"], event["subject"], event["text"])] = event
            self._process.wait()
            self._ended.wait(0.2)

    def of(self, kind):
        return sorted((event for event in list(self.events.values()) if event["kind"] == kind), key=lambda event: int(event["utc_ms"]))

    def stop(self):
        with open(self._cluster.path("events.jsonl"), "w") as file:
            file.writelines(json.dumps(event) + "\n" for _, event in sorted(self.events.items()))
        self._ended.set()
        if self._process:
            self._process.send_signal(signal.SIGTERM)
        self._thread.join(5)
