# SPDX-License-Identifier: Apache-2.0
"""The program as a whole: help, version, completion, wrong command lines, its exit codes and streams."""
import re
import shutil
import subprocess

from harness import PROGRAM, SOURCE, CliTest, commands, main


class Help(CliTest):
    def test_no_arguments_list_every_command(self):
        text = self.out()
        for path in commands():
            if len(path) == 1:
                self.assertRegex(text, rf"\n  {path[0]} +\w")
        self.assertEqual(self.out("--help"), text)
        self.assertEqual(self.out("help"), text)

    def test_every_command_answers_help(self):
        paths = commands()
        self.assertGreater(len(paths), 4)
        for path in paths:
            with self.subTest(path):
                text = self.out(*path, "--help")
                self.assertIn("Usage: clew " + " ".join(path), text)

    def test_help_of_a_nested_command(self):
        self.assertEqual(self.out("help", "bench", "peak"), self.out("bench", "peak", "--help"))

    def test_the_table_in_main_is_what_is_offered(self):
        names = re.findall(r'^    \{"(\w+)",', (SOURCE / "app" / "main.cpp").read_text(), re.MULTILINE)
        self.assertEqual([path[0] for path in commands() if len(path) == 1], names)

    def test_version(self):
        self.assertRegex(self.out("--version"), r"^clew \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|unknown)\)\n$")

    def test_verbose_may_stand_anywhere(self):
        self.assertEqual(self.out("--verbose", "help"), self.out("help", "--verbose"))


class Completion(CliTest):
    def test_every_shell_lists_every_command(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.out("completion", shell)
            for path in commands():
                self.assertIn(path[-1], script)

    def completed_by_bash(self, *words):
        script = self.out("completion", "bash")
        line = " ".join(f"'{word}'" for word in ("clew", *words))
        program = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _clew; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        done = subprocess.run(["bash", "-u", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def test_bash_completes(self):
        self.assertEqual(self.completed_by_bash("inf"), ["info"])
        self.assertIn("bench", self.completed_by_bash(""))
        self.assertEqual(self.completed_by_bash("info", "--js"), ["--json"])
        self.assertIn("peak", self.completed_by_bash("bench", ""))
        self.assertEqual(self.completed_by_bash("bench", "peak", "--j"), ["--json"])

    def test_scripts_are_well_formed(self):
        for shell in ("bash", "zsh", "fish"):
            if shell == "bash" or shutil.which(shell):
                script = self.out("completion", shell)
                subprocess.run([shell, "-n"], input=script, text=True, check=True, capture_output=True)

    def test_unknown_shell(self):
        self.fails("completion", "bsh", code=2, error="shell must be one of bash, zsh, fish, got 'bsh'; did you mean 'bash'?")


class WrongCommandLines(CliTest):
    def test_unknown_command_names_the_nearest(self):
        self.fails("inof", code=2, error="unknown command 'inof'; did you mean 'info'? (see clew help)")
        self.fails("bench", "pek", code=2, error="unknown command 'bench pek'; did you mean 'peak'? (see clew help bench)")
        self.fails("help", "inof", code=2, error="unknown command 'inof'; did you mean 'info'?")
        self.fails("zzzzzz", code=2, error="unknown command 'zzzzzz' (see clew help)")

    def test_missing_command(self):
        self.fails("bench", code=2, error="clew bench needs one of: ")
        self.fails("--verbose", code=2, error="clew needs one of: ")

    def test_unknown_option_names_the_nearest(self):
        self.fails("info", "--jsn", code=2, error="unknown option '--jsn'; did you mean '--json'? (see clew help info)")
        self.fails("--bogus", code=2, error="unknown option '--bogus' (see clew help)")
        self.fails("--json", "info", code=2, error="option '--json' must come after 'info'")

    def test_unexpected_argument(self):
        self.fails("weights", "list", "extra", code=2, error="unexpected argument 'extra' (see clew help weights list)")

    def test_settings(self):
        self.fails("bench", "peak", "seconds=0", code=2,
                   error="command line: seconds must be more than 0 and at most 60, got 0")
        self.fails("bench", "peak", "second=1", code=2, error="unknown key 'second'; did you mean 'seconds'?")
        self.fails("bench", "peak", "seconds=1", "seconds=2", code=2, error="seconds must be set once")
        self.fails("bench", "peak", "fast", code=2, error="must look like key=value, got 'fast'")


class Streams(CliTest):
    def test_full_disk_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "help"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "error: cannot write the results to stdout: No space left on device\n")

    def test_a_reader_that_leaves_ends_the_program_quietly(self):
        for restore in (True, False):  # the parent may have told its children to ignore SIGPIPE
            process = subprocess.Popen([PROGRAM, "completion", "bash"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       restore_signals=restore)
            process.stdout.close()
            error = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.wait(), -13)  # by SIGPIPE, as other tools end
            self.assertEqual(error, b"")


if __name__ == "__main__":
    main()
