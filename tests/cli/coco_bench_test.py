# SPDX-License-Identifier: Apache-2.0
"""clew bench coco on few pictures; its peer runs for real where Python has pycocotools."""
import os

from harness import SOURCE, CliTest, main, python_with

SMALL = ("images=20", "categories=3", "threads=2", "seconds=0.01")


class BenchCoco(CliTest):
    def test_json(self):
        rows = self.json("bench", "coco", *SMALL, "--json")["rows"]
        self.assertEqual([row["threads"] for row in rows], [1, 2])
        self.assertNotIn("times_peer", rows[0])

    def test_the_real_peer(self):
        beside = f"{os.environ.get('CLEW_WITNESSES', SOURCE / 'build/witnesses')}/beside_torch"
        os.environ["PYTHONPATH"] = beside
        self.addCleanup(os.environ.pop, "PYTHONPATH")
        python = python_with("pycocotools.cocoeval")
        if python is None:
            self.skipTest("no python3 here can import pycocotools (tests/witnesses_beside_torch.txt)")
        for row in self.json("bench", "coco", *SMALL, f"python={python}", "--peer", "--json")["rows"]:
            self.assertAlmostEqual(row["times_peer"], row["peer_seconds"] / row["seconds"])

    def test_wrong_settings(self):
        self.fails("bench", "coco", "images=0", code=2, error="images must be in 1..1000000, got 0")
        self.fails("bench", "coco", "python=/bin/false", "--peer", code=1, error="needs a Python with pycocotools")


if __name__ == "__main__":
    main()
