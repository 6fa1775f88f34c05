# SPDX-License-Identifier: Apache-2.0
"""Transfer learning from the shell: recipe to evaluation, weights of one run in another, wrong words."""
import json
import math
import struct

from harness import CliTest, main, write_png

TIMEOUT = 240
SMALL = ["backbone=mobilenet_v3_small", "data.scenes=48", 'data.views=["random_crop=32x32"]',
         'data.eval_views=["resize=32x32"]', "train.batch=8", "train.steps=4", "train.eval_steps=2", "train.log_steps=1",
         "train.precision=fp32"]


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
        self.assertIn("loaded", (last / "log.txt").read_text())
        again = self.train("classify/transfer", *SMALL, "start.weights=n.pth", "mode=slow")
        self.assertIn('mode = "slow"', (again / "config.toml").read_text())
        self.weights_that_do_not_fit()

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

    def test_what_cannot_be(self):
        self.fails("train", "classify/transfer", "mode=last", code=2, error="mode = last needs start.weights")
        self.fails("train", "classify/transfer", "backbone=resnet81", code=2, error="did you mean 'resnet18'?")
        self.fails("train", "classify/transfer", "data.dir=/no/such/folder", code=1, error="/no/such/folder")
        self.fails("train", "classify/transfer", 'data.eval_views=["flip"]', code=2, error="data.eval_views")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
