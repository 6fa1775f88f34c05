# SPDX-License-Identifier: Apache-2.0
"""How `./clew test` counts and names the cases in a log of ctest (tests/ctest_cases.awk)."""
import subprocess
import unittest
from pathlib import Path

AWK = Path(__file__).resolve().parents[1] / "ctest_cases.awk"
# What ctest 3.25 and GoogleTest 1.12 print, less what says nothing.
HEAD = """\
{id}: Test command: /b/{name}
{id}: Working Directory: /b
{id}: Test timeout computed to be: 1200
{id}: Running main() from ./googletest/src/gtest_main.cc
{id}: [==========] Running 9 tests from 1 test suite.
"""
GOOD = """\
4: [ RUN      ] Some.Good
4: [       OK ] Some.Good (0 ms)
4: [ RUN      ] Some.ErrorIsTold
4: error: as wanted
4: half a line[       OK ] Some.ErrorIsTold (12 ms)
"""


def program(body, verdict="Passed", id=4, name="some_tests", closing="[  PASSED  ] 2 tests.\n"):
    closing = f"{id}: {closing}" if closing else ""
    dots = f"{name} ...................{verdict if '***' in verdict else '   ' + verdict}"
    return HEAD.format(id=id, name=name) + body + closing + f" 1/11 Test  #{id}: {dots}    0.01 sec\n"


def check(verdict, output="", id=9, name="cli.some"):
    dots = f"{name} ....................{verdict}"
    return f"{id}: Test command: /usr/bin/python3\n{output}11/11 Test #{id}: {dots}   0.02 sec\n"


class CasesTest(unittest.TestCase):
    def read(self, log):
        return subprocess.run(["awk", "-f", AWK], input=log, text=True, capture_output=True, check=True).stdout.splitlines()

    def test_cases_of_programs_and_other_checks_count(self):
        self.assertEqual(self.read(program(GOOD) + check("   Passed")), ["3 0 0 2"])

    def test_nothing(self):
        self.assertEqual(self.read("No tests were found!!!\n"), ["0 0 0 0"])

    def test_two_programs_at_once(self):
        lines = [line + "\n" for line in GOOD.splitlines()]
        mixed = "".join(line + line.replace("4: ", "5: ", 1) for line in lines)
        log = program(mixed) + program("", id=5, name="more_tests")
        self.assertEqual(self.read(log), ["4 0 0 2"])

    def test_failed_cases_are_named_with_what_they_said(self):
        log = program(GOOD + """\
4: [ RUN      ] all/Some.Small/1
4: a.cpp:12: Failure
4: Expected: (GetParam()) < (2), actual: 2 vs 2
4: [  FAILED  ] all/Some.Small/1, where GetParam() = 2 (0 ms)
""", "***Failed") + "4: [  FAILED  ] 1 test, listed below:\n4: [  FAILED  ] all/Some.Small/1, where GetParam() = 2\n"
        self.assertEqual(self.read(log), ["2 1 0 1", "failed: all/Some.Small/1", "  a.cpp:12: Failure",
                                          "  Expected: (GetParam()) < (2), actual: 2 vs 2"])

    def test_reasons_for_skipping_are_counted(self):
        skip = "4: [ RUN      ] Some.{0}\n4: a.cpp:8: Skipped\n4: {1}\n4: [  SKIPPED ] Some.{0} (0 ms)\n"
        log = program(GOOD + skip.format("A", "no MNIST") + skip.format("B", "") + skip.format("C", "no MNIST"))
        log += program(skip.format("D", "no MNIST").replace("4: ", "6: "), "***Skipped", id=6, name="Some.D")
        log += check("***Skipped")
        self.assertEqual(self.read(log), ["2 0 5 3", "3 skipped: no MNIST", "1 skipped: no reason given", "1 skipped: cli.some"])

    def test_a_program_that_ends_in_a_case_fails_whatever_it_answers(self):
        begun = GOOD + "4: [ RUN      ] Some.Boom\n4: about to\n"
        for said, verdict in (("Subprocess aborted***Exception:", "Subprocess aborted"), ("SegFault***Exception:", "SegFault"),
                              ("***Timeout", "Timeout"), ("Passed", "Passed")):
            self.assertEqual(self.read(program(begun, said, closing="")),
                             ["2 1 0 1", f"failed: Some.Boom (some_tests: {verdict}); no case after it ran", "  about to"])

    def test_a_failure_outside_of_every_case(self):
        self.assertEqual(self.read(program(GOOD + "4: a.cpp:17: Failure\n", "***Failed")),
                         ["2 1 0 1", "failed: some_tests (Failed), outside of its cases", "  a.cpp:17: Failure"])

    def test_other_checks_that_fail(self):
        log = check("***Failed ", "9: Traceback\n9: ValueError: wrong\n") + check("***Not Run", id=10, name="cli.more")
        self.assertEqual(self.read(log), ["0 2 0 2", "failed: cli.some (Failed)", "  Traceback", "  ValueError: wrong",
                                          "failed: cli.more (Not Run)"])


if __name__ == "__main__":
    unittest.main()
