#!/usr/bin/python3
"""Sends the held-back digits to a server of serve.py and prints how many it knew, as JSON: {"accuracy": A, "pictures": N}.

classify.py URL [--min ACCURACY] [--wait SECONDS]; exit status 1 below the minimum, or when the server does not answer in time.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

import digits

PICTURES_AT_ONCE = 40


def wait_until_healthy(url, seconds):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url + "/healthz", timeout=10) as answer:
                return json.load(answer)
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"server \"{url}\": does not answer: {error}") from None
            time.sleep(0.1)


def classify(url, pictures):
    body = json.dumps({"pixels": pictures.tolist()}).encode()
    request = urllib.request.Request(url + "/classify", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["digits"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="for example http://127.0.0.1:8080")
    parser.add_argument("--min", type=float, default=0.0, help="the least share of right answers")
    parser.add_argument("--wait", type=float, default=30.0, help="seconds until the server must answer")
    options = parser.parse_args()
    url = options.url.rstrip("/")
    health = wait_until_healthy(url, options.wait)
    _, _, pixels, labels = digits.split()
    known = 0
    for start in range(0, len(labels), PICTURES_AT_ONCE):
        answers = classify(url, pixels[start:start + PICTURES_AT_ONCE] * 16.0)
        known += sum(int(answer == label) for answer, label in zip(answers, labels[start:start + PICTURES_AT_ONCE]))
    accuracy = known / len(labels)
    print(json.dumps({"accuracy": accuracy, "pictures": len(labels), "step": health["step"]}))
    return 0 if accuracy >= options.min else 1


if __name__ == "__main__":
    sys.exit(main())
