#!/usr/bin/env python3
"""The checks of the models see what they are there to see."""
import pathlib
import tempfile
import unittest

import names
import run

SOUND = """active proctype A() {
  do
  /* It happens. */
  /* code: a/b.cc Do */
  :: d_step { true -> skip }
  od
}
"""


class NamesTest(unittest.TestCase):

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        (self.root / "a").mkdir()
        (self.root / "a" / "b.cc").write_text("void Do() {}\n", encoding="utf-8")

    def faults(self, text):
        path = self.root / "m.pml"
        path.write_text(text, encoding="utf-8")
        return names.check_model(self.root, path)

    def test_a_model_that_names_its_code_has_no_fault(self):
        self.assertEqual(self.faults(SOUND), [])

    def test_a_file_that_is_gone_is_named(self):
        self.assertIn("a/c.cc", self.faults(SOUND.replace("a/b.cc", "a/c.cc"))[0])

    def test_a_function_that_is_gone_is_named(self):
        self.assertIn("Undo", self.faults(SOUND.replace("Do */", "Do, Undo */"))[0])

    def test_a_step_without_code_is_named_by_its_line(self):
        text = SOUND.replace("  od\n", "  /* Another. */\n  :: d_step { false -> skip }\n  od\n")
        self.assertIn("m.pml:7", self.faults(text)[0])

    def test_a_rule_that_is_never_removed_is_named(self):
        self.assertIn("SENSE", self.faults("#ifdef WITHOUT_SENSE\n#endif\n" + SOUND)[0])


class RunTest(unittest.TestCase):
    MODEL = """byte n;
active proctype A() { do :: n < 9 -> n++ :: n == LAST -> assert(false) :: n == 9 -> n = 0 od }
"""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.work = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)
        self.models, run.MODELS = run.MODELS, self.work
        self.addCleanup(setattr, run, "MODELS", self.models)
        self.addCleanup(run.CHECKS.pop, "toy", None)

    def check(self, last, rules):
        (self.work / "toy.pml").write_text(self.MODEL.replace("LAST", str(last)), encoding="utf-8")
        run.CHECKS["toy"] = run.Model([[]], rules, False)
        run.check("toy", self.work / "out")

    def test_a_violated_assertion_fails(self):
        with self.assertRaisesRegex(run.Fault, "assertion violated"):
            self.check(5, {})

    def test_a_rule_that_nothing_needs_fails(self):
        with self.assertRaisesRegex(run.Fault, "does not need"):
            self.check(99, {"SENSE": []})

    def test_a_step_that_no_execution_reaches_fails(self):
        with self.assertRaisesRegex(run.Fault, "no execution reaches"):
            self.check(99, {})

    def test_a_search_that_is_cut_short_fails(self):
        depth, run.DEPTH = run.DEPTH, 5
        self.addCleanup(setattr, run, "DEPTH", depth)
        with self.assertRaisesRegex(run.Fault, "cut short"):
            self.check(99, {})


if __name__ == "__main__":
    unittest.main()
