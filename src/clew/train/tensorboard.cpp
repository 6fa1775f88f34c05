// SPDX-License-Identifier: Apache-2.0
#include "clew/train/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/export/protobuf.h"

namespace clew::train {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = crc;
  }
  return table;
}

template <class T>
void append_little_endian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// TFRecord masks crcs by rotation and offset, since crcs of data that contain crcs are weak.
std::uint32_t masked_crc(const std::string& text) {
  return std::rotr(crc32c(bytes_of(text)), 15) + 0xa282ead8U;
}

// Field numbers of tensorflow.Event, .Summary, .Summary.Value and .SessionLog.
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kSummaryValue = 1, kValueTag = 1, kValueSimple = 2, kSessionStatus = 1,
              kStatusStart = 1;

nn::ProtoMessage event_head(double wall_seconds, std::int64_t step) {
  nn::ProtoMessage event;
  event.real(kWallTime, wall_seconds).integer(kStep, step);
  return event;
}

constexpr const char* kPrefix = "events.out.tfevents.";
constexpr std::int64_t kLastSecond = 9'999'999'999;  // of ten digits

/// Last file name of the folder in sort order; "" for none.
std::string last_event_file(const std::filesystem::path& folder) {
  std::string last;
  std::error_code error;  // a missing folder is reported later
  for (const auto& item : std::filesystem::directory_iterator(folder, error)) {
    const auto name = item.path().filename().string();
    if (name.starts_with(kPrefix)) last = std::max(last, name);
  }
  return last;
}

/// Seconds in the name of an event file; 0 without.
std::int64_t second_of(const std::string& name) {
  long long second = 0;
  return std::sscanf(name.c_str(), "events.out.tfevents.%10lld", &second) == 1 ? second : 0;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::uint8_t> bytes) {
  static constexpr auto kTable = crc_table();
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ byte) & 0xff];
  return ~crc;
}

std::string tfrecord(const std::string& bytes) {
  std::string record;
  append_little_endian(record, static_cast<std::uint64_t>(bytes.size()));
  append_little_endian(record, masked_crc(record));
  record += bytes;
  append_little_endian(record, masked_crc(bytes));
  return record;
}

EventWriter::EventWriter(const std::filesystem::path& folder, double wall_seconds,
                         std::optional<std::int64_t> resumed_after_step) {
  // TensorBoard reads files by name: ten digits of seconds sort by time, also after the clock was
  // set back.
  constexpr int kMostFilesASecond = 10000;
  const std::string last = last_event_file(folder);
  const double now = std::clamp(wall_seconds, 0.0, static_cast<double>(kLastSecond));
  auto second = std::max(static_cast<std::int64_t>(now), second_of(last));
  for (int number = 0; file_ < 0; ++number) {
    if (number == kMostFilesASecond) number = 0, ++second;
    CLEW_CHECK(second <= kLastSecond, folder.string(), ": no name of an event file sorts behind '",
               last, "'");
    std::array<char, 80> name{};
    std::snprintf(name.data(), name.size(), "%s%010lld.%04d.clew", kPrefix,
                  static_cast<long long>(second), number);
    if (name.data() <= last) continue;
    path_ = folder / name.data();
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    CLEW_CHECK(file_ >= 0 || errno == EEXIST, "cannot write '", path_.string(),
               "': ", std::strerror(errno));
  }
  write_record(
      nn::ProtoMessage().real(kWallTime, wall_seconds).text(kFileVersion, "brain.Event:2").bytes());
  // Each START event discards all events from its step on, except the first in a folder: so a run
  // that was never resumed has one, too.
  auto event = event_head(wall_seconds, resumed_after_step ? *resumed_after_step + 1 : 0);
  event.message(kSessionLog, nn::ProtoMessage().integer(kSessionStatus, kStatusStart));
  write_record(event.bytes());
}

EventWriter::~EventWriter() {
  if (file_ >= 0) ::close(file_);
}

void EventWriter::append(std::int64_t step, double wall_seconds,
                         std::span<const runs::Metric> metrics) {
  nn::ProtoMessage summary;
  for (const runs::Metric& metric : metrics) {
    if (!metric.value || !std::isfinite(*metric.value)) continue;
    summary.message(kSummaryValue, nn::ProtoMessage()
                                       .text(kValueTag, metric.name)
                                       .real(kValueSimple, static_cast<float>(*metric.value)));
  }
  if (summary.bytes().empty()) return;
  write_record(event_head(wall_seconds, step).message(kSummary, summary).bytes());
}

void EventWriter::write_record(const std::string& event) {
  const std::string record = tfrecord(event);
  std::string_view rest = record;
  while (!rest.empty()) {
    const ssize_t count = ::write(file_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    CLEW_CHECK(count >= 0, "cannot write '", path_.string(), "': ", std::strerror(errno));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace clew::train
