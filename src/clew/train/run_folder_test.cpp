// SPDX-License-Identifier: Apache-2.0
// What is asked of the bytes of a checkpoint before anything is taken from them. Folders of runs:
// tests/cli/train_test.py.
#include "clew/train/run_folder.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::train {
namespace {

std::vector<std::byte> file_of(const std::map<std::string, std::string>& metadata) {
  return nn::write_safetensors({.metadata = metadata});
}

TEST(Checkpoint, OfTheRightFormatIsParsed) {
  const auto bytes = file_of({{"clew.format", "room.checkpoint.2"}, {"steps", "7"}});
  EXPECT_EQ(parse_checkpoint(bytes, "a.safetensors", "room.checkpoint.2").metadata.at("steps"),
            "7");
}

TEST(Checkpoint, OfAnotherFormatIsRefused) {
  const auto other = file_of({{"clew.format", "room.checkpoint.1"}});
  expect_error([&] { parse_checkpoint(other, "a.safetensors", "room.checkpoint.2"); },
               "a.safetensors: not a checkpoint of this version: format must be "
               "'room.checkpoint.2', got 'room.checkpoint.1'");
  const auto none = file_of({{"steps", "7"}});
  expect_error([&] { parse_checkpoint(none, "a.safetensors", "room.checkpoint.2"); },
               "a.safetensors: metadata 'clew.format' is missing");
}

}  // namespace
}  // namespace clew::train
