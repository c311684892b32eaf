"""What is drawn is what the figures say."""

import os
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tools/demo"))

import drawing


def point(second, hashing, ai, other=1e9, cap=10e9):
    return {"utc_ms": 1000 * second, "hashing_mw": hashing, "ai_mw": ai, "cpu_mw": 0, "other_mw": other, "cap_mw": cap}


class TextTest(unittest.TestCase):
    def test_every_number_has_its_unit(self):
        self.assertEqual(drawing.power(17.43e9), "17.4 MW")
        self.assertEqual(drawing.power(250e3), "250 W")
        self.assertEqual(drawing.seconds(12), "12 ms")
        self.assertEqual(drawing.seconds(1500), "1.50 s")
        self.assertEqual(drawing.hashes(3.21e9), "3.21 GH")

    def test_columns_are_aligned(self):
        text = drawing.table(("name", "n"), [("a", 5), ("long name", 123)], "lr")
        self.assertEqual(text.splitlines(), ["name         n", "---------  ---", "a            5", "long name  123"])


class TimelineTest(unittest.TestCase):
    def test_shrinking_keeps_the_worst_moment(self):
        timeline = [point(second, 5e9, 0) for second in range(100)]
        timeline[37] = point(37, 8.5e9, 0)
        self.assertIn(timeline[37], drawing.columns_of(timeline, 10))
        self.assertEqual(len(drawing.columns_of(timeline, 10)), 10)
        self.assertEqual(drawing.columns_of([], 10), [])

    def test_the_terminal_shows_hashing_making_way_for_ai_beneath_the_cap(self):
        timeline = [point(0, 8e9, 0), point(1, 4e9, 4e9)]
        picture = drawing.terminal_timeline(timeline, columns=10, rows=10)
        columns = ["".join(line[11:][index] for line in picture.splitlines()[:10] if len(line) > 11 + index) for index in (0, 1)]
        self.assertEqual([columns[0].count(mark) for mark in "+#="], [7, 0, 1])
        self.assertGreaterEqual(columns[1].count("#"), 3)
        self.assertLessEqual(columns[1].count("+"), 5)

    def test_a_column_above_the_cap_is_marked(self):
        self.assertIn("!", drawing.terminal_timeline([point(0, 11e9, 0)], rows=12))
        self.assertNotIn("!", drawing.terminal_timeline([point(0, 6e9, 0)], rows=12))

    def test_the_picture_is_xml_with_an_area_for_every_part_and_its_marks_escaped(self):
        svg = drawing.svg_timeline([point(0, 8e9, 0), point(5, 4e9, 4e9)], [(2000, "kill -9 <scheduler>"), (99000, "later")], "moses & lake")
        root = xml.etree.ElementTree.fromstring(svg)
        name = "{http://www.w3.org/2000/svg}"
        self.assertEqual(len(root.findall(name + "polygon")), len(drawing.SVG_PARTS))
        texts = [text.text for text in root.findall(name + "text")]
        self.assertIn("kill -9 <scheduler>", texts)
        self.assertNotIn("later", texts)

    def test_no_draw_says_so(self):
        self.assertEqual(drawing.terminal_timeline([]), "no draw was recorded")


if __name__ == "__main__":
    unittest.main()
