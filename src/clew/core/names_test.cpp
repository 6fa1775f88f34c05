// SPDX-License-Identifier: Apache-2.0
#include "clew/core/names.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "tests/support/expect_error.h"

namespace clew {
namespace names_test {

enum class Colour : std::uint8_t { kRed, kBlue };
constexpr auto names(Colour) {
  return std::to_array<Named<Colour>>({{Colour::kRed, "red"}, {Colour::kBlue, "blue"}});
}
enum class Unnamed : std::uint8_t { kOne };

static_assert(NamedEnum<Colour> && !NamedEnum<Unnamed> && !NamedEnum<int>);
static_assert(name_of(Colour::kBlue) == "blue");
static_assert(find_named<Colour>("red") == Colour::kRed);
static_assert(!find_named<Colour>("Red"));

TEST(Names, ComeFromOneTable) {
  EXPECT_EQ(names_of<Colour>(), (std::vector<std::string>{"red", "blue"}));
  EXPECT_EQ(parse_named<Colour>("colour", "blue"), Colour::kBlue);
}

TEST(Names, SayWhatIsWrong) {
  expect_error<UsageError>([] { (void)parse_named<Colour>("colour", "blu"); },
                           "colour must be one of red, blue, got 'blu'; did you mean 'blue'?");
  expect_error<UsageError>([] { (void)parse_named<Colour>("colour", ""); },
                           "colour must be one of red, blue, got ''");
}

struct Paint {
  Colour inside = Colour::kRed;
  std::optional<Colour> outside = Colour::kBlue;
  int coats = 2, brushes = 1;
  std::string shop = "";
  void fields(Fields& v) {
    v("inside", inside, {.help = "of the walls"});
    v("outside", outside);
    v("coats", coats, {.resume = Resume::kMore});
    v("brushes", brushes, {.resume = Resume::kAny, .is_setting = false});
    v("shop", shop, {.is_setting = false});
  }
};

std::string refusal_of(const std::string& text) {
  Paint paint;
  return error_of([&] { load(paint, parse_toml(text, "paint.toml")); });
}

TEST(NamedFields, AreReadAndWrittenByName) {
  Paint paint;
  load(paint, parse_toml("inside = 'blue'\noutside = 'none'", "paint.toml"));
  EXPECT_EQ(paint.inside, Colour::kBlue);
  EXPECT_FALSE(paint.outside);
  EXPECT_EQ(dump_toml(paint),
            "inside = \"blue\"\noutside = \"none\"\ncoats = 2\nbrushes = 1\nshop = \"\"\n");
  load(paint, parse_toml("outside = 'red'", "paint.toml"));
  EXPECT_EQ(paint.outside, Colour::kRed);
  check(paint, "options");
  const auto changes = diff(Paint{}, paint);
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_EQ(changes[0].before, "\"red\"");
  EXPECT_EQ(changes[0].after, "\"blue\"");
  EXPECT_EQ(help_text(Paint{}),
            "key      default  range            help\n"
            "inside   \"red\"    red, blue        of the walls\n"
            "outside  \"blue\"   none, red, blue\n"
            "coats    2\n"
            "brushes  1\n"
            "shop     \"\"\n");
}

TEST(NamedFields, SayWhatIsWrong) {
  EXPECT_EQ(refusal_of("inside = 'rde'"),
            "paint.toml:1: inside must be one of red, blue, got 'rde'; did you mean 'red'?");
  EXPECT_EQ(refusal_of("inside = 'none'"),
            "paint.toml:1: inside must be one of red, blue, got 'none'");
  EXPECT_EQ(refusal_of("outside = 'nnoe'"),
            "paint.toml:1: outside must be one of none, red, blue, got 'nnoe'; did you mean "
            "'none'?");
  EXPECT_EQ(refusal_of("inside = 1"), "paint.toml:1: inside must be a string, got 1");
  EXPECT_EQ(refusal_of("inside = ['red']"), "paint.toml:1: inside must be a string, got [\"red\"]");
}

TEST(NamedFields, AFieldSaysWhatAResumeMayChangeAndWhatIsNoSetting) {
  Paint paint;
  EXPECT_EQ(resume_rules(fields_of(paint)), (std::map<std::string, Resume>{
                                                {"brushes", Resume::kAny},
                                                {"coats", Resume::kMore},
                                            }));
  EXPECT_EQ(no_settings(fields_of(paint)), (std::set<std::string>{"brushes", "shop"}));
}

TEST(PathFields, BecomeAbsolute) {
  struct Places {
    std::string given = "x/y", none = "", name = "static_small", word = "z";
    void fields(Fields& v) {
      v("given", given, {.path = PathKind::kPath});
      v("none", none, {.path = PathKind::kPath});
      v("name", name, {.path = PathKind::kNameOrPath});
      v("word", word);
    }
  } places;
  make_paths_absolute(fields_of(places));
  EXPECT_EQ(places.given, (std::filesystem::current_path() / "x/y").string());
  EXPECT_EQ(places.none, "");
  EXPECT_EQ(places.name, "static_small");
  EXPECT_EQ(places.word, "z");
}

}  // namespace names_test
}  // namespace clew
