#!/usr/bin/env python3
"""Very many streams, and very slow ones. The scheduler pays a bounded price for each, refuses what is above its limits in words, and
answers everybody else meanwhile.
"""
import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent),
                str(pathlib.Path(__file__).resolve().parents[1] / "integration/support")]
import live_cluster  # noqa: E402
from idle_streams import Connection, Crowd  # noqa: E402
from live_cluster import eventually, training_yaml  # noqa: E402

IDLE_AGENTS = 10_000
SESSIONS_MAX = 20_000          # kSessionsMax of scheduler/rpc/bounds/limits.h
WATCHES_PER_PRINCIPAL = 256    # kStreamsPerPrincipalMax
CHANGES_KEPT = 65_536          # kChangesKept
RESOURCE_EXHAUSTED = 8
# A site of 10,000 agents costs 1 GiB at this price; docs/sizing.md asks for 16 GiB there.
BYTES_PER_STREAM_MAX = 100 << 10
JOBS_PER_SUBMIT = 10_000
RESYNC = b"\x08\x02"           # WatchResponse{kind: RESYNC} begins so


class IdleStreamsTest(unittest.TestCase):
    """Agents that connected and say nothing."""

    def test_ten_thousand_idle_streams_cost_little_and_disturb_nobody(self):
        if live_cluster.raise_descriptor_limit() < IDLE_AGENTS + 500:
            self.skipTest("this machine allows a process fewer descriptors than there are streams here; raise `ulimit -Hn`")
        with live_cluster.Cluster(live_cluster.site_yaml(servers=1)) as cluster, Crowd() as crowd:
            cluster.start_scheduler()
            cluster.start_agent("agent", "s/g1")
            eventually(lambda: cluster.ready("s/g1"), "s/g1 is ready")
            pid = cluster.scheduler.pid
            memory, open_before = live_cluster.resident_bytes(pid), live_cluster.descriptors(pid)

            for _ in range(IDLE_AGENTS):
                crowd.connect(str(cluster.path("socket"))).open("AgentService/Session")
            self.wait_for_sessions(cluster, IDLE_AGENTS + 1)
            each = (live_cluster.resident_bytes(pid) - memory) / IDLE_AGENTS
            print(f"{IDLE_AGENTS} connections with an idle session each: {each / 1024:.1f} KiB of the scheduler's memory a stream")
            self.assertLess(each, BYTES_PER_STREAM_MAX)
            self.assert_answers(cluster, "among-10000")

            self.fill_to_the_limit(cluster, crowd)
            self.assert_answers(cluster, "among-20000")

            crowd.leave()
            self.wait_for_sessions(cluster, 1)
            eventually(lambda: live_cluster.descriptors(pid) < open_before + 20, "the descriptors are given back")
            self.assert_answers(cluster, "alone-again")
            self.assertEqual(cluster.events("LeaseExpired"), [], "the one agent that speaks was heard all the time")

    def wait_for_sessions(self, cluster, number):
        eventually(lambda: cluster.metric("switchyard_agent_sessions") == number, f"{number} sessions are open")

    def fill_to_the_limit(self, cluster, crowd):
        """As many streams again on connections that are there; those above the limit are refused, and only those."""
        pid = cluster.scheduler.pid
        memory = live_cluster.resident_bytes(pid)
        room, beyond = SESSIONS_MAX - IDLE_AGENTS - 1, 50
        few = list(crowd.connections.values())[:10]
        for number in range(room + beyond):
            few[number % len(few)].open("AgentService/Session")
        refused = lambda: [status for connection in few for status in connection.statuses.values()]  # noqa: E731
        eventually(lambda: len(refused()) == beyond, f"{beyond} are refused")
        self.wait_for_sessions(cluster, SESSIONS_MAX)
        self.assertEqual(set(refused()), {RESOURCE_EXHAUSTED})
        each = (live_cluster.resident_bytes(pid) - memory) / room
        print(f"{room} more on 10 of these connections: {each / 1024:.1f} KiB a stream")
        self.assertLess(each, BYTES_PER_STREAM_MAX)

    def assert_answers(self, cluster, name):
        job, = cluster.submit(training_yaml(name, run_ms=100))
        eventually(lambda: cluster.job(job)["state"] == "SUCCEEDED", f"{name} runs to its end")


class WatchersTest(unittest.TestCase):
    """People's streams."""

    def test_one_principal_cannot_take_all_watches(self):
        with live_cluster.Cluster(live_cluster.site_yaml(servers=1)) as cluster, Crowd() as crowd:
            cluster.start_scheduler()
            connection = crowd.connect(str(cluster.path("socket")))
            for _ in range(WATCHES_PER_PRINCIPAL + 1):
                connection.open("JobService/Watch", b"")
            eventually(lambda: connection.statuses, "one is refused")
            self.assertEqual(list(connection.statuses.values()), [RESOURCE_EXHAUSTED])
            self.assertEqual(cluster.cli("jobs").returncode, 0, "calls are no streams")

    def test_a_watcher_that_reads_a_byte_a_second_holds_nobody_up_and_is_told_to_resync(self):
        with live_cluster.Cluster(live_cluster.site_yaml(servers=1)) as cluster:
            cluster.start_scheduler()
            slow = Connection(str(cluster.path("socket")))
            self.addCleanup(slow.close)
            slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.open("JobService/Watch", b"")
            enough = threading.Event()
            reader = threading.Thread(target=self.read_slowly, args=(slow, enough))
            reader.start()
            try:
                self.change_more_than_is_kept(cluster)
                self.assertEqual(slow.statuses, {}, "the stream waits for its reader")
            finally:
                enough.set()
                reader.join()
            # What was under way when it stopped reading, then the word that it has missed something, and a good end.
            eventually(lambda: slow.read() or slow.statuses, "its stream ends")
            self.assertEqual(list(slow.statuses.values()), [0])
            self.assertTrue(slow.last_message().startswith(RESYNC), slow.last_message())

    @staticmethod
    def read_slowly(connection, enough):
        while not enough.wait(1):
            connection.read(1)

    def change_more_than_is_kept(self, cluster):
        """Each job changes twice: it is submitted, it is cancelled. Every call is answered."""
        many = "---\n".join(["kind: training\nname: waits\ntenant: research\ncommand: [/bin/true]\nresources: {gpus: 1}\n"] * JOBS_PER_SUBMIT)
        changed, began = 0, time.monotonic()
        while changed <= CHANGES_KEPT + JOBS_PER_SUBMIT:
            jobs = cluster.submit(many)
            self.assertEqual(cluster.cli("cancel", *jobs).returncode, 0)
            changed += 2 * len(jobs)
        print(f"{changed} changes while nobody reads, in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    unittest.main()
