# SPDX-License-Identifier: Apache-2.0
"""Transfer learning from the shell: recipe to evaluation, weights of one run in another, wrong words."""
import json
import math
import os
import struct
import tomllib

from harness import SOURCE, CliTest, main, write_png

TIMEOUT = 240
SMALL = ["backbone=mobilenet_v3_small", "data.scenes=48", 'data.views=["random_crop=32x32"]',
         'data.eval_views=["resize=32x32"]', "train.batch=8", "train.steps=4", "train.eval_steps=2", "train.log_steps=1",
         "train.precision=fp32"]


def picture(path):
    """A grey picture of 40x30 pixels."""
    write_png(path, 40, 30, 0, [[5 * y + x for x in range(40)] for y in range(30)])


class Classify(CliTest):
    def train(self, *words):
        return self.folder / self.out("train", *words, timeout=TIMEOUT).rstrip("\n")

    def test_from_scenes_to_predictions(self):
        run = self.train("classify/transfer", *SMALL)
        config = (run / "config.toml").read_text()
        self.assertIn('mode = "scratch"', config)
        self.assertRegex(config, r'classes = \["\w+", ')
        told = self.json("eval", run, "--json", timeout=TIMEOUT)
        self.assertEqual(told["system"], "classify")
        self.assertEqual(sum(n for row in told["tables"][0]["rows"] for n in row["values"]), 12)
        self.out("report", run)
        self.assertIn("Confusion matrix", (run / "report.html").read_text())
        (self.folder / "a.ppm").write_bytes(b"P6 40 30 255\n" + bytes(range(40)) * 90)
        answer, = self.json("predict", run, "a.ppm", "--json", timeout=TIMEOUT)
        self.assertEqual(len(answer["classes"]), 5)
        self.assertEqual(answer["class"], answer["classes"][0]["class"])
        self.assertRegex(self.out("predict", run, "a.ppm", timeout=TIMEOUT), r"^a\.ppm  \S.* \d+\.\d %(, \S.* \d+\.\d %){4}\n$")
        self.fails("predict", run, "none.png", code=1, error="cannot read 'none.png'")
        for out in ("n.onnx", "n.pth"):
            self.out("export", run, "--out", out, timeout=TIMEOUT)

        # The weights of one run in another: the last layer alone, and not again the whole in each checkpoint.
        last = self.train("classify/transfer", *SMALL, f"start.weights={run}")
        self.assertIn('mode = "last"', (last / "config.toml").read_text())
        self.assertTrue((last / "checkpoints/frozen.safetensors").exists())
        self.assertIn('augment = "none"', (last / "config.toml").read_text())
        self.assertEqual(sorted(f.name.split("-")[0] for f in (last / "kept").iterdir()), ["train", "val"])
        self.assertIn("loaded", (last / "log.txt").read_text())
        again = self.train("classify/transfer", *SMALL, "start.weights=n.pth", "mode=slow")
        self.assertIn('mode = "slow"', (again / "config.toml").read_text())
        self.weights_that_do_not_fit()

    def test_torchvision_loads_an_export(self):
        """Strictly, and computes the same probabilities."""
        run = self.train("classify/transfer", *SMALL)
        picture(self.folder / "a.png")  # 40x30
        write_png(self.folder / "small.png", 32, 32, 0, [[(5 * y + 3 * x) % 256 for x in range(32)] for y in range(32)])
        answer, = self.json("predict", run, "small.png", "--json", timeout=TIMEOUT)
        self.out("export", run, "--out", "n.pth", timeout=TIMEOUT)
        script = """
import json, sys, torch, torchvision
with open("small.png", "rb") as file:
    image = torchvision.io.decode_image(torch.frombuffer(bytearray(file.read()), dtype=torch.uint8),
                                        torchvision.io.ImageReadMode.RGB)
model = torchvision.models.mobilenet_v3_small(num_classes=12)
model.load_state_dict(torch.load("n.pth"), strict=True)
image = torchvision.transforms.functional.normalize(image / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
with torch.no_grad():
    print(json.dumps(model.eval()(image[None]).softmax(1)[0].tolist()))
"""
        theirs = json.loads(self.python("torchvision", script))
        names = tomllib.loads((run / "config.toml").read_text())["data"]["classes"]
        for one in answer["classes"]:
            self.assertAlmostEqual(theirs[names.index(one["class"])], one["probability"], delta=1e-4)

    def test_onnx_runtime_runs_an_export(self):
        """Batches of any size, the probabilities of `clew predict`."""
        witnesses = os.environ.get("CLEW_WITNESSES", SOURCE / "build/witnesses")
        os.environ["PYTHONPATH"] = str(witnesses)
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        run = self.train("classify/transfer", *SMALL)
        rows = [[(5 * y + 3 * x) % 256 for x in range(32)] for y in range(32)]
        write_png(self.folder / "small.png", 32, 32, 0, rows)
        answer, = self.json("predict", run, "small.png", "--json", timeout=TIMEOUT)
        self.out("export", run, "--out", "n.onnx", timeout=TIMEOUT)
        (self.folder / "rows.json").write_text(json.dumps(rows))
        theirs = json.loads(self.python("onnxruntime", """
import json, numpy, onnxruntime
session = onnxruntime.InferenceSession("n.onnx", providers=["CPUExecutionProvider"])
grey = numpy.array(json.load(open("rows.json")), dtype=numpy.float32) / 255
result = []
for count in (1, 3):
    images = numpy.zeros((count, 3, *grey.shape), dtype=numpy.float32)
    images[-1] = grey
    logits, = session.run(None, {session.get_inputs()[0].name: images})
    powers = numpy.exp(logits[-1] - logits[-1].max())
    result.append((powers / powers.sum()).tolist())
print(json.dumps(result))
"""))
        names = tomllib.loads((run / "config.toml").read_text())["data"]["classes"]
        for probabilities in theirs:
            for one in answer["classes"]:
                self.assertAlmostEqual(probabilities[names.index(one["class"])], one["probability"], delta=1e-4)

    def test_cmyk_16_bits_and_palettes(self):
        """As the network saw them, beside the same picture in plain RGB, as Pillow writes and reads them."""
        run = self.train("classify/transfer", *SMALL)
        self.python("PIL", """
from PIL import Image
ramp = Image.linear_gradient("L").resize((32, 32))
rgb = Image.merge("RGB", (ramp, ramp.rotate(90), ramp.rotate(180)))
rgb.save("rgb.png")
rgb.convert("CMYK").save("cmyk.jpg", quality=100, subsampling=0)
rgb.convert("P", palette=Image.Palette.ADAPTIVE).save("palette.png")
ramp.save("grey.png")
ramp.convert("I").point(lambda value: value * 257).convert("I;16").save("grey16.png")
""")
        self.out("predict", run, "rgb.png", "cmyk.jpg", "palette.png", "grey.png", "grey16.png", "--pictures", "seen",
                 timeout=TIMEOUT)
        self.assertEqual(self.python("PIL", """
from PIL import Image, ImageChops, ImageStat
def seen(name):
    return Image.open(f"seen/{name}.png").convert("RGB").crop((0, 0, 32, 32))
for one, other, most in (("rgb", "cmyk", 4), ("rgb", "palette", 8), ("grey", "grey16", 0)):
    mean = max(ImageStat.Stat(ImageChops.difference(seen(one), seen(other))).mean)
    if mean > most:
        print(one, other, mean)
"""), "")

    def weights_that_do_not_fit(self):
        """n.pth holds mobilenet_v3_small of 12 classes."""
        def refused(weights, error, settings=SMALL):
            runs = len(list((self.folder / "runs/classify/transfer").iterdir()))
            self.fails("train", "classify/transfer", *settings, f"start.weights={weights}", code=1, error=error,
                       timeout=TIMEOUT)
            self.assertEqual(len(list((self.folder / "runs/classify/transfer").iterdir())), runs)
        refused("n.pth", "has nothing that fits the network; it holds mobilenet_v3_small of 12 classes: 0 loaded, 122 missing (",
                ["backbone=resnet18", *SMALL[1:]])
        (self.folder / "cut.pth").write_bytes((self.folder / "n.pth").read_bytes()[:-100])
        refused("cut.pth", "cut.pth: the zip archive has no end record: the file is incomplete")
        self.out("weights", "convert", "n.pth", "n.safetensors")
        body = (self.folder / "n.safetensors").read_bytes()
        end = 8 + struct.unpack("<Q", body[:8])[0]
        header = json.loads(body[8:end])
        del header["__metadata__"]  # the checksum
        first = json.dumps(header).encode()
        (self.folder / "nan.safetensors").write_bytes(struct.pack("<Q", len(first)) + first + struct.pack("<f", math.nan) +
                                                      body[end + 4:])
        name = min(header, key=lambda name: header[name]["data_offsets"])
        refused("nan.safetensors", f"nan.safetensors': 1 of 432 numbers of {name} are NaN or infinite; start.skip = "
                                   f'["{name.rsplit(".", 1)[0]}"] begins that module anew')
        # Classes of other data: the last layer begins anew, and that is said.
        for i in range(16):
            write_png(self.folder / f"p/{'ab'[i % 2]}/{i}.png", 40, 40, 0, [[5 * i + 10 * (i % 2)] * 40] * 40)
        run = self.train("classify/transfer", *[word for word in SMALL if not word.startswith("train.batch")], "train.batch=2",
                         "start.weights=n.safetensors", "data.dir=p")
        self.assertRegex((run / "log.txt").read_text(),
                         r"n.safetensors: \d+ loaded, 2 of another shape \(classifier.3.weight: wanted f32 \[2,1024\], got f32 "
                         r"\[12,1024\], classifier.3.bias: wanted f32 \[2\], got f32 \[12\]\)")

    def test_pictures_features_and_folders(self):
        run = self.train("classify/transfer", *SMALL)
        photos = self.folder / "photos"
        (photos / "more").mkdir(parents=True)
        for name in ("b.png", "a.png", "more/a.png"):
            picture(photos / name)
        (photos / "notes.txt").write_text("no picture")
        answers = self.json("predict", run, "photos", "--json", "--pictures", "seen", "--features", "f.npy", timeout=TIMEOUT)
        self.assertEqual([a["image"] for a in answers], ["photos/a.png", "photos/b.png", "photos/more/a.png"])
        self.assertEqual(sorted(f.name for f in (self.folder / "seen").iterdir()), ["a.png", "a_2.png", "b.png"])
        raw = (self.folder / "f.npy").read_bytes()
        length, = struct.unpack("<H", raw[8:10])
        self.assertIn(b"'shape': (3, 1024, )", raw[10:10 + length])
        self.assertEqual(len(raw), 10 + length + 3 * 1024 * 4)
        self.assertEqual(self.out("predict", run, "photos/*.png", timeout=TIMEOUT).count("\n"), 2)
        self.fails("predict", run, "photos/*.gif", code=1, error="no file matches 'photos/*.gif'")
        self.fails("predict", run, "photos", "--features", "f.csv", code=2, error="--features must end in .npy")

    def test_several_labels_and_the_place_of_one_object(self):
        labels = self.train("classify/multilabel", *SMALL)
        told = self.json("eval", labels, "--json", timeout=TIMEOUT)
        self.assertEqual([m["name"] for m in told["measures"]], ["loss", "error", "mAP", "parameters"])
        place = self.train("classify/localise", *SMALL[:2], *SMALL[3:], 'data.views=["resize=32x32"]')
        told = self.json("eval", place, "--json", timeout=TIMEOUT)
        self.assertEqual([m["name"] for m in told["measures"]], ["error", "overlap", "localised", "parameters"])
        self.assertTrue((place / "pictures/boxes.png").exists())
        picture(self.folder / "a.png")
        for run, key in ((labels, "labels"), (place, "box")):
            answer, = self.json("predict", run, "a.png", "--json", "--pictures", "seen", timeout=TIMEOUT)
            self.assertIn(key, answer)
            self.out("report", run)
            self.out("export", run, "--out", "n.onnx", timeout=TIMEOUT)
        table = self.folder / "table"
        table.mkdir()
        for i in range(30):
            picture(table / f"{i}.png")
        (table / "labels.csv").write_text("file,labels\n" + "".join(f"{i}.png,{'a b' if i % 2 else 'b'}\n" for i in range(30)))
        run = self.train("classify/multilabel", *SMALL, f"data.dir={table}", "data.validation_share=0.3", "data.test_share=0.3")
        self.assertIn('classes = ["a", "b"]', (run / "config.toml").read_text())
        (table / "labels.csv").write_text("file,a\nx.png,2\n")
        self.fails("train", "classify/multilabel", *SMALL, f"data.dir={table}", code=1,
                   error=f"{table}/labels.csv:2: label 'a' must be 0 or 1, got '2'")

    def test_answers_of_another_program(self):
        truth = self.folder_of_pictures({"ant": 3, "bee": 2})
        files = [f"{name}/{i}.png" for name, count in (("ant", 3), ("bee", 2)) for i in range(count)]
        answers = [{"image": name, "class": "ant"} for name in files]
        answers[4]["image"] = str(truth / files[4])
        said = self.folder / "said.json"
        said.write_text(json.dumps(answers))
        judged = "eval", "classify", f"predictions={said}", f"truth={truth}"
        self.assertEqual(self.out(*judged), "Of 5 pictures 60.0 % are of the class that was said.\n")
        told = self.json(*judged, "--json")
        self.assertEqual([row["values"] for row in told["tables"][0]["rows"]], [[3, 0], [2, 0]])
        for changed, error in ((answers[1:], "has no answer for '"), (answers + answers[:1], "'ant/0.png' is answered twice"),
                               ([{"image": "x.png", "class": "ant"}], "'x.png' is no picture of"),
                               ([{"image": "ant/0.png", "class": "cow"}], "'cow' is no class of"),
                               ([{"image": 3}], "answer 1 must have 'image', a text"), ({}, "must be a JSON list of answers")):
            said.write_text(json.dumps(changed))
            self.fails(*judged, code=1, error=error)
        self.fails("eval", "classify", f"truth={truth}", code=2, error="needs predictions=FILE and truth=FILE, got no predictions")
        self.fails("eval", "warp", "truth=x", code=2, error="warp judges no files of answers; name a run folder")

    def test_a_chain_without_downloads(self):
        small = ["data.scenes=64", 'data.views=["resize=32x32"]', 'data.eval_views=["resize=32x32"]', "train.batch=8",
                 "train.steps=3", "train.eval_steps=3", "train.log_steps=1"]
        first = self.train("classify/pretrain", *small)
        then = [self.train("classify/plug_in", *small, f"start.weights={first}", f"mode={mode}") for mode in ("last", "slow", "all")]
        self.assertIn("of another shape", (then[0] / "log.txt").read_text())
        self.out("eval", then[0], timeout=TIMEOUT)
        self.out("compare", *then)

    def folder_of_pictures(self, sizes):
        """A folder by class: {class: number of pictures}."""
        root = self.folder / "pictures"
        for name, count in sizes.items():
            (root / name).mkdir(parents=True)
            for i in range(count):
                picture(root / name / f"{i}.png")
        return root

    def test_folders_that_are_odd(self):
        one = self.folder_of_pictures({"ant": 20, "bee": 1})
        self.fails("train", "classify/transfer", *SMALL, f"data.dir={one}", code=1,
                   error=f"class 'bee' of '{one}' must have at least 2 pictures")
        for i in range(1, 20):
            picture(one / "bee" / f"{i}.png")
        bad = one / "bee" / "bad.jpg"
        bad.write_bytes(b"\xff\xd8\xff\xe0 no picture")
        (one / "bee" / "film.gif").write_bytes(b"GIF89a")
        long = [word for word in SMALL if not word.startswith("train.steps")] + ["train.steps=40"]
        result = self.clew("train", "classify/transfer", *long, f"data.dir={one}", timeout=TIMEOUT)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, r"(?m)^error: .*bee/bad\.jpg: the image is cut short")
        result = self.clew("train", "classify/transfer", *SMALL, f"data.dir={one}", "data.skip_bad=true", timeout=TIMEOUT)
        self.assertEqual(result.code, 0, result)
        self.assertRegex(result.err, r"bee/bad\.jpg.*; it is left out")
        (self.folder / "empty").mkdir()
        self.fails("train", "classify/transfer", *SMALL, "data.dir=empty", code=1, error="empty")

    def test_kept_outputs_of_other_weights(self):
        first = self.train("classify/transfer", *SMALL)
        run = self.train("classify/transfer", *SMALL, f"start.weights={first}")
        kept = sorted((run / "kept").iterdir())
        kept[0].write_bytes(kept[1].read_bytes())
        config = run / "config.toml"
        config.write_text(config.read_text().replace("\nsteps = 4\n", "\nsteps = 8\n"))
        result = self.clew("train", run, "--resume", timeout=TIMEOUT)
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.err, r"(?m)^error: .*: are outputs kept of other weights or examples \(content must be ")
        kept[0].unlink()
        self.out("train", run, "--resume", timeout=TIMEOUT)

    def test_what_cannot_be(self):
        self.fails("train", "classify/transfer", "mode=last", code=2, error="mode = last needs start.weights")
        self.fails("train", "classify/transfer", "backbone=resnet81", code=2, error="did you mean 'resnet18'?")
        self.fails("train", "classify/transfer", "data.dir=/no/such/folder", code=1, error="/no/such/folder")
        self.fails("train", "classify/transfer", 'data.eval_views=["flip"]', code=2, error="data.eval_views")
        self.fails("train", "classify/transfer", "data.scene_classes=[\"sta\"]", code=2, error="did you mean 'star'?")
        self.fails("train", "classify/transfer", 'class_weights=["1"]', code=2, error="a weight for each of 12 classes")
        self.fails("train", "classify/localise", f"data.dir={self.folder}", code=2, error="folders by class have no boxes")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
