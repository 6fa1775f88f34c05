// SPDX-License-Identifier: Apache-2.0
// Scalars in TensorBoard's event files, so that `tensorboard --logdir runs` shows a run while it
// trains. Only what scalars need of the formats: TFRecord framing and three protobuf messages,
// encoded by hand.
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
  /// Creates a new file in `folder`. After a resume, give the checkpoint's step: TensorBoard then
  /// forgets what older files of the folder say about later steps (its data server: of each tag as
  /// soon as the tag has a new value), without it about any step. `wall_seconds` is Unix time; it
  /// also names the file, whose name sorts behind those that are there.
  EventWriter(const std::filesystem::path& folder, double wall_seconds,
              std::optional<std::int64_t> resumed_after_step = std::nullopt);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  /// Adds one event with every metric that has a finite value, handed to the system before it
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
/// A TFRecord: length u64, masked crc of the length, the bytes, masked crc of the bytes; little
/// endian.
[[nodiscard]] std::string tfrecord(const std::string& bytes);

}  // namespace clew::train
