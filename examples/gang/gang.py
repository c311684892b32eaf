"""The gang's rendezvous: rank 0 listens, the others connect; gradients go to rank 0 and come back as one sum.

A member that dies closes its connections, every other one sees that at its next exchange and ends with an error: the scheduler then
ends the attempt and starts the next one from the checkpoint. Nobody waits for ever: connecting and each exchange have deadlines.
"""

import os
import socket
import struct
import time

import numpy as np

MAGIC = b"SWYGANG1"
EXCHANGE_SECONDS = 120.0  # an exchange takes milliseconds; a peer that is silent for so long is lost


class PeerLost(Exception):
    pass


def read_exactly(connection, size):
    data = bytearray()
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            raise PeerLost("a peer closed its connection")
        data += chunk
    return bytes(data)


class Gang:
    """One member's connections. Addresses are "host:port" in rank order, as in SWITCHYARD_GANG."""

    def __init__(self, rank, addresses, attempt, deadline_seconds):
        self.rank = rank
        self.size = len(addresses)
        self.connections = {}
        host, port = addresses[0].rsplit(":", 1)
        host = host.strip("[]")
        # Members of an earlier attempt that are not quite gone must not be taken for ours.
        self.greeting = MAGIC + struct.pack("!I", attempt)
        deadline = time.monotonic() + deadline_seconds
        if self.size == 1:
            return
        if rank == 0:
            self._listen(host, int(port), deadline)
        else:
            self.connections[0] = self._connect(host, int(port), deadline)

    def _listen(self, host, port, deadline):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(self.size)
            while len(self.connections) < self.size - 1:
                listener.settimeout(max(deadline - time.monotonic(), 0.001))
                try:
                    connection, _ = listener.accept()
                except socket.timeout:
                    missing = sorted(set(range(1, self.size)) - set(self.connections))
                    raise PeerLost(f"ranks {missing} did not connect in time") from None
                self._greet(connection)

    def _greet(self, connection):
        connection.settimeout(EXCHANGE_SECONDS)
        try:
            hello = read_exactly(connection, len(self.greeting) + 4)
        except (OSError, PeerLost):
            connection.close()
            return
        rank = struct.unpack("!I", hello[-4:])[0]
        if hello[:-4] != self.greeting or not 0 < rank < self.size or rank in self.connections:
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connections[rank] = connection

    def _connect(self, host, port, deadline):
        pause = 0.05
        while True:
            try:
                connection = socket.create_connection((host, port), timeout=EXCHANGE_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(self.greeting + struct.pack("!I", self.rank))
                return connection
            except OSError as error:
                if time.monotonic() + pause > deadline:
                    raise PeerLost(f"rank 0 at {host}:{port} does not answer: {error}") from None
                time.sleep(pause)  # rank 0 may start a moment later
                pause = min(2 * pause, 1.0)

    def sum(self, vector):
        """The sum of every member's `vector`, the same bits on every member: added in rank order, by rank 0."""
        try:
            if self.rank == 0:
                total = vector.copy()
                for rank in range(1, self.size):
                    total += np.frombuffer(read_exactly(self.connections[rank], vector.nbytes), dtype=vector.dtype)
                for connection in self.connections.values():
                    connection.sendall(total.tobytes())
                return total
            self.connections[0].sendall(vector.tobytes())
            return np.frombuffer(read_exactly(self.connections[0], vector.nbytes), dtype=vector.dtype).copy()
        except OSError as error:
            raise PeerLost(f"rank {self.rank}: {error or type(error).__name__}") from None

    def close(self):
        for connection in self.connections.values():
            connection.close()


def from_environment():
    rank = int(os.environ.get("SWITCHYARD_RANK", "0"))
    size = int(os.environ.get("SWITCHYARD_WORLD_SIZE", "1"))
    addresses = [address for address in os.environ.get("SWITCHYARD_GANG", "").split(",") if address] or ["127.0.0.1:0"]
    if len(addresses) != size:
        raise SystemExit(f"SWITCHYARD_GANG names {len(addresses)} members, SWITCHYARD_WORLD_SIZE says {size}")
    attempt = int(os.environ.get("SWITCHYARD_ATTEMPT", "0"))
    return Gang(rank, addresses, attempt, float(os.environ.get("GANG_CONNECT_SECONDS", "60")))
