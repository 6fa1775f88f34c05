# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a recipe, a setting or a run folder: one sentence, and no run folder is made."""
from harness import SOURCE, CliTest, main


class BadRecipes(CliTest):
    def refuses(self, *words, error, code=2):
        self.fails("train", *words, code=code, error=error)
        self.assertFalse((self.folder / "runs").exists())

    def test_every_recipe_is_listed(self):
        text = self.out("help", "train")
        for path in (SOURCE / "recipes").rglob("*.toml"):
            self.assertIn(f"  {path.relative_to(SOURCE / 'recipes').with_suffix('')}\n", text)

    def test_unknown_recipe(self):
        self.refuses("navigate/static_smal", error="did you mean 'navigate/static_small'?")
        self.refuses(error="train needs a recipe or a run folder")

    def test_unknown_key(self):
        self.refuses("navigate/tiny", "train.lrr=1",
                     error="command line: unknown key 'train.lrr'; did you mean 'train.lr'?")

    def test_unknown_level_and_agent(self):
        self.refuses("navigate/tiny", "level=tinny", error="did you mean 'tiny'?")
        self.refuses("navigate/tiny", "agent=nva", error="agent must be ff, lstm or nav")

    def test_wrong_values(self):
        self.refuses("navigate/tiny", "train.worlds=0", error="train.worlds must be in 1..65536, got 0")
        self.refuses("navigate/tiny", "train.worlds=-4", error="train.worlds must be in 1..65536, got -4")
        self.refuses("navigate/tiny", "train.lr=fast", error="train.lr must be a number, got fast")
        self.refuses("navigate/tiny", "seed=1", "seed=2", error="seed must be set once, got '1' and '2'")

    def test_recipe_files(self):
        recipe = self.folder / "mine.toml"
        recipe.write_text("[train]\nworlds = 8\nworlds = 9\n")
        self.refuses("mine.toml", error="mine.toml:3:")
        recipe.write_text("[train]\nwolrds = 8\n")
        self.refuses("mine.toml", error="mine.toml:2: unknown key 'train.wolrds'; did you mean 'train.worlds'?")
        recipe.write_text("[train\n")
        self.refuses("mine.toml", error="mine.toml:1:")
        self.refuses("missing.toml", error="cannot read 'missing.toml': No such file or directory", code=1)


class NotARun(CliTest):
    def test_each_command_says_so(self):
        (self.folder / "empty").mkdir()
        for words in (["eval", "empty"], ["train", "empty", "--resume"], ["report", "empty"]):
            with self.subTest(words):
                self.fails(*words, code=1, error="empty")
        self.fails("eval", "missing", code=1, error="missing is not a run folder")


if __name__ == "__main__":
    main()
