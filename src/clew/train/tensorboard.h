// SPDX-License-Identifier: Apache-2.0
// TensorBoard event files with scalars, so that `tensorboard --logdir runs` shows a run while it
// trains: TFRecord framing and three protobuf messages, encoded by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "clew/runs/metrics.h"

namespace clew::train {

/// Writes one event file in a folder.
class EventWriter {
 public:
  /// Creates a file in `folder` whose name sorts after the present ones. `wall_seconds`: Unix time.
  /// `resumed_after_step`: step of the checkpoint; TensorBoard then discards later steps of older
  /// files (its data server: of each tag with the tag's next value). Without it, it discards all
  /// their steps.
  EventWriter(const std::filesystem::path& folder, double wall_seconds,
              std::optional<std::int64_t> resumed_after_step = std::nullopt);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  /// Appends one event with every finite metric; written to the file, unbuffered, before it
  /// returns.
  void append(std::int64_t step, double wall_seconds, std::span<const runs::Metric> metrics);
  const std::filesystem::path& path() const { return path_; }

 private:
  void write_record(const std::string& event);

  std::filesystem::path path_;
  int file_ = -1;
};

/// CRC-32C (Castagnoli), as in RFC 3720 appendix B.4.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::uint8_t> bytes);
/// TFRecord framing: length u64, masked crc of the length, bytes, masked crc of the bytes;
/// little-endian.
[[nodiscard]] std::string tfrecord(const std::string& bytes);

}  // namespace clew::train
