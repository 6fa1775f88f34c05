# SPDX-License-Identifier: Apache-2.0
"""Runs the real program. Standard library only. A test file makes one class per command:

    from harness import CliTest, main

    class Info(CliTest):
        def test_json(self):
            self.assertIn("version", self.json("info", "--json"))
            self.fails("info", "--jsn", code=2, error="unknown option '--jsn'")

    if __name__ == "__main__":
        main()

and is listed in tests/CMakeLists.txt. Each test gets a fresh folder, self.folder, in which the program runs.
"""
import fcntl
import functools
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import zlib
from pathlib import Path

PROGRAM = Path(os.environ.get("CLEW", "clew")).absolute()
SOURCE = Path(__file__).resolve().parents[2]


class Result:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


@functools.cache
def python_with(module):
    """The first python3 that can import it, or None."""
    return next((python for python in ("python3", "/usr/bin/python3")
                 if subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode == 0), None)


class CliTest(unittest.TestCase):
    maxDiff = None
    timeout = 120  # seconds that wait_for waits at most

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="clew cli ")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def clew(self, *words, timeout=60, env=None, stdin=None, preexec_fn=None):
        """Runs the program and gives its exit code, stdout and stderr, whatever they are."""
        return Result(subprocess.run([PROGRAM, *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                                     timeout=timeout, input=stdin, env={**os.environ, **(env or {})},
                                     preexec_fn=preexec_fn))

    def start(self, *words, **options):
        """Starts the program and gives the process, to be signalled or waited for."""
        return subprocess.Popen([PROGRAM, *map(str, words)], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, **options)

    def on_terminal(self, *words, columns=80, stdout=subprocess.PIPE, env=None):
        """Runs the program with stderr on a terminal (and stdout, with stdout=None); gives what the terminal got."""
        terminal, side = pty.openpty()
        self.addCleanup(os.close, terminal)
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**os.environ, "TERM": "xterm"}  # whatever terminal the tests run in
        environment.pop("NO_COLOR", None)
        environment.update(env or {})
        process = subprocess.Popen([PROGRAM, *map(os.fspath, words)], cwd=self.folder, stderr=side, env=environment,
                                   stdout=side if stdout is None else stdout)
        os.close(side)
        text = b""
        try:
            while part := os.read(terminal, 65536):
                text += part
        except OSError:  # how Linux says that the other side is closed
            pass
        if process.stdout:
            process.stdout.close()
        self.assertEqual(process.wait(self.timeout), 0, text)
        return text

    def wait_for(self, condition, process):
        """Waits until condition(): True, or until the process ends: False."""
        deadline = time.monotonic() + self.timeout
        while not condition():
            self.assertLess(time.monotonic(), deadline, "nothing happened")
            if process.poll() is not None:
                return False
            time.sleep(0.0005)
        return True

    def out(self, *words, **options):
        """stdout of a run that must end with 0 and say nothing that looks like an error."""
        result = self.clew(*words, **options)
        self.assertEqual(result.code, 0, result)
        self.assertNotIn("error:", result.err, result)
        return result.out

    def json(self, *words, **options):
        """stdout of a good run, as JSON: nothing else may be printed there."""
        return json.loads(self.out(*words, **options))

    def python(self, module, script, *words):
        """stdout of a script that imports a module of Debian's (python3-MODULE); skips the test where that is missing."""
        python = python_with(module)
        if python is None:
            self.skipTest(f"no python3 here can import {module} (Debian: python3-{module})")
        result = Result(subprocess.run([python, "-c", script, *map(str, words)], cwd=self.folder, capture_output=True,
                                       text=True, timeout=self.timeout))
        self.assertEqual(result.code, 0, result)
        return result.out

    def fails(self, *words, code, error, **options):
        """A run that must fail with this exit code, one line on stderr that holds `error`, and no result."""
        result = self.clew(*words, **options)
        self.assertEqual(result.code, code, result)
        self.assertEqual(result.out, "", result)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 1, result)
        self.assertTrue(lines[0].startswith("error: "), result)
        self.assertIn(error, lines[0], result)
        return result


def write_png(path, width, height, colour, rows):
    """Writes a PNG of 8 bits without this repository's code: colour 0 is grey, 4 grey and alpha, 2 RGB."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))) + chunk(b"IEND", b""))


@functools.cache
def commands():
    """Every command path of the program, from its own completion script: [["info"], ["bench", "peak"], ...]."""
    script = subprocess.run([PROGRAM, "completion", "bash"], capture_output=True, text=True, check=True).stdout
    return [path.split() for path in re.findall(r"^ +'(.+)'\) path=", script, re.MULTILINE)]


def main():
    if not PROGRAM.exists():
        sys.exit(f"set CLEW to the program to test; {PROGRAM} does not exist")
    unittest.main(verbosity=2)
