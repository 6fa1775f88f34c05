# SPDX-License-Identifier: Apache-2.0
"""README.md, HACKING.md and docs/ do what they say: every ```sh block runs, every ```cpp and ```cmake block is part of
an example that the install test compiles, every link inside the repository leads somewhere.

A ```sh block runs as it stands, from a folder where `./clew` is the script of this repository; the blocks of one
document share that folder and run in order. A comment on the line above a block may say, with its reason:
    <!-- docs-test: append "train.steps=2000" -->   added to every line of the block that starts with ./clew
    <!-- docs-test: run-by FILE -->                 not run here: FILE runs exactly these lines (checked)
What is only shown is a ```text or ```console block, which nothing claims to be run.
Arguments: the build folder, then the names of documents (default: all).
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path()  # set from the command line, like the names of the documents whose commands to run
ONLY = []
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
MARK = re.compile(r"<!-- docs-test: (append|run-by) (.+?) -->\n$")
SECONDS = 1500


def documents():
    return [path for path in (ROOT / "README.md", ROOT / "HACKING.md", *sorted((ROOT / "docs").glob("*.md")))
            if path.is_file()]


def blocks(path, *languages):
    """(line, language, text, mark, argument) of every fenced block in one of the languages."""
    text = path.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] in languages:
            mark = MARK.search(text[:match.start()])
            yield text.count("\n", 0, match.start()) + 1, match[1], match[2], mark and mark[1], mark and mark[2]


def with_appended(text, extra):
    extra = extra.strip('"')
    return re.sub(r"^(\./clew [^\n#|>]*[^\s#|>])", rf"\1 {extra}", text, flags=re.M)


class DocsTest(unittest.TestCase):
    def test_links_inside_the_repository_lead_somewhere(self):
        for path in documents():
            text = FENCE.sub("", path.read_text(encoding="utf-8"))
            anchors = {path: self.anchors(path)}
            for link in re.findall(r"\]\(([^)\s]+)\)", text):
                if re.match(r"[a-z]+:", link):
                    continue
                file, _, anchor = link.partition("#")
                target = (path.parent / file).resolve() if file else path
                self.assertTrue(target.exists(), f"{path.name}: link to {link}, which is not there")
                if anchor:
                    self.assertIn(anchor, anchors.setdefault(target, self.anchors(target)), f"{path.name}: {link}")

    @staticmethod
    def anchors(path):
        headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    def test_code_is_part_of_an_example_that_is_compiled(self):
        examples = [path.read_text(encoding="utf-8") for path in (ROOT / "examples").rglob("*") if path.is_file()]
        examples += [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.cpp")]
        for path in documents():
            for line, _, text, _, _ in blocks(path, "cpp", "cmake"):
                self.assertTrue(any(text in example for example in examples),
                                f"{path.name}:{line}: this block is not part of any file in examples/")

    def test_commands_run(self):
        if "CLEW_TORCH:BOOL=ON" not in (BUILD / "CMakeCache.txt").read_text():
            return  # the maze alone: there is no program
        self.assertTrue((BUILD / "app" / "clew").is_file(), "the program is not built")
        for path in documents():
            if ONLY and path.name not in ONLY:
                continue
            with tempfile.TemporaryDirectory(prefix="clew docs ") as folder:
                for name in ("clew", "examples", "levels", "recipes", "bench", "build", "docs", "tests"):
                    (Path(folder) / name).symlink_to(ROOT / name)
                for line, _, text, mark, argument in blocks(path, "sh"):
                    with self.subTest(document=path.name, line=line):
                        self.run_block(folder, text, mark, argument)

    def run_block(self, folder, text, mark, argument):
        if mark == "run-by":
            runner = (ROOT / argument).read_text(encoding="utf-8")
            for command in text.splitlines():
                command = command.split("#")[0].strip()
                self.assertIn(command, runner, f"{argument} does not run it")
            return
        if mark == "append":
            text = with_appended(text, argument)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, text=True, capture_output=True,
                              timeout=SECONDS, stdin=subprocess.DEVNULL,
                              env={**os.environ, "CMAKE_BUILD_PARALLEL_LEVEL": "2"})
        self.assertEqual(done.returncode, 0, f"\n{text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")

    def test_appending(self):
        self.assertEqual(with_appended("./clew train x  # comment\nls\n./clew demo\n", '"a=1"'),
                         "./clew train x a=1  # comment\nls\n./clew demo a=1\n")


if __name__ == "__main__":
    BUILD = Path(sys.argv.pop(1)).resolve()
    ONLY = sys.argv[1:]
    if unknown := set(ONLY) - {path.name for path in documents()}:
        sys.exit(f"no documents: {', '.join(sorted(unknown))}; there are {', '.join(path.name for path in documents())}")
    unittest.main(argv=sys.argv[:1])
