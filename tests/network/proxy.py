"""A network that can be broken: a TCP proxy between an agent (or a client) and the scheduler, on a thread of its own.

What TCP makes of a bad network is what programs see, so that is what it does: bytes are never lost or swapped within a connection;
they are late, they stand still, or the connection ends in one of the ways in which connections end.
"""
import asyncio
import socket
import struct
import threading

UP = "up"  # towards the scheduler
DOWN = "down"

_CHUNK = 64 << 10


class _Connection:
    """One accepted connection and the one to the scheduler that belongs to it."""

    def __init__(self, proxy, reader, writer):
        self._proxy = proxy
        self._client = (reader, writer)
        self._server = None
        self.forgotten = False

    async def run(self, host, port):
        try:
            self._server = await asyncio.open_connection(host, port)
            await asyncio.gather(self._pump(UP, self._client[0], self._server[1]),
                                 self._pump(DOWN, self._server[0], self._client[1]))
        except OSError:
            if not self.forgotten:
                self.abort()
            return
        except asyncio.CancelledError:
            return  # the proxy ends
        if not self.forgotten:
            for _, writer in (self._client, self._server):
                writer.close()

    async def _pump(self, direction, reader, writer):
        while True:
            data = await reader.read(_CHUNK)
            if direction == UP:
                self._proxy.look_for_marker(data)
            if self._proxy.latency > 0:
                await asyncio.sleep(self._proxy.latency)
            await self._proxy.open[direction].wait()
            if self.forgotten:
                if not data:
                    return  # its end is not told to the other side
                continue
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    def abort(self):
        """Both ends hear a reset."""
        for _, writer in filter(None, (self._client, self._server)):
            raw = writer.get_extra_info("socket")
            if raw is not None and raw.fileno() >= 0:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """Listens on a port of loopback and passes everything on to the scheduler. Faults hold until heal(). Thread-safe."""

    def __init__(self, scheduler):
        self._scheduler = scheduler  # (host, port)
        self._connections = set()
        self.latency = 0.0
        self.marker = None  # what, on its way up, cuts the way down
        self.open = {}
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(self._abort_all)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    # ---- faults ----

    def delay(self, seconds):
        """Whatever is sent arrives so much later, in both directions."""
        self._do(lambda: setattr(self, "latency", seconds))

    def cut(self, *directions):
        """Nothing passes in these directions. TCP sends again: what was sent meanwhile arrives when it heals, late."""
        self._do(lambda: [self.open[direction].clear() for direction in directions])

    def cut_answer_to(self, call):
        """The next request of this method ("JobService/Submit") arrives; its answer does not, nor anything else from then on. (The
        name of a method stands in its request as it is.)"""
        self._do(lambda: setattr(self, "marker", call.encode()))

    def heal(self):
        """Everything passes; first what waited."""
        self._do(lambda: (setattr(self, "latency", 0.0), [gate.set() for gate in self.open.values()]))

    def reset(self):
        """Every connection ends at once, at both ends; what was under way is lost."""
        self._do(self._abort_all)

    def forget(self):
        """Half-open: the connections that are there now are forgotten by the path. Neither end hears anything of the other any
        more, no byte and no end, and what it sends is acknowledged by the path itself, so that only an answer that does not come
        can tell. New connections pass."""
        self._do(lambda: [setattr(connection, "forgotten", True) for connection in self._connections])

    @property
    def address(self):
        return f"127.0.0.1:{self._port}"

    # ---- the loop's thread ----

    def _do(self, function):
        done = threading.Event()

        def run():
            try:
                function()
            finally:
                done.set()
        self._loop.call_soon_threadsafe(run)
        done.wait()

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        self.open = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        for gate in self.open.values():
            gate.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _accept(self, reader, writer):
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        await connection.run(*self._scheduler)
        if not connection.forgotten:
            self._connections.discard(connection)

    def look_for_marker(self, data):
        if self.marker is not None and self.marker in data:
            self.marker = None
            self.open[DOWN].clear()

    def _abort_all(self):
        for connection in list(self._connections):
            connection.abort()
        self._connections.clear()
