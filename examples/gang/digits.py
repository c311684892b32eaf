"""The data and the model of the example: handwritten digits and a small neural network, in plain NumPy.

Everything is deterministic: the same split and the same first weights on every rank, so that ranks differ only in the part of a
batch that they work on.
"""

import json
import os
import tempfile

import numpy as np
from sklearn.datasets import load_digits

HIDDEN = 64
CLASSES = 10
PIXELS = 64
HELD_BACK = 360  # of 1,797 pictures; never seen in training


def split():
    """(training pixels, training digits, held-back pixels, held-back digits)."""
    digits = load_digits()
    order = np.random.default_rng(20231).permutation(len(digits.target))
    pixels = normalise(digits.data[order])
    labels = digits.target[order]
    return pixels[HELD_BACK:], labels[HELD_BACK:], pixels[:HELD_BACK], labels[:HELD_BACK]


def normalise(pixels):
    return np.asarray(pixels, dtype=np.float64) / 16.0


class Network:
    """64 pixels -> HIDDEN -> 10 digits; parameters and gradients as one flat vector, for sums over ranks and checkpoints."""

    SHAPES = [(PIXELS, HIDDEN), (HIDDEN,), (HIDDEN, CLASSES), (CLASSES,)]

    def __init__(self, parameters=None):
        if parameters is None:
            random = np.random.default_rng(7)
            parameters = np.concatenate([
                random.normal(0.0, np.sqrt(2.0 / shape[0]), shape).ravel() if len(shape) == 2 else np.zeros(shape)
                for shape in self.SHAPES
            ])
        expected = sum(int(np.prod(shape)) for shape in self.SHAPES)
        if parameters.shape != (expected,):
            raise ValueError(f"network: has {expected} parameters, found {parameters.shape}")
        self.parameters = parameters

    def _parts(self):
        parts, start = [], 0
        for shape in self.SHAPES:
            size = int(np.prod(shape))
            parts.append(self.parameters[start:start + size].reshape(shape))
            start += size
        return parts

    def _forward(self, pixels):
        w1, b1, w2, b2 = self._parts()
        hidden = np.maximum(pixels @ w1 + b1, 0.0)
        scores = hidden @ w2 + b2
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, scores / scores.sum(axis=1, keepdims=True)

    def classify(self, pixels):
        return self._forward(pixels)[1].argmax(axis=1)

    def gradient_sum(self, pixels, labels):
        """Gradient of the cross-entropy, summed over the pictures: sums of ranks add up, means would not."""
        w2 = self._parts()[2]
        hidden, error = self._forward(pixels)
        error[np.arange(len(labels)), labels] -= 1.0
        back = (error @ w2.T) * (hidden > 0.0)
        return np.concatenate([(pixels.T @ back).ravel(), back.sum(axis=0), (hidden.T @ error).ravel(), error.sum(axis=0)])


def replace_file(path, write):
    """Calls write(file) on a neighbour of `path`, syncs it and renames it over: a crash leaves the old content or the new."""
    directory = os.path.dirname(path) or "."
    descriptor, neighbour = tempfile.mkstemp(dir=directory, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(neighbour, 0o644)
        os.replace(neighbour, path)
    except BaseException:
        os.unlink(neighbour)
        raise


def write_json(path, value):
    replace_file(path, lambda file: file.write((json.dumps(value) + "\n").encode()))


def save_checkpoint(path, network, velocity, step):
    replace_file(path, lambda file: np.savez(file, parameters=network.parameters, velocity=velocity, step=np.int64(step)))


def load_checkpoint(path):
    """(network, velocity, step), or None where there is none yet."""
    if not os.path.exists(path):
        return None
    with np.load(path) as saved:
        return Network(saved["parameters"]), saved["velocity"], int(saved["step"])
