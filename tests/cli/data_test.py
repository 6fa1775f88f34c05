# SPDX-License-Identifier: Apache-2.0
"""clew data: lists, downloads from a server of this test, makes, checks and shows data sets."""
import gzip
import hashlib
import http.server
import json
import os
import re
import resource
import signal
import struct
import subprocess
import threading
import time
import xml.etree.ElementTree

from harness import PROGRAM, CliTest, main, write_png


class Server:
    """Serves `files` {name: bytes} on this machine. `cut`: {name: how many bytes to send before breaking off}, for as
    many requests as `cuts` says; `ranges`: whether it can begin in the middle; `length`: whether it says how much comes.
    `asked` lists (name, Range header)."""

    def __init__(self, files, cut=None, cuts=0, ranges=True, length=True):
        self.files, self.cut, self.cuts, self.ranges, self.asked = files, cut or {}, cuts, ranges, []
        self.hold = None
        self.pause = 0  # seconds after each fifth of a body
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name, wanted = self.path.rsplit("/", 1)[-1], self.headers.get("Range")
                outer.asked.append((name, wanted))
                body = outer.files.get(name)
                if body is None:
                    self.send_error(404)
                    return
                begin = int(wanted.split("=")[1].split("-")[0]) if wanted and outer.ranges else 0
                if begin >= len(body):
                    self.send_error(416)
                    return
                self.send_response(206 if begin else 200)
                if begin:
                    self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
                if length:
                    self.send_header("Content-Length", str(len(body) - begin))
                self.end_headers()
                end = len(body)
                if name in outer.cut and outer.cuts > 0:
                    outer.cuts -= 1
                    end = begin + outer.cut[name]
                if outer.hold:
                    self.wfile.write(body[begin:len(body) // 2])
                    self.wfile.flush()
                    outer.hold.wait(60)
                    return
                step = max(1, -(-len(body) // 5)) if outer.pause else max(1, end - begin)
                for place in range(begin, end, step):
                    self.wfile.write(body[place:min(place + step, end)])
                    self.wfile.flush()
                    time.sleep(outer.pause)
                self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/sets"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def small_disk(size):
    """For preexec_fn: files of the program end at so many bytes, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class DataTest(CliTest):
    def serve(self, *words, **options):
        server = Server(*words, **options)
        self.addCleanup(server.close)
        return server

    def describe(self, address, files, **changes):
        """Writes set.toml for {name: bytes}."""
        sums = changes.get("sha256") or [hashlib.sha256(body).hexdigest() for body in files.values()]
        sizes = changes.get("bytes") or [len(body) for body in files.values()]
        mirrors = changes.get("mirrors") or [address]
        (self.folder / "set.toml").write_text(
            f"name = 'test'\nmirrors = {mirrors}\nfiles = {list(files)}\nsha256 = {sums}\nbytes = {sizes}\n")

    def get(self, *words, **options):
        return self.clew("data", "get", "set.toml", "--data", "here", *words, **options)

    def wait_until(self, is_true):
        end = time.monotonic() + 30
        while not is_true():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.02)

    def here(self):
        return sorted(path.name for path in (self.folder / "here").iterdir())


BIG = bytes(i * i % 251 for i in range(300_000))
FILES = {"a.bin": BIG, "b.bin": b"small"}


class Get(DataTest):
    def test_brings_every_file_once(self):
        server = self.serve(FILES)
        self.describe(server.address, FILES)
        result = self.get()
        self.assertEqual((result.code, result.out), (0, "here\n"), result)
        self.assertEqual(result.err, "a.bin: 292 of 292 KiB\nb.bin: 0 of 0 KiB\n")
        self.assertEqual(self.here(), ["a.bin", "b.bin"])
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)
        self.assertEqual(server.asked, [("a.bin", None), ("b.bin", None)])
        self.assertEqual(self.get().code, 0)
        self.assertEqual(len(server.asked), 2, "what is there is not asked for again")

    def test_from_another_address(self):
        server = self.serve(FILES)
        self.describe("http://127.0.0.1:1/", FILES)
        self.assertEqual(self.get("--from", server.address).code, 0)

    def test_goes_on_where_the_connection_broke(self):
        server = self.serve(FILES, cut={"a.bin": 100_000}, cuts=1)
        self.describe(server.address, FILES)
        self.assertEqual(self.get().code, 0)
        self.assertEqual(server.asked[:2], [("a.bin", None), ("a.bin", "bytes=100000-")])
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)

    def test_goes_on_where_an_earlier_run_ended(self):
        broken = self.serve(FILES, cut={"a.bin": 0}, cuts=100)
        (self.folder / "here").mkdir()
        (self.folder / "here/a.bin.part").write_bytes(BIG[:123_456])
        self.describe(broken.address, FILES)
        result = self.get()
        self.assertEqual(result.code, 1, result)
        self.assertIn("123456 of 300000 bytes are kept, the same command goes on", result.err)
        self.assertEqual(self.here(), ["a.bin.part"])
        server = self.serve(FILES)
        self.assertEqual(self.get("--from", server.address).code, 0)
        self.assertEqual(server.asked[0], ("a.bin", "bytes=123456-"))
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)
        self.assertEqual(self.here(), ["a.bin", "b.bin"])

    def test_a_server_without_ranges_begins_again(self):
        server = self.serve(FILES, cut={"a.bin": 100_000}, cuts=1, ranges=False)
        self.describe(server.address, FILES)
        self.assertEqual(self.get().code, 0)
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)

    def test_half_of_another_version_is_thrown_away(self):
        server = self.serve(FILES)
        (self.folder / "here").mkdir()
        (self.folder / "here/a.bin.part").write_bytes(b"x" * 1000)
        self.describe(server.address, FILES)
        self.assertEqual(self.get().code, 0)
        self.assertEqual([wanted for name, wanted in server.asked if name == "a.bin"], ["bytes=1000-", None])
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)

    def test_a_wrong_checksum_leaves_nothing(self):
        server = self.serve(FILES)
        self.describe(server.address, FILES, sha256=["0" * 64, hashlib.sha256(b"small").hexdigest()])
        result = self.get()
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn(f"its SHA-256 is {hashlib.sha256(BIG).hexdigest()}, wanted {'0' * 64}", result.err)
        self.assertEqual(self.here(), [])

    def test_the_next_mirror_is_tried(self):
        empty, server = self.serve({}), self.serve(FILES)
        self.describe("", FILES, mirrors=[empty.address, server.address])
        self.assertEqual(self.get().code, 0)
        self.assertEqual(len(empty.asked), 2)

    def test_other_sizes_and_missing_files(self):
        server = self.serve({"a.bin": BIG})
        self.describe(server.address, {"a.bin": BIG}, bytes=[1000])
        self.assertIn("sends more than the 1000 bytes that a.bin has", self.get().err)
        self.describe(server.address, {"a.bin": BIG}, bytes=[400_000])
        self.assertIn("it has 300000 bytes, wanted 400000", self.get().err)
        self.describe(server.address, {"c.bin": BIG})
        self.fails("data", "get", "set.toml", "--data", "new", code=1, error="404")
        self.assertEqual(list((self.folder / "new").iterdir()), [])

    def test_too_long_a_reply_leaves_nothing_and_the_next_mirror_is_tried(self):
        long, server = self.serve({"a.bin": BIG + b"more"}), self.serve({"a.bin": BIG})
        self.describe("", {"a.bin": BIG}, mirrors=[long.address, server.address])
        self.assertEqual(self.get().code, 0)
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)
        self.fails("data", "get", "set.toml", "--data", "new", "--from", long.address, code=1,
                   error="/a.bin: it sends more than the 300000 bytes that a.bin has")
        self.assertEqual(list((self.folder / "new").iterdir()), [])

    def test_goes_on_where_a_reply_of_unknown_length_broke(self):
        server = self.serve({"a.bin": BIG}, cut={"a.bin": 100_000}, cuts=1, length=False)
        self.describe(server.address, {"a.bin": BIG})
        self.assertEqual(self.get().code, 0)
        self.assertEqual(server.asked, [("a.bin", None), ("a.bin", "bytes=100000-")])
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)
        self.describe(server.address, {"a.bin": BIG}, bytes=[400_000])
        self.fails("data", "get", "set.toml", "--data", "new", code=1,
                   error="it ends before byte 300000, wanted 400000 bytes")
        self.assertEqual(list((self.folder / "new").iterdir()), [])

    def test_a_second_download_is_refused(self):
        server = self.serve(FILES)
        server.hold = threading.Event()
        self.describe(server.address, FILES)
        process = self.start("data", "get", "set.toml", "--data", "here")
        part = self.folder / "here/a.bin.part"
        self.wait_until(lambda: part.exists() and part.stat().st_size == len(BIG) // 2)
        self.fails("data", "get", "set.toml", "--data", "here", code=1,
                   error="another download of 'here/a.bin.part' is running")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        server.hold.set()

    def test_a_full_disk_keeps_what_came(self):
        server = self.serve(FILES)
        self.describe(server.address, FILES)
        result = self.get(preexec_fn=small_disk(100_000))
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn("error: cannot write 'here/a.bin.part': File too large", result.err)
        self.assertEqual((self.folder / "here/a.bin.part").read_bytes(), BIG[:100_000])
        self.assertEqual(self.get().code, 0)
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), BIG)

    def test_ctrl_c_keeps_what_came(self):
        server = self.serve(FILES)
        server.hold = threading.Event()  # set at the end: the server sends half and waits
        self.describe(server.address, FILES)
        process = subprocess.Popen([PROGRAM, "data", "get", "set.toml", "--data", "here"], cwd=self.folder, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        part = self.folder / "here/a.bin.part"
        self.wait_until(lambda: part.exists() and part.stat().st_size == len(BIG) // 2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        server.hold.set()
        self.assertEqual((process.returncode, out), (1, ""), err)
        self.assertEqual(err, "error: stopped with 150000 of 300000 bytes of a.bin; the same command goes on\n")
        self.assertEqual(part.read_bytes(), BIG[:150_000])

    def test_says_rate_and_time_left_of_what_takes_long(self):
        server = self.serve({"a.bin": BIG})
        server.pause = 0.8  # the fourth fifth comes after 2.4 seconds at the earliest
        self.describe(server.address, {"a.bin": BIG})
        result = self.get()
        self.assertEqual(result.code, 0, result)
        *lines, last = result.err.splitlines()
        self.assertEqual(last, "a.bin: 292 of 292 KiB")
        self.assertTrue(lines, "no line before the end")
        for line in lines:
            match = re.fullmatch(r"a\.bin: (\d+) of 292 KiB, (\d+) KiB/s, (\d+) s left", line)
            self.assertTrue(match, line)
            done, rate, left = map(int, match.groups())
            self.assertLess(rate, 292 / 2)
            self.assertAlmostEqual(left * rate, 292 - done, delta=left + rate)

    def test_nobody_there(self):
        self.describe("http://127.0.0.1:1", FILES)
        self.fails("data", "get", "set.toml", "--data", "here", code=1, error="cannot download a.bin: http://127.0.0.1:1/a.bin: ")

    def test_a_file_that_is_there_is_left_alone(self):
        (self.folder / "here").mkdir()
        (self.folder / "here/a.bin").write_bytes(b"mine")
        self.describe("http://127.0.0.1:1", FILES)
        self.fails("data", "get", "set.toml", "--data", "here", code=1, error="delete it to download it again")
        self.assertEqual((self.folder / "here/a.bin").read_bytes(), b"mine")

    def test_wrong_words(self):
        self.fails("data", "get", "mnsit", "--data", "x", code=2, error="did you mean 'mnist'?")
        self.fails("data", "get", "mnist", code=2, error="--data")
        self.fails("data", "get", "mnist", "--data", "", code=2, error="--data must not be empty")
        self.fails("data", "get", "mnist", "--data", "x", "--from", "", code=2, error="--from must not be empty")
        self.describe("http://x", {"../a": b"a"})
        self.fails("data", "get", "set.toml", "--data", "x", code=2, error="file names must be letters")
        self.assertFalse((self.folder / "x").exists())


def idx(path):
    body = path.read_bytes()
    if path.suffix == ".gz":
        body = gzip.decompress(body)
    sides = struct.unpack(f">{body[3]}I", body[4:4 + 4 * body[3]])
    return sides, body[4 + 4 * body[3]:]


class Make(DataTest):
    def test_digits_as_files_of_mnist(self):
        self.assertEqual(self.out("data", "make", "digits", "--data", "d", "train=50", "test=20"), "d\n")
        sides, pixels = idx(self.folder / "d/train-images-idx3-ubyte")
        self.assertEqual(sides, (50, 28, 28))
        self.assertEqual(len(pixels), 50 * 784)
        sides, labels = idx(self.folder / "d/t10k-labels-idx1-ubyte")
        self.assertEqual((sides, list(labels)), ((20,), [i % 10 for i in range(20)]))
        self.out("data", "make", "digits", "--data", "e", "train=50", "test=20", "--gzip")
        self.assertEqual(idx(self.folder / "e/train-images-idx3-ubyte.gz")[1], pixels)
        self.out("data", "make", "digits", "--data", "f", "train=50", "test=20", "seed=2")
        self.assertNotEqual(idx(self.folder / "f/train-images-idx3-ubyte")[1], pixels)

    def test_distorted_digits(self):
        for kind, sides in {"rts": (12, 42, 42), "tc": (12, 60, 60), "addition": (12, 2, 42, 42)}.items():
            self.out("data", "make", kind, "--data", kind, "train=12", "test=10")
            self.assertEqual(idx(self.folder / kind / "train-images-idx3-ubyte")[0], sides)
        self.assertLessEqual(max(idx(self.folder / "addition/train-labels-idx1-ubyte")[1]), 18)

    def test_distorted_digits_of_mnist(self):
        self.out("data", "make", "digits", "--data", "d", "train=12", "test=10")
        self.out("data", "make", "r", "--mnist", "d", "--data", "r", "train=5")
        self.assertEqual(idx(self.folder / "r/train-images-idx3-ubyte")[0], (5, 28, 28))
        self.assertEqual(idx(self.folder / "r/t10k-labels-idx1-ubyte"), idx(self.folder / "d/t10k-labels-idx1-ubyte"))
        self.fails("data", "make", "r", "--mnist", "nowhere", "--data", "x", code=1, error="nowhere")
        self.assertFalse((self.folder / "x").exists())

    def test_scenes_as_files_of_six_forms(self):
        small = ("train=4", "val=2", "test=2", "width=48", "height=32")
        def make(format, *words):
            self.assertEqual(self.out("data", "make", "scenes", "--data", format, f"format={format}", *small, *words), f"{format}\n")
            return self.folder / format
        def names(folder, pattern):
            return sorted(path.stem for path in folder.glob(pattern))
        folders = make("folders")
        self.assertEqual(names(folders, "train/*/*.jpg"), ["000001", "000002", "000003", "000004"])
        self.assertEqual(names(folders, "val/*/*.jpg") + names(folders, "test/*/*.jpg"), ["000005", "000006", "000007", "000008"])
        self.assertEqual(self.clew("data", "check", "folders").out.splitlines()[:3],
                         ["train: 4 examples", "val: 2 examples", "test: 2 examples"])
        self.out("data", "show", "./folders", "--png", "x.png", "split=val")

        voc, coco = make("voc"), make("coco")
        self.assertEqual((voc / "ImageSets/Main/test.txt").read_text(), "000007\n000008\n")
        set_ = json.loads((coco / "annotations/instances_train.json").read_text())
        classes = {one["id"]: one["name"] for one in set_["categories"]}
        for image in set_["images"]:
            self.assertTrue((coco / "train" / image["file_name"]).exists())
            root = xml.etree.ElementTree.parse(voc / f"Annotations/{image['id']:06}.xml").getroot()
            self.assertTrue((voc / "JPEGImages" / root.findtext("filename")).exists())
            self.assertEqual([root.findtext(f"size/{side}") for side in ("width", "height", "depth")], ["48", "32", "3"])
            ours = [one for one in set_["annotations"] if one["image_id"] == image["id"]]
            objects = root.findall("object")
            self.assertEqual([one.findtext("name") for one in objects], [classes[one["category_id"]] for one in ours])
            for one, object_ in zip(ours, objects):
                # The box of the mask is the box, here and, counted from 1 with both ends, there.
                pixels, value = [], 0
                for count in one["segmentation"]["counts"]:
                    pixels += [value] * count
                    value = 1 - value
                self.assertEqual(len(pixels), 48 * 32)
                xs = [at // 32 for at, is_set in enumerate(pixels) if is_set]
                ys = [at % 32 for at, is_set in enumerate(pixels) if is_set]
                self.assertEqual(one["bbox"], [min(xs), min(ys), max(xs) + 1 - min(xs), max(ys) + 1 - min(ys)])
                self.assertEqual(one["area"], sum(pixels))
                self.assertEqual([int(object_.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax")],
                                 [min(xs) + 1, min(ys) + 1, max(xs) + 1, max(ys) + 1])

        masks = make("masks")
        self.assertEqual((masks / "ImageSets/Segmentation/val.txt").read_text(), "000005\n000006\n")
        self.assertEqual(len((masks / "labels.txt").read_text().splitlines()), 13)
        for kind in ("Class", "Object"):
            body = (masks / f"Segmentation{kind}/000001.png").read_bytes()
            self.assertEqual(struct.unpack(">IIBB", body[16:26]), (48, 32, 8, 3), "8 bits, palette")
        self.assertEqual(len(names(make("clips", "frames=3"), "*/*/*.avi")), 8)
        frames = make("frames", "frames=3")
        self.assertEqual(names(frames, "test/*/000008/*.jpg"), ["001", "002", "003"])

    def test_scenes_are_those_of_show(self):
        self.out("data", "make", "scenes", "--data", "a", "train=3", "val=1", "test=1", "format=masks")
        self.out("data", "make", "scenes", "--data", "b", "train=3", "val=1", "test=1", "format=masks")
        self.out("data", "make", "scenes", "--data", "c", "train=3", "val=1", "test=1", "format=masks", "seed=2")
        a, b, c = ((self.folder / name / "SegmentationClass/000001.png").read_bytes() for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)

    def test_wrong_words_for_scenes(self):
        make = ("data", "make", "scenes", "--data", "d")
        self.fails(*make, "format=xml", code=2, error="format must be one of folders, voc, coco, masks, clips, frames, got")
        self.fails(*make, "format=voc", "--gzip", code=2, error="--gzip and --mnist are for digits, got scenes")
        self.fails(*make, "width=8", code=2, error="width must be in 16..4096, got 8")
        self.fails(*make, "format=clips", "width=51", code=1, error="a video's sides must be even")
        self.fails("data", "make", "digits", "--data", "d", "format=voc", code=2, error="unknown key 'format'")
        self.assertFalse((self.folder / "d").exists())
        self.out(*make, "train=1", "val=1", "test=1")
        self.fails(*make, "format=coco", code=1, error="'d' already holds train")
        self.fails("data", "make", "scenes", "--data", "e", "train=40", code=1, error="File too large",
                   preexec_fn=small_disk(2_000))
        self.assertFalse((self.folder / "e").exists())

    def test_scenes_say_how_far_they_are_and_ctrl_c_leaves_nothing(self):
        process = self.start("data", "make", "scenes", "--data", "d", "format=coco", "width=256", "height=256")
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertRegex(said, r"^\d+ of 14.0 k scenes, \d+ scenes/s, .* left$")
        self.assertEqual((process.returncode, out), (1, ""), err)
        self.assertRegex(err.splitlines()[-1], r"^error: stopped with \d+ of 14000 scenes; nothing is written$")
        self.assertFalse((self.folder / "d").exists())

    def test_wrong_words(self):
        self.fails("data", "make", "letters", "--data", "d", code=2, error="letters")
        self.fails("data", "make", "digits", "--data", "d", "train=0", code=2, error="train must be in 1..1000000, got 0")
        self.out("data", "make", "digits", "--data", "d", "train=10", "test=10")
        self.fails("data", "make", "digits", "--data", "d", code=1, error="'d' already holds train-images-idx3-ubyte")
        self.fails("data", "make", "digits", "--data", "", code=2, error="--data must not be empty")
        self.fails("data", "make", "tc", "--data", "e", "train=1000000", code=1,
                   error="a file holds at most 596523 such examples of 3600 bytes, got 1000000")
        self.assertFalse((self.folder / "e").exists())

    def test_ctrl_c_leaves_nothing(self):
        process = self.start("data", "make", "digits", "--data", "d", "train=1000000")
        self.assertTrue(self.wait_for((self.folder / "d/.making").exists, process))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (1, ""), err)
        self.assertRegex(err.splitlines()[-1],
                         r"^error: stopped with \d+ of 1010000 examples; nothing is written$")
        self.assertFalse((self.folder / "d").exists())

    def test_a_full_disk_leaves_nothing(self):
        self.fails("data", "make", "digits", "--data", "d", "train=50", "test=20", code=1, error="File too large",
                   preexec_fn=small_disk(20_000))
        self.assertFalse((self.folder / "d").exists())


def png(path, grey, width=3, height=2):
    write_png(path, width, height, 0, [[grey] * width] * height)


def clear_grey(path, pixels):
    """One row of (grey, alpha)."""
    write_png(path, len(pixels), 1, 4, [[byte for pixel in pixels for byte in pixel]])


class Check(DataTest):
    def test_good_sets(self):
        self.out("data", "make", "digits", "--data", "d", "train=30", "test=20")
        self.assertEqual(self.out("data", "check", "d"),
                         "train: 30 examples\ntest: 20 examples\n10 classes\nnothing wrong found\n")
        for i, name in enumerate(("train/a/1", "train/b/1", "val/a/1", "val/b/1")):
            png(self.folder / f"p/{name}.png", i)
        self.assertEqual(self.json("data", "check", "p", "--json"), {
            "format": "images", "classes": 2, "findings": [], "ignored": {},
            "sizes": [{"width": 3, "height": 2, "pictures": 4}],
            "splits": [{"name": "train", "examples": 2}, {"name": "val", "examples": 2}]})

    def test_what_is_passed_over_is_said(self):
        for i, name in enumerate(("Training/a/1", "valid/a/2", "test/a/3", "more/a/4", "@eaDir/a/5")):
            png(self.folder / f"p/{name}.png", i)
        for name in ("Training/a/1.gif", "Training/a/2.gif", "valid/a/README"):
            (self.folder / "p" / name).write_bytes(b"no picture")
        self.assertEqual(self.out("data", "check", "p").splitlines(),
                         ["Training: 1 examples", "valid: 1 examples", "test: 1 examples", "1 classes",
                          "passed over: 1 file without ending, 2 files .gif, more/", "nothing wrong found"])
        for split in ("val", "test"):
            shown = self.clew("data", "show", "./p", "--png", "x.png", "count=1", f"split={split}")
            self.assertEqual((shown.code, shown.err), (0, ""), shown)
        shown = self.clew("data", "show", "./p", "--png", "x.png", "count=1")
        self.assertEqual((shown.code, shown.err), (0, "warning: './p/more' is passed over: it is no split\n"), shown)
        self.fails("data", "show", "digits", "--png", "x.png", "split=val", code=2, error="data.validation_share")

    def test_splits_that_lie_elsewhere(self):
        for i, name in enumerate(("p/train/a/1", "p/val/a/2", "v/a/3", "t/a/4")):
            png(self.folder / f"{name}.png", 60 * i, width=60 + 10 * i, height=40)
        def width(*words):
            self.out("data", "show", "./p", "--png", "x.png", "scale=1", *words)
            return struct.unpack(">I", (self.folder / "x.png").read_bytes()[16:20])[0] - 8
        self.assertEqual(width("split=test"), 70)
        self.assertEqual(width("split=test", "test=t"), 90)
        self.assertEqual(width("split=val", "test=t"), 70)
        self.assertEqual(width("split=val", "validation=v"), 80)
        self.fails("data", "show", "./p", "--png", "x.png", "validation=p/train", code=1,
                   error="a picture must be in one split, got 'p/train/a/1.png' in validation, which is './p/train/a/1.png' in train")
        self.assertEqual(self.out("data", "check", "p", "validation=v", "test=t").splitlines()[:4],
                         ["train: 1 examples", "val: 1 examples", "test: 1 examples", "1 classes"])
        png(self.folder / "t/a/5.png", 0, width=60, height=40)
        result = self.clew("data", "check", "p", "test=t")
        self.assertEqual(result.out.splitlines()[:3], ["train: 1 examples", "val: 1 examples", "test: 2 examples"])
        self.assertIn("duplicate: ../t/a/5.png: is the same as train/a/1.png\n", result.out)
        self.fails("data", "show", "digits", "--png", "x.png", "test=t", code=2,
                   error="validation and test are for a folder of pictures by class, got 'digits'")

    def test_transparent_pictures_are_the_same_on_their_ground(self):
        clear_grey(self.folder / "p/a/1.png", [(0, 255), (90, 0)])
        clear_grey(self.folder / "p/b/1.png", [(0, 255), (80, 0)])
        self.assertIn("duplicate: b/1.png", self.clew("data", "check", "p").out)
        clear_grey(self.folder / "p/b/1.png", [(0, 255), (255, 255)])
        self.assertIn("duplicate: b/1.png", self.clew("data", "check", "p").out)
        self.assertEqual(self.clew("data", "check", "p", "background=black").code, 0)
        self.fails("data", "check", "p", "background=grey", code=2, error="background must be one of auto, white, black")
        self.out("data", "show", "./p", "--png", "white.png", "count=2", "mixed=false")
        self.out("data", "show", "./p", "--png", "black.png", "count=2", "mixed=false", "background=black")
        self.assertTrue((self.folder / "white.png").read_bytes() != (self.folder / "black.png").read_bytes())

    def test_bad_sets(self):
        png(self.folder / "p/train/a/1.png", 1)
        png(self.folder / "p/train/a/2.png", 2, width=9)
        png(self.folder / "p/train/b/1.png", 3)
        png(self.folder / "p/val/a/1.png", 1)
        (self.folder / "p/val/a/2.png").write_bytes(b"no picture")
        result = self.clew("data", "check", "p")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(result.err, "error: p: 3 things are wrong\n")
        self.assertEqual(result.out.splitlines()[3:], [
            "sizes: 3 of 3x2, 1 other; sides from 3x2 to 9x2",
            "gap: b: no picture in val",
            "duplicate: val/a/1.png: is the same as train/a/1.png",
            "unreadable: val/a/2.png: must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file, got something else"])
        self.fails("data", "check", "none", code=1, error="cannot check 'none': No such file or directory")
        png(self.folder / "p/test/a/1.png", 1)
        result = self.clew("data", "check", "p")
        self.assertIn("test: 1 examples", result.out)
        self.assertIn("duplicate: test/a/1.png: is the same as train/a/1.png", result.out)
        (self.folder / "empty").mkdir()
        self.fails("data", "check", "empty", code=1, error="holds neither files of MNIST's form nor pictures")


    def test_names_that_are_not_utf_8(self):
        folder = os.path.join(os.fsencode(self.folder), b"p", b"\xff class")
        os.makedirs(folder)
        with open(os.path.join(folder, b"\xe4.png"), "wb") as file:
            file.write(b"no picture")
        result = self.clew("data", "check", "p", "--json")
        self.assertEqual((result.code, result.err), (1, "error: p: 1 thing is wrong\n"), result)
        self.assertEqual(json.loads(result.out)["findings"][0]["where"], "\ufffd class/\ufffd.png")

    def test_damaged_digits(self):
        self.out("data", "make", "digits", "--data", "d", "train=30", "test=20")
        labels, images = self.folder / "d/train-labels-idx1-ubyte", self.folder / "d/train-images-idx3-ubyte"
        whole = images.read_bytes()
        labels.write_bytes(labels.read_bytes()[:-1] + b"\x0b")
        result = self.clew("data", "check", "d")
        self.assertEqual(result.code, 1, result)
        self.assertIn("label: train labels: 1 labels are above 9, the first at place 29 is 11\n", result.out)
        self.fails("data", "show", "mnist", "--data", "d", "--png", "x.png", code=1,
                   error="labels must be in 0..9, got 11 at place 29")
        images.write_bytes(whole[:-5])
        fault = "the header claims 23520 bytes of numbers, the file has 23515"
        result = self.clew("data", "check", "d")
        self.assertEqual(result.code, 1, result)
        self.assertIn(f"unreadable: train-images-idx3-ubyte: {fault}\n", result.out)
        self.fails("data", "show", "./d", "--png", "x.png", code=1, error=fault)
        images.unlink()
        for words in ("./d",), ("digits", "--data", "d"):
            self.fails("data", "show", *words, "--png", "x.png", code=1,
                       error="holds some files of MNIST's form and lacks train-images-idx3-ubyte")


class Masks(CliTest):
    """Pictures with masks: check."""

    def test_faults_and_what_to_do(self):
        self.out("data", "make", "scenes", "format=masks", "train=40", "val=30", "test=30", "width=48", "height=40", "--data", "made")
        report = json.loads(self.clew("data", "check", "made", "--json").out)
        self.assertEqual((report["format"], report["classes"]), ("masks", 13))
        self.assertEqual([one["examples"] for one in report["splits"]], [40, 30, 30])
        one, other, third = sorted((self.folder / "made/SegmentationClass").iterdir())[:3]
        one.unlink()
        write_png(other, 5, 4, 0, [[0] * 5] * 4)
        write_png(third, 48, 40, 2, [[0] * 144] * 40)
        result = self.clew("data", "check", "made")
        self.assertEqual(result.code, 1, result)
        rows = dict(re.findall(r"^(mask size|\w+) +(\d+)  \S", result.out, re.M))
        for kind in ("unpaired", "mask size", "unreadable"):
            self.assertEqual(rows.get(kind), "1", result.out)
        self.assertIn(f"\nunpaired: SegmentationClass/{one.name}: there is no such mask\n", result.out)
        self.assertIn("is 5x4, its picture 48x40", result.out)
        self.assertIn("value", self.clew("data", "check", "made", 'classes=["background", "ball"]').out)
        self.fails("data", "check", "made", "test=made", code=2, error="validation and test are for a folder of pictures by class")


class Boxes(DataTest):
    """Pictures with boxes: check, its mended copies, convert and show."""

    def make(self, form="voc", to="set", **sizes):
        counts = {"train": 24, "val": 12, "test": 12, **sizes}
        self.out("data", "make", "scenes", "--data", to, f"format={form}", "width=64", "height=48",
                 *(f"{key}={value}" for key, value in counts.items()))

    def replace(self, name, old, new, count=1):
        path = self.folder / name
        text = path.read_text()
        self.assertIn(old, text)
        path.write_text(text.replace(old, new, count))

    def box(self, name, edges):
        """Replaces the first box of an annotation of Pascal VOC."""
        path = self.folder / name
        parts = "".join(f"<{key}>{value}</{key}>" for key, value in zip(("xmin", "ymin", "xmax", "ymax"), edges))
        path.write_text(re.sub(r"<bndbox>.*?</bndbox>", f"<bndbox>{parts}</bndbox>", path.read_text(), count=1, flags=re.S))

    def test_good_sets_in_every_format(self):
        self.make()
        for form in ("voc", "coco", "yolo"):
            result = self.clew("data", "convert", "set", "--to", form, "--out", form)
            self.assertEqual((result.code, result.out), (0, f"{form}\n"), result)
            self.assertRegex(result.err, r"^48 pictures, \d+ boxes\n$")
            self.assertEqual(self.out("data", "check", form).splitlines(),
                             ["train: 24 examples", "val: 12 examples", "test: 12 examples", "12 classes",
                              "nothing wrong found"])
            self.assertEqual(self.json("data", "check", form, "--json")["format"], form)
            self.out("data", "show", f"./{form}", "--png", f"{form}.png", "mixed=false", "count=6", "split=test")
            self.out("data", "convert", form, "--to", "coco", "--out", f"{form}_coco")
        sheets = {(self.folder / f"{form}.png").read_bytes() for form in ("voc", "coco")}
        self.assertEqual(len(sheets), 1, "the same boxes are drawn")
        files = [json.loads((self.folder / f"{form}_coco/annotations/instances_train.json").read_text())
                 for form in ("voc", "coco", "yolo")]
        for file in files[1:]:
            self.assertEqual(file["images"], files[0]["images"])
            self.assertEqual(file["categories"], files[0]["categories"])
            for one, other in zip(file["annotations"], files[0]["annotations"], strict=True):
                self.assertEqual(one["category_id"], other["category_id"])
                for edge, wanted in zip(one["bbox"], other["bbox"]):
                    self.assertAlmostEqual(edge, wanted, delta=1e-9)
        names = sorted(path.name for path in (self.folder / "yolo/labels/val").iterdir())
        self.assertEqual((len(names), names[0]), (12, "000025.txt"))
        self.assertEqual((self.folder / "yolo/images/val/000025.jpg").read_bytes(),
                         (self.folder / "set/JPEGImages/000025.jpg").read_bytes())
        self.assertFalse((self.folder / "yolo/images/val/000025.jpg").is_symlink())

    def test_every_fault_is_found_and_mended(self):
        self.make()
        self.box("set/Annotations/000001.xml", (5, 5, 4, 20))
        self.box("set/Annotations/000002.xml", (65, 5, 80, 20))
        self.box("set/Annotations/000003.xml", (-9, 5, 30, 20))
        self.box("set/Annotations/000004.xml", (5, 5, "nan", 20))
        path = self.folder / "set/Annotations/000005.xml"
        one = re.search(r"\t<object>.*?</object>\n", path.read_text(), re.S)[0]
        path.write_text(path.read_text().replace(one, one + one, 1))
        (self.folder / "set/JPEGImages/000006.jpg").write_bytes(b"no picture")
        (self.folder / "set/JPEGImages/000007.jpg").unlink()
        (self.folder / "set/JPEGImages/000008.jpg").write_bytes((self.folder / "set/JPEGImages/000037.jpg").read_bytes())
        self.replace("set/Annotations/000009.xml", "<width>64", "<width>99")
        self.replace("set/Annotations/000010.xml", "</annotation>", "</annotatio>")
        self.replace("set/Annotations/000025.xml", "<name>", "<name>new_")
        result = self.clew("data", "check", "set")
        self.assertEqual((result.code, result.err), (1, "error: set: 11 things are wrong\n"), result)
        rows = dict(re.findall(r"^(no area|\w+) +(\d+)  \S", result.out, re.M))
        self.assertEqual(rows, {"unreadable": "2", "no area": "2", "outside": "1", "cut": "1", "twice": "1", "missing": "1",
                                "size": "1", "duplicate": "1", "class": "1"}, result.out)
        self.assertIn("\nmissing: JPEGImages/000007.jpg: there is no such picture\n", result.out)
        self.assertIn("\nduplicate: JPEGImages/000008.jpg: of train is the same as JPEGImages/000037.jpg of test\n", result.out)
        self.assertIn("\nsize: JPEGImages/000009.jpg: is 64x48, its annotation says 99x48\n", result.out)
        self.assertIn("\nunreadable: Annotations/000010.xml: ", result.out)
        kinds = [one["kind"] for one in self.clew_json("data", "check", "set", "--json")["findings"]]
        self.assertEqual(len(kinds), 11)
        before = self.files("set")
        result = self.clew("data", "check", "set", "--fix", "mended")
        self.assertEqual(result.code, 1, result)  # classes remain
        self.assertTrue(result.out.endswith("\nmended\n"), result)
        self.assertIn("in one split alone, or without boxes", result.err)
        self.assertEqual(self.files("set"), before, "the original is untouched")
        left = self.clew_json("data", "check", "mended", "--json")
        self.assertEqual({one["kind"] for one in left["findings"]}, {"class"})
        self.assertEqual([one["examples"] for one in left["splits"]], [19, 12, 12])
        self.fails("data", "check", "set", "--fix", "mended", code=1, error="'mended' already holds JPEGImages")
        self.fails("data", "check", "set", "--fix", "set", code=1, error="a mended copy must go into another folder")
        self.fails("data", "check", "set", "--fix", "x", "--json", code=2, error="--json")
        self.make("folders", "plain")
        self.fails("data", "check", "plain", "--fix", "x", code=1, error="'plain' must hold one of Pascal VOC's")

    def clew_json(self, *words):
        return json.loads(self.clew(*words).out)

    def files(self, name):
        return {path: path.read_bytes() for path in sorted((self.folder / name).rglob("*")) if path.is_file()}

    def test_what_can_be_mended_ends_with_0(self):
        self.make()
        self.box("set/Annotations/000001.xml", (5, 5, 4, 20))
        self.replace("set/Annotations/000001.xml", "</annotation>",
                     "<object><name>ball</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
                     "</object></annotation>")
        result = self.clew("data", "check", "set", "--fix", "mended")
        if result.code == 0:
            self.assertTrue(result.out.splitlines()[0].startswith("finding"), result)
        self.assertIn("no area  ", result.out)
        self.out("data", "convert", "mended", "--to", "yolo", "--out", "y", "degenerate=refuse")

    def test_label_ids_with_gaps(self):
        self.make("coco")
        for split in ("train", "val", "test"):
            path = self.folder / f"set/annotations/instances_{split}.json"
            path.write_text(path.read_text().replace('"category_id":12,', '"category_id":90,').replace('{"id":12,"name"', '{"id":90,"name"'))
        result = self.clew("data", "check", "set")
        self.assertEqual(result.code, 1, result)
        self.assertIn("\ngap: categories: classes are numbered 1..90, without 12 and 77 more\n", result.out)
        self.assertEqual(self.clew("data", "check", "set", "--fix", "mended").code, 0)
        self.assertIn("nothing wrong found", self.out("data", "check", "mended"))

    def test_boxes_that_are_left_out_and_marks_that_are_lost(self):
        self.make()
        self.box("set/Annotations/000001.xml", (5, 5, 4, 20))
        self.replace("set/Annotations/000002.xml", "<difficult>0", "<difficult>1")
        result = self.clew("data", "convert", "set", "--to", "yolo", "--out", "y")
        self.assertEqual(result.code, 0, result)
        self.assertIn("left out: 1 box without area in the picture, the first in 'set/JPEGImages/000001.jpg': box 1, ",
                      result.err)
        self.assertIn("\nYOLO cannot hold marks of difficult boxes, which 1 box has\n", result.err)
        self.fails("data", "convert", "set", "--to", "yolo", "--out", "z", "degenerate=refuse", code=1,
                   error="1 box has no area in the picture, the first is in 'set/JPEGImages/000001.jpg': box 1")
        self.assertFalse((self.folder / "z").exists())
        result = self.clew("data", "show", "./set", "--png", "x.png", "count=4")
        self.assertIn("1 box has no area in the picture", result.err)

    def test_wrong_words_and_files(self):
        self.make()
        def fails(error, *words, code=1):
            self.fails("data", "convert", *(words or ("set", "--to", "yolo", "--out", "y")), code=code, error=error)
            self.assertFalse((self.folder / "y").exists())
        fails("--to must be one of voc, coco, yolo, got 'yol'; did you mean 'yolo'?", "set", "--to", "yol", "--out", "y", code=2)
        fails("'none' must be a folder of pictures with boxes, there is no such folder", "none", "--to", "voc", "--out", "y")
        fails("'set' already holds JPEGImages", "set", "--to", "voc", "--out", "set")
        fails("validation_share must be", "set", "--to", "voc", "--out", "y", "validation_share=2", code=2)
        self.fails("data", "check", "set", "test=set", code=2, error="validation and test are for a folder of pictures by class")
        self.replace("set/Annotations/000025.xml", "<name>", "<name>new_")
        fails("of 'set/Annotations/000025.xml' is not in the training data, which has")
        self.replace("set/Annotations/000001.xml", "</annotation>", "")
        fails("set/Annotations/000001.xml:")
        self.replace("set/ImageSets/Main/val.txt", "000025", "000002")
        self.fails("data", "show", "./set", "--png", "x.png", code=1,
                   error="a picture must be in one split, got './set/JPEGImages/000002.jpg' in train and in val")

    def test_wrong_json(self):
        self.make("coco", train=3, val=2, test=2)
        path = self.folder / "set/annotations/instances_train.json"
        good = path.read_text()
        def fails(text, error):
            path.write_text(text)
            self.fails("data", "convert", "set", "--to", "voc", "--out", "y", code=1, error=error)
        box = re.search(r'"bbox":\[([^,]*),', good)
        def with_edge(value):
            return good.replace(box[0], f'"bbox":[{value},', 1)
        fails(with_edge("NaN"), "where JSON has neither NaN nor Infinity")
        fails(with_edge('"7"'), 'annotations[0].bbox[0] must be a number in -100000..100000, got "7"')
        fails(with_edge("[" * 100_000 + "]" * 100_000), "holds values nested more than 64 deep")
        fails(with_edge("[" * 100_000), "holds values nested more than 64 deep")
        fails(re.sub(r'"image_id":\d+', '"image_id":999', good, count=1), "annotations[0].image_id must name an image, got 999")
        fails(re.sub(r'"category_id":\d+', '"category_id":999', good, count=1),
              "annotations[0].category_id must name a category, got 999")
        fails(good[:len(good) // 2], "is not JSON from its byte")
        fails(good.replace('000001.jpg', '000009.jpg'), "1 picture is missing of 3, the first is 'set/train/000009.jpg'")


class Show(DataTest):
    def size(self, name):
        head = (self.folder / name).read_bytes()[:24]
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        return struct.unpack(">II", head[16:])

    def test_every_listed_set(self):
        names = [one["name"] for one in self.json("data", "list", "--json")]
        self.assertIn("mnist", names)
        self.out("data", "make", "digits", "--data", "d", "train=30", "test=20")
        for name in names:
            with self.subTest(name):
                self.assertEqual(self.out("data", "show", name, "--data", "d", "--png", "x.png", "count=6", "columns=3",
                                          "scale=1", "split=test" if name != "t84" else "split=train"), "x.png\n")
                side = {"rts": 42, "p": 42, "tc": 60, "addition": 84, "t84": 84, "tc84": 84, "scenes": 128}.get(name, 28)
                columns = 2 if name == "tc84" else 3  # two of the twenty test digits are a 3
                self.assertEqual(self.size("x.png")[0], columns * (side + 4) + 4)

    def test_pictures_and_drawn_digits(self):
        for i in range(8):
            png(self.folder / f"pictures/{'ab'[i % 2]}/{i}.png", 30 * i, width=20, height=10)
        self.out("data", "show", "pictures", "--png", "x.png", "count=4", "columns=2", "scale=3", "mixed=false")
        self.assertEqual(self.size("x.png")[0], 2 * (60 + 4) + 4)
        self.out("data", "show", "digits", "--png", "y.png")
        first = (self.folder / "y.png").read_bytes()
        self.out("data", "show", "digits", "--png", "y.png")
        self.assertEqual((self.folder / "y.png").read_bytes(), first)
        self.out("data", "show", "digits", "--png", "y.png", "mixed=false")
        self.assertNotEqual((self.folder / "y.png").read_bytes(), first)

    def test_views_move_pictures_boxes_and_masks(self):
        self.out("data", "show", "scenes", "--png", "x.png", "count=2", "columns=1", "scale=1",
                 'views=["resize_short=64", "random_crop=48x40", "flip", "colour=0.3:0.3", "pad=32"]')
        self.assertEqual(self.size("x.png")[0], 64 + 8)
        self.out("data", "show", "scenes", "--png", "x.png", "count=2", "columns=1", "scale=1", 'views=["crop=64x64"]',
                 "before=true")
        self.assertEqual(self.size("x.png")[0], 2 * (128 + 4) + 4)  # tiles have the size of the largest
        self.assertIn("\n  resize_short=S[:M]    the shorter side", self.out("help", "data", "show"))
        self.fails("data", "show", "scenes", "--png", "x.png", 'views=["flipp"]', code=2, error="did you mean 'flip'?")
        self.fails("data", "show", "addition", "--png", "x.png", 'views=["colour=0.1"]', code=1,
                   error="column 'image' must have 1 or 3 channels of Float, got [2, 42, 42] of Float")

    def test_wrong_words(self):
        self.fails("data", "show", "digit", "--png", "x.png", code=2, error="did you mean 'digits'?")
        self.fails("data", "show", "digits", "--png", "x.jpg", code=2, error="--png must name a file that ends in .png")
        self.fails("data", "show", "mnist", "--png", "x.png", code=2, error="mnist needs the folder of its four files")
        self.fails("data", "show", "mnist", "--data", "none", "--png", "x.png", code=1, error="must hold train-labels")
        self.fails("data", "show", "rts", "--data", "none", "--png", "x.png", code=1,
                   error="'none' must be a folder with MNIST's files, there is no such folder")
        for words in (["show", "rts", "--data", "", "--png", "x.png"], ["show", "rts", "--png", ""], ["check", ""],
                      ["show", "", "--png", "x.png"], ["make", "r", "--data", "x", "--mnist", ""]):
            self.fails("data", *words, code=2, error=" must not be empty")
        self.fails("data", "show", "digits", "--png", "x.png", "first=60000", code=1, error="got 50 from 60000")


class List(DataTest):
    def test_names_terms_and_origins(self):
        for one in self.json("data", "list", "--json"):
            self.assertTrue(all(one[key] for key in ("name", "what", "licence", "origin")), one)
        lines = self.out("data", "list").splitlines()
        self.assertEqual(len(lines), 1 + len(self.json("data", "list", "--json")))
        self.assertTrue(lines[1].startswith("mnist"))


class Bench(DataTest):
    def test_a_row_for_every_kind_and_number_of_workers(self):
        rows = self.json("bench", "data", "seconds=0.01", "workers=1", "batch=8", "--json")["rows"]
        self.assertEqual([(row["set"], row["workers"]) for row in rows],
                         [(kind, n) for kind in ("plain", "r", "rts", "p", "e", "tc", "addition", "scenes") for n in (0, 1)])
        self.assertTrue(all(row["images_per_second"] > 0 and row["source"] in ("procedural", "drawn") for row in rows), rows)
        self.fails("bench", "data", "workers=-1", code=2, error="workers must be in 0..64, got -1")


if __name__ == "__main__":
    main()
