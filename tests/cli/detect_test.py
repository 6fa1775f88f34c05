# SPDX-License-Identifier: Apache-2.0
"""Detection from the shell: recipe to evaluation and predictions, judging of other programs' files, wrong words."""
import ast
import json
import os
import tomllib

from harness import SOURCE, CliTest, main, write_png

TIMEOUT = 280
SMALL = ["data.scenes=16", "data.scene_size=64", "regions.short_side=64", "regions.anchor_sizes=[12, 24, 40, 60]",
         "train.batch=2", "train.eval_steps=2", "train.log_steps=1", "train.warmup=0"]
STEPS = "train.steps=2"


class Detect(CliTest):
    def train(self, *words):
        return self.folder / self.out("train", *words, timeout=TIMEOUT).rstrip("\n")

    def assert_same_boxes(self, objects, theirs, classes):
        """Of `clew predict --json` and of another program, with box, score and label each."""
        # Almost equal scores of a network that has learned nothing may rank in another order.
        found = sum(any(classes[label - 1] == one["class"] and abs(score - one["score"]) < 1e-4
                        and all(abs(a - b) < 1e-2 for a, b in zip(box, one["box"])) for box, score, label in theirs)
                    for one in objects)
        self.assertGreater(len(theirs), 20)
        self.assertGreaterEqual(found, 0.95 * len(theirs))

    def test_from_scenes_to_predictions(self):
        run = self.train("detect/scenes", *SMALL, STEPS, "regions.least_score=0")
        told = self.json("eval", run, "--json", timeout=TIMEOUT)
        self.assertEqual([one["name"] for one in told["measures"]], ["ap", "ap50", "ap75", "ar100", "parameters"])
        self.assertEqual([table["title"] for table in told["tables"]], ["Mistakes", "Proposals", "Each class", "Each size"])
        self.out("report", run)
        self.assertIn("Worst pictures", (run / "report.html").read_text())

        self.out("data", "make", "scenes", "format=coco", "train=2", "val=2", "test=3", "width=64", "height=48", "--data", "coco")
        answers = self.json("predict", run, "coco/test", "--json", "--pictures", "drawn", "--write", "coco=found.json")
        self.assertEqual([len(answers), answers[0]["width"], answers[0]["height"]], [3, 64, 48])
        self.assertTrue(answers[0]["objects"])
        self.assertEqual(len(list((self.folder / "drawn").iterdir())), 3)
        # Both forms of the same detections are judged alike.
        (self.folder / "answers.json").write_text(json.dumps(answers))
        truth = "truth=coco/annotations/instances_test.json"
        ours = self.json("eval", "detect", "predictions=answers.json", truth, "--json")
        results = self.json("eval", "detect", "predictions=found.json", truth, "--json")
        self.assertEqual(ours["measures"], results["measures"])
        self.assertEqual(len(ours["measures"]), 14)
        self.assertRegex(self.out("eval", "detect", "predictions=found.json", truth), r"in 3 pictures with \d+ objects of 12 "
                         r"classes\.\nap  +\d+\.\d\d %\nap50 ")
        self.out("predict", run, "coco/test", "--write", "yolo=yolo")
        first = next((self.folder / "yolo").iterdir()).read_text().splitlines()[0].split()
        self.assertEqual(len(first), 6)
        self.fails("predict", run, "coco/test", "--write", "voc=x", code=2, error="--write must name a format that a run of detect "
                   "has: coco, yolo, got 'voc'")
        self.fails("predict", run, "coco/test", "--write", "coco", code=2, error="--write must be FORMAT=PATH, got 'coco'")

    def test_videos(self):
        run = self.train("detect/scenes", *SMALL, STEPS, "regions.least_score=0", "regions.shown_score=0")
        self.out("data", "make", "scenes", "format=clips", "train=1", "val=1", "test=2", "width=64", "height=48", "--data", "clips")
        videos = sorted(str(path.relative_to(self.folder)) for path in (self.folder / "clips").rglob("*.avi"))
        answers = self.json("predict", run, videos[0], "--json", "--pictures", "drawn", "--frames", "3", "--write", "coco=found.json")
        self.assertEqual([one["image"] for one in answers], [f"{videos[0]}/00000{n}" for n in (1, 2, 3)])
        self.assertTrue(all(one["objects"] for one in answers))
        self.assertEqual({one["image_id"] for one in json.loads((self.folder / "found.json").read_text())}, {1, 2, 3})
        drawn, = (self.folder / "drawn").iterdir()
        self.assertEqual(drawn.suffix, ".avi")
        # The drawn video has as many frames.
        self.assertEqual(len(self.json("predict", run, drawn, "--json")), 3)
        both = self.json("predict", run, *videos[:2], "--json")
        self.assertEqual(len({one["image"].rsplit("/", 1)[0] for one in both}), 2)
        (self.folder / "b.avi").write_bytes(b"RIFF")
        self.fails("predict", run, "b.avi", code=1, error="b.avi: must be an AVI, MP4 or WebM file")
        # A bad one costs no answers of the others.
        result = self.clew("predict", run, videos[0], "b.avi", videos[1], "--json")
        self.assertEqual(result.code, 1, result)
        self.assertIn("b.avi: must be an AVI, MP4 or WebM file", result.err)
        found = [one["image"] for one in json.loads(result.out)]
        self.assertEqual(found[len(both) - sum(one["image"].startswith(videos[1]) for one in both)], "b.avi")
        self.assertEqual(len(found), len(both) + 1)
        self.fails("predict", run, "/dev/null", code=1, error="/dev/null: is no camera that this OpenCV can read")
        self.fails("predict", run, videos[0], "--frames", "-1", code=2, error="--frames")

    def test_masks(self):
        run = self.train("detect/scenes", *SMALL, STEPS, "regions.least_score=0", "masks=true")
        told = self.json("eval", run, "--json", timeout=TIMEOUT)
        self.assertEqual([one["name"] for one in told["measures"]],
                         ["ap", "ap50", "ap75", "ar100", "mask_ap", "mask_ap50", "mask_ap75", "parameters"])
        self.assertIn("Masks of each class", [table["title"] for table in told["tables"]])
        self.out("data", "make", "scenes", "format=coco", "train=2", "val=2", "test=3", "width=64", "height=48", "--data", "coco")
        answers = self.json("predict", run, "coco/test", "--json", "--pictures", "drawn", "--write", "coco=found.json")
        self.assertEqual(answers[0]["objects"][0]["mask"]["size"], [48, 64])
        (self.folder / "answers.json").write_text(json.dumps(answers))
        truth = "truth=coco/annotations/instances_test.json"
        ours = self.json("eval", "detect", "predictions=answers.json", truth, "--json")
        self.assertEqual(ours["measures"], self.json("eval", "detect", "predictions=found.json", truth, "--json")["measures"])
        self.assertEqual(len(ours["measures"]), 26)
        self.assertIn("mask_ap_small", [one["name"] for one in ours["measures"]])
        # Pictures without masks are refused.
        self.out("data", "make", "scenes", "format=voc", "train=2", "val=2", "test=3", "width=64", "height=48", "--data", "voc")
        self.fails("train", "detect/scenes", "masks=true", "data.dir=voc", code=1, error="every object must have a mask, got '")

    def test_torchvision_loads_an_export(self):
        """Strictly, and finds the same boxes."""
        run = self.train("detect/scenes", *SMALL[:2], "network=mobilenet_v3_large_320_fpn", "train.batch=2", "train.steps=1",
                         "train.eval_steps=1", "train.log_steps=1", "regions.short_side=320", "regions.long_side=640", "regions.least_score=0.01",
                         'regions.anchor_sizes=[]', "regions.proposal_overlap=0.7")
        write_png(self.folder / "a.png", 60, 40, 0, [[(5 * y + 3 * x) % 256 for x in range(60)] for y in range(40)])
        answer, = self.json("predict", run, "a.png", "--json")
        self.out("export", run, "--out", "n.pth", timeout=TIMEOUT)
        script = """
import json, torch, torchvision
with open("a.png", "rb") as file:
    image = torchvision.io.decode_image(torch.frombuffer(bytearray(file.read()), dtype=torch.uint8),
                                        torchvision.io.ImageReadMode.RGB)
model = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights=None, weights_backbone=None, num_classes=13,
                                                                           box_score_thresh=0.01)
model.load_state_dict(torch.load("n.pth"), strict=True)
with torch.no_grad():
    found, = model.eval()([image / 255])
print(json.dumps({key: found[key].tolist() for key in found}))
"""
        theirs = json.loads(self.python("torchvision", script))
        classes = tomllib.loads((run / "config.toml").read_text())["data"]["classes"]
        theirs = list(zip(theirs["boxes"], theirs["scores"], theirs["labels"]))
        self.assert_same_boxes(answer["objects"], theirs, classes)

    def test_a_paper_network_on_a_folder(self):
        """From a recipe to evaluation, predictions and a file of weights."""
        self.out("data", "make", "scenes", "format=coco", "train=4", "val=2", "test=2", "width=96", "height=96", "--data", "coco")
        run = self.train("detect/voc", "data.dir=coco", "network=zf", "train.steps=3", "train.step_at=[2]", "train.log_steps=1",
                         "train.eval_steps=3", "regions.short_side=96", "regions.anchor_sizes=[16, 32, 48]", "regions.least_score=0.01")
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([round(line["lr"], 9) for line in lines], [0.001, 0.001, 0.0001])
        told = self.json("eval", run, "--json", timeout=TIMEOUT)
        measures = {one["name"]: one["value"] for one in told["measures"]}
        classes = len(tomllib.loads((run / "config.toml").read_text())["data"]["classes"]) + 1
        # conv1 to conv5, region proposals, fc6 and fc7, class scores and boxes.
        count = (14208 + 614656 + 885120 + 1327488 + 884992) + (590080 + 257 * 45) + (37752832 + 16781312) + 4097 * 5 * classes
        self.assertEqual(measures["parameters"], count)
        answer, _ = self.json("predict", run, "coco/test", "--json", timeout=TIMEOUT)[:2]
        self.assertTrue(answer["objects"])
        self.out("export", run, "--out", "n.pth", timeout=TIMEOUT)
        script = 'import torch; print({name: list(one.shape) for name, one in torch.load("n.pth").items()})'
        shapes = ast.literal_eval(self.python("torch", script))
        self.assertEqual(shapes["backbone.body.12.weight"], [256, 384, 3, 3])
        self.assertEqual(shapes["rpn.head.cls_logits.weight"], [9, 256, 1, 1])
        self.assertEqual(shapes["roi_heads.box_head.fc6.weight"], [4096, 256 * 36])

    def test_alternating_training(self):
        run = self.train("detect/scenes", *SMALL, "training=alternating", "train.steps=1")
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["phase"] for line in lines], [1, 2, 3, 4])
        self.assertEqual(["val_recall50" in line for line in lines], [True, False, True, False])
        self.assertEqual(["val_ap" in line for line in lines], [False, True, False, True])
        self.out("report", run)
        page = (run / "report.html").read_text()
        self.assertIn("4: training=shared_detections train.steps=1", page)
        self.assertIn("Recall50", page)
        joint = self.train("detect/scenes", *SMALL, "train.steps=1")
        parameters = [{one["name"]: one["value"] for one in self.json("eval", one, "--json", timeout=TIMEOUT)["measures"]}["parameters"]
                      for one in (run, joint)]
        self.assertEqual(*parameters)

    def test_without_proposals(self):
        """One box of a picture, and all windows: from training to predictions, and what they cannot do."""
        self.out("data", "make", "scenes", "format=coco", "train=2", "val=2", "test=2", "width=64", "height=48", "--data", "coco")
        for network, title in (("one_box", "Detection by regression of one box"),
                               ("windows", "Detection by classification of all windows")):
            with self.subTest(network):
                run = self.train("detect/scenes", *SMALL, STEPS, "regions.least_score=0", f"network={network}")
                told = self.json("eval", run, "--json", timeout=TIMEOUT)
                self.assertEqual([one["name"] for one in told["measures"]], ["ap", "ap50", "ap75", "ar100", "parameters"])
                self.assertEqual([table["title"] for table in told["tables"]], ["Mistakes", "Each class", "Each size"])
                self.out("report", run)
                self.assertIn(title, (run / "report.html").read_text())
                answers = self.json("predict", run, "coco/test", "--json")
                self.assertTrue(all(one["objects"] for one in answers))
                if network == "one_box":
                    self.assertEqual([len(one["objects"]) for one in answers], [1, 1])
                self.out("export", run, "--out", "weights.safetensors")
                for ending in ("onnx", "pt", "pth"):
                    self.fails("export", run, "--out", f"n.{ending}", code=2, error="an export must be safetensors with "
                               f"network = {network}, got ")
                for words, error in ((["training=alternating"], "training must be joint with network = NAME, got alternating"),
                                     (["masks=true"], "masks must be false with network = NAME, got true")):
                    self.fails("train", "detect/scenes", *SMALL, f"network={network}", *words, code=2,
                               error=error.replace("NAME", network))
        self.fails("train", "detect/scenes", *SMALL, "regions.one_by_one=true", code=2,
                   error="regions.one_by_one must be false with network = mobilenet_v2_fpn, got true")

    def test_onnx_runtime_runs_an_export(self):
        """Pictures of two sizes, the boxes of `clew predict`; its classes are in the file."""
        witnesses = os.environ.get("CLEW_WITNESSES", SOURCE / "build/witnesses")
        os.environ["PYTHONPATH"] = str(witnesses)
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        run = self.train("detect/scenes", *SMALL, STEPS, "regions.least_score=0")
        rows = {"a.png": [[(5 * y + 3 * x) % 256 for x in range(60)] for y in range(40)],
                "b.png": [[(x * y) % 256 for x in range(70)] for y in range(90)]}
        for name, pixels in rows.items():
            write_png(self.folder / name, len(pixels[0]), len(pixels), 0, pixels)
        answers = self.json("predict", run, *rows, "--json")
        self.assertEqual(self.out("export", run, "--format", "onnx", timeout=TIMEOUT), str(run / "network.onnx") + "\n")
        (self.folder / "rows.json").write_text(json.dumps(list(rows.values())))
        theirs, classes = json.loads(self.python("onnxruntime", f"""
import json, numpy, onnxruntime
session = onnxruntime.InferenceSession({str(run / "network.onnx")!r}, providers=["CPUExecutionProvider"])
found = []
for rows in json.load(open("rows.json")):
    grey = numpy.array(rows, dtype=numpy.float32) / 255
    boxes, labels, scores = session.run(None, {{"image": numpy.repeat(grey[None, None], 3, 1)}})
    found.append(list(zip(boxes.tolist(), scores.tolist(), labels.tolist())))
print(json.dumps([found, session.get_modelmeta().custom_metadata_map["classes"].split(",")]))
"""))
        for answer, boxes in zip(answers, theirs, strict=True):
            self.assert_same_boxes(answer["objects"], boxes, classes)

    def test_python_runs_the_body(self):
        """TorchScript of body and pyramid: their maps for batches and sizes of any kind, by torchvision's names."""
        run = self.train("detect/scenes", *SMALL, STEPS)
        self.out("export", run, "--out", "body.pt", timeout=TIMEOUT)
        shapes, names = json.loads(self.python("torch", """
import json, torch
body = torch.jit.load("body.pt")
with torch.no_grad():
    print(json.dumps([[list(one.shape) for one in body(torch.rand(3, 3, 96, 130))], list(body.state_dict())]))
"""))
        self.assertEqual(shapes, [[3, 128, 12, 17], [3, 128, 6, 9], [3, 128, 3, 5], [3, 128, 2, 3]])
        self.assertIn("fpn.inner_blocks.0.0.weight", names)
        self.assertIn("body.0.0.weight", names)

    def test_a_truth_found_is_all_right(self):
        self.out("data", "make", "scenes", "format=coco", "train=2", "val=2", "test=3", "width=64", "height=64", "--data", "coco")
        truth = json.loads((self.folder / "coco/annotations/instances_test.json").read_text())
        found = [{key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 0.9} for one in truth["annotations"]]
        (self.folder / "found.json").write_text(json.dumps(found))
        told = self.json("eval", "detect", "predictions=found.json", "truth=coco/annotations/instances_test.json", "--json")
        measures = {one["name"]: one["value"] for one in told["measures"]}
        for name in ("ap", "ap50", "voc"):
            self.assertAlmostEqual(measures[name], 1, delta=1e-9)
        self.fails("eval", "detect", "predictions=found.json", "truth=coco", code=1, error="truth = 'coco' is a folder")

    def test_the_same_bytes_from_a_resumed_run(self):
        run = self.train("detect/scenes", *SMALL, "train.steps=4", "train.checkpoint_seconds=0")
        *_, newest = sorted((run / "checkpoints").glob("step_*"))
        whole = newest.read_bytes()
        newest.unlink()
        self.assertIn("resumed at step 3 of 4", self.clew("train", run, "--resume", timeout=TIMEOUT).err)
        self.assertEqual(newest.read_bytes(), whole)

    def test_what_cannot_be(self):
        self.fails("train", "detect/scenes", "regions.anchor_sizes=[8]", code=2, error="regions.anchor_sizes must be 4")
        self.fails("train", "detect/scenes", *SMALL, "network=resnet50", code=2, error="network must be one of resnet50_fpn,")
        self.fails("train", "detect/scenes", *SMALL, 'data.classes=["cat"]', code=1, error="data.classes are cat, but the pictures")
        (self.folder / "empty").mkdir()
        self.fails("train", "detect/bccd", "data.dir=empty", code=1, error="empty")
        for recipe in ("bccd", "voc", "coco"):
            with self.subTest(recipe):
                self.fails("train", f"detect/{recipe}", code=2, error="error: data.dir must name a folder of pictures with boxes, "
                           "of Pascal VOC, COCO or YOLO, for this recipe has data.scenes = 0, got none")
        self.fails("train", "detect/scenes", *SMALL, "training=shared_proposals", code=2, error="training must be joint or "
                   "alternating, whose steps are for train.phases, got shared_proposals")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
