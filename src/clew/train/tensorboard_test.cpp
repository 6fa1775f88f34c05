// SPDX-License-Identifier: Apache-2.0
// Bytes against published test vectors and a record by hand.
#include "clew/train/tensorboard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>

#include "clew/core/error.h"

namespace clew::train {
namespace tensorboard_test {

namespace fs = std::filesystem;

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[static_cast<unsigned char>(byte) >> 4];
    text += kDigits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Events : testing::Test {
  fs::path folder =
      fs::temp_directory_path() /
      ("clew_events_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  Events() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Events() override { fs::remove_all(folder); }
};

// Splits a file of TFRecords, checking both crcs of each as a reader would.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> result;
  for (std::size_t at = 0; at < file.size();) {
    std::uint64_t size = 0;
    for (std::size_t i = 0; i < 8; ++i)
      size |= std::uint64_t{static_cast<unsigned char>(file.at(at + i))} << (8 * i);
    const std::string bytes = file.substr(at + 12, size);
    EXPECT_EQ(file.substr(at, 16 + size), tfrecord(bytes));
    result.push_back(bytes);
    at += 16 + size;
  }
  return result;
}

TEST(Crc32c, KnownVectors) {
  EXPECT_EQ(crc32c({}), 0U);
  const std::string digits = "123456789";
  EXPECT_EQ(crc32c({reinterpret_cast<const std::uint8_t*>(digits.data()), 9}), 0xe3069283U);
  // RFC 3720, appendix B.4.
  std::vector<std::uint8_t> bytes(32, 0x00);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aaU);
  bytes.assign(32, 0xff);
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43U);
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
  EXPECT_EQ(crc32c(bytes), 0x46dd794eU);
  std::reverse(bytes.begin(), bytes.end());
  EXPECT_EQ(crc32c(bytes), 0x113fdb5cU);
}

TEST_F(Events, TheFirstRecordsAreThoseTensorBoardExpects) {
  const EventWriter writer(folder, 1.5);
  EXPECT_EQ(writer.path().filename(), "events.out.tfevents.0000000001.0000.clew");
  // wall_time 1.5 is field 1, type 1: 09 and 3ff8 in little endian; file_version is field 3,
  // type 2.
  const std::string event =
      "09000000000000f83f"
      "1a0d"
      "627261696e2e4576656e743a32";
  const std::string file = hex(content(writer.path()));
  EXPECT_EQ(file.substr(0, 16), "1800000000000000");
  EXPECT_EQ(file.substr(16, 8),
            "a37f4b22");  // the masked crc of a length of 24, as every event file begins
  EXPECT_EQ(file.substr(24, event.size()), event);
  const auto events = records(content(writer.path()));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(hex(events[1]),
            "09000000000000f83f"
            "1000"
            "3a020801");  // step 0, session_log {status START}
}

TEST_F(Events, AScalarIsEncodedAsTheSchemaSays) {
  EventWriter writer(folder, 0);
  const std::vector<runs::Metric> metrics = {{"a", 1.0},
                                             {"gone", std::nullopt},
                                             {"nan", std::numeric_limits<double>::quiet_NaN()},
                                             {"bc", -2.0}};
  writer.append(300, 2.0, metrics);
  const auto events = records(content(writer.path()));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(hex(events[2]),
            "090000000000000040"      // wall_time = 2.0
            "10ac02"                  // step = 300
            "2a15"                    // summary, 21 bytes
            "0a080a0161150000803f"    // value {tag "a", simple_value 1}
            "0a090a02626315000000c0"  // value {tag "bc", simple_value -2}
  );
}

TEST_F(Events, NothingIsWrittenForNoNumbers) {
  EventWriter writer(folder, 0);
  writer.append(1, 0, {});
  EXPECT_EQ(records(content(writer.path())).size(), 2U);
}

TEST_F(Events, AResumedRunTellsTensorBoardToForgetLaterSteps) {
  const EventWriter first(folder, 5);
  const EventWriter second(folder, 5, 127);
  EXPECT_LT(first.path(), second.path());
  const auto events = records(content(second.path()));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(hex(events[1]),
            "090000000000001440"
            "108001"
            "3a020801");  // step 128, session_log {status START}
}

TEST_F(Events, TheNextFileSortsBehindThoseThatAreThere) {
  const auto name = [&](double wall_seconds) {
    return EventWriter(folder, wall_seconds).path().filename().string().substr(20);
  };
  EXPECT_EQ(name(1'700'000'000), "1700000000.0000.clew");
  EXPECT_EQ(name(5), "1700000000.0001.clew");  // the clock was put back
  EXPECT_EQ(name(-5), "1700000000.0002.clew");
  EXPECT_EQ(name(1'700'000'001), "1700000001.0000.clew");
  std::ofstream(folder / "events.out.tfevents.1700000009.host.1.0");  // of another program
  EXPECT_EQ(name(5), "1700000010.0000.clew");
  EXPECT_EQ(name(4e10), "9999999999.0000.clew");
  EXPECT_EQ(name(1'700'000'020), "9999999999.0001.clew");
}

TEST_F(Events, AFolderThatIsNotThereIsOneSentence) {
  try {
    const EventWriter writer(folder / "none", 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("No such file or directory"), std::string::npos);
  }
}

}  // namespace tensorboard_test
}  // namespace clew::train
