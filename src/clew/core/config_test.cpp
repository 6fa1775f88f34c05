// SPDX-License-Identifier: Apache-2.0
#include "clew/core/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"
#include "tests/support/expect_error.h"

namespace clew {
namespace config_test {

struct Optim {
  double lr = 5e-4;
  float decay = 0.99F;
  double clip = 0;
  void fields(Fields& v) {
    v("lr", lr, {.above = 0, .max = 1, .help = "peak learning rate"});
    v("decay", decay, {.min = 0, .below = 1, .help = "of RMSProp"});
    v("clip", clip);
  }
};

struct Recipe {
  std::string agent = "nav";
  int batch_size = 64;
  std::int64_t steps = 1000000;
  std::uint64_t seed = 1;
  bool is_fast = true;
  std::vector<std::string> levels = {"static_small"};
  std::vector<int> sizes = {};
  std::vector<double> rates = {};
  std::vector<bool> flags = {};
  Optim optim;
  std::string note = "";  // after a table, to see that the dump still puts it before
  void fields(Fields& v) {
    v("agent", agent, {.choices = {"ff", "lstm", "nav"}, .help = "network"});
    v("batch_size", batch_size, {.min = 1, .max = 4096, .help = "samples a step"});
    v("steps", steps, {.min = 1});
    v("seed", seed);
    v("is_fast", is_fast);
    v("levels", levels, {.choices = {"static_small", "static_large"}});
    v("sizes", sizes, {.min = 2, .max = 255});
    v("rates", rates);
    v("flags", flags);
    v.group("optim", optim);
    v("note", note);
  }
};

Recipe loaded(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Recipe recipe;
  auto tree = parse_toml(text, "recipe.toml");
  for (const auto& item : overrides) apply_override(tree, item);
  load(recipe, tree);
  return recipe;
}

/// The message of the UsageError that loading must give.
std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    loaded(text, overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Config, ReadsEveryType) {
  const Recipe recipe = loaded(
      "agent = 'lstm'\nbatch_size = 8\nsteps = 1e7\nseed = 9223372036854775807\nis_fast = false\n"
      "levels = ['static_large', 'static_small']\nsizes = [2, 255]\nrates = [1, 0.5]\n"
      "flags = [true, false]\n[optim]\nlr = 1\ndecay = 0.5\n");
  EXPECT_EQ(recipe.agent, "lstm");
  EXPECT_EQ(recipe.batch_size, 8);
  EXPECT_EQ(recipe.steps, 10000000);
  EXPECT_EQ(recipe.seed, 9223372036854775807U);
  EXPECT_FALSE(recipe.is_fast);
  EXPECT_EQ(recipe.levels, (std::vector<std::string>{"static_large", "static_small"}));
  EXPECT_EQ(recipe.sizes, (std::vector<int>{2, 255}));
  EXPECT_EQ(recipe.rates, (std::vector<double>{1, 0.5}));
  EXPECT_EQ(recipe.flags, (std::vector<bool>{true, false}));
  EXPECT_EQ(recipe.optim.lr, 1);
  EXPECT_EQ(recipe.optim.decay, 0.5F);
}

TEST(Config, KeepsDefaultsOfWhatIsNotNamed) {
  EXPECT_TRUE(diff(Recipe{}, loaded("")).empty());
  EXPECT_TRUE(diff(Recipe{}, loaded("[optim]\n")).empty());
}

TEST(Config, UnknownKeyNamesTheNearest) {
  EXPECT_EQ(refusal("\nbatchsize = 3\n"),
            "recipe.toml:2: unknown key 'batchsize'; did you mean 'batch_size'?");
  EXPECT_EQ(refusal("lr = 1"), "recipe.toml:1: unknown key 'lr'; did you mean 'optim.lr'?");
  EXPECT_EQ(refusal("[optm]\nlr = 1"),
            "recipe.toml:2: unknown key 'optm.lr'; did you mean 'optim.lr'?");
  EXPECT_EQ(refusal("[zebra]\n"), "recipe.toml:1: unknown key 'zebra'");
  Optim optim;
  try {
    load(optim, parse_toml("zebra = 1", "t"));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "t:1: unknown key 'zebra'; the keys are lr, decay, clip");
  }
  EXPECT_EQ(refusal("", {"optim.lrr=1"}),
            "command line: unknown key 'optim.lrr'; did you mean 'optim.lr'?");
}

TEST(Config, RepeatedKeyIsAnError) {
  EXPECT_NE(refusal("steps = 1\nsteps = 2\n").find("recipe.toml:2:"), std::string::npos);
  EXPECT_NE(refusal("steps = 1\nsteps = 2\n").find("steps"), std::string::npos);
  EXPECT_NE(refusal("[optim]\nlr = 1\n[optim]\nclip = 1\n").find("recipe.toml:3:"),
            std::string::npos);
  EXPECT_EQ(refusal("", {"steps=1", "steps=2"}),
            "command line: steps must be set once, got '1' and '2'");
}

TEST(Config, WrongTypes) {
  EXPECT_EQ(refusal("batch_size = 'many'"),
            "recipe.toml:1: batch_size must be a whole number, got \"many\"");
  EXPECT_EQ(refusal("batch_size = 1.5"),
            "recipe.toml:1: batch_size must be a whole number, got 1.5");
  EXPECT_EQ(refusal("batch_size = true"),
            "recipe.toml:1: batch_size must be a whole number, got true");
  EXPECT_EQ(refusal("is_fast = 1"), "recipe.toml:1: is_fast must be true or false, got 1");
  EXPECT_EQ(refusal("note = 1"), "recipe.toml:1: note must be a string, got 1");
  EXPECT_EQ(refusal("steps = [1]"), "recipe.toml:1: steps must be a whole number, got [1]");
  EXPECT_EQ(refusal("sizes = 3"),
            "recipe.toml:1: sizes must be an array, each item a whole number, got 3");
  EXPECT_EQ(refusal("sizes = [3, 'x']"), "recipe.toml:1: sizes must be a whole number, got \"x\"");
  EXPECT_EQ(refusal("optim = 3"), "recipe.toml:1: optim must be a table, got 3");
  EXPECT_EQ(refusal("[steps]\nx = 3"), "recipe.toml:2: steps must be a value, got a table");
  EXPECT_EQ(refusal("seed = -1"), "recipe.toml:1: seed must be in 0..18446744073709551615, got -1");
  EXPECT_EQ(refusal("[optim]\nlr = 'fast'"),
            "recipe.toml:2: optim.lr must be a number, got \"fast\"");
  EXPECT_EQ(refusal("[optim]\nclip = nan"),
            "recipe.toml:2: optim.clip must be a finite number, got nan");
  EXPECT_EQ(refusal("note = 2026-11-24"),
            "recipe.toml:1:8: note must be a boolean, number, string or a flat array of those");
  EXPECT_EQ(refusal("sizes = [[1]]"),
            "recipe.toml:1:10: sizes must be a boolean, number, string or a flat array of those");
  EXPECT_EQ(refusal("'a b' = 1"),
            "recipe.toml:1:1: keys must consist of letters, digits, '_' and '-', got 'a b'");
}

TEST(Config, RangesAreExact) {
  EXPECT_EQ(refusal("\n\nbatch_size = 0"), "recipe.toml:3: batch_size must be in 1..4096, got 0");
  EXPECT_EQ(refusal("batch_size = 4097"), "recipe.toml:1: batch_size must be in 1..4096, got 4097");
  EXPECT_EQ(refusal("batch_size = 99999999999"),
            "recipe.toml:1: batch_size must be in 1..4096, got 99999999999");
  EXPECT_EQ(loaded("batch_size = 4096").batch_size, 4096);
  EXPECT_EQ(refusal("steps = 0"), "recipe.toml:1: steps must be at least 1, got 0");
  EXPECT_EQ(refusal("sizes = [2, 256]"), "recipe.toml:1: sizes must be in 2..255, got 256");
  EXPECT_EQ(refusal("[optim]\nlr = 0"),
            "recipe.toml:2: optim.lr must be more than 0 and at most 1, got 0");
  EXPECT_EQ(refusal("[optim]\nlr = inf"),
            "recipe.toml:2: optim.lr must be more than 0 and at most 1, got inf");
  EXPECT_EQ(loaded("[optim]\nlr = 5e-324").optim.lr, 5e-324);
  EXPECT_EQ(refusal("[optim]\ndecay = 1.0"),
            "recipe.toml:2: optim.decay must be at least 0 and less than 1, got 1.0");
  EXPECT_EQ(loaded("[optim]\ndecay = 0").optim.decay, 0);
}

struct Edges {
  std::int64_t big = 0;
  std::uint64_t huge = 0;
  float tenth = 0.5F;
  int half = 1;
  void fields(Fields& v) {
    v("big", big, {.max = 9007199254740993});  // 2^53 + 1 is no double
    v("huge", huge, {.min = 0.5, .max = 1.8e19});
    v("tenth", tenth, {.min = 0.1, .max = 1e39});
    v("half", half, {.min = -1.5, .below = 2.5});
  }
};

TEST(Config, BoundsCompareExactlyAcrossTypes) {
  const auto accepts = [](const std::string& text) {
    Edges edges;
    try {
      load(edges, parse_toml(text, "t"));
      return true;
    } catch (const UsageError&) {
      return false;
    }
  };
  EXPECT_TRUE(accepts("big = 9007199254740993"));
  EXPECT_FALSE(accepts("big = 9007199254740994"));
  EXPECT_FALSE(accepts("huge = 0"));
  EXPECT_TRUE(accepts("huge = 1"));
  EXPECT_TRUE(accepts("huge = '18000000000000000000'"));
  EXPECT_FALSE(accepts("huge = '18000000000000000001'"));
  EXPECT_TRUE(accepts("tenth = 0.1"));  // though 0.1F > 0.1 and (float)0.1 is the value stored
  EXPECT_FALSE(accepts("tenth = 0.0999999999999999"));
  EXPECT_FALSE(accepts("tenth = 1e39"));  // no float
  EXPECT_TRUE(accepts("half = -1"));
  EXPECT_FALSE(accepts("half = -2"));
  EXPECT_TRUE(accepts("half = 2"));
  EXPECT_FALSE(accepts("half = 3"));
}

TEST(Config, ChoicesNameTheNearest) {
  EXPECT_EQ(refusal("agent = 'lstn'"),
            "recipe.toml:1: agent must be one of ff, lstm, nav, got 'lstn'; did you mean 'lstm'?");
  EXPECT_EQ(refusal("agent = 'transformer'"),
            "recipe.toml:1: agent must be one of ff, lstm, nav, got 'transformer'");
  EXPECT_EQ(refusal("levels = ['static_smal']"),
            "recipe.toml:1: levels must be one of static_small, static_large, got 'static_smal'; "
            "did you mean 'static_small'?");
}

TEST(Config, PathsAreFoundBesideTheirFile) {
  struct Paths {
    std::string dir, level = "small";
    std::vector<std::string> files;
    std::string word;
    void fields(Fields& v) {
      v("dir", dir, {.path = PathKind::kPath});
      v("level", level, {.path = PathKind::kNameOrPath});
      v("files", files, {.path = PathKind::kPath});
      v("word", word);
    }
  };
  namespace fs = std::filesystem;
  const auto folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_paths");
  for (const char* name : {"digits", "small", "mine.toml", "word"})
    fs::create_directories(folder / name);
  const auto load_from = [&](const std::string& text, const std::string& override_text = "") {
    auto tree = parse_toml(text, "r.toml");
    for (auto& entry : tree.entries) entry.folder = folder.string();
    if (!override_text.empty()) apply_override(tree, override_text);
    Paths paths;
    load(paths, tree);
    return paths;
  };
  const auto beside = [&](const char* name) { return (folder / name).string(); };
  const auto paths = load_from(
      "dir = 'digits'\nlevel = 'mine.toml'\nfiles = ['digits', 'none', '/dev']\nword = 'word'");
  EXPECT_EQ(paths.dir, beside("digits"));
  EXPECT_EQ(paths.level, beside("mine.toml"));
  EXPECT_EQ(paths.files, (std::vector<std::string>{beside("digits"), "none", "/dev"}));
  EXPECT_EQ(paths.word, "word");
  EXPECT_EQ(load_from("level = 'small'").level, "small");  // a name of ours
  EXPECT_EQ(load_from("dir = ''").dir, "");
  EXPECT_EQ(load_from("dir = 'digits'", "dir=digits").dir, "digits");
  EXPECT_EQ(load_from("", "word=~").word, "~");
  EXPECT_EQ(error_of([&] { (void)load_from("", "dir="); }),
            "command line: dir must be a path, got an empty text");
  EXPECT_EQ(error_of([&] { (void)load_from("\ndir = '~/mnist'"); }),
            "r.toml:2: dir must be a path, got '~/mnist'; only a shell knows '~', and not behind "
            "'=': write $HOME or the whole path");
  fs::remove_all(folder);
}

TEST(Config, AFailedLoadChangesNothing) {
  Recipe recipe;
  EXPECT_THROW(load(recipe, parse_toml("steps = 5\n[optim]\nlr = 7", "t")), UsageError);
  EXPECT_EQ(recipe.steps, 1000000);
}

TEST(Config, SyntaxErrorsHaveLineAndColumn) {
  EXPECT_EQ(refusal("steps = 1\nagent = 'nav\n").substr(0, 14), "recipe.toml:2:");
  EXPECT_EQ(refusal("steps 1").substr(0, 14), "recipe.toml:1:");
  EXPECT_EQ(refusal("note = \"\xff\"").substr(0, 14), "recipe.toml:1:");
  EXPECT_EQ(refusal(std::string(100000, '[')).substr(0, 14), "recipe.toml:1:");
}

TEST(Config, DeepKeysAreRefusedBeforeTheyCostStack) {
  const auto error_of_text = [](const std::string& text) -> std::string {
    try {
      parse_toml(text, "a.toml");
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  std::string deep = "a";
  for (int i = 0; i < 400000; ++i) deep += ".a";
  const std::string message = "keys must have at most 16 parts, got one with more";
  EXPECT_EQ(error_of_text(deep + " = 1"), "a.toml:1:32: " + message);
  EXPECT_EQ(error_of_text("x = 1\n[" + deep + "]"), "a.toml:2:33: " + message);
  EXPECT_NE(error_of_text("x = {" + deep + " = 1}").find(message), std::string::npos);
  // A long string may end in five quotation marks; what follows is not in it.
  EXPECT_NE(error_of_text("x = [\"\"\"a\"\"\"\"\", {" + deep + " = 1}]").find(message),
            std::string::npos);
  EXPECT_NE(error_of_text("x = '''a\n''' # '\n" + deep + " = 1").find(message), std::string::npos);
  // Dots that are not those of a key.
  const std::string dots(1000, '.');
  EXPECT_EQ(error_of_text("x = \"" + dots + "\\\"" + dots + "\" # " + dots + "\ny = '" + dots +
                          "'\nz = \"\"\"\n" + dots + "\"\n" + dots + "\"\"\"\n"),
            "");
  std::string numbers = "x = [";
  for (int i = 0; i < 100; ++i) numbers += "1.5, ";
  EXPECT_EQ(error_of_text(numbers + "]"), "");
}

TEST(Config, LongTextsAreCutInMessages) {
  try {
    parse_toml("x = 1\n" + std::string(900000, 'k') + " = [[1]]", "a.toml");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_LT(std::string(error.what()).size(), 500U);
  }
  EXPECT_EQ(nearest(std::string(900000, 'k'), {"k"}), "");
}

TEST(Config, OverridesReplaceTheFile) {
  const auto recipe = loaded("steps = 5\n[optim]\nlr = 0.5",
                             {"steps=7", "optim.lr = 1e-3", "agent=ff", "note=nav+d1",
                              "is_fast=false", "levels=[static_large,static_small]",
                              "sizes=[ 3, 4 ]", "optim.clip=.5", "seed=18446744073709551615"});
  EXPECT_EQ(recipe.steps, 7);
  EXPECT_EQ(recipe.optim.lr, 1e-3);
  EXPECT_EQ(recipe.agent, "ff");
  EXPECT_EQ(recipe.note, "nav+d1");
  EXPECT_FALSE(recipe.is_fast);
  EXPECT_EQ(recipe.levels, (std::vector<std::string>{"static_large", "static_small"}));
  EXPECT_EQ(recipe.sizes, (std::vector<int>{3, 4}));
  EXPECT_EQ(recipe.optim.clip, 0.5);
  EXPECT_EQ(recipe.seed, std::numeric_limits<std::uint64_t>::max());
}

TEST(Config, OverridesOfStringsTakeTheTextAsItIs) {
  EXPECT_EQ(loaded("", {"note=123"}).note, "123");
  EXPECT_EQ(loaded("", {"note=2026-11-24"}).note, "2026-11-24");
  EXPECT_EQ(loaded("", {"note=true"}).note, "true");
  EXPECT_EQ(loaded("", {"note="}).note, "");
  EXPECT_EQ(loaded("", {"note=a=b"}).note, "a=b");
  EXPECT_EQ(loaded("", {"note=\"a b\""}).note, "a b");
  EXPECT_EQ(loaded("", {"note=1\nsteps = 2"}).note, "1\nsteps = 2");
}

TEST(Config, BadOverrides) {
  EXPECT_EQ(refusal("", {"steps"}),
            "command line: an override must look like key=value, got 'steps'");
  EXPECT_EQ(refusal("", {"=1"}), "command line: an override must look like key=value, got '=1'");
  EXPECT_EQ(refusal("", {"optim.=1"}),
            "command line: an override must look like key=value, got 'optim.=1'");
  EXPECT_EQ(refusal("", {"optim..lr=1"}),
            "command line: an override must look like key=value, got 'optim..lr=1'");
  EXPECT_EQ(refusal("", {"batch_size=0"}), "command line: batch_size must be in 1..4096, got 0");
  EXPECT_EQ(refusal("", {"batch_size=lots"}),
            "command line: batch_size must be a whole number, got lots");
  EXPECT_EQ(refusal("", {"note=\xff"}), "command line: note must be UTF-8 text");
}

TEST(Config, AWholeNumberThatIsTooLargeIsCalledThat) {
  const std::string limit = "18446744073709551615", above = "18446744073709551616";
  EXPECT_EQ(loaded("", {"seed=" + limit}).seed, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(refusal("", {"seed=" + above}),
            "command line: seed must be in 0.." + limit + ", got " + above);
  EXPECT_EQ(refusal("seed = 1e30"), "recipe.toml:1: seed must be in 0.." + limit + ", got 1e+30");
  EXPECT_EQ(refusal("", {"seed=9e18"}),
            "command line: seed must be written in digits alone above 2^53, got 9e18");
  EXPECT_EQ(refusal("", {"batch_size=9e18"}),
            "command line: batch_size must be in 1..4096, got 9e18");
  EXPECT_EQ(refusal("", {"batch_size=" + above}),
            "command line: batch_size must be in 1..4096, got " + above);
  EXPECT_EQ(refusal("", {"steps=-" + above}),
            "command line: steps must be at least 1, got -" + above);
  EXPECT_EQ(
      refusal("", {"steps=" + above}),
      "command line: steps must be in -9223372036854775808..9223372036854775807, got " + above);
  EXPECT_EQ(loaded("", {"note=" + above}).note, above);
}

TEST(Config, DumpRoundTripsExactly) {
  Recipe recipe;
  recipe.agent = "ff";
  recipe.note = "quote \" slash \\ tab\t line\n bell\x07 del\x7f käse";
  recipe.seed = std::numeric_limits<std::uint64_t>::max();
  recipe.steps = std::numeric_limits<std::int64_t>::max();
  recipe.is_fast = false;
  recipe.levels = {"static_large"};
  recipe.sizes = {2, 3};
  recipe.rates = {0.1, 1e-300, 1.5e17, -0.0, 5, 1.0 / 3};
  recipe.flags = {true, false};
  recipe.optim.lr = 0x1.fffffffffffffp-3;
  const std::string text = dump_toml(recipe);
  const Recipe back = loaded(text);
  EXPECT_EQ(dump_toml(back), text);
  EXPECT_EQ(back.note, recipe.note);
  EXPECT_EQ(back.seed, recipe.seed);
  EXPECT_EQ(back.rates, recipe.rates);
  EXPECT_TRUE(std::signbit(back.rates[3]));
  EXPECT_EQ(back.optim.lr, recipe.optim.lr);
  EXPECT_NE(text.find("rates = [0.1, 1e-300, 1.5e+17, -0.0, 5.0, 0.3333333333333333]"),
            std::string::npos)
      << text;
}

struct Numbers {
  std::vector<float> singles;
  std::vector<double> doubles;
  void fields(Fields& v) {
    v("singles", singles);
    v("doubles", doubles);
  }
};

TEST(Config, DumpRoundTripsRandomFloats) {
  Stream stream(Key{7});
  Numbers numbers, back;
  while (numbers.singles.size() < 20000) {
    const auto single = std::bit_cast<float>(static_cast<std::uint32_t>(stream.bits()));
    const auto any = std::bit_cast<double>(stream.bits());
    if (!std::isfinite(single) || !std::isfinite(any)) continue;
    numbers.singles.push_back(single);
    numbers.doubles.push_back(any);
  }
  load(back, parse_toml(dump_toml(numbers), "dump"));
  ASSERT_EQ(back.singles.size(), numbers.singles.size());
  for (std::size_t i = 0; i < numbers.singles.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(back.singles[i]),
              std::bit_cast<std::uint32_t>(numbers.singles[i]));
    ASSERT_EQ(std::bit_cast<std::uint64_t>(back.doubles[i]),
              std::bit_cast<std::uint64_t>(numbers.doubles[i]));
  }
}

TEST(Config, DumpOfDefaults) {
  EXPECT_EQ(dump_toml(Recipe{}),
            "agent = \"nav\"\nbatch_size = 64\nsteps = 1000000\nseed = 1\nis_fast = true\n"
            "levels = [\"static_small\"]\nsizes = []\nrates = []\nflags = []\nnote = \"\"\n"
            "\n[optim]\nlr = 0.0005\ndecay = 0.99\nclip = 0.0\n");
}

TEST(Config, DiffNamesWhatChanged) {
  Recipe after;
  after.optim.lr = 0.001;
  after.agent = "ff";
  const auto changes = diff(Recipe{}, after);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].key, "agent");
  EXPECT_EQ(changes[0].before, "\"nav\"");
  EXPECT_EQ(changes[0].after, "\"ff\"");
  EXPECT_EQ(changes[1].key, "optim.lr");
  EXPECT_EQ(changes[1].after, "0.001");
}

TEST(Config, HelpIsATable) {
  EXPECT_EQ(help_text(Optim{}),
            "key    default  range                       help\n"
            "lr     0.0005   more than 0 and at most 1   peak learning rate\n"
            "decay  0.99     at least 0 and less than 1  of RMSProp\n"
            "clip   0.0\n");
}

TEST(Config, EntriesKeepTheOrderAndPlaceOfTheFile) {
  const auto tree = parse_toml("b = 1\na = 2\n[t]\nz = 'x'", "file");
  ASSERT_EQ(tree.entries.size(), 3U);
  EXPECT_EQ(tree.entries[0].key, "b");
  EXPECT_EQ(tree.entries[2].key, "t.z");
  EXPECT_EQ(tree.entries[2].line, 4);
  EXPECT_EQ(tree.entries[2].column, 5);
  EXPECT_EQ(tree.entries[2].where(), "file:4");
  EXPECT_EQ(tree.find("nothing"), nullptr);
}

TEST(Nearest, FindsTyposAndPrefixes) {
  const std::vector<std::string> commands = {"demo",  "train",  "eval", "report",
                                             "bench", "levels", "info"};
  EXPECT_EQ(nearest("trian", commands), "train");
  EXPECT_EQ(nearest("TRAIN", commands), "train");
  EXPECT_EQ(nearest("repo", commands), "report");
  EXPECT_EQ(nearest("level", commands), "levels");
  EXPECT_EQ(nearest("quit", commands), "");
  EXPECT_EQ(nearest("x", commands), "");
  EXPECT_EQ(nearest("", commands), "");
  EXPECT_EQ(nearest("tiny", {"navigate/large", "navigate/tiny"}), "navigate/tiny");
  EXPECT_EQ(nearest("train", {}), "");
  EXPECT_EQ(did_you_mean("evla", commands), "; did you mean 'eval'?");
  EXPECT_EQ(did_you_mean("quit", commands), "");
}

TEST(Check, WhatCodeSetsIsHeldToTheSameRules) {
  Recipe recipe;
  check(recipe, "options");
  recipe.optim.lr = -1;
  expect_error<UsageError>([&] { check(recipe, "options"); },
                           "options: optim.lr must be more than 0 and at most 1, got -1.0");
  recipe.optim.lr = std::nan("");
  EXPECT_THROW(check(recipe, "options"), UsageError);
  struct Chosen {
    std::string kind = "red", file = "";
    void fields(Fields& v) {
      v("kind", kind, {.choices = {"red", "blue"}});
      v("file", file, {.path = PathKind::kPath});
    }
  } chosen;
  check(chosen, "options");  // a path that is not given
  chosen.kind = "green";
  expect_error<UsageError>([&] { check(chosen, "options"); },
                           "options: kind must be one of red, blue, got 'green'");
}

}  // namespace config_test
}  // namespace clew
