# SPDX-License-Identifier: Apache-2.0
"""Installs the build given as the first argument to a temporary prefix, moves that prefix, and builds and runs the
programs of examples/ against it as a stranger would: find_package(clew COMPONENTS maze) where neither LibTorch nor
OpenCV can be found, and find_package(clew). A build without LibTorch runs the first half only.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path()  # set from the command line
HAS_TORCH = False


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=900,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="clew install "))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # Installed at one place, used at another: a package that holds its old path fails here.
        run("cmake", "--install", BUILD, "--prefix", cls.folder / "first")
        cls.prefix = cls.folder / "moved"
        (cls.folder / "first").rename(cls.prefix)

    def consumer(self, name, *definitions, arguments=()):
        """Configures and builds examples/NAME, then runs it in an empty folder: what it printed."""
        build, here = self.folder / f"build {name}", self.folder / f"run {name}"
        here.mkdir()
        run("cmake", "-G", "Ninja", "-S", ROOT / "examples" / name, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror", *definitions)
        run("cmake", "--build", build)
        return run(build / name, *arguments, cwd=here)

    def test_maze_without_torch_and_opencv(self):
        out = self.consumer("random_player", "-DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON",
                            "-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON")
        self.assertRegex(out, r"^4 random players, 900 steps each: mean score -?\d+\.\d+\n$")
        needed = run("ldd", self.folder / "build random_player" / "random_player")
        libraries = [line.split()[0] for line in needed.splitlines()]  # names alone: a load address may hold "c10"
        self.assertNotRegex(" ".join(libraries), "torch|opencv|c10")

    def test_everything(self):
        if not HAS_TORCH:
            self.assertNotIn("clewTargets.cmake", [path.name for path in self.prefix.rglob("*.cmake")])
            return
        out = self.consumer("train_in_code")
        self.assertRegex(out, r"^agent: -?[\d.]+\nrandom: -?[\d.]+\nshortest path: [\d.]+\n$")
        scores = [float(line.split(": ")[1]) for line in out.splitlines()]
        self.assertGreater(scores[2], scores[1])

    def test_weights_and_export(self):
        if not HAS_TORCH:
            return
        lines = self.consumer("export_network").splitlines()
        self.assertIn("2 of another shape (5.weight: wanted f32 [3,8], got f32 [10,8]", lines[0])
        self.assertEqual(lines[1:], ["7 loaded, 2 skipped (5.weight, 5.bias)", "network.safetensors", "network.pt",
                                     "network.onnx"])

    def test_a_task_of_ones_own(self):
        """Pictures of three colours with noise."""
        if not HAS_TORCH:
            return
        noise = random.Random(1)
        for number, name in enumerate(("red", "green", "blue")):
            folder = self.folder / "pictures" / name
            folder.mkdir(parents=True)
            for i in range(40):
                pixels = bytes(noise.randrange(120) + (100 if k % 3 == number else 0) for k in range(3 * 24 * 16))
                (folder / f"{i}.ppm").write_bytes(b"P6 24 16 255\n" + pixels)
        *lines, loss, error, file = self.consumer("train_pictures", arguments=[self.folder / "pictures"]).splitlines()
        self.assertGreater(len(lines), 0)
        self.assertRegex(loss, r"^test loss: \d")
        self.assertRegex(error, r"^test error: 0(\.0\d*)?$")
        self.assertEqual(file, "classes.onnx")

    def test_detection(self):
        """By a run: what the program predicts."""
        if not HAS_TORCH:
            return
        program, here = self.prefix / "bin" / "clew", self.folder / "detection"
        here.mkdir()
        run_folder = run(program, "train", "detect/scenes", "data.scenes=16", "data.scene_size=64", "train.batch=2", "train.steps=1", "train.eval_steps=1",
                         "regions.least_score=0", cwd=here).strip()
        (here / "a.ppm").write_bytes(b"P6 24 16 255\n" + bytes(k * 7 % 256 for k in range(3 * 24 * 16)))
        out = self.consumer("detect_objects", arguments=[here / run_folder, here / "a.ppm"])
        self.assertRegex(out, r"^(class \d+, score [\d.e-]+: [\d.e-]+,[\d.e-]+ to [\d.e-]+,[\d.e-]+\n){20,}$")
        best = out.split("score ")[1].split(":")[0]
        told, = json.loads(run(program, "predict", run_folder, "a.ppm", "--json", cwd=here))
        self.assertAlmostEqual(float(best), told["objects"][0]["score"], delta=1e-4)

    def test_unknown_component_is_refused(self):
        project = self.folder / "unknown"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(x CXX)\nfind_package(clew REQUIRED COMPONENTS labyrinth)\n")
        done = subprocess.run(["cmake", "-G", "Ninja", "-S", project, "-B", project / "build",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}"], text=True, capture_output=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("labyrinth", done.stderr)

    def test_version(self):
        project = self.folder / "version"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(x CXX)\nfind_package(clew 99 REQUIRED COMPONENTS maze)\n")
        done = subprocess.run(["cmake", "-G", "Ninja", "-S", project, "-B", project / "build",
                               f"-DCMAKE_PREFIX_PATH={self.prefix}"], text=True, capture_output=True, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'version "99"|requested version')

    def test_headers_are_the_public_ones_and_no_path_of_the_build_is_left(self):
        installed = {str(path.relative_to(self.prefix / "include")) for path in self.prefix.rglob("*.h")}
        self.assertIn("clew/maze/vector_env.h", installed)
        self.assertIn("clew/core/error.h", installed)
        for path in sorted(self.prefix.rglob("*.cmake")):
            text = path.read_text()
            for leak in (str(ROOT), str(self.folder), "nlohmann", "tomlplusplus", "GTest"):
                self.assertNotIn(leak, text, path.name)

    def test_every_include_of_an_installed_header_is_installed(self):
        for path in sorted(self.prefix.rglob("*.h")):
            for include in re.findall(r'#include "(clew/[^"]+)"', path.read_text()):
                self.assertTrue((self.prefix / "include" / include).is_file(), f"{path.name} needs {include}")

    def test_the_installed_program_runs(self):
        program = self.prefix / "bin" / "clew"
        if not (BUILD / "app" / "clew").exists():
            self.assertFalse(program.exists())
            return
        here = self.folder / "run program"
        here.mkdir()
        self.assertIn("clew", run(program, "--version", cwd=here))
        self.assertTrue(os.access(program, os.X_OK))


if __name__ == "__main__":
    BUILD = Path(sys.argv.pop(1)).resolve()
    HAS_TORCH = "CLEW_TORCH:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text()
    unittest.main()
