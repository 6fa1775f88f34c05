# SPDX-License-Identifier: Apache-2.0
"""clew train, eval and report on tiny data: the run folder, stopping and resuming in every way, and what goes wrong."""
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import time

from harness import PROGRAM, SOURCE, CliTest, main

# 30 updates of 20 steps, a checkpoint after each: well under a second of training.
SETTINGS = {"size": 36, "lstm1": 8, "lstm2": 16, "train.steps": 600, "train.worlds": 4, "train.unroll": 5,
            "train.log_steps": 100, "train.checkpoint_seconds": 0, "train.precision": "fp32"}


def settings(*changes):
    """SETTINGS as words of the command line, some replaced or added."""
    merged = {**SETTINGS, **dict(change.split("=", 1) for change in changes)}
    return [f"{key}={value}" for key, value in merged.items()]


def tiny(*changes):
    return ["navigate/tiny", *settings(*changes)]


def checkpoints(run):
    return sorted((run / "checkpoints").glob("step_*.safetensors"))


def final_bytes(run, steps=600):
    newest = checkpoints(run)[-1]
    assert newest.name == f"step_{steps:012}.safetensors", newest
    return newest.read_bytes()


def read_container(path):
    """A safetensors file as its header and the data behind it."""
    blob = path.read_bytes()
    length = struct.unpack("<Q", blob[:8])[0]
    return json.loads(blob[8:8 + length]), bytearray(blob[8 + length:])


def write_container(path, header, data):
    """Without the checksum, which a file of another program need not have."""
    header.get("__metadata__", {}).pop("clew.checksum", None)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class TrainCase(CliTest):
    timeout = 120

    def train(self, *words, **options):
        """Trains and gives the run folder that the program names."""
        run = self.folder / self.out("train", *words, timeout=self.timeout, **options).rstrip("\n")
        self.assertTrue(run.is_dir(), run)
        return run

    def ends_with_error(self, result, error):
        """Exit code 1, and one line that starts with error:, the last one."""
        self.assertEqual(result.code, 1, result)
        lines = [line for line in result.err.splitlines() if line.startswith("error: ")]
        self.assertEqual(len(lines), 1, result)
        self.assertEqual(result.err.splitlines()[-1], lines[0], result)
        self.assertIn(error, lines[0], result)


class Runs(TrainCase):
    def test_from_recipe_to_report(self):
        run = self.train(*tiny())
        self.fails("export", run, "--out", "n.pt", code=2,
                   error="--out must end in one of .safetensors, .pth, got 'n.pt' for a run of navigate")
        self.fails("export", run, "--format", "onnx", code=2, error="--format must be one of safetensors, pth for a run of navigate")
        self.assertEqual(self.out("export", run, "--out", "n.pth"), "n.pth\n")
        self.assertEqual(run.parent, self.folder / "runs/navigate/tiny")
        self.assertEqual([path.name for path in checkpoints(run)],
                         ["step_000000000580.safetensors", "step_000000000600.safetensors"])
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines], [100, 200, 300, 400, 500, 600])
        for key in ("loss_policy", "loss_value", "entropy", "loss_depth1", "loss_depth2", "loss_loop", "lr"):
            self.assertIsInstance(lines[-1][key], (int, float), key)
        self.assertEqual(len(list(run.glob("events.out.tfevents.*"))), 1)
        log = (run / "log.txt").read_text().splitlines()
        self.assertRegex(log[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ started at step 0 of 600$")
        self.assertRegex(log[-1], r"finished at step 600$")

        table = self.out("eval", run, "episodes=2", timeout=self.timeout)
        for player in ("agent", "random", "shortest path"):
            self.assertIn(f"\n{player} ", table)
        answer = self.json("eval", run, "episodes=2", "--json", timeout=self.timeout)
        players = {player["name"]: player for player in answer["details"]["players"]}
        self.assertEqual(list(players), ["agent", "random", "shortest path"])
        self.assertGreater(players["shortest path"]["score_mean"], 3 * max(1, players["random"]["score_mean"]))
        self.assertEqual(answer["details"]["episodes"], 2)
        self.assertEqual(json.loads((run / "eval.json").read_text()), answer)

        # A pipe and what stdout leads to are written through.
        whole = self.out("report", run, "--out", "/dev/stdout")
        self.assertTrue(whole.startswith("<!") and whole.endswith("</html>\n"), whole[-100:])
        os.mkfifo(self.folder / "pipe.html")
        with subprocess.Popen("cat pipe.html >copy", cwd=self.folder, shell=True):
            self.assertEqual(self.out("report", run, "--out", "pipe.html"), "pipe.html\n")
        self.assertEqual((self.folder / "copy").read_text(), whole)
        self.assertTrue((self.folder / "pipe.html").is_fifo())
        (self.folder / "link.pth").symlink_to("far.pth")
        self.assertEqual(self.out("export", run, "--out", "link.pth"), "link.pth\n")
        self.assertEqual((self.folder / "far.pth").read_bytes(), (self.folder / "n.pth").read_bytes())

        page = self.out("report", run).rstrip("\n")
        text = (self.folder / page).read_text()
        self.assertEqual(self.folder / page, run / "report.html")
        self.assertIn("shortest path", text)
        self.assertIn("data:image/png;base64,", text)
        # Self-contained: nothing is fetched.
        self.assertEqual(re.findall(r"""(?:src|href)=["']?(?!data:|#)[^"'>\s]+|@import|url\((?!data:|#)""", text), [])

    def test_the_config_of_a_run_repeats_it(self):
        first = self.train(*tiny())
        second = self.train("--config", first / "config.toml")
        self.assertEqual(final_bytes(first), final_bytes(second))
        self.assertEqual((first / "config.toml").read_text(), (second / "config.toml").read_text())
        third = self.train("--config", first / "config.toml", "seed=2")
        self.assertNotEqual(final_bytes(first), final_bytes(third))

    def test_a_level_file_goes_into_the_run(self):
        mine = self.folder / "mine.toml"
        mine.write_text("name = \"mine\"\nmap = '''\n*****\n*P G*\n*****\n'''\n")
        (self.folder / "recipe.toml").write_text('level = "mine.toml"\n')
        run = self.train("recipe.toml", *settings())
        mine.unlink()
        moved = self.folder / "moved"
        shutil.move(run, moved)
        self.assertIn("level mine, 1 episodes", self.out("eval", moved, "episodes=1", timeout=self.timeout))
        self.assertEqual(final_bytes(self.train("--config", moved / "config.toml")), final_bytes(moved))

    def test_a_pipe_gets_plain_lines(self):
        result = self.clew("train", *tiny())
        lines = result.err.splitlines()
        self.assertEqual(len(lines), 8, result)  # started, six lines of metrics, finished
        self.assertRegex(lines[1], r"^100 of 600 steps  \S+( k)?/s  left .*loss pi -?\d\.\d+ v \d")
        self.assertNotIn("\r", result.err)
        self.assertNotIn("\033", result.err)

    def test_a_terminal_gets_one_line_that_rewrites_itself(self):
        for columns in (60, 20, 5):
            text = self.on_terminal("train", *tiny(), columns=columns)
            rewritten = text.decode().split("\r\033[K")
            self.assertGreaterEqual(len(rewritten), 7, text)
            for line in rewritten[1:-1]:
                self.assertNotIn("\n", line)
                self.assertLessEqual(len(line), columns - 1)
            # The last line of the log begins on a line of its own.
            self.assertRegex(rewritten[-1], r"^600 [^\r\n]*\r\nfinished at step 600\r\n$" if columns > 5 else "^600 ")

    def test_a_dumb_terminal_gets_plain_lines(self):
        text = self.on_terminal("train", *tiny(), env={"TERM": "dumb"})
        self.assertNotIn(b"\033", text)
        self.assertEqual(len(text.split(b"\r\n")), 9, text)

    def test_colours(self):
        coloured = b"\033[32m"
        for env, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            text = self.on_terminal("train", *tiny(), "--verbose", env={"COLORTERM": "truecolor", **env})
            self.assertEqual(coloured in text, is_coloured, text)

    def test_runs_beside_their_recipe(self):
        """The folders of runs are called as their recipes."""
        for _ in range(2):
            run = self.train(*tiny(), "--runs", ".")
            self.assertEqual(run.parent.resolve(), (self.folder / "navigate/tiny").resolve())
        (self.folder / "navigate/tiny/config.toml").write_text("seed = 1\n")
        self.fails("train", "navigate/tiny", code=2, error="navigate/tiny is a folder; add --resume to go on with a run")


class StopAndResume(TrainCase):
    def test_ctrl_c_stops_with_a_checkpoint(self):
        whole = self.train(*tiny("train.steps=4000", "train.checkpoint_seconds=1000"))
        process = self.start("train", *tiny("train.steps=4000", "train.checkpoint_seconds=1000"))
        process.stderr.readline()
        process.stderr.readline()  # the first line of metrics
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=self.timeout)
        self.assertEqual(process.returncode, 0, err)
        run = self.folder / out.rstrip("\n")
        self.assertIn(f"stopped; `clew train {out.rstrip()} --resume` goes on\n", err)
        self.assertEqual(len(checkpoints(run)), 2)
        self.assertNotEqual(checkpoints(run)[-1].name, "step_000000004000.safetensors")
        self.assertEqual(self.train(run, "--resume"), run)
        self.assertEqual(final_bytes(run, 4000), final_bytes(whole, 4000))

    def test_a_hang_up_stops_with_a_checkpoint(self):
        process = self.start("train", *tiny("train.steps=1000000000"))
        process.stderr.readline()
        process.stderr.readline()
        for _ in range(2):  # the kernel's and the shell's
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        out, err = process.communicate(timeout=self.timeout)
        self.assertEqual(process.returncode, 0, err)
        self.assertRegex((self.folder / out.rstrip("\n") / "log.txt").read_text(), r"stopped at step \d+\n$")

    def test_signals_that_were_ignored_stay_so(self):
        """As in a background job of a script, and with nohup."""
        for number in (signal.SIGINT, signal.SIGHUP):
            process = self.start("train", *tiny("train.steps=1000000000", "train.log_steps=20"),
                                 preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
            process.stderr.readline()
            process.send_signal(number)
            for _ in range(5):
                self.assertRegex(process.stderr.readline(), "^[0-9.k ]+ of ")
            process.terminate()
            out, err = process.communicate(timeout=self.timeout)
            self.assertEqual((process.returncode, out.count("\n")), (0, 1), err)

    def test_messages_that_nobody_reads(self):
        """train ... 2>&1 | head: the run goes on to its end; what was printed last had no reader."""
        out, inside = os.pipe()
        process = subprocess.Popen([PROGRAM, "train", *tiny("train.steps=4000")], cwd=self.folder, stdout=inside,
                                   stderr=subprocess.STDOUT)
        os.close(inside)
        os.read(out, 1)
        os.close(out)
        self.assertEqual(process.wait(self.timeout), -signal.SIGPIPE)
        final_bytes(next(self.folder.glob("runs/*/*/*")), 4000)

    def test_ctrl_c_in_a_pipe_that_breaks(self):
        """train ... 2>&1 | tee log: Ctrl-C ends tee, too."""
        out, inside = os.pipe()
        process = subprocess.Popen([PROGRAM, "train", *tiny("train.steps=1000000000")], cwd=self.folder, stdout=inside,
                                   stderr=subprocess.STDOUT)
        os.close(inside)
        text = b""
        while text.count(b"\n") < 2:
            text += os.read(out, 4096)
        os.close(out)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(self.timeout), -signal.SIGPIPE)
        run = next(self.folder.glob("runs/*/*/*"))
        self.assertRegex((run / "log.txt").read_text(), rf"stopped at step {int(checkpoints(run)[-1].stem[5:])}\n$")

    def test_closed_descriptors(self):
        """Nothing that is said lands in the files that are opened next."""
        words = " ".join(tiny())
        subprocess.run(["sh", "-c", f'exec "$0" train {words} <&- >&- 2>&-', PROGRAM], cwd=self.folder, check=True,
                       timeout=self.timeout)
        run = next(self.folder.glob("runs/*/*/*"))
        whole = self.train(*tiny())
        self.assertEqual(final_bytes(run), final_bytes(whole))
        lines = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual(lines, [100, 200, 300, 400, 500, 600])
        events, of_whole = (next(folder.glob("events.*")) for folder in (run, whole))
        self.assertEqual(events.stat().st_size, of_whole.stat().st_size)

    def test_a_second_ctrl_c_ends_at_once(self):
        process = self.start("train", *tiny("train.worlds=128", "train.unroll=400", "train.steps=1000000"))
        self.assertRegex(process.stderr.readline(), "started")
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=self.timeout)
        self.assertEqual(process.returncode, 130)

    def test_killed_at_any_moment_equals_never_stopped(self):
        steps = 8000
        words = tiny(f"train.steps={steps}", "train.log_steps=500")
        whole = self.train(*words)
        chance = random.Random(20)
        kills = 0
        # The first kill: the folder is there, the first checkpoint may not be.
        process = self.start("train", *words, "--runs", "killed")
        self.assertTrue(self.wait_for(lambda: list(self.folder.glob("killed/*/*/*/config.toml")), process))
        time.sleep(chance.uniform(0, 0.02))
        while True:
            process.kill()
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
            run = next(self.folder.glob("killed/*/*/*"))
            if kills == 30:
                break
            before = {path.name for path in checkpoints(run)}
            process = self.start("train", run, "--resume")
            if kills % 3 == 0:  # while it starts
                time.sleep(chance.uniform(0, 0.3))
            elif kills % 3 == 1:  # while it trains
                self.wait_for(lambda: {path.name for path in checkpoints(run)} - before, process)
                time.sleep(chance.uniform(0, 0.05))
            else:  # while it writes a checkpoint
                self.wait_for(lambda: {path.name for path in checkpoints(run)} - before, process)
                self.wait_for(lambda: list((run / "checkpoints").glob("*.part")), process)
            self.assertIsNone(process.poll(), "the run ended before it could be killed often enough")
        self.assertGreaterEqual(kills, 20)
        self.train(run, "--resume")
        self.assertEqual(final_bytes(run, steps), final_bytes(whole, steps))
        self.assertEqual(list((run / "checkpoints").glob("*.part")), [])

        def curve(folder):
            lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
            return [{key: line[key] for key in line if not key.startswith(("seconds", "steps_per"))} for line in lines]

        self.assertEqual(curve(run), curve(whole))

    def endless(self):
        """The folder of a run that is being trained."""
        process = self.start("train", *tiny("train.steps=1000000000"))
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertRegex(process.stderr.readline(), "started")
        return next(self.folder.glob("runs/*/*/*"))

    def test_a_run_is_trained_by_one_process(self):
        run = self.endless()
        self.fails("train", run, "--resume", code=1, error=f"another process is training in {run}")

    def test_a_config_that_is_replaced_lets_nobody_else_in(self):
        run = self.endless()
        (run / "new").write_bytes((run / "config.toml").read_bytes())
        (run / "new").rename(run / "config.toml")
        self.fails("train", run, "--resume", code=1, error=f"another process is training in {run}")

    def test_a_run_that_lost_its_checkpoints_is_left_alone(self):
        run = self.train(*tiny())
        for path in checkpoints(run):
            path.unlink()
        before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
        self.fails("train", run, "--resume", code=1, error=f"{run} has been trained, but has no checkpoints/step_")
        self.assertEqual({path: path.read_bytes() for path in run.rglob("*") if path.is_file()}, before)

    def test_more_steps(self):
        run = self.train(*tiny())
        config = run / "config.toml"
        config.write_text(config.read_text().replace("steps = 600\n", "steps = 800\n"))
        self.assertEqual(self.train(run, "--resume"), run)
        final_bytes(run, 800)

    def test_resume_of_a_finished_run_changes_nothing(self):
        run = self.train(*tiny())
        before = final_bytes(run)
        self.assertEqual(self.train(run, "--resume"), run)
        self.assertEqual(final_bytes(run), before)


class Damage(TrainCase):
    def setUp(self):
        super().setUp()
        self.run_folder = self.train(*tiny())
        self.good = final_bytes(self.run_folder)
        self.older, self.newest = checkpoints(self.run_folder)

    def is_repaired_by_resume(self):
        result = self.clew("train", self.run_folder, "--resume")
        self.assertEqual(result.code, 0, result)
        self.assertIn("warning: skipped a damaged checkpoint: ", result.err)
        self.assertIn("resumed at step 580 of 600", result.err)
        self.assertEqual(final_bytes(self.run_folder), self.good)

    def test_truncated(self):
        self.newest.write_bytes(self.good[:len(self.good) // 2])
        result = self.clew("eval", self.run_folder, "episodes=1")
        self.assertEqual(result.code, 0, result)
        self.assertIn(f"warning: skipped a damaged checkpoint: {self.newest}: ", result.err)
        self.is_repaired_by_resume()

    def test_empty(self):
        self.newest.write_bytes(b"")
        self.is_repaired_by_resume()

    def test_altered(self):
        altered = bytearray(self.good)
        altered[-1000] ^= 1
        self.newest.write_bytes(altered)
        self.is_repaired_by_resume()

    def test_all_damaged(self):
        for path in (self.older, self.newest):
            path.write_bytes(b"nothing of use")
        for command in (("eval", self.run_folder), ("train", self.run_folder, "--resume")):
            self.ends_with_error(self.clew(*command), f"{self.run_folder} has no usable checkpoint: {self.older}: ")

    def test_wrong_types_and_shapes(self):
        header, data = read_container(self.newest)
        for change, error in (({"dtype": "I32"}, "'agent.fc_bias' must be F32, got I32"),
                              ({"shape": [2, 128]}, "'agent.fc_bias' must be [256], got [2, 128]")):
            changed = json.loads(json.dumps(header))
            changed["agent.fc_bias"].update(change)
            write_container(self.newest, changed, data)
            for command in (("eval", self.run_folder), ("train", self.run_folder, "--resume")):
                self.ends_with_error(self.clew(*command), f"{self.newest}: tensor {error}")
        changed = json.loads(json.dumps(header))
        changed["__metadata__"]["steps"] = "-1"
        write_container(self.newest, changed, data)
        self.ends_with_error(self.clew("train", self.run_folder, "--resume"),
                             "metadata 'steps' must be a whole number, got '-1'")

    def test_not_a_number(self):
        self.newest.unlink()
        header, data = read_container(self.older)
        begin = header["agent.value_bias"]["data_offsets"][0]
        data[begin:begin + 4] = struct.pack("<f", float("nan"))
        write_container(self.older, header, data)
        before = self.older.read_bytes()
        self.ends_with_error(self.clew("train", self.run_folder, "--resume"),
                             "training stopped at step 580: the policy loss is nan")
        self.assertEqual([path.read_bytes() for path in checkpoints(self.run_folder)], [before])
        self.assertIn("the policy loss is nan", (self.run_folder / "log.txt").read_text())

    def test_not_a_run(self):
        (self.folder / "empty").mkdir()
        for command in (("eval", "empty"), ("train", "empty", "--resume"), ("eval", "missing"), ("report", "empty"),
                        ("train", "missing", "--resume"), ("eval", PROGRAM)):
            self.fails(*command, code=1, error="run folder")

    def test_a_config_that_was_spoilt(self):
        (self.run_folder / "config.toml").write_text("[train\n")
        self.fails("eval", self.run_folder, code=2, error="config.toml:1:7: ")


class Disk(TrainCase):
    def setUp(self):
        super().setUp()
        self.good = final_bytes(self.train(*tiny(), "--runs", "whole"))

    def disk(self, *options):
        """A small disk of memory; None where only root may make one and this is not root."""
        folder = self.folder / "disk"
        folder.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True).returncode != 0:
            return None
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)
        return folder

    def limited(self, run, limit_bytes):
        """Resumes with a limit on the size of files."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
        return self.clew("train", run, "--resume", preexec_fn=limit)

    def test_full(self):
        disk = self.disk("-o", f"size={5 * len(self.good)}")
        if disk is None:
            return
        words = tiny("train.steps=8000")
        whole = self.train(*words)
        process = self.start("train", *words, "--runs", disk)
        self.assertTrue(self.wait_for(lambda: list(disk.glob("*/*/*/checkpoints/step_*1??.safetensors")), process))
        run = next(disk.glob("*/*/*"))
        with open(disk / "ballast", "wb", buffering=0) as ballast:  # takes all there is
            try:
                while True:
                    ballast.write(bytes(65536))
            except OSError:
                pass
        _, err = process.communicate(timeout=self.timeout)
        self.assertEqual(process.returncode, 1, err)
        self.assertRegex(err.splitlines()[-1], f"^error: cannot write '{re.escape(str(run))}.*': No space left on device$")
        self.assertEqual(err.count("error:"), 1, err)
        self.assertGreaterEqual(len(checkpoints(run)), 1)
        self.assertEqual(list((run / "checkpoints").glob("*.part")), [])
        self.ends_with_error(self.clew("train", run, "--resume"), "No space left on device")
        (disk / "ballast").unlink()
        self.train(run, "--resume")
        self.assertEqual(final_bytes(run, 8000), final_bytes(whole, 8000))

    def test_a_limit_on_files(self):
        run = self.train(*tiny())
        older, newest = checkpoints(run)
        newest.unlink()
        before = older.read_bytes()
        result = self.limited(run, len(self.good) // 2)
        self.ends_with_error(result, f"cannot write '{newest}")
        self.ends_with_error(result, "File too large")
        self.assertEqual(checkpoints(run), [older])
        self.assertEqual(older.read_bytes(), before)
        self.assertEqual(list((run / "checkpoints").glob("*.part")), [])
        self.train(run, "--resume")
        self.assertEqual(final_bytes(run), self.good)

    def test_read_only(self):
        """For root, who may write everywhere else, a disk that is mounted so."""
        disk = self.disk()
        runs = disk or self.folder / "disk"
        run = self.train(*tiny(), "--runs", runs)
        checkpoints(run)[-1].unlink()
        before = sorted(path.name for path in run.rglob("*"))
        if disk:
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            reason = "Read-only file system"
        else:
            for folder in (run / "checkpoints", run):
                folder.chmod(0o555)
                self.addCleanup(folder.chmod, 0o755)
            reason = "Permission denied"
        self.ends_with_error(self.clew("train", run, "--resume"), reason)
        evaluated = self.clew("eval", run, "episodes=1", timeout=self.timeout)
        self.assertEqual(evaluated.code, 0, evaluated)
        self.assertRegex(evaluated.out, r"\nagent +\S+ \+- ")
        self.assertEqual(evaluated.err.splitlines()[-1],
                         f"warning: the report will not show this: cannot write '{run}': {reason}")
        self.assertEqual(sorted(path.name for path in run.rglob("*")), before)
        if disk:
            self.ends_with_error(self.clew("train", *tiny(), "--runs", runs / "new"), reason)


class BadInput(TrainCase):
    def test_recipes(self):
        self.fails("train", code=2, error="train needs a recipe or a run folder")
        self.fails("train", "navigate/tinny", code=2, error="unknown recipe 'navigate/tinny'; did you mean 'navigate/tiny'?")
        self.fails("train", "tiny", code=2, error="unknown recipe 'tiny'; did you mean 'navigate/tiny'?")
        self.fails("train", *tiny(), "--train.steps=100", code=2,
                   error="unknown option '--train.steps=100'; a setting is written train.steps=100 (see clew help train)")
        self.fails("train", *tiny(), "--train.steps", 100, code=2, error="a setting is written train.steps=VALUE (see")
        self.fails("train", *tiny(), "--run=x", code=2, error="unknown option '--run=x'; did you mean '--runs'?")
        self.fails("train", "runs/x/a", "runs/x/b", "--resume", code=2,
                   error="--resume goes on with one run folder, got 'runs/x/a' and 'runs/x/b'; resume each by itself")
        self.fails("train", "missing.toml", code=1, error="cannot read 'missing.toml': No such file or directory")
        self.fails("train", ".", code=2, error=". is a folder; add --resume to go on with a run")
        (self.folder / "links").symlink_to("links")
        for command in ("train", "eval", "report"):
            for path, error in (("links", "Too many levels of symbolic links"), ("x" * 300, "File name too long")):
                self.fails(command, path, code=1, error=f"cannot read '{path}")
                self.assertIn(error, self.clew(command, path).err)
        self.fails("train", *tiny(), "--config", "x.toml", code=2, error="give either a recipe or --config")
        (self.folder / "bad.toml").write_text("level = \"tiny\"\n[train]\nlr = = 1\n")
        self.fails("train", "bad.toml", code=2, error="bad.toml:3:6: ")
        (self.folder / "bad.toml").write_text("level = \"tiny\"\n[train]\nlr = \"fast\"\n")
        self.fails("train", "bad.toml", code=2, error="bad.toml:3: train.lr must be a number, got ")
        (self.folder / "bad.toml").write_text("[train]\nbatchsize = 3\nunrol = 2\n")
        self.fails("train", "bad.toml", code=2, error="bad.toml:2: unknown key 'train.batchsize'")

    def test_settings(self):
        for setting, error in (("train.wurlds=3", "unknown key 'train.wurlds'; did you mean 'train.worlds'?"),
                               ("size=0", "size must be in 36..256, got 0"),
                               ("size=-84", "size must be in 36..256, got -84"),
                               ("lstm2=0", "lstm2 must be in 1..4096, got 0"),
                               ("train.worlds=0", "train.worlds must be in 1..65536, got 0"),
                               ("train.steps=-5", "train.steps must be in 1..1000000000000, got -5"),
                               ("train.unroll=0", "train.unroll must be in 1..1000, got 0"),
                               ("train.workers=5", "train.worlds must be at least train.workers (5), got 4"),
                               ("train.lr=nan", "train.lr must be in 0..100, got nan"),
                               ("train.optimizer=sdg", "train.optimizer must be one of sgd, rmsprop, adam, adamw, got 'sdg'"),
                               ("train.lr=1e-3=2", "train.lr"),
                               ("seed=one", "seed must be a whole number, got "),
                               ("level=static_smal", "did you mean 'static_small'?"),
                               ("level=missing.toml", "cannot read 'missing.toml'"),
                               ("agent=nav+d3", "agent must be ff, lstm or nav, then any of +d1 +d2 +l, got 'nav+d3'"),
                               ("agent=navy", "got 'navy' (at 'navy')"),
                               ("justaword", "justaword")):
            with self.subTest(setting):
                code = 1 if "cannot read" in error else 2
                words = tiny(setting) if "=" in setting else [*tiny(), setting]
                self.fails("train", *words, code=code, error=error)
        self.assertFalse((self.folder / "runs").exists(), "a run folder was made")

    def test_level_files(self):
        good = "name = \"mine\"\nmap = '''\n*****\n*P G*\n*****\n'''\n"
        for text, error in ((good.replace("G", " "), "mine.toml:2:7: a level needs a goal"),
                            (good.replace("P G", "P*G"), "mine.toml:4:2: "),
                            (good.replace("*****\n*P", "** **\n*P"), "mine.toml:3:3: the border must be closed"),
                            (good.replace("map", "mab"), "unknown key 'mab'; did you mean 'map'?"),
                            ("x" * 10_000_000, "at most 1048576 bytes are allowed")):
            (self.folder / "mine.toml").write_text(text)
            with self.subTest(error):
                code = 1 if "bytes" in error else 2
                self.fails("train", *tiny("level=mine.toml"), code=code, error=error)
        self.assertFalse((self.folder / "runs").exists(), "a run folder was made")

    def test_resume_takes_no_settings(self):
        run = self.train(*tiny())
        error = "--resume goes on with the run's own config and takes no other settings"
        self.fails("train", run, "--resume", "seed=2", code=2, error=error)
        self.fails("train", "--config", run / "config.toml", "--resume", code=2, error=error)
        # Settings that were changed behind the program's back do not fit the checkpoint.
        config = run / "config.toml"
        config.write_text(config.read_text().replace("lstm2 = 16", "lstm2 = 17"))
        error = f"{config}: the run was begun with other settings: lstm2 was 16 and is 17; put them back, or "
        self.ends_with_error(self.clew("train", run, "--resume"), error)

    def test_eval_and_report_options(self):
        self.fails("eval", code=2, error="RUN is required (see clew help eval)")
        self.fails("report", code=2, error="RUN is required (see clew help report)")
        run = self.train(*tiny())
        for key in ("episodes", "threads"):
            self.fails("eval", run, f"{key}=0", code=2, error=f"command line: {key} must be in 1..")
        self.assertEqual(self.json("eval", run, "episodes=2e0", "seed=1e3", "--json", timeout=self.timeout)["details"]["seed"], 1000)
        for wrong in ("1.5", "x", "0.5e0"):
            self.fails("eval", run, f"episodes={wrong}", code=2, error="command line: episodes must be ")
        self.fails("eval", run, "episodes=1e30", code=2, error="episodes")
        self.fails("eval", run, "epsiodes=2", code=2, error="did you mean 'episodes'?")
        self.fails("eval", run, "--episodes", 2, code=2, error="a setting is written episodes=")
        self.fails("eval", "", code=2, error="RUN must not be empty")
        self.fails("report", run, "--out", "", code=2, error="--out must not be empty")
        self.fails("report", run, "--out", "x.pdf", code=2, error="--out must name a file that ends in .html, got 'x.pdf'")
        self.fails("report", run, "--out", "missing/folder/x.html", code=1, error="No such file or directory")

    def test_numbers_that_blow_up(self):
        result = self.clew("train", *tiny("train.steps=100000", "train.lr=1", "train.clip=0", "train.eps=1e-300",
                                          "train.reward_scale=1000", "train.value=10", "train.momentum=0.999"))
        self.ends_with_error(result, "training stopped at step ")
        self.assertRegex(result.err, r"error: training stopped at step \d+: the [\w' ]+ is (nan|infinite)\n$")
        run = next(self.folder.glob("runs/*/*/*"))
        step = int(re.search(r"error: training stopped at step (\d+)", result.err)[1])
        self.assertEqual(checkpoints(run)[-1].name, f"step_{step:012}.safetensors")
        self.json("eval", run, "episodes=1", "--json")

    def test_settings_that_must_blow_up(self):
        for setting, wanted in (("eps=0", "more than 0 and at most 10, got 0"),
                                ("decay=1", "at least 0 and less than 1, got 1"),
                                ("momentum=1", "at least 0 and less than 1, got 1")):
            key = setting.split("=")[0]
            self.fails("train", *tiny(f"train.{setting}"), code=2, error=f"train.{key} must be {wanted}")


class Recipes(TrainCase):
    def test_help_lists_every_file(self):
        names = sorted(f"{path.parent.name}/{path.stem}" for path in (SOURCE / "recipes").glob("*/*.toml"))
        self.assertGreater(len(names), 5)
        listed = re.search(r"Recipes:\n((?:  \S+\n)+)", self.out("help", "train"))[1].split()
        self.assertEqual(listed, names)

    def test_help_shows_the_keys_of_a_recipe(self):
        text = self.out("help", "train", "navigate/tiny")
        self.assertIn("of the system navigate", text)
        self.assertRegex(text, r"\nlevel +\"tiny\"")  # the recipe's value
        self.assertRegex(self.out("help", "train", "warp/plain"), r"\nstart\.weights ")
        self.fails("help", "train", "navigate/tinny", code=2, error="did you mean 'navigate/tiny'?")

    def test_every_recipe_trains(self):
        for path in sorted((SOURCE / "recipes").glob("navigate/*.toml")):
            name = f"{path.parent.name}/{path.stem}"
            with self.subTest(name):
                run = self.train(name, *settings("train.steps=20"))
                self.assertEqual(run.parent, self.folder / "runs" / name)
                final_bytes(run, 20)


if __name__ == "__main__":
    main()
