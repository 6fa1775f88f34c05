// SPDX-License-Identifier: Apache-2.0
// The TOML reader and the command line's overrides: any bytes give either a config or a
// clew::Error, and a config that was read survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"

namespace {

struct Inner {
  float rate = 0.5F;
  std::vector<std::string> names = {"a", "b"};
  void fields(clew::Fields& v) {
    v("rate", rate, {.above = 0, .max = 1, .help = "a share"});
    v("names", names, {.choices = {"a", "b", "c"}, .help = "letters"});
  }
};

struct Outer {
  bool is_on = false;
  int count = 3;
  std::int64_t big = 0;
  std::uint64_t seed = 1;
  double lr = 1e-3;
  std::string text;
  std::vector<double> table;
  Inner inner;
  void fields(clew::Fields& v) {
    v("is_on", is_on);
    v("count", count, {.min = 1, .max = 1024});
    v("big", big);
    v("seed", seed);
    v("lr", lr, {.min = 0});
    v("text", text);
    v("table", table, {.min = -1, .max = 1});
    v.group("inner", inner);
  }
};

}  // namespace

// The first line of the input is an override, the rest a file.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto line_end = input.find('\n');
  const auto override_text = input.substr(0, line_end);
  const auto file =
      line_end == std::string_view::npos ? std::string_view() : input.substr(line_end + 1);
  Outer config;
  try {
    auto tree = clew::parse_toml(file, "input.toml");
    if (!override_text.empty()) clew::apply_override(tree, override_text);
    clew::load(config, tree);
  } catch (const clew::Error&) {
    return 0;
  }
  Outer again;
  clew::load(again, clew::parse_toml(clew::dump_toml(config), "dump"));
  if (!clew::diff(config, again).empty()) std::abort();
  return 0;
}
