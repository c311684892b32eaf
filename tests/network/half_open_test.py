#!/usr/bin/env python3
"""Peers that vanish without a word: no byte comes any more and no end either, and what is sent seems to arrive. Only an answer that
stays away tells, so each side asks for one (keepalive): the agent soon enough to come back before its lease ends, the scheduler so
that what is left of the dead does not pile up.
"""
import pathlib
import sys
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent),
                str(pathlib.Path(__file__).resolve().parents[1] / "integration/support")]
import live_cluster  # noqa: E402
from live_cluster import eventually, training_yaml  # noqa: E402
from proxy import Proxy  # noqa: E402

RACK_RESTS_MW = 1_000_000


class HalfOpenTest(unittest.TestCase):
    """With the lease that sites have, and both losses at a time: what is waited for is the keepalive of the programs."""

    def test_an_agent_redials_within_its_lease_and_a_dead_ones_stream_is_closed(self):
        site = live_cluster.site_yaml(racks=1, servers=1, timing="lease: 30s, heartbeat: 1s")
        with live_cluster.Cluster(site) as cluster:
            cluster.start_scheduler()
            with Proxy(cluster.tcp()) as network, Proxy(cluster.tcp()) as other:
                cluster.start_agent("rack", "s/r1", network.address)
                cluster.start_agent("server", "s/g1", other.address)
                for node in ("s/r1", "s/g1"):
                    eventually(lambda node=node: cluster.ready(node), f"{node} is ready")
                cluster.submit(live_cluster.HASHING)
                job, = cluster.submit(training_yaml("runs"))
                eventually(lambda: cluster.job(job)["state"] == "RUNNING", "the job runs")
                eventually(lambda: cluster.draw_mw("rack", "s/r1") > RACK_RESTS_MW, "the rack hashes")
                self.assertEqual(cluster.metric("switchyard_agent_sessions"), 2)

                with live_cluster.WattsWitness(cluster) as witness:
                    network.forget()
                    other.forget()
                    # The server's agent dies, and the path says nothing of it. The next one is the same agent: it takes over at
                    # once, while the scheduler still believes in the stream of the dead.
                    cluster.kill_agent("server")
                    before = cluster.path("server.log").stat().st_size
                    cluster.restart_agent("server")
                    eventually(lambda: b"scheduler-reached" in cluster.path("server.log").read_bytes()[before:],
                               "the next agent is welcome")
                    self.assertGreater(cluster.metric("switchyard_agent_sessions"), 2)
                    self.assertEqual(cluster.job(job)["attempt"], 1)

                    # The rack's agent finds out by itself.
                    eventually(lambda: len(self.sessions(cluster)) == 2, "the rack's agent has dialled anew")
                    eventually(lambda: cluster.metric("switchyard_agent_sessions") == 2, "the streams of the dead are closed")
                    eventually(lambda: cluster.ready("s/r1") and cluster.ready("s/g1"), "both are ready")

                self.assertEqual(witness.excesses(["rack"]), [])
                self.assertEqual(cluster.events("LeaseExpired"), [])
                low = [draw for _, node, group, draw in self.draws_once_hashing(cluster) if group == "asic" and draw < 1_000_000]
                self.assertEqual(low, [], "the rack never fell back")
                self.assertEqual((cluster.job(job)["state"], cluster.job(job)["attempt"]), ("RUNNING", 1))

    @staticmethod
    def sessions(cluster):
        log = cluster.path("rack.log").read_text(encoding="utf-8")
        return [line for line in log.splitlines() if "scheduler-reached" in line]

    @staticmethod
    def draws_once_hashing(cluster):
        """The rack's draws from the first moment at which it hashed in full."""
        lines = cluster.draw_lines("rack")
        first = next(i for i, (_, _, group, draw) in enumerate(lines) if group == "asic" and draw > 8_000_000)
        return lines[first:]


if __name__ == "__main__":
    unittest.main()
