# SPDX-License-Identifier: Apache-2.0
"""clew levels: the list, drawings, and what is wrong with a level."""
import os
import struct

from harness import SOURCE, CliTest, main

MAP = """name = "mine"
map = '''
*****
*P G*
*****
'''
"""


class Levels(CliTest):
    def test_lists_every_built_in_level(self):
        names = sorted(path.stem for path in (SOURCE / "levels").glob("*.toml"))
        listed = self.json("levels", "--json")
        self.assertEqual(sorted(level["name"] for level in listed), names)
        lines = self.out("levels").splitlines()
        self.assertEqual([line.split()[0] for line in lines[1:]], [level["name"] for level in listed])
        small = next(level for level in listed if level["name"] == "static_small")
        self.assertEqual({small["width"], small["height"]}, {5, 10})
        self.assertEqual(small["episode_frames"], 3600)

    def test_every_level_can_be_drawn(self):
        for level in self.json("levels", "--json"):
            with self.subTest(level["name"]):
                png = self.folder / f"{level['name']}.png"
                text = self.out("levels", level["name"], "--png", png, "--text", "scale=8")
                self.assertIn("★", text)
                self.assertTrue(text.endswith(f"{png}\n"))
                head = png.read_bytes()[:24]
                self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
                width, height = struct.unpack(">II", head[16:])
                # The picture covers the cells, and a line of wall at most beyond.
                self.assertLessEqual(abs(width - 8 * level["width"]), 8)
                self.assertLessEqual(abs(height - 8 * level["height"]), 8)

    def test_seed_and_episode_choose_the_maze(self):
        first = self.out("levels", "random_small")
        self.assertEqual(self.out("levels", "random_small", "seed=1", "episode=0"), first)
        self.assertNotEqual(self.out("levels", "random_small", "episode=1"), first)
        self.assertNotEqual(self.out("levels", "random_small", "seed=2"), first)

    def test_a_level_file(self):
        (self.folder / "mine.toml").write_text(MAP)
        self.assertIn("mine", self.out("levels", "mine.toml"))
        self.assertEqual(self.json("levels", "mine.toml", "--json")["name"], "mine")


    def test_a_byte_order_mark(self):
        grid = "*****\n*P G*\n*****\n"
        (self.folder / "plain.txt").write_text(grid)
        (self.folder / "marked.txt").write_text("\ufeff" + grid)
        (self.folder / "mine.toml").write_text("\ufeff" + MAP)
        drawn = self.out("levels", "plain.txt")
        self.assertEqual(self.out("levels", "marked.txt"), drawn.replace("plain", "marked"))
        self.assertEqual(self.json("levels", "mine.toml", "--json")["name"], "mine")

    def test_names_that_are_no_text(self):
        """No UTF-8 in JSON, escape codes on a terminal."""
        name = b"fa\xe7ade\x1b[31m.txt"
        (self.folder / os.fsdecode(name)).write_text("*****\n*P G*\n*****\n")
        self.assertEqual(self.json("levels", os.fsdecode(name), "--json")["name"], "fa\ufffdade\x1b[31m")
        self.assertTrue(self.out("levels", os.fsdecode(name)).startswith("fa\\xe7ade\\x1b[31m\n"))
        (self.folder / "red.toml").write_text(MAP.replace("mine", r"\u001b[31mred").replace("G", " "))
        for text in (self.on_terminal("levels", os.fsdecode(name), stdout=None),
                     self.on_terminal("levels", os.fsdecode(name), "--png", b"\x1b[31m.png", stdout=None)):
            self.assertNotIn(b"\x1b", text)
        self.fails("levels", "\x1b[31m.toml", code=1, error="cannot read '\\x1b[31m.toml': No such file")
        self.assertEqual(self.out("levels", os.fsdecode(name), "--png", "\x1b.png"), "\x1b.png\n")  # for scripts


class BadLevels(CliTest):
    def test_unknown_level_names_the_nearest(self):
        self.fails("levels", "static_smal", code=2, error="did you mean 'static_small'?")

    def fails_to_read(self, text, error, code=2):
        (self.folder / "bad.toml").write_text(text)
        self.fails("levels", "bad.toml", code=code, error=error)

    def test_bad_files(self):
        self.fails_to_read(MAP.replace("G", " "), "a level needs a goal")
        self.fails_to_read(MAP.replace("P G", "P*G"), "bad.toml:4:2: ")
        self.fails_to_read(MAP.replace("*****\n*P", "** **\n*P"), "bad.toml:3:3: the border must be closed")
        self.fails_to_read(MAP.replace("*P G*", "**G**"), "bad.toml:4:3: ")
        self.fails_to_read(MAP + "nmae = 1\n", "unknown key 'nmae'; did you mean 'name'?")
        self.fails_to_read(MAP + "[rules]\nepisode_frames = 0\n", "rules.episode_frames must be in 1..100000000, got 0")
        self.fails_to_read("map = [", "bad.toml:1:")
        self.fails_to_read("x" * 10_000_000, "at most 1048576 bytes are allowed", code=1)
        self.fails("levels", "missing/x.toml", code=1, error="cannot read 'missing/x.toml': No such file or directory")

    def test_bad_settings(self):
        self.fails("levels", "tiny", "scale=3", code=2, error="scale must be in 4..128, got 3")
        self.fails("levels", "tiny", "seed=-1", code=2, error="seed must be at least 0, got -1")
        self.fails("levels", "--text", code=2, error="--png and --text need a level")

    def test_a_picture_that_cannot_be_written(self):
        self.fails("levels", "tiny", "--png", "missing/x.png", code=1, error="No such file or directory")
        self.fails("levels", "tiny", "--png", "x.bmp", code=2,
                   error="--png must name a file that ends in .png, got 'x.bmp'")


if __name__ == "__main__":
    main()
