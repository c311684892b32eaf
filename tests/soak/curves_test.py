#!/usr/bin/env python3
"""Proves that the soak sees what grows and lets noise pass."""
import math
import pathlib
import random
import sys
import tempfile
import types
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from curves import draw, fit, growth  # noqa: E402

HALF_HOUR = range(0, 1800, 10)


class CurvesTest(unittest.TestCase):
    """Curves in MiB; 32 an hour may be."""

    def curve(self, hourly, noise):
        source = random.Random(1)
        return [(second, 300 + hourly * second / 3600 + source.gauss(0, noise)) for second in HALF_HOUR]

    def test_a_leak_is_seen_through_noise(self):
        self.assertTrue(growth(self.curve(50, 3), 32).grows)

    def test_noise_and_what_is_allowed_pass(self):
        self.assertFalse(growth(self.curve(0, 20), 32).grows)
        self.assertFalse(growth(self.curve(20, 3), 32).grows)
        self.assertFalse(growth(self.curve(-100, 3), 32).grows, "what shrinks does not grow")

    def test_the_slope_is_the_slope(self):
        found = growth(self.curve(50, 0), 32)
        self.assertAlmostEqual(found.hourly, 50, places=6)
        self.assertAlmostEqual(found.doubt, 0, places=6)

    def test_two_points_prove_nothing(self):
        self.assertEqual(fit([(0, 1), (10, 1000)]), (0.0, math.inf))
        self.assertEqual(fit([(5, 1), (5, 2), (5, 3)]), (0.0, math.inf))

    def test_the_picture_has_a_line_for_each_life(self):
        rows = [types.SimpleNamespace(seconds=second, process="scheduler", life=second // 100, memory=10.0, descriptors=5, threads=3,
                                      files=None) for second in range(0, 200, 10)]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "curves.svg")
            draw(path, rows)
            lines = xml.etree.ElementTree.parse(path).getroot().findall("{http://www.w3.org/2000/svg}polyline")
        self.assertEqual(len(lines), 3 * 2, "and none for what was not counted")


if __name__ == "__main__":
    unittest.main()
