# SPDX-License-Identifier: Apache-2.0
"""The walk of HACKING.md, "A new system that learns from examples", in a copy of the sources: a room, its name in
src/clew/CMakeLists.txt, a row in app/systems.cpp, a recipe; then the new system is trained, evaluated, reported, compared,
exported and asked. Nothing else of the copy is touched."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WALK = Path(__file__).resolve().parent


class Walk(unittest.TestCase):
    def run_in(self, folder, *command, code=0):
        done = subprocess.run([str(word) for word in command], cwd=folder, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"),
                                                             "CCACHE_DIR": self.ccache, "CCACHE_BASEDIR": str(self.copy),
                                                             "CCACHE_NOHASHDIR": "1"})
        self.assertEqual(done.returncode, code, f"{command}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def edit(self, name, pattern, replacement):
        path = self.copy / name
        text, count = re.subn(pattern, replacement, path.read_text(), count=1, flags=re.M)
        self.assertEqual(count, 1, f"{name} has no {pattern}")
        path.write_text(text)

    def test_a_toy_system(self):
        folder = tempfile.TemporaryDirectory(prefix="clew_walk_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.copy = self.folder / "clew"
        self.ccache = os.environ.get("CCACHE_DIR", str(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "ccache"))
        shutil.copytree(ROOT, self.copy, ignore=lambda at, names: {"build", "runs", ".git"} & set(names) if at == str(ROOT) else ())

        own = sorted(path.relative_to(WALK) for top in ("src", "recipes") for path in (WALK / top).rglob("*") if path.is_file())
        for path in own:
            (self.copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(WALK / path, self.copy / path)
        self.assertLess(sum(len((WALK / path).read_text().splitlines()) for path in own), 150)
        self.edit("src/clew/CMakeLists.txt", r"^(  foreach\(room .*)\)$", r"\1 toy)")
        self.edit("app/systems.cpp", r'^(#include "clew/train/.*)$', r'#include "clew/toy/toy_system.h"\n\1')
        self.edit("app/systems.cpp", r"^(      row_of\(.*)$", r"      row_of(toy::toy_system()),\n\1")

        # As `./clew` builds; ccache knows all but the new sources.
        self.run_in(self.copy, "cmake", "--preset", "release")
        self.run_in(self.copy, "cmake", "--build", "--preset", "release", "--target", "clew", "-j", os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "2"))
        clew = [self.copy / "build/release/app/clew"]
        self.assertIn("contrast", self.run_in(self.folder, *clew, "help", "train", "toy/halves"))
        run = self.run_in(self.folder, *clew, "train", "toy/halves", "train.precision=fp32").strip()
        self.assertRegex(self.run_in(self.folder, *clew, "eval", run), r"^Of 256 test examples: loss \S+ nats, error \S+ %\.\n$")
        told = json.loads((self.folder / run / "eval.json").read_text())
        error, = (measure["value"] for measure in told["measures"] if measure["name"] == "error")
        self.assertLess(error, 0.1)  # half of the guesses of a coin are wrong
        self.assertEqual(sum(n for row in told["tables"][0]["rows"] for n in row["values"]), 256)
        page = self.folder / self.run_in(self.folder, *clew, "report", run).strip()
        text = page.read_text()
        for part in ("Of 256 test examples", "Confusion matrix", '"val_error"'):
            self.assertIn(part, text)
        self.run_in(self.folder, *clew, "export", run, "--out", "toy.onnx")
        self.assertGreater((self.folder / "toy.onnx").stat().st_size, 500)
        light = bytes(240 if x < 4 else 10 for y in range(8) for x in range(8))
        (self.folder / "a.pgm").write_bytes(b"P5 8 8 255\n" + light)
        (self.folder / "b.pgm").write_bytes(b"P5 8 8 255\n" + light[::-1])
        self.assertEqual(self.run_in(self.folder, *clew, "predict", run, "a.pgm", "b.pgm"), "a.pgm  left\nb.pgm  right\n")
        other = self.run_in(self.folder, *clew, "train", "toy/halves", "train.precision=fp32", "contrast=0.2").strip()
        self.assertIn("contrast", self.run_in(self.folder, *clew, "compare", run, other))
        self.assertEqual(self.run_in(self.folder, *clew, "train", other, "--resume"), f"{other}\n")


if __name__ == "__main__":
    unittest.main()
