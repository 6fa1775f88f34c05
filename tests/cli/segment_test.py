# SPDX-License-Identifier: Apache-2.0
"""Segmentation from the shell: recipe to evaluation, predictions and exported files; folders of masks; wrong words."""
import json
import os
import tomllib

from harness import SOURCE, CliTest, main, write_png

TIMEOUT = 280
SMALL = ["data.scenes=16", "data.scene_size=64", "train.batch=2", "train.eval_steps=2", "train.log_steps=1", "train.warmup=0"]
STEPS = "train.steps=2"


class Segment(CliTest):
    def train(self, *words):
        return self.folder / self.out("train", *words, timeout=TIMEOUT).rstrip("\n")

    def test_from_scenes_to_predictions(self):
        run = self.train("segment/scenes", *SMALL, STEPS)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertIn("pixel_accuracy", lines[0])
        self.assertIn("val_miou", lines[-1])
        told = self.json("eval", run, "--json", timeout=TIMEOUT)
        self.assertEqual([one["name"] for one in told["measures"]],
                         ["miou", "pixel_accuracy", "mean_accuracy", "fw_iou", "boundary_iou", "parameters"])
        self.assertEqual([table["title"] for table in told["tables"]], ["Each class", "Confusion matrix"])
        averaged = self.out("eval", run, "flip=true", "window=40", timeout=TIMEOUT)
        self.assertIn("Windows of 40 pixels. With mirror images.", averaged)
        self.fails("eval", run, "mirror=true", code=2, error="unknown key 'mirror'")
        self.fails("eval", run, "window=-1", code=2, error="window must be in 0..65536, got -1")
        self.out("report", run)
        page = (run / "report.html").read_text()
        self.assertIn("Worst pictures", page)
        self.assertIn("Segmentations", page)

        write_png(self.folder / "a.png", 47, 33, 0, [[(5 * y + 3 * x) % 256 for x in range(47)] for y in range(33)])
        write_png(self.folder / "b.png", 7, 1, 0, [[10, 20, 30, 40, 50, 60, 70]])
        answers = self.json("predict", run, "a.png", "b.png", "--json", "--pictures", "drawn", "--write", "masks=masks")
        self.assertEqual([(one["width"], one["height"]) for one in answers], [(47, 33), (7, 1)])
        classes = tomllib.loads((run / "config.toml").read_text())["data"]["classes"]
        self.assertEqual(classes[0], "background")
        for answer in answers:
            self.assertAlmostEqual(sum(one["share"] for one in answer["classes"]), 1)
            self.assertEqual({one["class"] for one in answer["classes"]}, set(classes))
        self.assertEqual({path.name for path in (self.folder / "drawn").iterdir()}, {"a.png", "b.png"})
        self.assertEqual({path.name for path in (self.folder / "masks").iterdir()}, {"a.png", "b.png"})
        # Color type 3: a palette; sides of the picture.
        header = (self.folder / "masks/a.png").read_bytes()[16:26]
        self.assertEqual((int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[9]), (47, 33, 3))
        self.assertRegex(self.out("predict", run, "a.png"), r"^a\.png  \w+ \d+(\.\d)? %")

    def test_a_coarser_run_begins_a_finer_one(self):
        run = self.train("segment/scenes", *SMALL, STEPS, "network=fcn32s")
        finer = self.train("segment/scenes", *SMALL, STEPS, "network=fcn16s", f"start.weights={run}")
        log = (finer / "log.txt").read_text()
        self.assertIn("score16.weight", log)

    def test_a_context_on_a_dilated_run(self):
        words = ["network=dilated", "context=basic"]
        rows = self.json("info", "segment/scenes", *words, "--json")
        by_name = {row["layer"]: row for row in rows}
        self.assertEqual(by_name["context.conv6"]["dilation"], 16)
        self.assertEqual({row["output_stride"] for row in rows[-9:]}, {8})
        self.assertEqual(by_name["context.conv8"]["receptive_field"] - by_name["score"]["receptive_field"], 8 * 66)
        self.assertRegex(self.out("info", "segment/scenes", *words), r"layer +kernel +stride +dilation +channels +output stride +receptive field")
        self.fails("info", "navigate/static_small", code=2, error="the system navigate has no table of layers, got recipe 'navigate/static_small'")
        self.fails("info", "segment/scene", code=2, error="unknown recipe 'segment/scene'")
        run = self.train("segment/scenes", *SMALL, STEPS, "network=dilated")
        config = tomllib.loads((run / "config.toml").read_text())
        self.assertEqual((config["output_stride"], config["context"]), (8, "none"))
        further = self.train("segment/scenes", *SMALL, STEPS, *words, f"start.weights={run}")
        self.assertIn("context.conv1.weight", (further / "log.txt").read_text())
        self.assertIn("mean IoU", self.out("eval", further, timeout=TIMEOUT))
        self.out("export", further, "--out", "n.onnx", timeout=TIMEOUT)

    def test_onnx_runtime_runs_an_export(self):
        """Pictures of three sizes, the classes of `clew predict`."""
        os.environ["PYTHONPATH"] = str(os.environ.get("CLEW_WITNESSES", SOURCE / "build/witnesses"))
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        run = self.train("segment/scenes", *SMALL, STEPS)
        rows = {f"{n}.png": [[(x * y + 7 * n + 3 * x) % 256 for x in range(width)] for y in range(height)]
                for n, (width, height) in enumerate([(64, 64), (47, 33), (7, 1)])}
        for name, pixels in rows.items():
            write_png(self.folder / name, len(pixels[0]), len(pixels), 0, pixels)
        answers = self.json("predict", run, *rows, "--json")
        self.out("export", run, "--out", "n.onnx", timeout=TIMEOUT)
        (self.folder / "rows.json").write_text(json.dumps(list(rows.values())))
        theirs = json.loads(self.python("onnxruntime", """
import json, numpy, onnxruntime
session = onnxruntime.InferenceSession("n.onnx", providers=["CPUExecutionProvider"])
names = session.get_modelmeta().custom_metadata_map["classes"].split(",")
found = []
for rows in json.load(open("rows.json")):
    grey = numpy.array(rows, dtype=numpy.float32) / 255
    logits, = session.run(None, {"images": numpy.repeat(grey[None, None], 3, 1)})
    assert logits.shape[2:] == grey.shape, logits.shape
    classes = logits[0].argmax(0)
    found.append({name: float((classes == i).mean()) for i, name in enumerate(names)})
print(json.dumps(found))
"""))
        for answer, shares in zip(answers, theirs, strict=True):
            for one in answer["classes"]:
                self.assertAlmostEqual(one["share"], shares[one["class"]], delta=0.01)

    def test_a_folder_of_masks(self):
        self.out("data", "make", "scenes", "format=masks", "train=6", "val=2", "test=3", "width=48", "height=40", "--data", "made")
        run = self.train("segment/scenes", *SMALL, STEPS, "data.dir=made", "class_weights=inverse_frequency", 'data.ignored=["gear"]')
        config = tomllib.loads((run / "config.toml").read_text())["data"]
        self.assertEqual(len(config["classes"]), 13)
        self.assertEqual(len(config["shares"]), 12)
        self.assertAlmostEqual(sum(config["shares"]), 1)
        self.assertIn("On 3 pictures of the test set: mean IoU", self.out("eval", run, timeout=TIMEOUT))

    def test_masks_of_any_program(self):
        self.out("data", "make", "scenes", "format=masks", "train=6", "val=2", "test=3", "width=48", "height=40", "--data", "made")
        run = self.train("segment/scenes", *SMALL, STEPS, "data.dir=made")
        ours = self.json("eval", run, "--json", timeout=TIMEOUT)
        names = (self.folder / "made/ImageSets/Segmentation/test.txt").read_text().split()
        pictures = [next((self.folder / "made/JPEGImages").glob(f"{name}.*")) for name in names]
        self.out("predict", run, *pictures, "--write", "masks=found", timeout=TIMEOUT)
        judged = "eval", "segment", "predictions=found", "truth=made"
        told = self.json(*judged, "--json")
        for one in told["measures"]:
            self.assertAlmostEqual(one["value"], next(own["value"] for own in ours["measures"] if own["name"] == one["name"]), delta=0.01)
        self.assertEqual([table["title"] for table in told["tables"]], ["Each class", "Confusion matrix"])
        self.assertEqual(told["details"]["pictures"], 3)
        self.assertTrue(told["details"]["worst"])
        self.assertRegex(self.out(*judged), r"^3 masks with 5760 counted pixels of 13 classes: mean IoU ")
        self.assertIn("miou", self.out(*judged))

        write_png(self.folder / "t/a.png", 2, 1, 0, [[0, 1]])
        write_png(self.folder / "p/a.png", 2, 1, 0, [[0, 1]])
        small = "eval", "segment", "predictions=p", "truth=t"
        named = 'classes=["sky", "road"]'
        self.assertIn("100.00 %", self.out(*small, named))
        self.fails(*small, code=2, error="classes must name the classes of the masks of")
        self.fails(*small, named, 'ignored=["tree"]', code=2, error="ignored must be of classes (sky, road), got 'tree'")
        self.fails(*small, named, "ignore=[]", code=2, error="unknown key 'ignore'")
        self.fails(*small[:3], code=2, error="needs predictions=FILE and truth=FILE, got no truth")
        for name, width, colour, row, error in (("a", 1, 0, [0], "must have the size of"), ("a", 2, 0, [0, 2], "a class must be in 0..1 or 255, got 2"),
                                                ("a", 2, 2, [0, 0, 0, 1, 1, 1], "must have one value a pixel"),
                                                ("b", 2, 0, [0, 1], "must have a mask of its name in")):
            with self.subTest(error):
                write_png(self.folder / "p/a.png", 2, 1, 0, [[0, 1]])
                write_png(self.folder / f"p/{name}.png", width, 1, colour, [row])
                self.fails(*small, named, code=1, error=error)
        (self.folder / "p/a.png").unlink()
        self.fails(*small, named, code=1, error="must have a prediction of its name in")

    def test_the_same_bytes_from_a_resumed_run(self):
        run = self.train("segment/scenes", *SMALL, "train.steps=4", "train.checkpoint_seconds=0")
        *_, newest = sorted((run / "checkpoints").glob("step_*"))
        whole = newest.read_bytes()
        newest.unlink()
        self.assertIn("resumed at step 3 of 4", self.clew("train", run, "--resume", timeout=TIMEOUT).err)
        self.assertEqual(newest.read_bytes(), whole)

    def test_what_cannot_be(self):
        for words, code, error in (
                (["network=fcn64s"], 2, "network must be one of fcn32s, fcn16s, fcn8s, dilated, fcn_resnet50, deeplabv3_resnet50"),
                (["output_stride=8"], 2, "network = fcn8s needs an output_stride above 8, got 8"),
                (["network=dilated", "output_stride=32"], 2, "network = dilated needs output_stride = 8 or 16, got 32"),
                (["network=fcn_resnet50"], 2, "network = fcn_resnet50 needs backbone = resnet50 and output_stride = 8"),
                (['data.eval_views=["crop=32x32"]'], 2, "data.eval_views must be resize or resize_short"),
                (['data.classes=["cat", "dog"]'], 1, "data.classes are cat, dog, but the masks have background, ball"),
                (["network=deeplabv3_resnet50", "backbone=resnet50", "output_stride=8"], 2, "train.batch must be at least 2 for each"),
                (["data.scenes=0"], 2, "data.dir must name a folder of pictures and masks")):
            with self.subTest(words):
                self.fails("train", "segment/scenes", *SMALL[1:], *(["data.scenes=16"] if "data.scenes=0" not in words else []), *words,
                           code=code, error=error)
        for recipe in ("camvid", "voc"):
            with self.subTest(recipe):
                self.fails("train", f"segment/{recipe}", code=2, error="data.dir must name a folder of pictures and masks")
        # Names that do not pair.
        (self.folder / "bad/images").mkdir(parents=True)
        (self.folder / "bad/masks").mkdir()
        write_png(self.folder / "bad/images/a.png", 2, 2, 0, [[0, 0], [0, 0]])
        self.fails("train", "segment/scenes", *SMALL, STEPS, "data.dir=bad", code=1, error="a.png' must have a mask of its name in")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
