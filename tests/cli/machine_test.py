# SPDX-License-Identifier: Apache-2.0
"""clew info, clew bench peak and clew bench maze."""
import os

from harness import SOURCE, CliTest, main


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

    def test_precision_is_measured_once_for_a_machine(self):
        env = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        first = self.json("info", "--json", env=env)["precision"]
        for kind in ("navigator", "libtorch"):
            self.assertIn(first[kind]["auto"], ("fp32", "bf16"))
            self.assertGreater(first[kind]["fp32_gflops"], 0)
        kept = sorted(path.name.rsplit("-", 1)[0] for path in (self.folder / "cache" / "clew").iterdir())
        self.assertEqual(kept, ["precision-kernels", "precision-libtorch"])
        again = self.json("info", "--json", env=env)["precision"]
        self.assertAlmostEqual(again["navigator"]["fp32_gflops"], first["navigator"]["fp32_gflops"], delta=0.01)
        # A home that cannot be written is no fault.
        self.json("info", "--json", env={"XDG_CACHE_HOME": "/proc/none"})

    def test_gives_openblas_one_thread_unless_told_otherwise(self):
        blas = self.json("info", "--json")["blas"]
        if blas["name"] != "OpenBLAS" or blas["threading"] == "none":
            self.skipTest("the BLAS is no OpenBLAS with threads")
        self.assertEqual(blas["threads"], 1)
        self.assertEqual(self.json("info", "--json", env={"OPENBLAS_NUM_THREADS": "2"})["blas"]["threads"], 2)

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


class BenchMaze(CliTest):
    quick = ("bench", "maze", "level=tiny", "largest_batch=1", "seconds=0.001", "repeats=1")

    def test_json_and_signatures(self):
        answer = self.json(*self.quick, "--json", "--check")
        self.assertEqual(list(answer), ["machine", "signatures", "rows"])
        golden = (SOURCE / "tests" / "golden" / "signatures.txt").read_text().split("\n")
        self.assertEqual([f"{row['signature']} {row['level']}" for row in answer["signatures"]], golden[:-1])
        steps = [row for row in answer["rows"] if "obs_per_second" in row]
        self.assertEqual({row["threads"] for row in steps}, {1, 2})
        self.assertLessEqual({"threads", "width", "height", "depth", "batch"}, set(steps[0]))
        self.assertGreater(steps[0]["obs_per_second"], 0)

    def test_table_and_errors(self):
        self.assertIn("obs_per_second", self.out(*self.quick, "threads=1").split("\n")[0])
        self.fails("bench", "maze", "level=tinny", code=2, error="got 'tinny'; did you mean 'tiny'?")


if __name__ == "__main__":
    main()
