# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the table of rooms, checked on every source file in well under a second.

Prints file:line: what is wrong, and exits with 1 if anything is. `--self-test` checks the checker on made-up files.
It reads include lines as text; the preprocessor's conditions are not evaluated, so a hidden include counts too.
"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# The one table. Each room: the rooms it may include besides itself, and the libraries it may include.
# Rooms stand in dependency order, so a line may only name rooms above it (checked too): there are no cycles.
ROOMS = {
    "core": ([], ["toml++", "xxhash.h"]),
    "maze": (["core"], ["hwy", "toml++", "xxhash.h"]),
    "runs": (["core"], ["nlohmann"]),
    "image": (["core"], ["opencv2", "jpeglib.h", "zlib.h"]),
    "ops": (["core"], ["torch", "hwy"]),
    "nn": (["ops", "core"], ["torch", "dnnl.hpp", "xxhash.h", "nlohmann", "zlib.h"]),
    "data": (["ops", "image", "maze", "core"], ["torch", "opencv2", "nlohmann", "pugixml.hpp", "yaml-cpp", "curl", "openssl", "zlib.h"]),
    "train": (["data", "nn", "ops", "image", "runs", "core"], ["torch", "xxhash.h", "nlohmann"]),
    "navigate": (["train", "nn", "ops", "image", "maze", "runs", "core"], ["torch", "nlohmann"]),
    "report": (["image", "runs", "core"], ["nlohmann"]),
}
# A room that the table does not name is a system that learns from examples. Systems never include each other.
SYSTEM = (["train", "data", "nn", "ops", "image", "runs", "core"], ["torch", "opencv2", "nlohmann"])
# Rooms of the target clew_maze, which must build and link without LibTorch and OpenCV.
WITHOUT_TORCH = ["core", "maze"]
# Headers of these libraries may stand only in .cpp files: an installed header must not ask its user for them.
PRIVATE = {"toml++", "xxhash.h", "nlohmann", "hwy", "gtest", "gmock", "benchmark", "CLI", "spdlog", "curl", "openssl", "zlib.h",
           "jpeglib.h", "pugixml.hpp", "yaml-cpp", "dnnl.hpp"}
KNOWN = {"torch", "ATen", "c10", "opencv2", "toml++", "xxhash.h", "nlohmann", "hwy", "gtest", "gmock", "benchmark",
         "CLI", "spdlog", "dnnl.hpp", "oneapi", "curl", "openssl", "zlib.h", "jpeglib.h", "pugixml.hpp", "yaml-cpp"}
TORCH = {"torch", "ATen", "c10"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SPDX = "SPDX-License-Identifier: Apache-2.0"
SPDX_SUFFIXES = {".h", ".cpp", ".cu", ".py", ".sh", ".cmake", ".toml"}


def library_of(path):
    """The library a header belongs to, None for the standard library's and the system's."""
    first = path.split("/")[0]
    if first == "toml.hpp" or path.startswith("tomlplusplus"):
        return "toml++"
    if first in TORCH:
        return "torch"
    return first if first in KNOWN else None


def check_source(root, name, text, problems):
    """Include rules of one C++ file; `name` is its path from the root."""
    parts = name.split("/")
    # An -inl.h file is part of a .cpp file that includes it once for every instruction set: no guard, never installed.
    is_header = name.endswith(".h") and not name.endswith("-inl.h")
    is_test = name.endswith(("_test.cpp", "_bench.cpp", "_fuzz.cpp"))
    room = parts[2] if parts[:2] == ["src", "clew"] and len(parts) > 3 else None
    if parts[:2] == ["src", "clew"] and room is None:
        problems.append(f"{name}:1: is in no room")
        return
    if is_header and not re.search(r"^#pragma once$", text, re.M):
        problems.append(f"{name}:1: a header needs '#pragma once'")
    allowed_rooms, allowed_libraries = ROOMS.get(room, SYSTEM) if room else (None, sorted(KNOWN))
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        where, path = f"{name}:{number}:", match[2]
        library = library_of(path)
        if path.startswith("clew/"):
            if match[1] != '"':
                problems.append(f'{where} write "{path}" with quotes')
            if not any((root / top / path).is_file() for top in ("src", "tests/walk/src")):
                problems.append(f"{where} there is no src/{path}")
                continue
            target = path.split("/")[1]
            if room and target != room and target not in allowed_rooms:
                problems.append(f"{where} room '{room}' must not include room '{target}' "
                                f"(it may include: {', '.join(allowed_rooms) or 'none'})")
        elif match[1] == '"':
            # Beside itself only the program, tests and benches may include; the library spells the path from the root.
            if path.startswith("tests/support/"):
                if not (root / path).is_file():
                    problems.append(f"{where} there is no {path}")
                elif room and not is_test:
                    problems.append(f"{where} tests/support belongs into _test.cpp files")
            elif room:
                problems.append(f'{where} spell the path from the root, as in "clew/{room}/{path}"')
            elif not (root / path).is_file() and not (root / name).parent.joinpath(path).is_file():
                problems.append(f"{where} there is no {path} beside this file or at the root")
        elif library and room:
            if is_header and library in PRIVATE:
                problems.append(f"{where} {library} is private to .cpp files: an installed header must not need it")
            elif is_header and path == "torch/torch.h":
                problems.append(f"{where} headers include the narrowest torch header, not <torch/torch.h>")
            elif library in ("gtest", "gmock", "benchmark"):
                if not is_test:
                    problems.append(f"{where} {library} belongs into _test.cpp and _bench.cpp files")
            elif library not in allowed_libraries:
                problems.append(f"{where} room '{room}' must not include {library} "
                                f"(it may include: {', '.join(allowed_libraries) or 'none'})")


def check_table(problems):
    seen = []
    for room, (rooms, libraries) in ROOMS.items():
        for other in rooms:
            if other not in seen:
                problems.append(f"tests/layers.py:1: '{room}' names '{other}', which stands below it: a cycle")
        if room in WITHOUT_TORCH and ("torch" in libraries or "opencv2" in libraries):
            problems.append(f"tests/layers.py:1: '{room}' belongs to clew_maze and must not use LibTorch or OpenCV")
        if room in WITHOUT_TORCH and any(other not in WITHOUT_TORCH for other in rooms):
            problems.append(f"tests/layers.py:1: '{room}' belongs to clew_maze and names a room outside it")
        seen.append(room)


def check_tree(root, names):
    problems = []
    check_table(problems)
    for name in names:
        path = root / name
        suffix = path.suffix
        needs_licence = suffix in SPDX_SUFFIXES or path.name == "CMakeLists.txt"
        if not needs_licence or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        first_lines = text.split("\n", 2)
        if SPDX not in first_lines[0] and not (first_lines[0].startswith("#!") and SPDX in first_lines[1]):
            problems.append(f"{name}:1: the first line must hold '{SPDX}'")
        if suffix in (".h", ".cpp", ".cu"):
            check_source(root, name, text, problems)
    return problems


def tracked_files(root):
    """What git tracks or would track; every file when the sources are not a git checkout."""
    try:
        out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], check=True,
                             capture_output=True, text=True).stdout
        return out.splitlines()
    except (OSError, subprocess.CalledProcessError):
        folders = [p for p in root.iterdir() if p.is_dir() and p.name not in ("build", "runs", ".git")]
        return [str(f.relative_to(root)) for folder in folders for f in folder.rglob("*") if f.is_file()]


def self_test():
    """Each rule must catch the file that breaks it and pass the file that does not."""
    head = f"// {SPDX}\n"
    cases = [  # file, text, the words that must be reported (None: nothing)
        ("src/clew/core/a.h", head + "#pragma once\n#include <vector>\n", None),
        ("src/clew/core/b.h", head, "'#pragma once'"),
        ("src/clew/core/c.cpp", "#include <vector>\n", "first line must hold"),
        ("src/clew/core/d.cpp", head + '#include "clew/maze/m.h"\n', "room 'core' must not include room 'maze'"),
        ("src/clew/maze/m.h", head + '#pragma once\n#include "clew/core/a.h"\n', None),
        ("src/clew/maze/n.cpp", head + "#include <torch/torch.h>\n", "must not include torch"),
        ("src/clew/maze/o.cpp", head + "#include <ATen/ATen.h>\n", "must not include torch"),
        ("src/clew/maze/p.cpp", head + '#include "m.h"\n', "spell the path from the root"),
        ("src/clew/maze/q.cpp", head + '#include "clew/maze/none.h"\n', "there is no src/clew/maze/none.h"),
        ("src/clew/nn/r.h", head + "#pragma once\n#include <torch/torch.h>\n", "narrowest torch header"),
        ("src/clew/nn/s.h", head + "#pragma once\n#include <nlohmann/json.hpp>\n", "private to .cpp"),
        ("src/clew/nn/t.cpp", head + "#include <nlohmann/json.hpp>\n#include <torch/torch.h>\n", None),
        ("src/clew/maze/k-inl.h", head + "#include <hwy/highway.h>\n", None),
        ("src/clew/nn/u.cpp", head + "#include <gtest/gtest.h>\n", "belongs into _test.cpp"),
        ("src/clew/nn/u_test.cpp", head + "#include <gtest/gtest.h>\n", None),
        ("tests/support/s.h", head + "#pragma once\n#include <gtest/gtest.h>\n", None),
        ("src/clew/nn/v_test.cpp", head + '#include "tests/support/s.h"\n', None),
        ("src/clew/nn/v.cpp", head + '#include "tests/support/s.h"\n', "tests/support belongs into _test.cpp"),
        ("src/clew/nn/w_test.cpp", head + '#include "tests/support/none.h"\n', "there is no tests/support/none.h"),
        ("src/clew/nn/x_test.cpp", head + '#include "tests/other.h"\n', "spell the path from the root"),
        ("src/clew/embed/v.cpp", head + '#include "clew/detect/w.h"\n', "must not include room 'detect'"),
        ("src/clew/detect/w.h", head + "#pragma once\n", None),
        ("src/clew/x.h", head + "#pragma once\n", "in no room"),
        ("src/clew/nn/y.cpp", head + '#include "clew/detect/w.h"\n', "must not include room 'detect'"),
        ("app/y.cpp", head + '#include "clew/nn/s.h"\n#include <CLI/CLI.hpp>\n', None),
        ("tests/z.py", "import sys\n", "first line must hold"),
        ("tests/run.sh", f"#!/usr/bin/env bash\n# {SPDX}\n", None),
    ]
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text, _ in cases:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        for name, _, wanted in cases:
            found = check_tree(root, [name])
            if wanted is None and found:
                wrong.append(f"{name}: reported although nothing is wrong: {found}")
            if wanted is not None and not any(wanted in line and line.startswith(name) for line in found):
                wrong.append(f"{name}: wanted '{wanted}', got {found}")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        lines = self_test()
    else:
        source = Path(__file__).resolve().parents[1]
        lines = check_tree(source, tracked_files(source))
    for line in lines:
        print(line)
    sys.exit(1 if lines else 0)
