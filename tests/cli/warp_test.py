# SPDX-License-Identifier: Apache-2.0
"""Spatial transformers from recipe to evaluation, on drawn digits: train, stop, resume, eval, and what is refused."""
import json
import os
import random
import time
from pathlib import Path

from harness import PROGRAM, SOURCE, CliTest, main, write_png

TIMEOUT = 240
SMALL = {"data.source": "procedural", "data.train_limit": 256, "data.test_limit": 100, "network.parameters": 60000,
         "train.steps": 12, "train.batch": 32, "train.eval_steps": 5, "train.log_steps": 1,
         "train.checkpoint_seconds": 0}


def settings(**changes):
    return [f"{key}={value}" for key, value in {**SMALL, **changes}.items()]


def newest(run):
    return sorted((run / "checkpoints").glob("step_*.safetensors"))[-1]


def pictures(run):
    return sorted(path.name for path in (run / "pictures").glob("warps_*.png"))


class WarpCase(CliTest):
    def train(self, *words):
        return self.folder / self.out("train", *words, timeout=TIMEOUT).rstrip("\n")


class Recipes(WarpCase):
    def test_every_recipe_trains(self):
        for path in sorted((SOURCE / "recipes/warp").glob("*.toml")):
            if path.stem == "locate":  # needs an encoder: below
                continue
            with self.subTest(path.stem):
                more = {} if path.stem != "addition" else {"network.parameters": 200000}
                run = self.train(f"warp/{path.stem}", *settings(**more, **{"train.steps": 2}))
                self.assertEqual(newest(run).name, "step_000000000002.safetensors")


class Runs(WarpCase):
    def test_from_recipe_to_evaluation(self):
        run = self.train("warp/rts", *settings())
        self.assertTrue((run / "checkpoints/best.safetensors").exists())
        self.out("report", run)
        page = (run / "report.html").read_text()
        self.assertEqual(page.count("<img src=\"data:image/png;base64,"), 11)
        self.assertIn("Not evaluated yet", page)
        told = self.json("eval", run, "--json")
        measures = {measure["name"]: measure["value"] for measure in told["measures"]}
        confusion, = (table for table in told["tables"] if table["style"] == "confusion")
        counts = [row["values"] for row in confusion["rows"]]
        self.assertEqual(sum(map(sum, counts)), 100)
        wrong = sum(n for i, row in enumerate(counts) for j, n in enumerate(row) if i != j)
        self.assertAlmostEqual(measures["error"], wrong / 100)
        details = told["details"]
        self.assertEqual(details["examples"], 100)
        self.assertLessEqual(len(details["mistakes"]), wrong)
        self.assertEqual(details["source"], "procedural")
        self.assertRegex(self.out("eval", run), r"^rts digits \(procedural\), 100 of the test set: error \d+\.\d\d %")
        self.assertEqual(self.out("report", run).rstrip("\n"), str(run / "report.html"))
        page = (run / "report.html").read_text()
        # A picture from the start, each a quarter later than the last, at the end; and the mistakes.
        self.assertEqual(pictures(run), [f"warps_{step:012}.png" for step in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12)])
        self.assertEqual(page.count("<img src=\"data:image/png;base64,"), 12)
        self.assertGreater((run / "pictures/warps.avi").stat().st_size, 1000)
        again = self.train("--config", run / "config.toml")
        self.assertEqual(newest(run).read_bytes(), newest(again).read_bytes())

    def test_says_when_digits_are_drawn(self):
        words = settings(**{"train.steps": 1, "data.source": "auto"})
        told = "data.dir names no folder with MNIST: learning from digits drawn from strokes"
        result = self.clew("train", "warp/rts", *words, timeout=TIMEOUT)
        self.assertEqual(result.code, 0, result)
        self.assertIn(told, result.err.splitlines())
        self.assertIn(told, (self.folder / result.out.rstrip("\n") / "log.txt").read_text())
        # Nobody needs to be told what was asked for.
        self.assertNotIn("strokes", self.clew("train", "warp/rts", *settings(**{"train.steps": 1}), timeout=TIMEOUT).err)

    def test_paths_of_a_recipe_stand_beside_it(self):
        self.out("data", "make", "digits", "--data", "there/MNIST/raw", "train=200", "test=50")
        text = (SOURCE / "recipes/warp/plain.toml").read_text().replace("[data]\n", "[data]\ndir = '.'\n")
        (self.folder / "there/mine.toml").write_text(text)
        small = [word for word in settings(**{"train.steps": 1}) if not word.startswith("data.source")]
        run = self.train("there/mine.toml", *small)
        config = (run / "config.toml").read_text()
        self.assertIn('source = "mnist"', config)
        self.assertRegex(config, r'dir = "/.*/there/?\.?"')
        (self.folder / "there/find.toml").write_text("system = 'locate'\nencoder = 'run'\n")
        (self.folder / "there/run").symlink_to(run)
        run = self.train("there/find.toml", "data.count=8", "train.batch=8", "train.steps=1")
        self.assertRegex((run / "config.toml").read_text(), r'encoder = "/.*/there/run"')

    def test_a_trained_network_needs_no_data(self):
        self.out("data", "make", "digits", "--data", "mnist", "train=200", "test=50")
        run = self.train("warp/r", *settings(**{"data.source": "mnist", "data.dir": "mnist", "train.steps": 1}))
        (self.folder / "mnist").rename(self.folder / "elsewhere")
        (self.folder / "one.pgm").write_bytes(b"P5 2 2 255\n" + bytes(4))
        self.assertRegex(self.out("predict", run, "one.pgm"), r"^one\.pgm  \d  \d+\.\d %\n$")
        self.out("export", run, "--out", "net.onnx")
        self.fails("eval", run, code=1, error="mnist")

    def test_a_line_for_people(self):
        result = self.clew("train", "warp/rts", *settings(), timeout=TIMEOUT)
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 14, result)  # started, twelve lines of metrics, finished
        self.assertRegex(lines[10], r"^10 of 12 steps  \S+/s  left .*epoch 1\.2  loss \d.*  validation error \d+\.\d\d %$")

    def test_killed_at_any_moment_equals_never_stopped(self):
        words = settings(**{"train.steps": 60, "train.ema": 0.9})
        whole = self.train("warp/rts", *words)
        moments = random.Random(1)

        def checkpoints():
            return set((self.folder / "killed").glob("warp/rts/*/checkpoints/step_*.safetensors"))

        process = self.start("train", "warp/rts", *words, "--runs", "killed")
        kills = 0
        while kills < 12:
            if kills % 2 == 0:  # it may only just have begun
                time.sleep(moments.uniform(0, 0.6))
            else:  # it comes at least a step further, however slow the machine
                before = checkpoints()
                self.wait_for(lambda: checkpoints() - before, process)
                time.sleep(moments.uniform(0, 0.05))
            if process.poll() is not None:
                break
            process.kill()
            process.communicate()
            kills += 1
            runs = list((self.folder / "killed").glob("warp/rts/*/config.toml"))
            process = self.start("train", *([runs[0].parent, "--resume"] if runs  # or killed before there was a run
                                            else ["warp/rts", *words, "--runs", "killed"]))
        _, told = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 0, told)
        self.assertGreaterEqual(kills, 2)
        run = next((self.folder / "killed").glob("warp/rts/*/config.toml")).parent
        self.assertEqual(newest(run).read_bytes(), newest(whole).read_bytes())
        for name in ["checkpoints/best.safetensors", *(f"pictures/{name}" for name in pictures(whole))]:
            self.assertEqual((run / name).read_bytes(), (whole / name).read_bytes(), name)
        self.assertEqual(pictures(run), pictures(whole))


    def test_an_evaluation_says_of_which_step_it_is(self):
        run = self.train("warp/rts", *settings())
        told = self.json("eval", run, "--json")
        self.assertIn(told["step"], (5, 10, 12))
        self.assertEqual(told["run_step"], 12)
        config = run / "config.toml"
        config.write_text(config.read_text().replace("\nsteps = 12\n", "\nsteps = 20\n"))
        self.assertEqual(self.train(run, "--resume"), run)
        self.out("report", run)
        self.assertIn(f"Evaluated at step {told['step']}. The run has gone on since, to step 20: ",
                      (run / "report.html").read_text())

    def test_an_early_end_is_told(self):
        result = self.clew("train", "warp/rts", *settings(**{"train.lr": 0, "train.patience": 1, "train.steps": 100}),
                           timeout=TIMEOUT)
        self.assertEqual(result.code, 0, result)
        told = r"finished at step \d+: no better evaluation within train.patience = 1$"
        self.assertRegex(result.err.splitlines()[-1], told)
        run = self.folder / result.out.rstrip("\n")
        self.assertRegex((run / "log.txt").read_text().rstrip("\n"), told)


class Locate(WarpCase):
    def test_from_encoder_to_boxes(self):
        encoder = self.train("warp/plain", *settings(**{"train.steps": 30}))
        words = ["data.source=procedural", "data.count=8", "train.batch=8", "train.steps=6", "train.eval_steps=3",
                 "train.log_steps=1", "train.checkpoint_seconds=0"]
        run = self.train("warp/locate", f"encoder={encoder}", *words)
        told = self.json("eval", run, "--json")
        details = told["details"]
        self.assertEqual((details["pictures"], details["patches"], details["digit"]), (8, 0, 3))
        self.assertIn(round(8 * details["found"], 6), range(9))
        overlap, = (measure["value"] for measure in told["measures"] if measure["name"] == "overlap")
        self.assertGreater(overlap, 0)
        self.assertRegex(self.out("eval", run), r"^The digit 3 \(procedural\) in 8 pictures with 0 pieces of others: \d+ % found")
        self.out("report", run)
        self.assertEqual((run / "report.html").read_text().count('<img src="data:image/png;base64,'), 1)
        again = self.train("--config", run / "config.toml")
        self.assertEqual(newest(run).read_bytes(), newest(again).read_bytes())
        self.fails("predict", run, "x.png", code=2, error="a run of locate reads no image files")
        self.fails("export", run, code=2, error="clew export does not offer runs of locate")

    def test_what_is_no_encoder(self):
        self.fails("train", "warp/locate", code=2, error="`clew train warp/plain` makes one")
        self.fails("train", "warp/locate", "encoder=nowhere", code=1, error="nowhere is not a run folder")
        reader = self.train("warp/rts", *settings(**{"train.steps": 1}))
        self.fails("train", "warp/locate", f"encoder={reader}", code=2, error="encoder must be a run with data.kind = plain")


class Export(WarpCase):
    def test_every_format_and_what_it_reads(self):
        run = self.train("warp/rts", *settings(**{"train.steps": 2}))
        for form, ending in (("safetensors", "safetensors"), ("pth", "pth"), ("torchscript", "pt"), ("onnx", "onnx")):
            file = self.folder / self.out("export", run, "--format", form).rstrip("\n")
            self.assertEqual(file, run / f"network.{ending}")
            self.assertGreater(file.stat().st_size, 4 * 55000)
            # Without --format the ending says it.
            self.assertEqual(self.out("export", run, "--out", f"there.{ending}"), f"there.{ending}\n")
            if form != "torchscript":  # a zip file tells its own name
                self.assertEqual((self.folder / f"there.{ending}").read_bytes(), file.read_bytes())
        self.fails("export", run, "--format", "onxx", code=2, error="did you mean 'onnx'?")
        self.fails("export", run, "--format", "onnx", "--out", "x.pt", code=2, error="--out must end in .onnx")
        self.fails("export", run, "--out", "x.zip", code=2,
                   error="--out must end in one of .safetensors, .pth, .pt, .onnx, got 'x.zip'")
        self.fails("export", run, "--out", "missing/x.safetensors", code=1, error="missing/x.safetensors")

        ink = bytes(255 if 10 <= x < 14 and 4 <= y < 24 else 0 for y in range(28) for x in range(28))
        (self.folder / "one.pgm").write_bytes(b"P5 28 28 255\n" + ink)
        told, = self.json("predict", run, "one.pgm", "--json")
        self.assertEqual(told["image"], "one.pgm")
        self.assertEqual(len(told["probabilities"]), 10)
        self.assertAlmostEqual(sum(told["probabilities"]), 1, places=5)
        self.assertEqual(told["class"], str(told["probabilities"].index(max(told["probabilities"]))))
        self.assertRegex(self.out("predict", run, "one.pgm", "one.pgm"), r"^(one\.pgm  \d  \d+\.\d %\n){2}$")
        strange = os.fsdecode(b"fa\xe7ade\x1b[31m.pgm")
        (self.folder / strange).write_bytes(b"P5 28 28 255\n" + ink)
        self.assertEqual(self.json("predict", run, strange, "--json")[0]["image"], "fa\ufffdade\x1b[31m.pgm")
        self.assertRegex(self.out("predict", run, strange), r"^fa\\xe7ade\\x1b\[31m\.pgm  \d  \d+\.\d %\n$")
        self.fails("predict", run, "two.pgm", code=1, error="two.pgm")
        # A bad file among good ones.
        result = self.clew("predict", run, "one.pgm", "two.pgm", "one.pgm")
        self.assertEqual(result.code, 1, result)
        self.assertRegex(result.out, r"^(one\.pgm  \d  \d+\.\d %\n){2}$")
        self.assertEqual(result.err, "error: cannot read 'two.pgm': No such file or directory\n")
        result = self.clew("predict", run, "two.pgm", "one.pgm", "three.pgm", "--json")
        self.assertEqual(result.code, 1, result)
        told = json.loads(result.out)
        self.assertEqual([one["image"] for one in told], ["two.pgm", "one.pgm", "three.pgm"])
        self.assertEqual(told[2]["error"], "cannot read 'three.pgm': No such file or directory")
        self.assertEqual(result.err.splitlines(), ["warning: cannot read 'two.pgm': No such file or directory",
                                                   "warning: cannot read 'three.pgm': No such file or directory",
                                                   "error: 2 of 3 pictures failed"])
        self.fails("predict", run, "", code=2, error="IMAGE must not be empty")
        (self.folder / "empty").mkdir()
        self.fails("predict", run, "empty", code=1, error="'empty' must hold picture files, got none")
        # Black on white.
        (self.folder / "paper.pgm").write_bytes(b"P5 28 28 255\n" + bytes(255 - byte for byte in ink))
        result = self.clew("predict", run, "one.pgm", "paper.pgm")
        self.assertEqual(result.code, 0, result)
        self.assertEqual(result.err, "warning: 1 of 2 pictures: dark on light; this network has learnt light "
                                     "digits on a dark ground, so invert such pictures\n")
        # Ink on nothing is on white; on the ground that the run's config names.
        write_png(self.folder / "clear.png", 28, 28, 4, [[byte for x in range(28) for byte in (0, ink[28 * y + x])]
                                                         for y in range(28)])
        shares = [self.json("predict", run, name, "--json")[0]["probabilities"]
                  for name in ("paper.pgm", "one.pgm", "clear.png")]
        self.assertEqual(shares[2], shares[0])
        self.assertNotEqual(shares[2], shares[1])
        config = run / "config.toml"
        self.assertIn('background = "auto"', config.read_text())
        config.write_text(config.read_text().replace('background = "auto"', 'background = "black"'))
        (self.folder / "black.pgm").write_bytes(b"P5 28 28 255\n" + bytes(28 * 28))
        self.assertEqual(self.json("predict", run, "clear.png", "--json")[0]["probabilities"],
                         self.json("predict", run, "black.pgm", "--json")[0]["probabilities"])
        (self.folder / "half.pgm").write_bytes(b"P5 28 28 255\n" + ink[:100])
        self.fails("predict", run, "half.pgm", code=1, error="half.pgm")

    def test_pairs_for_addition(self):
        run = self.train("warp/addition", *settings(**{"network.parameters": 200000, "train.steps": 1}))
        (self.folder / "one.pgm").write_bytes(b"P5 2 2 255\n" + bytes(4))
        self.assertRegex(self.out("predict", run, "one.pgm", "one.pgm"), r"^one\.pgm \+ one\.pgm  \d+  \d+\.\d %\n$")
        self.fails("predict", run, "one.pgm", code=2, error="this network reads images in groups of 2, got 1 images")


class Start(WarpCase):
    def test_weights_of_another_run(self):
        first = self.train("warp/plain", *settings())
        words = settings(**{"train.steps": 3, "start.weights": first, "start.skip": '["body.7"]', "start.freeze": '["body.0"]'})
        result = self.clew("train", "warp/plain", *words, timeout=TIMEOUT)
        self.assertEqual(result.code, 0, result)
        run = self.folder / result.out.rstrip("\n")
        told = next(line for line in result.err.splitlines() if line.startswith("weights of "))
        self.assertRegex(told, r": 4 loaded, 2 skipped \(body\.7\.weight, body\.7\.bias\)$")
        self.assertIn(told, (run / "log.txt").read_text())
        self.assertTrue((run / "checkpoints/frozen.safetensors").exists())
        first.rename(self.folder / "away")
        for words in (("eval", run), ("export", run, "--out", "net.onnx")):
            self.out(*words)
        self.fails("train", "warp/plain", "start.weights=nowhere.pth", code=1, error="there is no such file or run folder")
        self.fails("train", "warp/plain", f"start.weights={run}", 'start.freeze=["head"]', code=2,
                   error="start.freeze = 'head' matches no parameter of the network")

    def test_runs_side_by_side(self):
        slow, fast, other = (self.train("warp/plain", *settings(**{"train.steps": 2, "train.lr": lr, "seed": seed}))
                             for lr, seed in ((0.001, 1), (0.01, 1), (0.001, 2)))
        result = self.clew("compare", slow, fast)
        self.assertEqual(result.code, 0, result)
        self.assertIn("is evaluated; `clew eval RUN` does that", result.err)
        for run in (slow, fast, other):
            self.out("eval", run)
        head, *rows = self.out("compare", slow, fast, other, "--page", "both.html").splitlines()
        self.assertEqual(head.split()[:2], ["run", "train.lr"], head)
        self.assertEqual(len(rows), 2, rows)
        self.assertIn("and 1 more", rows[0])
        self.assertEqual(sum(row.count("*") for row in rows), 2, rows)  # the best loss and the best error
        self.assertIn("<html", (self.folder / "both.html").read_text())
        told = self.json("compare", slow, fast, "--json")
        self.assertEqual(told["differing"], ["train.lr"])
        self.assertEqual({measure["name"] for measure in told["measures"]}, {"loss", "error", "parameters"})
        self.fails("compare", slow, code=2, error="at least two runs are compared, got 1")
        self.fails("compare", slow, "nowhere", code=1, error="nowhere is not a run folder")
        self.fails("compare", slow, fast, "--page", "both.txt", code=2, error="must name a file that ends in .html")


class BadInput(WarpCase):
    def refuses(self, *words, error, code=2):
        self.fails("train", *words, code=code, error=error)
        self.assertFalse((self.folder / "runs").exists())

    def test_settings(self):
        self.refuses("warp/rts", "network.transfrom=tps", error="did you mean 'network.transform'?")
        self.refuses("warp/rts", "network.transform=tsp", error="did you mean 'tps'?")
        self.refuses("warp/rts", "system=wrap", error=", got wrap; did you mean 'warp'?")
        self.refuses("warp/rts", *settings(**{"network.parameters": 2000}), error="network.parameters = 2000 cannot be met within 5 %")
        encoder = self.train("warp/plain", *settings(**{"train.steps": 1}), "--runs", "elsewhere")
        self.refuses("warp/locate", f"encoder={encoder}", "data.source=procedural", "train.batch=1",
                     error="train.batch must be at least 2, for the loss is of pairs of pictures, got 1")
        self.refuses("warp/r", *settings(**{"network.warp_size": 20}), error="needs images of at least 24 pixels")
        self.refuses("warp/rts", *settings(**{"train.batch": 1}), error="train.batch must be at least train.workers")
        self.refuses("warp/rts", "data.source=mnist", "data.dir=nowhere", error="nowhere", code=1)

    def test_data_that_are_not_there(self):
        self.refuses("warp/rts", "data.dir=nowhere", code=1,
                     error="'nowhere' must be a folder with MNIST's files, there is no such folder; `clew data get mnist")
        (self.folder / "empty").mkdir()
        self.refuses("warp/rts", "data.dir=empty", code=1, error="it has none of them")
        self.refuses("warp/rts", "data.dir=~/mnist", error="data.dir must be a path, got '~/mnist'; only a shell knows '~'")
        self.refuses("warp/rts", "data.dir=", error="data.dir must be a path, got an empty text")
        self.refuses("warp/locate", "encoder=", error="encoder must be a path, got an empty text")
        self.fails("bench", "data", "dir=nowhere", code=1, error="'nowhere' must be a folder with MNIST's files")

    def test_options_of_another_system(self):
        run = self.train("warp/rts", *settings(**{"train.steps": 1}))
        self.fails("eval", run, "episodes=3", code=2, error="a run of warp, has no settings, got 'episodes=3'")

    def test_a_damaged_best_checkpoint(self):
        run = self.train("warp/rts", *settings())
        best = run / "checkpoints/best.safetensors"
        best.write_bytes(best.read_bytes()[:-100])
        self.fails("eval", run, code=1, error="best.safetensors")
        self.fails("eval", run, code=1, error="; when this file is removed, the newest checkpoint is taken instead")
        best.unlink()
        self.assertEqual(self.json("eval", run, "--json")["step"], 12)


if __name__ == "__main__":
    main()
