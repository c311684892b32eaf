#!/usr/bin/env python3
"""The network between agents, clients and the scheduler is late, loses, stands still or passes one way only. Leases end where they
must and only there, no watt is counted to somebody else while a device still draws it, everything returns, and nothing is lost or
doubled.
"""
import contextlib
import json
import pathlib
import subprocess
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent),
                str(pathlib.Path(__file__).resolve().parents[1] / "integration/support")]
import live_cluster  # noqa: E402
from live_cluster import eventually, training_yaml  # noqa: E402
from proxy import DOWN, UP, Proxy  # noqa: E402

LEASE = "lease: 2s, heartbeat: 250ms"
# More than a rack draws that does not hash (its platform, and miners that idle), less than one of its miners adds.
RACK_RESTS_MW = 1_000_000


@contextlib.contextmanager
def running(**site):
    """A cluster with its scheduler, and a proxy in front of it."""
    with live_cluster.Cluster(live_cluster.site_yaml(timing=LEASE, **site)) as cluster:
        cluster.start_scheduler()
        with Proxy(cluster.tcp()) as network:
            yield cluster, network


class HashingTest(unittest.TestCase):
    """Two racks under a cap that feeds one and a half: the first behind the proxy, the second not."""

    @contextlib.contextmanager
    def hashing(self):
        with running(racks=2, cap="24kW") as (cluster, network):
            cluster.start_agent("far", "s/r1", network.address)
            cluster.start_agent("near", "s/r2")
            for node in ("s/r1", "s/r2"):
                eventually(lambda node=node: cluster.ready(node), f"{node} is ready")
            with live_cluster.WattsWitness(cluster) as witness:
                cluster.submit(live_cluster.HASHING)
                self.wait_for_hashing(cluster)
                yield cluster, network
            self.assertGreater(witness.compared(), 20)
            self.assertEqual(witness.excesses(["far", "near"]), [])

    def wait_for_hashing(self, cluster):
        """Both hash, as far as the cap lets them."""
        for agent, node in (("far", "s/r1"), ("near", "s/r2")):
            eventually(lambda agent=agent, node=node: cluster.draw_mw(agent, node) > 3 * RACK_RESTS_MW, f"{node} hashes")

    def assert_fallen_back(self, cluster):
        eventually(lambda: cluster.draw_mw("far", "s/r1") < RACK_RESTS_MW, "s/r1 has fallen back")

    def test_a_node_that_is_not_heard_falls_back_and_its_watts_go_to_others_and_all_returns(self):
        with self.hashing() as (cluster, network):
            before = cluster.draw_mw("near", "s/r2")
            network.cut(UP)
            eventually(lambda: cluster.node("s/r1")["state"] == "UNREACHABLE", "s/r1 is unreachable")
            eventually(lambda: cluster.events("LeaseExpired", "s/r1"), "its lease has expired")
            # The word about that is durable, so the device must be down already, by its own clock and without the scheduler's.
            self.assert_fallen_back(cluster)
            eventually(lambda: cluster.draw_mw("near", "s/r2") > before, "the other rack takes what became free")
            network.heal()  # and all heartbeats of the meantime arrive, late
            eventually(lambda: cluster.ready("s/r1"), "s/r1 is ready again")
            self.wait_for_hashing(cluster)

    def test_a_node_that_hears_nothing_falls_back_though_it_is_heard(self):
        with self.hashing() as (cluster, network):
            network.cut(DOWN)
            self.assert_fallen_back(cluster)
            # It speaks, and it was answered: the scheduler goes on counting what an answer would have allowed.
            self.assertEqual(cluster.events("LeaseExpired", "s/r1"), [])
            network.heal()
            self.wait_for_hashing(cluster)

    def test_a_cut_of_both_directions_heals_by_a_reset(self):
        with self.hashing() as (cluster, network):
            network.cut(UP, DOWN)
            eventually(lambda: cluster.events("LeaseExpired", "s/r1"), "its lease has expired")
            self.assert_fallen_back(cluster)
            network.reset()  # what waited is lost
            network.heal()
            eventually(lambda: cluster.ready("s/r1"), "s/r1 is ready again")
            self.wait_for_hashing(cluster)


    def test_the_witness_sees_watts_that_are_counted_free_and_drawn(self):
        """A device that promised to fail with its lease and does not: the one thing that the tests above could miss."""
        with running(racks=1) as (cluster, network):
            control = cluster.path("control")
            cluster.start_agent("far", "s/r1", network.address, more=f", control_socket: {control}")
            eventually(lambda: cluster.ready("s/r1"), "s/r1 is ready")
            cluster.submit(live_cluster.HASHING)
            eventually(lambda: cluster.draw_mw("far", "s/r1") > 3 * RACK_RESTS_MW, "s/r1 hashes")
            device = live_cluster.control(control, "devices s/r1")[0]
            live_cluster.control(control, f"stick {device}")
            with live_cluster.WattsWitness(cluster) as witness:
                network.cut(UP)
                eventually(lambda: witness.excesses(["far"]), "the witness sees it")


class WorkTest(unittest.TestCase):
    """Jobs on the far side."""

    def test_a_late_network_costs_no_lease_and_jobs_run_on_it(self):
        with running(servers=2) as (cluster, network):
            network.delay(0.2)  # a reply takes two fifths of a second at least; the lease is two
            cluster.start_agent("far", '"s/g[1-2]"', network.address)
            for node in ("s/g1", "s/g2"):
                eventually(lambda node=node: cluster.ready(node), f"{node} is ready")
            jobs = cluster.submit("---\n".join(training_yaml(f"late-{i}", run_ms=300) for i in range(8)))
            eventually(lambda: all(cluster.job(job)["state"] == "SUCCEEDED" for job in jobs), "all have succeeded")
            self.assertEqual([cluster.job(job)["attempt"] for job in jobs], [1] * len(jobs))
            self.assertEqual(cluster.events("LeaseExpired"), [])

    def test_a_task_on_a_real_machine_outlives_the_cut_and_was_started_once(self):
        with running(machines=1) as (cluster, network):
            cluster.start_agent("far", "s/n1", network.address, simulated=False)
            eventually(lambda: cluster.ready("s/n1"), "s/n1 is ready")
            marks, gate = cluster.path("marks"), cluster.path("gate")
            script = f"echo started >> {marks}; while [ ! -e {gate} ]; do sleep 0.05; done; exit 0"
            job, = cluster.submit(training_yaml("work", f"[/bin/sh, -c, '{script}']", "{cpu_devices: 1}"))
            eventually(marks.exists, "the task runs")
            network.cut(UP, DOWN)
            eventually(lambda: cluster.node("s/n1")["state"] == "UNREACHABLE", "s/n1 is unreachable")
            gate.touch()  # it ends while nobody can be told
            self.assertEqual(cluster.job(job)["state"], "RUNNING")
            network.heal()
            eventually(lambda: cluster.job(job)["state"] == "SUCCEEDED", "its result has arrived")
            self.assertEqual(marks.read_text(encoding="ascii"), "started\n")
            self.assertEqual(cluster.job(job)["attempt"], 1)

    def test_connections_that_stand_still_and_then_break_lose_and_double_nothing(self):
        with running(servers=3) as (cluster, network):
            with contextlib.ExitStack() as agents:
                # Each agent on a path of its own: a node that loses three sessions in five minutes would be left alone.
                paths = [agents.enter_context(Proxy(cluster.tcp())) for _ in range(3)]
                for i, path in enumerate(paths, 1):
                    cluster.start_agent(f"a{i}", f"s/g{i}", path.address)
                for i in range(1, 4):
                    eventually(lambda i=i: cluster.ready(f"s/g{i}"), f"s/g{i} is ready")
                submitted = []
                for i in range(12):
                    client = self.submit_through(cluster, network, f"lossy-{i}")
                    if i in (2, 7):  # amid starts and ends
                        for path in paths:
                            path.cut(UP, DOWN)
                            path.reset()
                            path.heal()
                    out, error = client.communicate(timeout=live_cluster.PATIENCE_S)
                    self.assertEqual(client.returncode, 0, error)
                    submitted += [int(job) for job in json.loads(out)["job_ids"]]
                eventually(lambda: all(cluster.job(job)["state"] == "SUCCEEDED" for job in submitted), "all have succeeded")
                self.assertEqual(sorted(job["spec"]["name"] for job in cluster.jobs()),
                                 sorted(f"lossy-{i}" for i in range(12)))
                self.assertEqual([cluster.job(job)["attempt"] for job in submitted], [1] * 12)

    def submit_through(self, cluster, network, name):
        """Begins a submit whose answer cannot come back, waits until it was carried out, and breaks the connection."""
        network.cut_answer_to("JobService/Submit")
        known = len(cluster.jobs())
        file = cluster.job_file(training_yaml(name, run_ms=200))
        client = subprocess.Popen(cluster.command("-o", "json", "submit", file, address=network.address),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually(lambda: len(cluster.jobs()) > known or client.poll() is not None, f"{name} is submitted")
        network.reset()
        network.heal()
        return client


if __name__ == "__main__":
    unittest.main()
