"""Proves that the tests of the documents can fail."""
import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import paths  # noqa: E402
import run_blocks  # noqa: E402


class BlocksTest(unittest.TestCase):
    def run_text(self, text):
        printed = io.StringIO()
        with tempfile.TemporaryDirectory() as root, contextlib.redirect_stdout(printed):
            os.mkdir(os.path.join(root, "examples"))
            status = run_blocks.run(root, "/nonexistent", "page.md", text)
        home = re.match(r"in (/tmp/sy-docs-\w+)", printed.getvalue())
        if home:
            shutil.rmtree(home.group(1), ignore_errors=True)
        return status, printed.getvalue()

    def test_only_marked_blocks_are_taken_with_their_lines(self):
        text = "# x\n```sh\nfalse\n```\n```sh run\ntrue\n```\n```yaml\na: 1\n```\n```sh run\necho a\necho b\n```\n"
        self.assertEqual(run_blocks.blocks_of(text), [(6, "true\n"), (12, "echo a\necho b\n")])

    def test_an_open_block_is_an_error(self):
        with self.assertRaises(ValueError):
            run_blocks.blocks_of("```sh run\ntrue\n")

    def test_blocks_share_one_shell_and_one_home(self):
        status, printed = self.run_text("```sh run\nx=5; cd ~; touch here\n```\n```sh run\ntest -f here && test -d examples && echo got $x\n```\n")
        self.assertEqual(status, 0, printed)
        self.assertIn("got 5", printed)

    def test_a_failing_command_fails_the_document_and_names_its_block(self):
        status, printed = self.run_text("```sh run\ntrue\n```\n```sh run\nfalse\necho not reached\n```\n")
        self.assertNotEqual(status, 0)
        self.assertIn("page.md:5", printed)
        self.assertNotIn("not reached", printed)

    def test_a_failure_within_a_pipe_fails(self):
        self.assertNotEqual(self.run_text("```sh run\nfalse | cat\n```\n")[0], 0)

    def test_a_document_without_a_block_fails(self):
        self.assertNotEqual(self.run_text("# nothing\n")[0], 0)

    def test_what_a_block_leaves_running_is_ended(self):
        status, printed = self.run_text("```sh run\nsetsid sleep 1000 & echo pid $!\n```\n")
        self.assertEqual(status, 0, printed)
        home = printed.split("in ", 1)[1].split("\n", 1)[0]
        self.assertEqual(run_blocks.processes_with(f"SWITCHYARD_DOCS_RUN={home}"), [])


class PathsTest(unittest.TestCase):
    def missing(self, text, document="docs/page.md"):
        with tempfile.TemporaryDirectory() as root:
            for folder in ("docs", "scheduler/core"):
                os.makedirs(os.path.join(root, folder))
            for name in ("docs/page.md", "docs/other.md", "scheduler/core/core.h", "scheduler/core/core.cc"):
                with open(os.path.join(root, name), "w", encoding="utf-8"):
                    pass
            return paths.missing_in(root, document, text)

    def test_names_that_exist_pass(self):
        self.assertEqual(self.missing("`scheduler/core/core.h`, `scheduler/core/{core.h,core.cc}`, `scheduler/core/`, `scheduler/core/*.cc`, "
                                      "[other](other.md#part) and [home](https://example.org/x)"), [])

    def test_a_file_that_is_not_there_is_named_with_its_line(self):
        self.assertIn("docs/page.md:2", self.missing("\n`scheduler/core/gone.h`")[0])

    def test_each_of_several_in_braces_must_exist(self):
        self.assertIn("scheduler/core/gone.h", self.missing("`scheduler/core/{core,gone}.h`")[0])

    def test_a_link_to_nowhere_is_named(self):
        self.assertIn("links to gone.md", self.missing("[x](gone.md)")[0])

    def test_paths_of_other_places_are_left_alone(self):
        self.assertEqual(self.missing("`/etc/switchyard/site.yaml`, `and/or`, `build/release/bin/`"), [])

    def test_blocks_are_not_read_and_do_not_shift_lines(self):
        self.assertIn("docs/page.md:4", self.missing("```\n`scheduler/gone.h`\n```\n`scheduler/gone.h`")[0])


if __name__ == "__main__":
    unittest.main()
