"""The training gang and its server as real processes: stop and resume, a lost member, and the accuracy of what is served."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples" / "gang"
PYTHON = "/usr/bin/python3"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class GangTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
        self.folder.cleanup()

    def start(self, program, **environment):
        process = subprocess.Popen([PYTHON, str(EXAMPLE / program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={"PATH": "/usr/bin:/bin", **environment}, cwd=self.root)
        self.processes.append(process)
        return process

    def start_gang(self, attempt, **environment):
        gang = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
        ranks = []
        for rank in range(2):
            # A checkpoint directory of its own for each rank, as on two nodes that share nothing.
            checkpoints = self.root / f"node-{rank}"
            checkpoints.mkdir(exist_ok=True)
            ranks.append(self.start("train.py", SWITCHYARD_RANK=str(rank), SWITCHYARD_WORLD_SIZE="2", SWITCHYARD_GANG=gang,
                                    SWITCHYARD_ATTEMPT=str(attempt), SWITCHYARD_CHECKPOINT_DIR=str(checkpoints),
                                    SWITCHYARD_RESULT_FILE=str(self.root / "result-{rank}.json"), **environment))
        return ranks

    @staticmethod
    def read_until(process, word):
        """Every line up to the one with `word`; the test's own time limit ends a wait in vain."""
        lines = []
        for line in process.stdout:
            lines.append(line)
            if word in line:
                return lines
        raise AssertionError(f"no line with {word!r}: {lines}")

    def result(self, rank):
        return json.loads((self.root / f"result-{rank}.json").read_text())

    def test_stopped_gang_resumes_from_its_checkpoint_and_what_it_learned_is_served(self):
        ranks = self.start_gang(1, TRAIN_EPOCHS="100000", TRAIN_CHECKPOINT_EPOCHS="1")
        self.read_until(ranks[0], "accuracy")
        ranks[1].send_signal(signal.SIGTERM)  # any member's stop is the stop of all
        stopped = int(re.search(r"stopped at step (\d+)", self.read_until(ranks[0], "stopped")[-1]).group(1))
        self.assertEqual([rank.wait() for rank in ranks], [143, 143])
        self.assertFalse((self.root / "result-0.json").exists())

        # At least 60 epochs of 22 steps, and more than the first attempt made.
        epochs = max(60, stopped // 22 + 2)
        ranks = self.start_gang(2, TRAIN_EPOCHS=str(epochs))
        for rank in ranks:
            self.read_until(rank, "done")
        self.assertEqual([rank.wait() for rank in ranks], [0, 0])
        results = [self.result(rank) for rank in range(2)]
        self.assertEqual([one["resumed_from"] for one in results], [stopped, stopped])
        self.assertEqual(results[0]["accuracy"], results[1]["accuracy"])
        self.assertEqual(results[0]["steps"], epochs * 22)
        self.assertGreaterEqual(results[0]["accuracy"], 0.95)
        self.serve_and_classify(results[0])

    def serve_and_classify(self, result):
        port = free_ports(1)[0]
        server = self.start("serve.py", SWITCHYARD_PORTS=f"{port},1", SWITCHYARD_CHECKPOINT_DIR=str(self.root / "node-0"))
        url = f"http://127.0.0.1:{port}"
        client = subprocess.run([PYTHON, str(EXAMPLE / "classify.py"), url, "--min", "0.95"], capture_output=True, text=True, check=True)
        self.assertEqual(json.loads(client.stdout), {"accuracy": result["accuracy"], "pictures": 360, "step": result["steps"]})
        for body in (b"no json", b"{}", b'{"pixels": [1, 2]}', b'{"pixels": [' + b"17," * 63 + b"0]}"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(url + "/classify", data=body), timeout=30)
            self.assertEqual(refused.exception.code, 400)
            self.assertIn("64 numbers", json.load(refused.exception)["error"])
            refused.exception.close()
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)

    def test_loss_of_a_member_ends_the_others_with_an_error(self):
        for lost, left in ((0, 1), (1, 0)):
            ranks = self.start_gang(1, TRAIN_EPOCHS="100000")
            self.read_until(ranks[0], "accuracy")
            ranks[lost].kill()
            self.assertEqual(ranks[left].wait(), 1, f"rank {lost} was killed")

    def test_member_of_another_attempt_is_not_let_in(self):
        gang = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
        common = {"SWITCHYARD_WORLD_SIZE": "2", "SWITCHYARD_GANG": gang, "SWITCHYARD_CHECKPOINT_DIR": str(self.root),
                  "TRAIN_EPOCHS": "1", "GANG_CONNECT_SECONDS": "3"}
        leader = self.start("train.py", SWITCHYARD_RANK="0", SWITCHYARD_ATTEMPT="2", **common)
        late = self.start("train.py", SWITCHYARD_RANK="1", SWITCHYARD_ATTEMPT="1", **common)
        self.assertEqual(late.wait(), 1)
        self.assertEqual(leader.wait(), 1)

    def test_server_without_a_checkpoint_says_so(self):
        server = self.start("serve.py", SWITCHYARD_PORTS="1", SWITCHYARD_CHECKPOINT_DIR=str(self.root))
        self.assertIn("train first", self.read_until(server, "checkpoint")[-1])
        self.assertEqual(server.wait(), 1)


if __name__ == "__main__":
    unittest.main()
