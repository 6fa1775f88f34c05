# SPDX-License-Identifier: Apache-2.0
"""clew bench navigate, on a network and a maze small enough to be quick."""
import os

from harness import CliTest, main

SMALL = ("level=tiny", "size=36", "train.worlds=2", "train.unroll=2", "train.precision=fp32", "seconds=0.1")


class BenchNavigate(CliTest):
    def test_json(self):
        answer = self.json("bench", "navigate", *SMALL, "--json")
        self.assertEqual(set(answer), {"machine", "rows"})
        row, = answer["rows"]
        self.assertGreater(row["agent_steps_per_second"], 1)
        self.assertGreater(row["peak_gflops"], row["gflops"])
        self.assertNotIn("peer_agent_steps_per_second", row)

    def test_table(self):
        self.assertIn("agent_steps_per_second", self.out("bench", "navigate", *SMALL).splitlines()[0])

    def test_settings(self):
        rows = self.json("bench", "navigate", *SMALL[:-1], "seconds=0.02", "--settings", "--json", timeout=300)["rows"]
        self.assertEqual([row["settings"] for row in rows], ["default"] + ["by hand"] * (len(rows) - 2) + ["default"])
        self.assertAlmostEqual(rows[0]["of_default"] + rows[-1]["of_default"], 2)
        settings = {(row["precision"], row["core_type"], row["blas_threads"]) for row in rows}
        self.assertIn(("fp32", "the BLAS chooses", "1"), settings)
        if os.uname().machine == "x86_64":
            self.assertIn(("fp32", "Prescott", "the BLAS chooses"), settings)
        self.fails("bench", "navigate", "--settings", "--peer", code=2, error="--settings and --peer do not go together")

    def test_peer(self):
        # The real peer takes half a minute and needs PyTorch; here it is a script that answers as it does.
        python = self.folder / "py thon"
        python.write_text("#!/bin/sh\n[ \"$1\" = -c ] || echo '{\"peer_agent_steps_per_second\": 0.5}'\n")
        python.chmod(0o755)
        row, = self.json("bench", "navigate", *SMALL, f"python={python}", "--peer", "--json")["rows"]
        self.assertEqual(row["peer_agent_steps_per_second"], 0.5)
        self.assertAlmostEqual(row["times_peer"], row["agent_steps_per_second"] / 0.5)
        python.write_text("#!/bin/sh\n[ \"$1\" = -c ]\n")
        result = self.clew("bench", "navigate", *SMALL, f"python={python}", "--peer")
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertIn("error: the peer ended with an error", result.err.splitlines()[-1])

    def test_the_peer_needs_pytorch(self):
        self.fails("bench", "navigate", *SMALL, "python=/bin/false", "--peer", code=1,
                   error="--peer needs a Python with torch (Debian: apt install python3-torch), but /bin/false cannot import it")

    def test_wrong_settings(self):
        self.fails("bench", "navigate", "agent=nva", code=2, error="agent")
        self.fails("bench", "navigate", "level=tinny", code=2, error="did you mean 'tiny'?")
        self.fails("bench", "navigate", "train.worker=3", code=2, error="did you mean 'train.workers'?")
        self.fails("bench", "navigate", "seconds=0", code=2, error="seconds must be more than 0 and at most 3600, got 0")


if __name__ == "__main__":
    main()
