// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "clew/core/machine.h"
#include "clew/maze/render.h"

namespace clew::bench {
namespace {

std::string cell_text(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_number_float()) return value.dump();
  const auto number = value.get<double>();
  const double size = std::abs(number);
  const int decimals = size >= 1000 || size == 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 3 : 6;
  char text[64];
  std::snprintf(text, sizeof(text), "%.*f", decimals, number);
  return text;
}

}  // namespace

Json machine_json() {
  const Machine machine = this_machine();
  return {{"cpu", machine.cpu},
          {"instruction_set", maze::simd_target_name()},
          {"has_avx512", machine.has_avx512},
          {"has_bf16_dot", machine.has_bf16_dot},
          {"cores", machine.cores},
          {"usable_cores", machine.usable_cores},
          {"memory_gib", std::round(machine.memory_gib * 10) / 10},
          {"system", machine.system},
          {"compiler", machine.compiler},
          {"is_optimised", machine.is_optimised}};
}

std::string table_text(const Json& rows) {
  std::vector<std::string> keys;
  for (const auto& row : rows) {
    for (const auto& [key, value] : row.items()) {
      // Objects (measurement conditions) are for --json only.
      if (!value.is_structured() && std::ranges::count(keys, key) == 0) keys.push_back(key);
    }
  }
  std::vector<std::vector<std::string>> lines = {keys};
  std::vector<bool> is_text(keys.size(), false);
  for (const auto& row : rows) {
    auto& line = lines.emplace_back();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Json value = row.value(keys[i], Json());
      line.push_back(cell_text(value));
      if (value.is_string()) is_text[i] = true;
    }
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      std::size_t width = 0;
      for (const auto& other : lines) width = std::max(width, other[i].size());
      const std::string gap(width - line[i].size(), ' ');
      text += (i == 0 ? "" : "  ") + (is_text[i] ? line[i] + gap : gap + line[i]);
    }
    text.resize(text.find_last_not_of(' ') + 1);
    out += text + '\n';
  }
  return out;
}

}  // namespace clew::bench
