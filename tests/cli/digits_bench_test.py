# SPDX-License-Identifier: Apache-2.0
"""clew bench digits, on networks small enough to be quick; its peer runs for real where Python has PyTorch."""
import subprocess

from harness import CliTest, main

FEW = ("data.train_limit=100", "data.test_limit=10", "train.batch=8", "train.precision=fp32", "seconds=0.05")
SMALL = ("network.body=fcn", "network.localiser=fc", "network.parameters=100000", *FEW)
TORCH = next((python for python in ("python3", "/usr/bin/python3")
              if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0), None)


class BenchDigits(CliTest):
    def test_json(self):
        answer = self.json("bench", "digits", *SMALL, "--json")
        self.assertEqual(set(answer), {"machine", "rows"})
        row, = answer["rows"]
        self.assertEqual((row["digits"], row["network"], row["transform"]), ("rts", "ST-FCN", "affine"))
        self.assertGreater(row["examples_per_second"], 1)
        self.assertGreater(row["peak_gflops"], row["gflops"])
        self.assertNotIn("peer_examples_per_second", row)

    def test_table(self):
        self.assertIn("examples_per_second", self.out("bench", "digits", *SMALL).splitlines()[0])

    def test_the_real_peer_has_the_same_network(self):
        # The program refuses a peer with another number of parameters.
        if TORCH is None:
            self.skipTest("no python3 here can import torch (Debian: python3-torch)")
        for words in (("data.kind=addition", "network.transformers=2", "network.parameters=400000"),
                      ("network.transform=none", "network.body=fcn", "network.parameters=50000")):
            row, = self.json("bench", "digits", *FEW, f"python={TORCH}", *words, "--peer", "--json")["rows"]
            self.assertEqual(row["peer"]["parameters"], row["parameters"])
            self.assertAlmostEqual(row["times_peer"], row["examples_per_second"] / row["peer_examples_per_second"])

    def ends_with(self, error, *words):
        result = self.clew(*words)
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn(error, result.err.splitlines()[-1])

    def test_another_network_or_a_broken_peer(self):
        python = self.folder / "py thon"
        python.write_text("#!/bin/sh\n[ \"$1\" = -c ] || echo '{\"peer_examples_per_second\": 0.5, \"parameters\": 7}'\n")
        python.chmod(0o755)
        words = ("bench", "digits", *SMALL, f"python={python}", "--peer")
        self.ends_with("parameters, got 7", *words)
        python.write_text("#!/bin/sh\n[ \"$1\" = -c ]\n")
        self.ends_with("error: the peer ended with an error", *words)
        self.fails(*words, "network.transform=tps", code=2, error="--peer knows network.transform = none and affine, got 'tps'")

    def test_wrong_settings(self):
        self.fails("bench", "digits", "network.bdy=fcn", code=2, error="did you mean 'network.body'?")
        self.fails("bench", "digits", "train.batch=1", "data.train_limit=10", code=2, error="train.batch")


if __name__ == "__main__":
    main()
