// SPDX-License-Identifier: Apache-2.0
// The IDX reader, plain and gzip: any bytes give either an array of exactly the size its shape says
// or a clew::Error, and what was read survives being written and read again, both ways.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "clew/core/error.h"
#include "clew/data/idx.h"

namespace {

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;

void check(bool is_true) {
  if (!is_true) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clew::data::IdxArray array;
  try {
    array = clew::data::parse_idx({data, size}, "input", kMaxBytes);
  } catch (const clew::Error&) {
    return 0;
  }
  std::size_t count = clew::data::idx_type_size(array.type);
  for (const auto side : array.shape) count *= static_cast<std::size_t>(side);
  check(count == array.data.size() && count <= kMaxBytes);
  for (const bool is_gzip : {false, true}) {
    const auto file = clew::data::format_idx(array, is_gzip);
    const auto again = clew::data::parse_idx(file, "written", kMaxBytes);
    check(again.type == array.type && again.shape == array.shape && again.data == array.data);
  }
  return 0;
}
