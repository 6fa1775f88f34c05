# SPDX-License-Identifier: Apache-2.0
"""clew bench boxes on few boxes; its peer runs for real where Python has torchvision."""
import subprocess

from harness import CliTest, main

SMALL = ("rois=5", "channels=4", "boxes=50", "anchors=700", "threads=1", "seconds=0.01")
TORCHVISION = next((python for python in ("python3", "/usr/bin/python3")
                    if subprocess.run([python, "-c", "import torchvision"], capture_output=True).returncode == 0), None)


class BenchBoxes(CliTest):
    def test_json(self):
        answer = self.json("bench", "boxes", *SMALL, "job=nms", "--json")
        self.assertEqual(set(answer), {"machine", "rows"})
        self.assertEqual([row["what"] for row in answer["rows"]], ["nms", "batched_nms"])
        self.assertNotIn("times_peer", answer["rows"][0])

    def test_table(self):
        self.assertIn("threads", self.out("bench", "boxes", *SMALL, "job=geometry").splitlines()[0])

    def test_the_real_peer(self):
        if TORCHVISION is None:
            self.skipTest("no python3 here can import torchvision (Debian: python3-torchvision)")
        rows = self.json("bench", "boxes", *SMALL, f"python={TORCHVISION}", "--peer", "--json")["rows"]
        self.assertEqual(len(rows), 14)
        for row in rows:
            if "with box gradient" in row["what"]:
                self.assertNotIn("times_peer", row)
            else:
                self.assertAlmostEqual(row["times_peer"], row["peer_ms"] / row["ms"])

    def test_wrong_settings(self):
        self.fails("bench", "boxes", "job=mns", code=2, error="did you mean 'nms'?")
        self.fails("bench", "boxes", "rois=0", code=2, error="rois")


if __name__ == "__main__":
    main()
