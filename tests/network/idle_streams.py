"""Thousands of gRPC calls that are opened and left alone, by the bytes of HTTP/2: what a client library would cost for each would
hide what the scheduler pays. Answers settings and pings as every peer must; reads no more than that.
"""
import select
import socket
import struct
import threading

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4
_HEADER_TABLE_SIZE = 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# Without a table of headers the peer writes each in plain, so that a status can be read without decoding them all.
_HELLO = _PREFACE + frame(_SETTINGS, 0, 0, struct.pack(">HI", _HEADER_TABLE_SIZE, 0))


def _request_headers(stream, method, end=False):
    pairs = ((":method", "POST"), (":scheme", "http"), (":path", f"/switchyard.v1.{method}"), (":authority", "localhost"),
             ("content-type", "application/grpc"), ("te", "trailers"))
    block = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode() for name, value in pairs)
    return frame(_HEADERS, _END_HEADERS | (_END_STREAM if end else 0), stream, block)


def grpc_message(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class Connection:
    """One HTTP/2 connection. `statuses` holds the status of each call that ended, by its number on the wire."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.sendall(_HELLO)
        self.statuses = {}
        self.bytes = b""  # of the calls' messages, as they came
        self.ended = False
        self._next = 1
        self._unread = b""

    def open(self, method, request=None):
        """Opens a call and returns its number. With a request it is complete; without, it may still say something."""
        stream, self._next = self._next, self._next + 2
        if request is None:
            self.socket.sendall(_request_headers(stream, method))
        else:
            self.socket.sendall(_request_headers(stream, method) + frame(_DATA, _END_STREAM, stream, grpc_message(request)))
        return stream

    def read(self, most=64 << 10):
        """Takes what has arrived, at most so many bytes, and answers what must be answered."""
        data = self.socket.recv(most)
        if not data:
            self.ended = True
            return
        self._unread += data
        while len(self._unread) >= 9:
            length = int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < 9 + length:
                return
            kind, flags, stream = struct.unpack(">BBI", self._unread[3:9])
            payload, self._unread = self._unread[9:9 + length], self._unread[9 + length:]
            self._take(kind, flags, stream, payload)

    def _take(self, kind, flags, stream, payload):
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            self.socket.sendall(frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind == _HEADERS:
            at = payload.find(b"grpc-status")
            if at >= 0:
                length = payload[at + 11]
                self.statuses[stream] = int(payload[at + 12:at + 12 + length])
        elif kind == _DATA:
            self.bytes += payload
            if payload:  # the windows of the call and of the connection
                more = struct.pack(">I", len(payload))
                self.socket.sendall(frame(_WINDOW_UPDATE, 0, stream, more) + frame(_WINDOW_UPDATE, 0, 0, more))
        elif kind == _GOAWAY:
            self.ended = True

    def last_message(self):
        """The last whole message. REQUIRES: there is one call on this connection."""
        at, last = 0, None
        while len(self.bytes) >= at + 5:
            end = at + 5 + struct.unpack(">I", self.bytes[at + 1:at + 5])[0]
            if len(self.bytes) < end:
                break
            last, at = self.bytes[at + 5:end], end
        return last

    def close(self):
        self.socket.close()


class Crowd:
    """Many connections, kept alive by one thread."""

    def __init__(self):
        self.connections = {}
        self._epoll = select.epoll()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.leave()
        self._stop.set()
        self._thread.join()
        self._epoll.close()

    def connect(self, path):
        """One more; calls on it are opened by whoever asks."""
        connection = Connection(path)
        self.connections[connection.socket.fileno()] = connection
        self._epoll.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def leave(self):
        """All go at once."""
        for descriptor, connection in list(self.connections.items()):
            self._epoll.unregister(descriptor)
            connection.close()
        self.connections.clear()

    def _run(self):
        while not self._stop.is_set():
            for descriptor, _ in self._epoll.poll(0.2):
                connection = self.connections.get(descriptor)
                try:
                    if connection is not None:
                        connection.read()
                        if connection.ended:
                            self._epoll.unregister(descriptor)
                except OSError:
                    continue  # it was closed meanwhile
