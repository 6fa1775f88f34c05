# SPDX-License-Identifier: Apache-2.0
"""clew bench classify on small images; its peer runs for real where Python has torchvision."""
import subprocess

from harness import CliTest, main

SMALL = ("networks=[\"mobilenet_v3_small\"]", "side=32", "batch=2", "train_batch=4", "threads=1", "seconds=0.01",
         "pictures=64")
TORCHVISION = next((python for python in ("python3", "/usr/bin/python3")
                    if subprocess.run([python, "-c", "import torchvision"], capture_output=True).returncode == 0), None)


class BenchClassify(CliTest):
    def test_json(self):
        answer = self.json("bench", "classify", *SMALL, "job=inference", "--json")
        self.assertEqual(set(answer), {"machine", "rows"})
        self.assertEqual({row["network"] for row in answer["rows"]}, {"mobilenet_v3_small"})
        self.assertNotIn("times_peer", answer["rows"][0])

    def test_table(self):
        self.assertIn("share_of_peak", self.out("bench", "classify", *SMALL, "job=training").splitlines()[0])

    def test_the_real_peer(self):
        if TORCHVISION is None:
            self.skipTest("no python3 here can import torchvision (Debian: python3-torchvision)")
        rows = self.json("bench", "classify", *SMALL, f"python={TORCHVISION}", "--peer", "--json")["rows"]
        self.assertEqual({row["what"] for row in rows}, {"inference", "training", "loading", "first prediction"})
        for row in rows:
            if row["what"] in ("inference", "training"):
                self.assertAlmostEqual(row["times_peer"], row["peer_ms"] / row["ms"])
            elif row["what"] == "loading":
                self.assertAlmostEqual(row["times_peer"], row["images_per_second"] / row["peer_images_per_second"])

    def test_wrong_settings(self):
        self.fails("bench", "classify", "networks=[\"resnet51\"]", code=2, error="networks")
        self.fails("bench", "classify", "job=inferrence", code=2, error="did you mean 'inference'?")


if __name__ == "__main__":
    main()
