# SPDX-License-Identifier: Apache-2.0
"""clew info and clew bench peak."""
import os

from harness import CliTest, main


class Info(CliTest):
    def test_text(self):
        text = self.out("info")
        for name in ("clew ", "processor ", "instruction set", "cores ", "LibTorch ", "BLAS "):
            self.assertIn(name, text)

    def test_json(self):
        info = self.json("info", "--json")
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+$")
        self.assertGreaterEqual(info["machine"]["usable_cores"], 1)
        self.assertRegex(info["libtorch"]["version"], r"^\d+\.\d+")
        self.assertTrue(info["blas"]["name"])
        self.assertIsInstance(info["advice"], list)

    def test_counts_the_cores_it_may_use(self):
        before = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {min(before)})
        info = self.json("info", "--json")
        self.assertEqual(info["machine"]["usable_cores"], 1)
        if info["machine"]["cores"] > 1:
            self.assertTrue(any("affinity or container limit" in line for line in info["advice"]), info["advice"])

    def test_advice_about_openmp_threads(self):
        info = self.json("info", "--json", env={"OMP_NUM_THREADS": "1"})
        self.assertTrue(any("OMP_NUM_THREADS=1" in line for line in info["advice"]), info["advice"])


class BenchPeak(CliTest):
    def test_json(self):
        answer = self.json("bench", "peak", "threads=1", "seconds=0.01", "copy_mib=1", "--json")
        self.assertEqual(set(answer), {"machine", "rows"})
        rows = {row["what"]: row for row in answer["rows"]}
        self.assertGreater(rows["fp32"]["gflops"], 0.1)
        self.assertGreater(rows["copy"]["gbytes_per_second"], 0.1)
        self.assertEqual("bf16" in rows, answer["machine"]["has_bf16_dot"])

    def test_table(self):
        text = self.out("bench", "peak", "threads=1", "seconds=0.01", "copy_mib=1")
        self.assertTrue(text.startswith("what  threads  gflops"), text)


if __name__ == "__main__":
    main()
