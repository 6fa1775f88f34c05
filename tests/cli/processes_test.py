# SPDX-License-Identifier: Apache-2.0
"""Training in several real processes: the bytes of one process, stop, kill, resume, and what is refused."""
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from harness import PROGRAM, CliTest, main

TIMEOUT = 240
SMALL = {"data.source": "procedural", "data.train_limit": 256, "data.test_limit": 100, "network.parameters": 60000,
         "train.steps": 12, "train.batch": 32, "train.eval_steps": 5, "train.log_steps": 1, "train.ema": 0.9,
         "train.checkpoint_seconds": 0, "train.workers": 1}
ENDLESS = {"train.steps": 1000000, "train.eval_steps": 1000000}


def settings(**changes):
    return [f"{key}={value}" for key, value in {**SMALL, **changes}.items()]


def newest(run):
    return sorted((run / "checkpoints").glob("step_*.safetensors"))[-1]


def weights(file):
    """A checkpoint's bytes but for the config that it remembers, in which train.workers may differ."""
    data = file.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little"):]


def metrics(run):
    return [re.sub(r'"(seconds|steps_per_second)":[^,]*,', "", line)
            for line in (run / "metrics.jsonl").read_text().splitlines()]


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def variables(rank, size, port):
    return {"RANK": str(rank), "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


class ProcessesCase(CliTest):
    def train(self, *words, **options):
        return self.folder / self.out("train", *words, timeout=TIMEOUT, **options).rstrip("\n")

    def start_group(self, size, *words):
        """One training in `size` processes, as torchrun starts them."""
        port = free_port()
        group = [subprocess.Popen([PROGRAM, "train", *map(str, words)], cwd=self.folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={**os.environ, **variables(rank, size, port)}) for rank in range(size)]
        for process in group:
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
        return group

    def end(self, group):
        """Exit codes, outputs and errors of all."""
        told = [process.communicate(timeout=TIMEOUT) for process in group]
        return [process.returncode for process in group], [out for out, _ in told], [err for _, err in told]

    def wait_for_steps(self, process):
        for line in process.stderr:
            if re.match(r"\d+ of ", line):
                return
        self.fail("it never made a step")


class SameBytes(ProcessesCase):
    def same(self, first, second):
        self.assertEqual(newest(first).name, newest(second).name)
        self.assertEqual(weights(newest(first)), weights(newest(second)))
        self.assertEqual(weights(first / "checkpoints/best.safetensors"), weights(second / "checkpoints/best.safetensors"))
        self.assertEqual(metrics(first), metrics(second))

    def test_as_one_process_with_as_many_workers(self):
        whole = self.train("warp/rts", *settings(**{"train.workers": 2}))
        two = self.train("warp/rts", *settings(), "--processes", 2)
        self.same(whole, two)
        self.assertEqual(len(list(two.parent.iterdir())), 2)  # rank 1 has made no folder
        self.assertEqual(sorted(path.name for path in two.iterdir() if "tfevents" not in path.name),
                         sorted(path.name for path in whole.iterdir() if "tfevents" not in path.name))

        codes, outs, errs = self.end(self.start_group(2, "warp/rts", *settings()))
        self.assertEqual(codes, [0, 0], errs)
        self.same(whole, self.folder / outs[0].rstrip("\n"))
        self.assertEqual((outs[1], errs[1]), ("", ""))

    def test_stopped_in_one_process_resumed_in_two(self):
        whole = self.train("warp/rts", *settings(**{"train.workers": 2}))
        run = self.train("warp/rts", *settings(**{"train.workers": 2}))
        for file in (run / "checkpoints").iterdir():
            if file.name > "step_000000000011.safetensors":
                file.unlink()
        config = (run / "config.toml").read_text()
        self.assertIn("\nworkers = 2\n", config)
        (run / "config.toml").write_text(config.replace("\nworkers = 2\n", "\nworkers = 1\n"))
        self.assertEqual(self.train(run, "--resume", "--processes", 2), run)
        self.assertEqual(weights(newest(run)), weights(newest(whole)))
        self.assertEqual(metrics(run), metrics(whole))

    def test_torchrun(self):
        torchrun = shutil.which("torchrun", path="/usr/bin")  # Debian's, of the LibTorch that we link
        if torchrun is None:
            self.skipTest("no /usr/bin/torchrun; it is in python3-torch")
        # Its defaults of -r and -t fail with Python 3.11; no process has the number 9.
        result = subprocess.run([torchrun, "--no_python", "--nproc_per_node", "2", "-r", "9:1", "-t", "9:1", PROGRAM,
                                 "train", "warp/rts", *settings()], cwd=self.folder, capture_output=True, text=True,
                                timeout=TIMEOUT)
        if "PyTorch was build without libuv support" in result.stderr:
            self.skipTest("Debian 13's torchrun starts nothing: it wants a libuv that its PyTorch has not")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.same(self.train("warp/rts", *settings(**{"train.workers": 2})), self.folder / result.stdout.rstrip("\n"))


class Ends(ProcessesCase):
    def test_a_killed_process_ends_the_other_and_the_run_goes_on(self):
        words = settings(**{"train.steps": 60, "train.eval_steps": 20})
        whole = self.train("warp/rts", *words, "--processes", 2)
        for victim in (1, 0):
            with self.subTest(victim):
                group = self.start_group(2, "warp/rts", *words, "--runs", f"killed{victim}")
                self.wait_for_steps(group[0])
                group[victim].kill()
                codes, _, errs = self.end(group)
                self.assertEqual(codes[victim], -signal.SIGKILL)
                self.assertEqual(codes[1 - victim], 1, errs)
                self.assertRegex(errs[1 - victim].splitlines()[-1],
                                 r"^error: training stopped at step \d+: another process of this training has ended")
                run = next((self.folder / f"killed{victim}").glob("warp/rts/*"))
                self.train(run, "--resume", "--processes", 2)
                self.assertEqual(newest(run).read_bytes(), newest(whole).read_bytes())

    def test_a_signal_to_one_stops_all(self):
        for rank, number in ((0, signal.SIGINT), (1, signal.SIGTERM)):
            with self.subTest(rank):
                group = self.start_group(2, "warp/rts", *settings(**ENDLESS))
                self.wait_for_steps(group[0])
                group[rank].send_signal(number)
                codes, outs, errs = self.end(group)
                self.assertEqual(codes, [0, 0], errs)
                self.assertIn(f"stopped; `clew train {outs[0].rstrip()} --resume` goes on\n", errs[0])
                self.assertEqual((outs[1], errs[1]), ("", ""))
                run = self.folder / outs[0].rstrip("\n")
                self.assertRegex((run / "log.txt").read_text(), rf"stopped at step {int(newest(run).stem[5:])}\n$")

    def test_a_signal_to_the_process_that_started_the_others(self):
        process = subprocess.Popen([PROGRAM, "train", "warp/rts", *settings(**ENDLESS), "--processes", "3"],
                                   cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.wait_for_steps(process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=TIMEOUT)  # ends when all have closed their pipes
        self.assertEqual(process.returncode, 0, err)
        self.assertIn(f"stopped; `clew train {out.rstrip()} --resume` goes on\n", err)

    def test_an_error_in_one_ends_all(self):
        exploding = {"train.optimizer": "sgd", "train.lr": 100, "train.weight_decay": 10}  # weights grow a thousandfold
        codes, outs, errs = self.end(self.start_group(2, "warp/rts", *settings(**ENDLESS, **exploding)))
        self.assertEqual((codes, outs), ([1, 1], ["", ""]))
        for err in errs:
            self.assertRegex(err.splitlines()[-1], r"^error: training stopped at step \d+: .*(nan|infinite)$")


    def test_an_error_in_one_of_those_that_were_started_is_said_once(self):
        result = self.clew("train", "warp/rts", *settings(**ENDLESS, **{"train.optimizer": "sgd", "train.lr": 100,
                           "train.weight_decay": 10}), "--processes", 2, timeout=TIMEOUT)
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertEqual(result.err.count("error: "), 1, result)

    def test_one_that_dies_before_all_have_met(self):
        """It is killed as soon as it is there, as it would be for want of memory."""
        process = self.start("train", "warp/rts", *settings(**ENDLESS), "--processes", "3")
        self.addCleanup(process.kill)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        self.assertTrue(self.wait_for(lambda: len(children.read_text().split()) == 2, process))
        others = [int(number) for number in children.read_text().split()]
        os.kill(others[0], signal.SIGKILL)
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, out), (1, ""), err)
        self.assertEqual(err, "error: another process of this training, which was started here, ended before all "
                              "were there (signal 9)\n")
        self.assertFalse(Path(f"/proc/{others[1]}").exists())

    def test_a_folder_that_cannot_be_written_any_more_ends_all(self):
        group = self.start_group(2, "warp/rts", *settings(**ENDLESS))
        self.wait_for_steps(group[0])
        folder = next((self.folder / "runs").glob("warp/rts/*/checkpoints"))
        folder.rename(folder.with_name("gone"))
        codes, outs, errs = self.end(group)
        self.assertEqual((codes, outs), ([1, 1], ["", ""]))
        told = errs[0].splitlines()[-1].removeprefix("error: ")
        self.assertIn("checkpoints/step_", told)
        self.assertRegex(errs[1], rf"^error: training stopped at step \d+: process 0: {re.escape(told)}\n$")


class BadInput(ProcessesCase):
    def test_variables(self):
        self.fails("train", "warp/rts", env={"RANK": "0"}, code=2, error="MASTER_ADDR and MASTER_PORT, got only RANK")
        self.fails("train", "warp/rts", env={**variables(0, 2, 1), "RANK": "2"}, code=2,
                   error="the environment variable RANK must be in 0..1, got '2'")
        self.fails("train", "warp/rts", "--processes", 2, env=variables(0, 2, 1), code=2,
                   error="--processes 2 starts processes itself, but this one is of 2 that were started already")
        self.fails("train", "warp/rts", "--processes", 0, code=2, error="--processes")
        self.fails("train", "warp/rts", env={"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, code=2,
                   error="Open MPI has started 2 processes, which train together with MASTER_ADDR and MASTER_PORT")
        self.assertFalse((self.folder / "runs").exists())
        for env in ({"WORLD_SIZE": "1"}, {"MASTER_ADDR": "127.0.0.1"}):
            alone = self.train("warp/rts", *settings(**{"train.steps": 1}), env=env)
            self.assertTrue(newest(alone).exists())

    def test_nobody_else_comes(self):
        self.fails("train", "warp/rts", "--timeout", 1, env=variables(0, 2, free_port()), code=1,
                   error="process 0 of 2 does not reach the others: ")

    def test_a_port_that_is_taken(self):
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            port = server.getsockname()[1]
            result = self.clew("train", "warp/rts", "--timeout", 1, env=variables(0, 2, port))
        self.assertEqual((result.code, result.out), (1, ""), result)
        self.assertRegex(result.err.splitlines()[-1],  # LibTorch says something before it
                         rf"^error: process 0 of 2 cannot meet the others at 127.0.0.1:{port}: .*already in use")

    def test_what_one_process_would_refuse(self):
        codes, outs, errs = self.end(self.start_group(2, "warp/rtx"))
        self.assertEqual((codes, outs), ([2, 2], ["", ""]), errs)
        self.assertRegex(errs[0], r"^error: unknown recipe 'warp/rtx'; did you mean [^\n]*\n$")
        self.assertRegex(errs[1], r"^error: process 0: unknown recipe 'warp/rtx'; did you mean [^\n]*\n$")

    def test_what_several_processes_cannot_train(self):
        for words, error in ((["navigate/tiny"], "the system navigate is trained by one process, got 2 processes"),
                             (["warp/rts", *settings(**{"train.workers": 17})],
                              "train.batch must be at least train.workers (17 in each of 2 processes), got 32")):
            result = self.clew("train", *words, "--processes", 2)
            self.assertEqual((result.code, result.out), (2, ""), result)
            self.assertEqual(result.err, f"error: {error}\n")
        self.assertFalse((self.folder / "runs").exists())


if __name__ == "__main__":
    main()
