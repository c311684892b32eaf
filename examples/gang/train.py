#!/usr/bin/python3
"""Trains a classifier of handwritten digits on one or more ranks; a task of a Switchyard training job runs one of them.

From the environment: the SWITCHYARD_ variables of the agent; SWITCHYARD_RESULT_FILE, where to write the result as JSON ("{rank}" in it
is replaced); TRAIN_EPOCHS (default 60, passes over the data in all, earlier attempts included); TRAIN_CHECKPOINT_EPOCHS (default 2);
TRAIN_WORK (default 1): each gradient is computed so many times, to make a run longer by honest work.

Rank 0 keeps the checkpoint in SWITCHYARD_CHECKPOINT_DIR, written whole or not at all. On SIGTERM every rank finishes the step that it
is in, rank 0 saves, and all exit with 143. Exit status 1: a peer was lost. The next attempt goes on from the last checkpoint.
"""

import os
import signal
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a rank has the cores that it was given, not all of the machine

import numpy as np

import digits
import gang

BATCH = 64
RATE = 0.05
MOMENTUM = 0.9
STOPPED = 143
LOST = 1


class Trainer:
    def __init__(self, members):
        self.members = members
        self.pixels, self.labels, self.held_pixels, self.held_labels = digits.split()
        self.steps_per_epoch = len(self.labels) // BATCH
        self.checkpoint = os.path.join(os.environ.get("SWITCHYARD_CHECKPOINT_DIR", "."), "digits.npz")
        self.network, self.velocity, self.step = digits.Network(), None, 0
        self.velocity = np.zeros_like(self.network.parameters)
        self.resume()
        self.resumed_from = self.step

    def resume(self):
        """Every rank starts from what rank 0 has: only its checkpoint counts, whatever lies on the others' nodes."""
        size = len(self.network.parameters)
        state = np.zeros(2 * size + 1)
        if self.members.rank == 0:
            saved = digits.load_checkpoint(self.checkpoint)
            if saved is not None:
                self.network, self.velocity, self.step = saved
            state = np.concatenate([self.network.parameters, self.velocity, [float(self.step)]])
        state = self.members.sum(state)
        self.network = digits.Network(state[:size].copy())
        self.velocity, self.step = state[size:2 * size].copy(), int(state[-1])

    def batch(self):
        """This rank's part of the step's batch; the order depends on the step alone, so a resumed run sees the same batches."""
        epoch, index = divmod(self.step, self.steps_per_epoch)
        order = np.random.default_rng(1000 + epoch).permutation(len(self.labels))
        return order[index * BATCH:(index + 1) * BATCH][self.members.rank::self.members.size]

    def train_step(self, stop_wanted, work):
        """One step; returns whether any member wants to stop, which all learn in the same exchange and so in the same step."""
        part = self.batch()
        for _ in range(work):
            gradient = self.network.gradient_sum(self.pixels[part], self.labels[part])
        message = self.members.sum(np.append(gradient, float(stop_wanted)))
        self.velocity = MOMENTUM * self.velocity - RATE * message[:-1] / BATCH
        self.network.parameters = self.network.parameters + self.velocity
        self.step += 1
        return message[-1] > 0.0

    def save(self):
        if self.members.rank == 0:
            digits.save_checkpoint(self.checkpoint, self.network, self.velocity, self.step)

    def accuracy(self):
        return float((self.network.classify(self.held_pixels) == self.held_labels).mean())

    def result(self):
        return {
            "rank": self.members.rank,
            "world_size": self.members.size,
            "attempt": int(os.environ.get("SWITCHYARD_ATTEMPT", "0")),
            "accuracy": self.accuracy(),
            "held_back": len(self.held_labels),
            "steps": self.step,
            "resumed_from": self.resumed_from,
        }


def main():
    epochs = int(os.environ.get("TRAIN_EPOCHS", "60"))
    every = int(os.environ.get("TRAIN_CHECKPOINT_EPOCHS", "2"))
    work = max(int(os.environ.get("TRAIN_WORK", "1")), 1)
    members = gang.from_environment()
    trainer = Trainer(members)
    stop = []  # until here there was nothing to save, and SIGTERM ended the process as it does any other
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    print(f"rank {members.rank} of {members.size}: from step {trainer.step}", flush=True)
    last = epochs * trainer.steps_per_epoch
    while trainer.step < last:
        if trainer.train_step(bool(stop), work):
            trainer.save()
            print(f"rank {members.rank}: stopped at step {trainer.step}, checkpoint saved", flush=True)
            return STOPPED
        if trainer.step % (every * trainer.steps_per_epoch) == 0:
            trainer.save()
            print(f"rank {members.rank}: step {trainer.step}, accuracy {trainer.accuracy():.4f}", flush=True)
    trainer.save()
    result = trainer.result()
    path = os.environ.get("SWITCHYARD_RESULT_FILE", "")
    if path:
        digits.write_json(path.replace("{rank}", str(members.rank)), result)
    print(f"rank {members.rank}: done, accuracy {result['accuracy']:.4f} after {result['steps']} steps", flush=True)
    # Nobody leaves before rank 0's last checkpoint is on disk.
    members.sum(np.zeros(1))
    members.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except gang.PeerLost as lost:
        print(f"the gang is broken: {lost}", file=sys.stderr, flush=True)
        sys.exit(LOST)
