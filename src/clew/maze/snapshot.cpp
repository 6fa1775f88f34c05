// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/snapshot.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "clew/core/error.h"

namespace clew::maze {
namespace {

std::uint64_t checksum_of(const SnapshotHeader& header, std::span<const std::byte> body) {
  return XXH3_64bits_withSeed(body.data(), body.size(), mix64(header.level) ^ header.trail_bytes);
}

}  // namespace

void write_snapshot(const World& world, std::uint64_t level, std::vector<std::byte>& out) {
  const std::size_t trail = world.trail().byte_size();
  SnapshotHeader header;
  header.level = level;
  header.trail_bytes = trail;
  out.resize(sizeof(SnapshotHeader) + sizeof(Lane) + trail);
  std::byte* body = out.data() + sizeof(SnapshotHeader);
  std::memcpy(body, &world.lane(), sizeof(Lane));
  world.trail().write(body + sizeof(Lane));
  header.checksum = checksum_of(header, {body, sizeof(Lane) + trail});
  std::memcpy(out.data(), &header, sizeof(SnapshotHeader));
}

SnapshotView read_snapshot(std::span<const std::byte> bytes, std::uint64_t level,
                           const std::string& level_name) {
  constexpr std::size_t fixed = sizeof(SnapshotHeader) + sizeof(Lane);
  const SnapshotHeader wanted;
  SnapshotHeader header;
  CLEW_CHECK(bytes.size() >= sizeof(SnapshotHeader), "a maze snapshot has at least ", fixed,
             " bytes, got ", bytes.size());
  std::memcpy(&header, bytes.data(), sizeof(SnapshotHeader));
  CLEW_CHECK(header.magic == wanted.magic, "these ", bytes.size(),
             " bytes are not a maze snapshot of a machine of this byte order");
  CLEW_CHECK(header.version == wanted.version && header.lane_bytes == wanted.lane_bytes,
             "this maze snapshot is of version ", header.version, ", wanted version ",
             wanted.version);
  CLEW_CHECK(header.level == level, "this maze snapshot is of another level than '", level_name,
             "' or of other contents of it");
  CLEW_CHECK(bytes.size() >= fixed && header.trail_bytes == bytes.size() - fixed &&
                 header.trail_bytes % 4 == 0,
             "this maze snapshot should have ", header.trail_bytes, " bytes after the first ",
             fixed, ", got ", bytes.size(), " in all");
  const auto body = bytes.subspan(sizeof(SnapshotHeader));
  CLEW_CHECK(header.checksum == checksum_of(header, body),
             "this maze snapshot was altered: its checksum does not fit its contents");
  SnapshotView view;
  std::memcpy(&view.lane, body.data(), sizeof(Lane));
  view.trail = body.subspan(sizeof(Lane));
  return view;
}

}  // namespace clew::maze
