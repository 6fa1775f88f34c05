// SPDX-License-Identifier: Apache-2.0
// Serialised snapshots: header, lane, trail. In this machine's byte order, which is checked. Not
// part of the interface; callers use VectorEnv.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/maze/world.h"

namespace clew::maze {

struct SnapshotHeader {
  std::uint64_t magic = 0x70616e732d776c63;  // "clw-snap"; differs in the other byte order
  std::uint32_t version = 1;                 // incremented with any change of Lane or its meaning
  std::uint32_t lane_bytes = sizeof(Lane);
  std::uint64_t level = 0;  // level_hash
  std::uint64_t trail_bytes = 0;
  std::uint64_t checksum = 0;  // XXH3 of all following bytes, seeded with the two fields before
};
static_assert(sizeof(SnapshotHeader) == 40 && std::is_trivially_copyable_v<SnapshotHeader>);

struct SnapshotView {
  Lane lane;
  std::span<const std::byte> trail;  // into the snapshot
};

/// Overwrites `out`; does not allocate once it is large enough.
void write_snapshot(const World& world, std::uint64_t level, std::vector<std::byte>& out);
/// Incomplete, damaged, or of another level than hash `level`: clew::Error. Does not check values.
SnapshotView read_snapshot(std::span<const std::byte> bytes, std::uint64_t level,
                           const std::string& level_name);

}  // namespace clew::maze
