# SPDX-License-Identifier: Apache-2.0
"""How tests/run.sh fills build/witnesses: once, whole or not at all, and never as a failure of the tests.

A module `pip` written here stands in front of the real one, so nothing is downloaded. What the real one does is seen by
`./clew test`.
"""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIP = """
import os, pathlib, sys
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
target.mkdir(exist_ok=True)
with open(os.environ["STATE"] + "/calls", "a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
(target / "half.py").write_text("")
if "STUB_PIP_FAILS" in os.environ:
    sys.exit(os.environ["STUB_PIP_FAILS"])
(target / "whole.py").write_text("")
"""


class WitnessesTest(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="clew witnesses "))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "build/test").mkdir(parents=True)
        (self.root / "tests").mkdir()
        (self.root / "pip").mkdir()
        (self.root / "pip/__init__.py").write_text("")
        (self.root / "pip/__main__.py").write_text(PIP)
        shutil.copy2(ROOT / "tests/run.sh", self.root / "tests")
        self.list = self.root / "tests/witnesses.txt"
        self.list.write_text("# Readers.\none==1.2   # reads\n# What it needs, pinned.\ntwo==3\n")
        self.folder = self.root / "build/witnesses"

    def command(self):
        return ["bash", "-euc", 'root=$1; source "$1/tests/run.sh"; stage witnesses stage_witnesses; finish_tests', "_", self.root]

    def environment(self, **more):
        kept = {key: value for key, value in os.environ.items() if key != "CLEW_WITNESSES"}
        return {**kept, "PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", "STATE": str(self.root), **more}

    def fill(self, **more):
        result = subprocess.run(self.command(), env=self.environment(**more), text=True, capture_output=True, timeout=60,
                                stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def calls(self):
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def test_installs_once_and_says_what(self):
        first = self.fill()
        self.assertRegex(first, r"witnesses +ok .* one 1\.2\n0 passed, 0 failed\n$")
        self.assertTrue((self.folder / "whole.py").exists())
        self.assertFalse((self.root / "build/witnesses.part").exists())
        self.assertRegex(self.fill(), r"ok .* one 1\.2\n")
        self.assertEqual(len(self.calls()), 1)
        for words in ("--only-binary :all:", "--retries 0", f"-r {self.list}"):
            self.assertIn(words, self.calls()[0])

    def test_a_second_list_installs_beside_without_what_it_asks_for(self):
        beside = self.root / "tests/witnesses_beside_torch.txt"
        beside.write_text("three==1\n")
        self.fill()
        self.assertTrue((self.folder / "beside_torch/whole.py").exists())
        for words in ("--no-deps", f"--target {self.folder}.part/beside_torch", f"-r {beside}"):
            self.assertIn(words, self.calls()[1])
        beside.write_text("three==2\n")
        self.fill()
        self.assertEqual(len(self.calls()), 4)

    def test_a_changed_list_installs_again_without_what_was_there(self):
        self.fill()
        (self.folder / "old.py").write_text("")
        self.list.write_text("one==1.3\n")
        self.assertRegex(self.fill(), r"one 1\.3\n")
        self.assertEqual(len(self.calls()), 2)
        self.assertFalse((self.folder / "old.py").exists())

    def test_without_network_it_skips_and_says_so_and_the_next_start_tries_again(self):
        text = self.fill(STUB_PIP_FAILS="ERROR: No matching distribution found for one==1.2")
        self.assertRegex(text, r"ok .* skipped: ERROR: No matching distribution found for one==1\.2\n0 passed, 0 failed, 1 skipped\n$")
        self.assertEqual(sorted(path.name for path in (self.root / "build").iterdir()), ["test", "witnesses.lock"])
        self.assertRegex(self.fill(), r"ok .* one 1\.2\n")

    def test_a_failure_leaves_the_witnesses_of_before(self):
        self.fill()
        self.list.write_text("one==1.3\n")
        self.assertIn("skipped: ", self.fill(STUB_PIP_FAILS="no route"))
        self.assertTrue((self.folder / "whole.py").exists())

    def test_without_pip(self):
        (self.root / "pip/__main__.py").write_text("raise SystemExit('/usr/bin/python3: No module named pip')\n")
        self.assertIn("skipped: No module named pip", self.fill())

    def test_a_folder_of_the_user_is_left_alone(self):
        text = self.fill(CLEW_WITNESSES="/elsewhere")
        self.assertIn("those in /elsewhere", text)
        self.assertEqual(self.calls(), [])
        self.assertFalse(self.folder.exists())

    def test_two_starts_at_once_install_once(self):
        runs = [subprocess.Popen(self.command(), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True) for _ in range(2)]
        texts = [run.communicate(timeout=60)[0] for run in runs]
        self.assertEqual([run.returncode for run in runs], [0, 0], texts)
        self.assertEqual(len(self.calls()), 1)


if __name__ == "__main__":
    unittest.main()
