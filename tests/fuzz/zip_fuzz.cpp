// SPDX-License-Identifier: Apache-2.0
// The reader of zip archives: any bytes give either entries inside those bytes, whose contents are as long as the
// archive says and no longer than is allowed, or a clew::Error.
#include <cstdint>
#include <span>
#include <string>

#include "clew/core/error.h"
#include "clew/nn/zip.h"
#include "message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 20;
  const auto bytes = std::as_bytes(std::span(data, size));
  std::vector<clew::nn::ZipEntry> entries;
  try {
    entries = clew::nn::parse_zip(bytes, "input");
  } catch (const clew::Error& error) {
    check_message(error.what());
    return 0;
  }
  for (const auto& entry : entries) {
    check(entry.data.empty() || (entry.data.data() >= bytes.data() &&
                                 entry.data.data() + entry.data.size() <= bytes.data() + size));
    try {
      const auto content = clew::nn::unpack(entry, kMost, "input");
      check(content.size() == entry.size && content.size() <= kMost);
    } catch (const clew::Error& error) {
      check_message(error.what());
    }
  }
  return 0;
}
