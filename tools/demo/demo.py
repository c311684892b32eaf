"""The demonstration: a miner's site that hashes for real, yields watts to AI, trains, serves, survives the murder of its scheduler, and
never draws more than its caps. Called by scripts/demo; exit status 0 only if every claim was observed."""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import acts
import drawing
import workload
from cluster import DIFFICULTY, REAL_NODES, SEED, SITE, Cluster, Follower, Refused
from processes import Failure, now_ms
from watching import BoundWatcher, CoreWatcher

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TASKS = 600
SHED_DEADLINE_MS = 10_000  # the budgets' own


def judge(cluster, facts, follower):
    """The referee's verdict over everything that was written, from the first node's first line on."""
    hand_overs = cluster.path("handovers.jsonl")
    with open(hand_overs, "w") as file:
        for ordered, run in acts.handovers(facts, follower):
            file.write(json.dumps({"ordered_utc_ms": ordered, "run_utc_ms": run}) + "\n")
    command = [cluster.program("switchyard-referee"), "--site", cluster.site_file, "--shares", cluster.shares_file, "--handovers", hand_overs]
    command += ["--draw", *cluster.draw_files, "--ranks", *facts["rank_files"], "--to", str(facts["end_ms"]), "--json", cluster.path("verdict.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    with open(cluster.path("verdict.json")) as file:
        return json.load(file)


def lowest_hashing(verdict, facts):
    """The least that hashing truly drew while the AI jobs ran."""
    span = [point["hashing_mw"] for point in verdict["power"]["timeline"] if facts["ai_from_ms"] <= point["utc_ms"] <= facts["ai_to_ms"]]
    return min(span)


def highest(verdict, part, begin, end):
    return max(point[part] for point in verdict["power"]["timeline"] if begin <= point["utc_ms"] <= end)


def claims(facts, verdict, bounds, above_bound):
    """Everything that the demonstration says of itself: (what, whether it was observed, the figure)."""
    power, shares = verdict["power"], verdict["shares"]
    workers = {node: next((worker for name, worker in shares["workers"].items() if name.endswith(f"{SITE}-{node}")), {"shares": 0}) for node in REAL_NODES}
    worst = max(power["budgets"], key=lambda budget: budget["worst_ratio"])
    above = sum(budget["above_cap_ms"] for budget in power["budgets"])
    worst_bound = max(bounds.worst.items(), key=lambda item: item[1]["ratio"])
    jobs = facts["jobs"]
    ai = [jobs[number] for number in facts["ai_jobs"]]
    full = highest(verdict, "hashing_mw", 0, facts["ai_from_ms"])
    low, again = lowest_hashing(verdict, facts), facts["hashing_again_mw"]
    hand = verdict["handovers"]
    least = min((rank["accuracy"] for rank in verdict["ranks"]), default=0)
    resumed = min((rank["resumed_from"] for rank in verdict["ranks"]), default=0)
    binding = max(worst_bound[1]["ratio"], worst["worst_ratio"])
    frauds = shares["wrong_hash"] + shares["above_target"] + shares["repeated"] + shares["unreadable_lines"]
    return [
        ("every node was drawn", not power["nodes_unseen"] and power["unknown_loads"] == 0, f"{facts['nodes']} nodes, {power['lines']} lines of draw"),
        ("no budget drew above its cap", above == 0, f"worst {worst['worst_ratio']:.2%} of {worst['id']}, {above} ms above"),
        (
            "no bound stood above its cap but by evidence, then not for long",
            all(cause and span <= SHED_DEADLINE_MS for _, span, cause in above_bound) and (worst_bound[1]["ratio"] <= 1 or above_bound),
            f"worst {worst_bound[1]['ratio']:.2%} of {worst_bound[0]}; {sum(span for _, span, _ in above_bound)} ms above"
            + "".join(f", {kind}" for kind in sorted({cause or "WITHOUT CAUSE" for _, _, cause in above_bound})),
        ),
        ("hashing filled the caps", binding > 0.97, f"{drawing.power(full)} of hashing, a budget at {binding:.1%}"),
        (
            f"each core had {acts.SHARES_WANTED} shares accepted",
            min(worker["shares"] for worker in workers.values()) >= acts.SHARES_WANTED,
            ", ".join(f"{node} {worker['shares']}" for node, worker in workers.items()),
        ),
        ("every share is a real hash", shares["shares"] > 0 and frauds == 0, f"{shares['shares']} recomputed, {frauds} wrong"),
        ("all AI jobs ran", all(job["state"] == "SUCCEEDED" for job in ai), f"{sum(job['state'] == 'SUCCEEDED' for job in ai)} of {len(ai)}"),
        ("hashing yielded to AI", low < full * 0.98 and hand["count"] > 0, f"{drawing.power(full)} down to {drawing.power(low)}, {hand['count']} hand-overs by plan"),
        ("hashing came back", again >= facts["hashing_full_mw"] * 0.98, f"{drawing.power(again)} of {drawing.power(facts['hashing_full_mw'])} before"),
        ("the gang took the cores of real hashing", facts["hashers_beside_gang"] == 0, f"{facts['hashers_beside_gang']} hashers beside it"),
        ("the gang was preempted", int(facts["gang_job"]["requeues"]) >= 1, f"{facts['gang_job']['requeues']} times"),
        ("it resumed from its checkpoint", resumed > 0 and len(verdict["ranks"]) == 2, f"from step {resumed}"),
        ("it learnt", least >= acts.LEAST_ACCURACY, f"{least:.1%} of held-back digits"),
        ("the service classifies over HTTP", facts["answers"]["accuracy"] >= acts.LEAST_ACCURACY, f"{facts['answers']['accuracy']:.1%} of {facts['answers']['pictures']}"),
        (
            "the scheduler died with a plan open and a batch under way",
            facts["plans_open_at_kill"] > 0 and facts["submissions_under_way_at_kill"] > 0,
            f"{facts['plans_open_at_kill']} plans, {facts['submissions_under_way_at_kill']} submissions",
        ),
        ("nothing acknowledged was lost", not facts["lost"], f"{len(facts.acknowledged)} acknowledged, {len(facts['lost'])} lost"),
        (
            "running tasks went on",
            facts["steady_tasks"] > 0 and facts["steady_tasks_moved"] == 0 and facts["steady_tasks_moved_by_agent"] == 0,
            f"{facts['steady_tasks']} tasks, {facts['steady_tasks_moved'] + facts['steady_tasks_moved_by_agent']} moved",
        ),
        (
            "the service's process outlived scheduler and agent",
            facts["service_processes"] > 0 and facts["service_processes_gone"] == 0 and facts["answers_without_agent"]["accuracy"] >= acts.LEAST_ACCURACY,
            f"{facts['service_processes']} processes, {facts['service_processes_gone']} gone",
        ),
    ]


EVIDENCE = ("DeviceQuarantined", "BoundRaised", "UnknownLoad")


def overages(facts, follower):
    """Times at which a bound stood above its cap after commissioning: (budget, milliseconds, what was caught just before).

    Evidence raises a bound at once, wherever it then stands: a device that lies, a meter above the ledger. Nothing else may."""
    begun, found = {}, []
    evidence = sorted((int(event["utc_ms"]), kind) for kind in EVIDENCE for event in follower.of(kind))
    changes = sorted(follower.of("OverageBegan") + follower.of("OverageEnded"), key=lambda event: (int(event["utc_ms"]), event["kind"] == "OverageEnded"))
    for event in changes:
        at, budget = int(event["utc_ms"]), event["subject"]
        if event["kind"] == "OverageBegan":
            begun[budget] = at
        elif begun.get(budget, 0) > facts["reported_ms"]:
            cause = [kind for moment, kind in evidence if 0 <= begun[budget] - moment <= 1000]
            found.append((budget, at - begun.pop(budget), cause[-1] if cause else ""))
    found += [(budget, facts["end_ms"] - at, "") for budget, at in begun.items() if at > facts["reported_ms"]]
    return found


def budget_rows(verdict, bounds):
    """The budgets that matter: above their rows all of them, of the rows the fullest."""
    rows = []
    pdus = [budget for budget in verdict["power"]["budgets"] if "/row-" in budget["id"]]
    fullest = sorted(pdus, key=lambda budget: -budget["worst_ratio"])[:3]
    for budget in verdict["power"]["budgets"]:
        if budget in pdus and budget not in fullest:
            continue
        bound = bounds.worst.get(budget["id"])
        rows.append(
            (
                budget["id"].split("/")[1],
                drawing.power(budget["cap_mw"]),
                f"{bound['ratio']:.2%}" if bound else "-",
                f"{budget['worst_ratio']:.2%}",
                drawing.seconds(budget["above_cap_ms"]),
            )
        )
    return rows, len(pdus) - len(fullest)


def show(cluster, facts, verdict, bounds, results, took):
    shares, hand, jobs = verdict["shares"], verdict["handovers"], facts["jobs"]
    print("\nThe site's power, as the referee summed it from the devices' true draw (each column its worst moment)\n")
    print(drawing.terminal_timeline(verdict["power"]["timeline"], min(110, shutil.get_terminal_size((120, 40)).columns - 12)))
    rows, others = budget_rows(verdict, bounds)
    print("\nBudgets: worst bound that the scheduler stated, worst true draw\n")
    print(drawing.table(("budget", "cap", "bound/cap", "draw/cap", "above cap"), rows, "lrrrr"))
    print(f"and {others} rows that were less full.")
    states = collections.Counter((job["spec"]["kind"].lower(), job["state"].lower()) for job in jobs.values())
    print("\nJobs\n")
    print(drawing.table(("kind", "state", "jobs"), [(kind, state, number) for (kind, state), number in sorted(states.items())], "llr"))
    print("\nShares that the pool accepted and the referee recomputed\n")
    print(
        drawing.table(
            ("worker", "shares", "difficulty", "hashes"),
            [(name, worker["shares"], f"{worker['difficulty_least']:g}", drawing.hashes(worker["hashes"])) for name, worker in shares["workers"].items()],
            "lrrr",
        )
    )
    figures = facts["workload"]
    sizes = ", ".join(f"{number} of {size}" for size, number in figures["tasks_by_gpus"].items())
    print("\nFigures\n")
    print(
        drawing.table(
            ("figure", "value"),
            [
                ("leases, ramps", "5 s, a tenth of the catalogue's"),
                ("AI jobs", f"{figures['tasks']} asking for {figures['gpus']} GPUs ({sizes})"),
                ("besides", f"two gangs of {acts.LARGE_GANG_NODES * acts.LARGE_GANG_GPUS:,} GPUs"),
                ("their run times", "p10 {p10} s, p50 {p50} s, p90 {p90} s, compressed".format(**figures["run_time_s"])),
                ("their arrivals", f"gaps spread {figures['gap_variation']} times their mean, at most {figures['busiest_second']} in a second"),
                ("hand-overs by plan", f"{hand['count']}: median {drawing.seconds(hand['median_ms'])}, worst {drawing.seconds(hand['worst_ms'])}"),
                ("accuracy", f"gang {min(rank['accuracy'] for rank in verdict['ranks']):.2%}, service {facts['answers']['accuracy']:.2%}"),
                ("scheduler after kill -9", f"answers after {drawing.seconds(facts['recovery_ms'])}, all nodes after {drawing.seconds(facts['nodes_again_ms'])}"),
                ("defective devices found", f"{len(facts['quarantine'])} in quarantine"),
                ("longest silence of the draw", f"{drawing.seconds(verdict['power']['longest_silence_ms'])} ({verdict['power']['longest_silence_node']})"),
                ("all of it", f"{took:.0f} s"),
            ],
        )
    )
    print("\nClaims\n")
    print(drawing.table(("", "claim", "observed"), [("yes" if seen else "NO", what, figure) for what, seen, figure in results]))


def document(facts, verdict, bounds, results, took):
    """The same facts for a program."""
    jobs = collections.Counter((job["spec"]["kind"].lower(), job["state"].lower()) for job in facts["jobs"].values())
    kept = {name: value for name, value in facts.values.items() if name not in ("jobs", "gang_job", "ai_jobs", "alarms")}
    return {
        "claims": [{"claim": what, "observed": seen, "figure": figure} for what, seen, figure in results],
        "seconds": round(took, 1),
        "seed": SEED,
        "difficulty": DIFFICULTY,
        "lease_s": 5,
        "ramp_scale": 0.1,
        "jobs": [{"kind": kind, "state": state, "jobs": number} for (kind, state), number in sorted(jobs.items())],
        "bounds": bounds.worst,
        "facts": kept,
        "marks": [{"utc_ms": utc_ms, "text": text} for utc_ms, text in facts.marks],
        "referee": verdict,
    }


def tell_how_to_talk(cluster):
    print(
        f"\nThe cluster goes on in {cluster.folder}. Talk to it:\n\n"
        f"  export SWITCHYARD_SERVER={cluster.address} PATH={cluster.programs}:$PATH\n"
        "  switchyard top\n  switchyard jobs\n  switchyard budgets\n  switchyard explain 1\n\n"
        f"End it and all that it started:\n\n  {sys.executable} {os.path.join(REPOSITORY, 'tools/demo/end.py')} {cluster.folder}\n"
    )


def play(cluster, facts, tasks):
    """All acts, watched; the verdict and the watchers' findings."""
    bounds, cores, follower = BoundWatcher(cluster), CoreWatcher(cluster).start(), None
    gang_folder = os.path.join(REPOSITORY, "examples/gang")
    try:
        acts.begin(cluster, facts)
        bounds.start()
        follower = Follower(cluster)
        acts.hash_all(cluster, facts)
        acts.ai_arrives(cluster, facts, tasks)
        acts.train(cluster, facts, gang_folder)
        acts.serve(cluster, facts, gang_folder)
        acts.murder(cluster, facts, gang_folder)
        acts.finish(cluster, facts)
        time.sleep(1.2)  # the draw files carry everything once a second
        return judge(cluster, facts, follower), bounds, overages(facts, follower)
    finally:
        cores.stop()
        if follower:
            follower.stop()
            bounds.stop()


def run(options):
    tasks = (
        workload.from_trace(options.trace, options.tasks, workload.Compression())
        if options.trace
        else workload.from_model(options.tasks, SEED, workload.Compression())
    )
    begun = time.monotonic()
    cluster = Cluster(options.programs, os.path.join(REPOSITORY, "examples/demo/moses-lake.yaml"))
    facts, passed = acts.Facts(), False
    print(f"The demonstration plays in {cluster.folder}.", flush=True)
    try:
        verdict, bounds, above_bound = play(cluster, facts, tasks)
        took = time.monotonic() - begun
        results = claims(facts, verdict, bounds, above_bound)
        show(cluster, facts, verdict, bounds, results, took)
        picture = os.path.join(options.pictures, "timeline.svg")
        with open(picture, "w") as file:
            file.write(drawing.svg_timeline(verdict["power"]["timeline"], facts.marks, "moses-lake: true draw at the meter"))
        print(f"\nThe same as a picture: {picture}")
        if options.json:
            with open(options.json, "w") as file:
                json.dump(document(facts, verdict, bounds, results, took), file, indent=1)
                file.write("\n")
        failed = [what for what, seen, _ in results if not seen]
        for what in failed:
            print(f"scripts/demo: the claim \"{what}\" was not observed", file=sys.stderr)
        passed = not failed
    except (Failure, Refused, subprocess.SubprocessError) as problem:
        print(f"scripts/demo: {problem}\nIts files are in {cluster.folder}.", file=sys.stderr)
    finally:
        if options.keep:
            tell_how_to_talk(cluster)
        else:
            cluster.processes.end_all()
            cluster.processes.remove_cgroups()
            if passed:
                shutil.rmtree(cluster.folder, ignore_errors=True)
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the cluster running and print how to talk to it")
    parser.add_argument("--json", metavar="FILE", help="write the facts as JSON too")
    parser.add_argument("--trace", metavar="DIR", help=f"replay {workload.TRACE_FILE} of this folder in place of the model")
    parser.add_argument("--tasks", type=int, default=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--programs", default=os.path.join(REPOSITORY, "build/release/bin"), help=argparse.SUPPRESS)
    parser.add_argument("--pictures", default=os.path.join(REPOSITORY, "build"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    if options.trace and not os.path.exists(os.path.join(options.trace, workload.TRACE_FILE)):
        parser.error(f"--trace \"{options.trace}\": has no {workload.TRACE_FILE}; name the folder of the 2023 trace")
    try:
        sys.exit(run(options))
    except KeyboardInterrupt:
        sys.exit(1)


if __name__ == "__main__":
    main()
