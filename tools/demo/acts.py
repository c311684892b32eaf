"""What happens in the demonstration, act by act. Each act changes the cluster, waits for what must follow, and keeps the facts."""

import json
import os
import subprocess
import sys
import threading
import time

import workload
from cluster import REAL_NODES, SITE, Refused
from processes import Failure, now_ms, start_time, wait_for
from watching import tasks_of

SHARES_WANTED = 20
LEAST_ACCURACY = 0.95
# A training gang of its time, beside what the trace knows.
LARGE_GANG_NODES, LARGE_GANG_GPUS = 20, 64
AI = "research"


class Facts:
    """What was seen, for the claims and the table; and the moments worth a mark on the timeline."""

    def __init__(self):
        self.values = {}
        self.marks = []
        self.acknowledged = set()  # ids of all jobs whose submission was answered

    def mark(self, text):
        self.marks.append((now_ms(), text))
        print(f"  {time.strftime('%H:%M:%S')}  {text}", flush=True)

    def __setitem__(self, name, value):
        self.values[name] = value

    def __getitem__(self, name):
        return self.values[name]


def submit(cluster, facts, documents, key=None):
    ids = cluster.submit(documents, key)
    facts.acknowledged.update(ids)
    return ids


def site_of(cluster):
    return cluster.ask("site", SITE)


def begin(cluster, facts):
    """Scheduler, pool and agents; every node reports, and commissioning ends."""
    facts.mark("start")
    cluster.start_scheduler()
    cluster.start_pool()
    cluster.start_agents()
    nodes = cluster.plan["nodes"]

    def reported():
        cluster.processes.check()
        site = site_of(cluster)
        return int(site["nodes_ready"]) == nodes and not site["commissioning"]

    wait_for(f"all {nodes} nodes of the site report", reported, 60, 0.3)
    facts["nodes"] = nodes
    facts["reported_ms"] = now_ms()
    facts.mark(f"all {nodes} nodes have reported")


def hash_all(cluster, facts):
    """Hashing over everything, until nothing more rises and each core of this machine has its shares."""
    pool = f"127.0.0.1:{cluster.pool_port}"
    hashing = {"kind": "hashing", "tenant": "mining"}
    racks, cores = submit(
        cluster,
        facts,
        [
            {**hashing, "name": "racks", "selector": {"miners": "simulated"}, "hashing": {"pool": pool, "user": "racks"}},
            {**hashing, "name": "cores", "selector": {"machine": "real"}, "hashing": {"pool": pool, "user": "cores"}},
        ],
    )
    facts["hashing_jobs"] = {"racks": racks, "cores": cores}

    def enough_shares():
        cluster.processes.check()
        return min(cluster.shares().values()) >= SHARES_WANTED

    wait_for(f"{SHARES_WANTED} accepted shares of each core", enough_shares, 90, 0.3)
    facts["hashing_full_mw"] = settle(cluster, "hashing fills the caps", 60)
    facts.mark(f"hashing fills the site: {facts['hashing_full_mw'] / 1e9:.1f} MW")


def settle(cluster, what, timeout, at_least=0):
    """Waits until hashing is granted no more than two seconds ago, and returns its watts."""
    seen = []

    def still():
        cluster.processes.check()
        seen.append(int(site_of(cluster)["hashing_mw"]))
        last = seen[-5:]
        return len(last) == 5 and max(last) - min(last) < max(last) // 200 and last[-1] > at_least and last[-1]

    return wait_for(what, still, timeout, 0.5)


def ai_arrives(cluster, facts, tasks):
    """AI jobs by their arrival times; hashing yields to them, they run and end, hashing comes back."""
    facts["workload"] = workload.figures(tasks)
    facts["ai_from_ms"] = now_ms()
    facts.mark(f"AI arrives: {len(tasks)} jobs, and a gang of {LARGE_GANG_NODES * LARGE_GANG_GPUS:,} GPUs")
    begun = time.monotonic()
    ids, number = submit(cluster, facts, [workload.gang_document("pretraining", AI, 300, LARGE_GANG_NODES, LARGE_GANG_GPUS, 35)]), 0
    while number < len(tasks):
        cluster.processes.check()
        due = [task for task in tasks[number:] if task.arrival <= time.monotonic() - begun]
        if due:
            ids += submit(cluster, facts, [workload.job_document(number + i, task, AI) for i, task in enumerate(due)])
            number += len(due)
        time.sleep(0.25)
    facts["ai_jobs"] = ids

    def ended():
        cluster.processes.check()
        jobs = cluster.jobs()
        states = [jobs[number]["state"] for number in ids]
        bad = [number for number in ids if jobs[number]["state"] in ("FAILED", "CANCELLED")]
        if bad:
            raise Failure(f"AI job {bad[0]}: {jobs[bad[0]]['state']}: {jobs[bad[0]].get('reason')}")
        return all(state == "SUCCEEDED" for state in states)

    wait_for("all AI jobs end", ended, 150, 1)
    facts["ai_to_ms"] = now_ms()
    facts.mark("AI has run")
    # Ramps up are 6 to 9 s here; what a defective device holds in quarantine does not come back.
    facts["hashing_again_mw"] = settle(cluster, "hashing returns", 60, facts["hashing_full_mw"] * 98 // 100)
    facts.mark("hashing is back")


def train(cluster, facts, gang_folder):
    """A gang on the two cores: takes them from hashing, is preempted, resumes from its checkpoint, and learns."""
    results = cluster.path("rank-{rank}.json")
    (gang,) = submit(
        cluster,
        facts,
        [
            {
                "kind": "training",
                "name": "digits",
                "tenant": AI,
                "priority": 200,
                "count": 2,
                "spread_over": "node",
                "selector": {"machine": "real"},
                "resources": {"cpu_devices": 1, "memory": "512MiB", "ports": 1},
                "command": ["/usr/bin/python3", os.path.join(gang_folder, "train.py")],
                "environment": {"TRAIN_EPOCHS": "60", "TRAIN_WORK": "8", "TRAIN_CHECKPOINT_EPOCHS": "2", "SWITCHYARD_RESULT_FILE": results},
                "grace": "10s",
            }
        ],
    )
    ordered = now_ms()
    facts["gang"] = gang
    cluster.wait_job("the gang runs", gang, lambda job: job["state"] == "RUNNING", 60)
    facts.mark("the gang trains on the cores of real hashing")
    facts["gang_start_ms"] = now_ms() - ordered
    hashers = [name for _, name in tasks_of(cluster.folder).values() if name == "cores"]
    facts["hashers_beside_gang"] = len(hashers)
    checkpoint = cluster.path(f"checkpoints/{AI}/digits/digits.npz")
    wait_for("the gang's first checkpoint", lambda: os.path.exists(checkpoint), 60)

    (urgent,) = submit(
        cluster,
        facts,
        [
            {
                "kind": "training",
                "name": "urgent",
                "tenant": AI,
                "priority": 900,
                "selector": {"machine": "real"},
                "resources": {"cpu_devices": 1, "memory": "64MiB"},
                "command": ["/bin/sleep", "2"],
                "grace": "2s",
            }
        ],
    )
    cluster.wait_job("the gang makes way", gang, lambda job: int(job["requeues"]) >= 1, 60)
    facts.mark("the gang makes way for an urgent job")
    cluster.wait_job("the urgent job ends", urgent, lambda job: job["state"] == "SUCCEEDED", 60)
    facts["gang_job"] = cluster.wait_job("the gang ends", gang, lambda job: job["state"] == "SUCCEEDED", 120)
    facts["checkpoint"] = checkpoint
    facts["rank_files"] = [cluster.path(f"rank-{rank}.json") for rank in range(2)]
    facts.mark("the gang has learnt")


def serve(cluster, facts, gang_folder):
    """A service over the gang's checkpoint, and held-back digits asked of it over HTTP."""
    (service,) = submit(
        cluster,
        facts,
        [
            {
                "kind": "inference",
                "name": "digits-serve",
                "tenant": AI,
                "priority": 500,
                "count": 1,
                "selector": {"machine": "real"},
                "resources": {"cpu_devices": 1, "memory": "512MiB", "ports": 1},
                "command": ["/usr/bin/python3", os.path.join(gang_folder, "serve.py")],
                "environment": {"SERVE_CHECKPOINT": facts["checkpoint"]},
                "grace": "2s",
            }
        ],
    )
    job = cluster.wait_job("the service runs", service, lambda job: job["state"] == "RUNNING" and job["tasks"][0]["ports"], 60)
    facts["service"] = service
    facts["service_node"] = job["tasks"][0]["node"].split("/")[-1]
    facts["service_url"] = f"http://127.0.0.1:{job['tasks'][0]['ports'][0]}"
    facts["answers"] = classify(facts, gang_folder)
    facts.mark("the service classifies held-back digits")


def classify(facts, gang_folder):
    done = subprocess.run(
        ["/usr/bin/python3", os.path.join(gang_folder, "classify.py"), facts["service_url"], "--wait", "30"], capture_output=True, text=True, timeout=90
    )
    if done.returncode != 0:
        raise Failure(f"classify.py: {done.stderr.strip()}")
    return json.loads(done.stdout)


class Submitters:
    """Clients that submit without pause, so that a batch is under way at whatever moment the scheduler dies."""

    def __init__(self, cluster, facts, count):
        self._cluster, self._facts = cluster, facts
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.under_way = 0
        self.answered = 0
        self.ids = []
        self.problem = None
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, client):
        number = 0
        while not self._ended.is_set() and number < 400:
            document = workload.job_document(5000 + client * 400 + number, workload.Task(0, 1, 0, 2.0), AI)
            number += 1
            with self._lock:
                self.under_way += 1
            try:
                ids = self._cluster.submit([document] * 5)
                with self._lock:
                    self.ids += ids
                    self._facts.acknowledged.update(ids)
                    self.answered += 1
            except (Refused, subprocess.TimeoutExpired) as problem:
                self.problem = str(problem)
                return
            finally:
                with self._lock:
                    self.under_way -= 1

    def stop(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(60)


def running_allocations(cluster):
    """(job, task, attempt) to allocation of every AI task that runs."""
    return {
        (int(job["id"]), task["group"], task["index"], task["attempt"]): task["allocation"]
        for job in cluster.jobs().values()
        if job["spec"]["kind"] != "HASHING"
        for task in job["tasks"]
        if task["phase"] == "TASK_RUNNING"
    }


def real_tasks(folder):
    """The processes of real tasks, told apart from any later ones by the moment at which they began."""
    return {(pid, start_time(pid)): what for pid, what in tasks_of(folder).items()}


def murder(cluster, facts, gang_folder):
    """SIGKILL to the scheduler with a plan open and batches under way, then to an agent. Nothing acknowledged is lost."""
    # Long jobs that must be running before and after.
    steady = submit(cluster, facts, [workload.job_document(9000 + i, workload.Task(0, 4, 0, 600.0), AI) for i in range(12)])
    wait_for("steady AI jobs run", lambda: all(cluster.jobs()[number]["state"] == "RUNNING" for number in steady), 60, 0.3)
    before_tasks = real_tasks(cluster.folder)
    before = {key: value for key, value in running_allocations(cluster).items() if key[0] in steady or key[0] == facts["service"]}
    submitters = Submitters(cluster, facts, 3)

    # A gang of whole racks asks for more than is free: its plan stays open for as long as the ramps last.
    (large,) = submit(cluster, facts, [workload.gang_document("large", AI, 300, LARGE_GANG_NODES, LARGE_GANG_GPUS, 10)])

    def open_plan():
        plans = cluster.ask("plans").get("plans", [])
        return [plan for plan in plans if int(plan["job"]) == large] and submitters.under_way > 0 and plans

    facts["plans_open_at_kill"] = len(wait_for("a plan is open", open_plan, 30, 0.01))
    facts["submissions_under_way_at_kill"] = submitters.under_way
    facts["acknowledged_at_kill"] = len(facts.acknowledged)
    killed = time.monotonic()
    cluster.processes.kill("switchyardd")
    facts.mark("kill -9 of the scheduler")
    cluster.start_scheduler()
    wait_for("the scheduler answers", lambda: answers(cluster), 30, 0.05)
    facts["recovery_ms"] = round((time.monotonic() - killed) * 1000)
    facts.mark(f"the scheduler answers again after {facts['recovery_ms']} ms")
    wait_for("every node is heard again", lambda: int(site_of(cluster)["nodes_ready"]) == facts["nodes"], 60, 0.2)
    facts["nodes_again_ms"] = round((time.monotonic() - killed) * 1000)
    submitters.stop()
    if submitters.problem:
        raise Failure(f"a submission that was under way was not answered after all: {submitters.problem}")
    facts["submitted_through_kill"] = len(submitters.ids)

    after = running_allocations(cluster)
    facts["steady_tasks"] = len(before)
    facts["steady_tasks_moved"] = sum(1 for key, value in before.items() if after.get(key) != value)
    cluster.wait_job("the large gang runs after all", large, lambda job: job["state"] in ("RUNNING", "SUCCEEDED"), 90)

    # An agent too: the one under the service, which goes on answering meanwhile.
    victim = facts["service_node"]
    cluster.processes.kill(victim)
    facts.mark(f"kill -9 of the agent of {victim}")
    facts["answers_without_agent"] = classify(facts, gang_folder)
    cluster.start_agent(victim)
    wait_for(f"{victim} is back", lambda: cluster.ask("node", f"{SITE}/{victim}")["state"] == "READY" and answers(cluster), 60, 0.2)
    wait_for("every node is ready", lambda: int(site_of(cluster)["nodes_ready"]) == facts["nodes"], 60, 0.2)
    after_tasks = real_tasks(cluster.folder)
    services = [key for key, (_, name) in before_tasks.items() if name == "digits-serve"]
    facts["real_tasks_before"] = len(before_tasks)
    facts["service_processes"] = len(services)
    facts["service_processes_gone"] = sum(1 for key in services if key not in after_tasks)
    after = running_allocations(cluster)
    facts["steady_tasks_moved_by_agent"] = sum(1 for key, value in before.items() if after.get(key) != value)
    facts["lost"] = sorted(facts.acknowledged - set(cluster.jobs()))
    facts.mark("nothing was lost")
    cluster.ask("cancel", *[str(number) for number in steady])


def answers(cluster):
    try:
        return cluster.ask("sites", timeout=10)
    except (Refused, subprocess.TimeoutExpired):
        return None


def finish(cluster, facts):
    """All AI that can end has ended; hashing fills the site once more."""

    def ended():
        cluster.processes.check()
        return all(job["state"] in ("SUCCEEDED", "CANCELLED", "FAILED") for job in cluster.jobs().values() if job["spec"]["kind"] == "TRAINING")

    wait_for("all training has ended", ended, 120, 0.5)
    settle(cluster, "hashing returns at the end", 60, facts["hashing_full_mw"] * 9 // 10)
    facts["end_ms"] = now_ms()
    facts["jobs"] = cluster.jobs()
    facts["alarms"] = cluster.ask("alarms").get("alarms", [])
    facts["quarantine"] = cluster.ask("quarantine").get("devices", [])
    facts.mark("end")


def handovers(facts, follower):
    """(ordered, run) in milliseconds for every job that was given watts by a plan: from the plan's opening to the gang's release."""
    ordered = {}
    for event in follower.of("PlanOpened"):
        ordered.setdefault(int(event["subject"]), []).append(int(event["utc_ms"]))
    pairs = []
    for number, moments in ordered.items():
        job = facts["jobs"].get(number)
        run = int(job["started_utc_ms"]) if job else 0
        begun = [moment for moment in moments if moment <= run]
        if begun:
            pairs.append((begun[-1], run))
    return pairs


if __name__ == "__main__":
    sys.exit("acts.py is a part of scripts/demo; run that")
