#!/usr/bin/python3
"""Serves a trained checkpoint over HTTP; a task of a Switchyard inference job.

POST /classify with {"pixels": [64 numbers of 0..16]} (or a list of such lists) answers {"digits": [...], "step": N}; GET /healthz
answers ok. Listens on 127.0.0.1 (SERVE_HOST) at the first of SWITCHYARD_PORTS. The checkpoint: SERVE_CHECKPOINT, else digits.npz in
SWITCHYARD_CHECKPOINT_DIR.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import digits

BODY_BYTES_MAX = 1 << 20
PICTURES_MAX = 1000


class Handler(BaseHTTPRequestHandler):
    network = None
    step = 0
    timeout = 30  # of an idle connection

    def do_GET(self):
        if self.path == "/healthz":
            self.answer(200, {"status": "ok", "step": self.step})
        else:
            self.answer(404, {"error": f"path \"{self.path}\": is not served here; use POST /classify or GET /healthz"})

    def do_POST(self):
        if self.path != "/classify":
            return self.answer(404, {"error": f"path \"{self.path}\": is not served here; use POST /classify or GET /healthz"})
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            return self.answer(411, {"error": "the request has no Content-Length; send one"})
        if not 0 <= length <= BODY_BYTES_MAX:
            return self.answer(413, {"error": f"the body has {length} bytes, at most {BODY_BYTES_MAX} are allowed"})
        try:
            pixels = np.atleast_2d(np.asarray(json.loads(self.rfile.read(length))["pixels"], dtype=np.float64))
            if pixels.ndim != 2 or pixels.shape[1] != digits.PIXELS or len(pixels) > PICTURES_MAX:
                raise ValueError(f"found a shape of {pixels.shape}")
            if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 16:
                raise ValueError("found a number beyond 0..16")
        except (ValueError, KeyError, TypeError) as error:
            return self.answer(400, {"error": f"pixels: {error}; send at most {PICTURES_MAX} lists of 64 numbers of 0..16"})
        answer = self.network.classify(digits.normalise(pixels))
        return self.answer(200, {"digits": [int(digit) for digit in answer], "step": self.step})

    def answer(self, code, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, text, *arguments):
        print(f"{self.address_string()} {text % arguments}", flush=True)


def main():
    path = os.environ.get("SERVE_CHECKPOINT") or os.path.join(os.environ.get("SWITCHYARD_CHECKPOINT_DIR", "."), "digits.npz")
    saved = digits.load_checkpoint(path)
    if saved is None:
        print(f"checkpoint \"{path}\": is not there; train first or name another with SERVE_CHECKPOINT", file=sys.stderr)
        return 1
    Handler.network, _, Handler.step = saved
    port = int(os.environ.get("SWITCHYARD_PORTS", "8080").split(",")[0])
    server = ThreadingHTTPServer((os.environ.get("SERVE_HOST", "127.0.0.1"), port), Handler)

    def end(*_):
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    print(f"serving step {Handler.step} of {path} on port {server.server_port}", flush=True)
    try:
        server.serve_forever()
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
