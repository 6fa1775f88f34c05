# SPDX-License-Identifier: Apache-2.0
"""The script `clew` on machines that this one is not: no packages, no network, no apt, no compiler, a failing build.

The script is copied into a folder with a space in its name, and every tool that it calls is a stub written here, so
nothing is installed or compiled and the real machine is not asked. What the real tools do is seen by `./clew test`.
"""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_TOOLS = ["bash", "sh", "env", "dirname", "basename", "readlink", "cat", "sed", "awk", "grep", "head", "tail", "tee", "cut",
              "mkdir", "sleep", "flock", "nproc", "chmod", "cp", "rm", "touch"]
STUBS = {
    # Every package is installed unless a file `missing` names it.
    "dpkg-query": 'shift 2\nfor p in "$@"; do grep -qx "$p" "$STATE/missing" 2>/dev/null || echo "$p installed"; done',
    "id": "echo ${STUB_UID:-0}",
    "apt-get": 'echo "$@" >>"$STATE/apt"\n[ -z "${STUB_APT_FAILS:-}" ] || { echo "$STUB_APT_FAILS"; exit 100; }\n'
               'case "$*" in *Status-Fd=3*) echo pmstatus:x:50.0:Unpacking x >&3; echo pmstatus:x:100:Installed x >&3; '
               'rm -f "$STATE/missing";; esac',
    "sudo": 'echo "$@" >>"$STATE/sudo"\n[ "$1" = -v ] && exit 0\nexec "$@"',
    "c++": "",
    "cmake": 'echo "$@" >>"$STATE/cmake"\n[ -z "${STUB_CMAKE_FAILS:-}" ] || { echo "CMake Error: $STUB_CMAKE_FAILS"; exit 1; }\n'
             "mkdir -p build/release/app; touch build/release/CMakeCache.txt",
    "ninja": 'echo "$@" >>"$STATE/ninja"\n[ -z "${STUB_NINJA_FAILS:-}" ] || { echo "[1/2] Building a.o"; echo "FAILED: a.o"; '
             'echo "$STUB_NINJA_FAILS"; exit 1; }\n'
             'printf "[1/2] Building a.o\\n[2/2] Linking clew\\n"; cp "$STATE/program" "$2/app/clew"',
}
PROGRAM = '#!/bin/bash\nprintf "in %s:" "$PWD"; printf " <%s>" "$@"; echo\nexit 7\n'


class StartTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="clew start "))
        self.addCleanup(shutil.rmtree, self.folder)
        self.home = self.folder / "a clone"
        self.state = self.folder / "state"
        self.bin = self.folder / "bin"
        for path in (self.home, self.state, self.bin):
            path.mkdir()
        for name in ("clew", "packages.txt", "CMakePresets.json"):
            shutil.copy2(ROOT / name, self.home / name)
        for tool in REAL_TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, body in STUBS.items():
            self.write_stub(name, body)
        (self.state / "program").write_text(PROGRAM)
        (self.state / "program").chmod(0o755)

    def write_stub(self, name, body):
        (self.bin / name).write_text(f"#!{shutil.which('bash')}\n{body}\n")
        (self.bin / name).chmod(0o755)

    def start(self, *arguments, script=None, cwd=None, **environment):
        return subprocess.run([script or self.home / "clew", *arguments], cwd=cwd or self.folder, text=True,
                              capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                              env={"PATH": str(self.bin), "STATE": str(self.state), **environment})

    def calls(self, tool):
        path = self.state / tool
        return path.read_text().splitlines() if path.exists() else []

    def miss(self, *packages):
        (self.state / "missing").write_text("\n".join(packages) + "\n")

    def one_sentence(self, result, *words):
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(len(errors), 1, result.stderr)
        for word in words:
            self.assertIn(word, errors[0])
        self.assertEqual(result.stdout, "")

    def test_builds_then_runs_the_program_with_its_arguments_in_the_callers_folder(self):
        result = self.start("train", "a b", "", "x*=1")
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertEqual(result.stdout, f"in {self.folder}: <train> <a b> <> <x*=1>\n")
        self.assertIn("building [2/2]", result.stderr)

    def test_a_second_start_neither_configures_nor_installs(self):
        self.start("info")
        self.write_stub("ninja", 'echo "[0/2] Re-checking globbed directories..."; echo "ninja: no work to do."')
        self.assertEqual(self.start("info").stderr, "", "nothing was built, so nothing is said")
        self.assertEqual(len(self.calls("cmake")), 1)
        self.assertEqual(self.calls("apt"), [])

    def test_a_changed_preset_or_a_moved_clone_configures_again(self):
        self.start("info")
        os.utime(self.home / "CMakePresets.json", (4102444800, 4102444800))
        self.start("info")
        self.assertEqual(self.calls("cmake")[1:], ["--preset release --fresh"])
        moved = self.folder / "moved"
        self.home.rename(moved)
        os.utime(moved / "CMakePresets.json", (0, 0))
        self.assertEqual(self.start("info", script=moved / "clew").returncode, 7)
        self.assertEqual(len(self.calls("cmake")), 3)

    def test_works_through_a_symlink(self):
        (self.folder / "elsewhere").mkdir()
        link = self.folder / "elsewhere" / "my clew"
        link.symlink_to(self.home / "clew")
        self.assertEqual(self.start("info", script=link).stdout, f"in {self.folder}: <info>\n")

    def test_says_what_it_installs_and_why(self):
        self.miss("cmake", "libhwy-dev")
        result = self.start("info")
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertRegex(result.stderr, r"libhwy-dev +SIMD")
        self.assertIn("installing 2 packages", result.stderr)
        self.assertIn("installing [50%]", result.stderr)
        install = [call for call in self.calls("apt") if " install " in call]
        self.assertEqual(len(install), 1)
        self.assertTrue(install[0].endswith("cmake libhwy-dev"), install)
        self.assertEqual(self.calls("sudo"), [])

    def test_uses_sudo_when_not_root(self):
        self.miss("cmake")
        self.assertEqual(self.start("info", STUB_UID="1000").returncode, 7)
        self.assertTrue(any("apt-get" in call and "install" in call for call in self.calls("sudo")))

    def test_without_root_and_sudo(self):
        self.miss("cmake")
        (self.bin / "sudo").unlink()
        self.one_sentence(self.start("info", STUB_UID="1000"), "needs root", "apt-get install cmake")

    def test_no_install_lists_and_refuses(self):
        self.miss("libtorch-dev")
        result = self.start("--no-install", "info")
        self.one_sentence(result, "--no-install", "apt-get install libtorch-dev")
        self.assertEqual(self.calls("apt"), [])
        self.assertEqual(self.calls("cmake"), [])

    def test_no_install_with_everything_there_runs(self):
        self.assertEqual(self.start("--no-install", "info").returncode, 7)

    def test_test_packages_are_not_asked_of_someone_who_only_runs(self):
        self.miss("clang-format", "clang")
        self.assertEqual(self.start("--no-install", "demo").returncode, 7)

    def test_without_network(self):
        self.miss("libtorch-dev")
        result = self.start("info", STUB_APT_FAILS="E: Failed to fetch http://x  Could not resolve 'x'")
        self.one_sentence(result, "could not download libtorch-dev", "network", "install.log")

    def test_when_apt_fails_otherwise(self):
        self.miss("libtorch-dev")
        result = self.start("info", STUB_APT_FAILS="E: dpkg was interrupted, run 'dpkg --configure -a'")
        self.one_sentence(result, "could not install libtorch-dev", "dpkg was interrupted")

    def test_waits_for_another_installation(self):
        self.miss("libtorch-dev")
        lock = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (unattended-upgr)"
        self.write_stub("apt-get", f'echo "$@" >>"$STATE/apt"\nif [ ! -e "$STATE/free" ]; then case "$*" in *install*) '
                        f'touch "$STATE/free";; esac; echo "{lock}" >&2; exit 100; fi\nrm -f "$STATE/missing"')
        result = self.start("info")
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertEqual(result.stderr.count("waiting for another installation on this machine to end: Could not get lock "
                                             "/var/lib/dpkg/lock-frontend. It is held by process 77 (unattended-upgr)"), 1)
        self.assertEqual(len([call for call in self.calls("apt") if " install " in call]), 2)

    def test_says_in_a_pipe_how_long_a_build_has_run(self):
        self.assertRegex(self.start("info").stderr, r"building \[1/2\] after 0:0\d\n(building \[2/2\] after 0:0\d\n)?")

    def test_without_apt(self):
        self.miss("libtorch-dev")
        (self.bin / "apt-get").unlink()
        self.one_sentence(self.start("info"), "no apt-get", "libtorch-dev")

    def test_on_another_system(self):
        (self.bin / "dpkg-query").unlink()
        self.one_sentence(self.start("info"), "not Debian", "g++", "cmake --preset release")

    def test_without_compiler(self):
        (self.bin / "c++").unlink()
        self.one_sentence(self.start("info"), "C++ compiler")

    def test_when_configuring_fails(self):
        result = self.start("info", STUB_CMAKE_FAILS="no Torch")
        self.one_sentence(result, "configuring failed", "release.log")
        self.assertIn("no Torch", result.stderr)
        self.assertEqual(self.start("info").returncode, 7, "the next start must configure again")

    def test_when_the_build_fails(self):
        result = self.start("info", STUB_NINJA_FAILS="a.cpp:3: error: expected ';'")
        self.one_sentence(result, "the build failed", "release.log")
        self.assertIn("expected ';'", result.stderr)

    def test_in_a_folder_that_cannot_be_written(self):
        (self.home / "build").write_text("a file where the folder should be")
        self.one_sentence(self.start("info"), "cannot write")

    def test_two_starts_at_once_build_one_after_the_other(self):
        self.write_stub("ninja", 'echo begin >>"$STATE/ninja"; sleep 0.3; cp "$STATE/program" "$2/app/clew"; '
                                 'echo end >>"$STATE/ninja"')
        environment = {"PATH": str(self.bin), "STATE": str(self.state)}
        runs = [subprocess.Popen([self.home / "clew", "info"], env=environment, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(2)]
        texts = [run.communicate(timeout=60) for run in runs]
        self.assertEqual([run.returncode for run in runs], [7, 7], texts)
        self.assertEqual(self.calls("ninja"), ["begin", "end", "begin", "end"])

    def test_help_before_the_first_build_installs_nothing(self):
        self.miss("libtorch-dev")
        result = self.start("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("./clew demo", result.stderr)
        self.assertEqual(self.calls("apt"), [])


if __name__ == "__main__":
    unittest.main()
