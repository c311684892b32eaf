"""Proves that the check of the test budget catches what it is for."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import budget  # noqa: E402


class BudgetTest(unittest.TestCase):
    whole = {"setup": 60, "build": 600, "unit": 100}

    def test_a_budget_that_names_every_label_once_is_accepted(self):
        self.assertEqual(budget.check(self.whole, {"a_test": ["unit"]}), [])

    def test_a_label_without_a_line_is_named(self):
        self.assertIn('label "slow"', budget.check(self.whole, {"a": ["unit"], "b": ["slow"]})[0])

    def test_a_line_without_a_test_is_named(self):
        self.assertIn('label "gone"', budget.check({**self.whole, "gone": 1}, {"a": ["unit"]})[0])

    def test_a_test_without_a_label_is_named(self):
        self.assertIn('test "bare"', budget.check(self.whole, {"a": ["unit"], "bare": []})[0])

    def test_a_sum_at_the_limit_is_refused(self):
        over = {**self.whole, "unit": budget.LIMIT_SECONDS - 660}
        self.assertIn("sum: 1500 s", budget.check(over, {"a": ["unit"]})[0])

    def test_a_missing_step_is_named(self):
        self.assertIn('step "build"', budget.check({"setup": 1, "unit": 1}, {"a": ["unit"]})[0])

    def test_a_line_that_is_no_label_and_seconds_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("# a comment\nunit 10\nunit 11\nbuild ten\n")
            file.flush()
            read, faults = budget.read_budget(file.name)
        self.assertEqual(read, {"unit": 10})
        self.assertIn(":3:", faults[0])
        self.assertIn(":4:", faults[1])

    def test_a_label_over_its_seconds_is_named_with_both(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write('<testsuite><testcase name="a" time="70"/><testcase name="b" time="40.5"/></testsuite>')
            file.flush()
            late = budget.took(self.whole, {"a": ["unit"], "b": ["unit"]}, file.name)
        self.assertEqual(len(late), 1)
        self.assertRegex(late[0], r'label "unit": took 11[01] s, its budget is 100 s')


if __name__ == "__main__":
    unittest.main()
