# SPDX-License-Identifier: Apache-2.0
"""Transfer learning from the shell: recipe to evaluation, weights of one run in another, wrong words."""
from harness import CliTest, main

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

    def test_what_cannot_be(self):
        self.fails("train", "classify/transfer", "mode=last", code=2, error="mode = last needs start.weights")
        self.fails("train", "classify/transfer", "backbone=resnet81", code=2, error="did you mean 'resnet18'?")
        self.fails("train", "classify/transfer", "data.dir=/no/such/folder", code=1, error="/no/such/folder")
        self.fails("train", "classify/transfer", 'data.eval_views=["flip"]', code=2, error="data.eval_views")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
