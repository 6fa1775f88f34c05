// SPDX-License-Identifier: Apache-2.0
// Benchmarks of `clew bench`. Each function runs one family and returns rows of plain numbers,
// printed as a table or as {"machine": {...}, "rows": [...]}. Progress goes to the library's log.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "clew/core/config.h"

namespace clew::bench {

using Json = nlohmann::ordered_json;

/// "machine" of every --json output.
Json machine_json();

/// Rows (objects, mostly with the same keys) as an aligned table: a header of keys, then one line
/// per row.
std::string table_text(const Json& rows);

struct PeakOptions {
  int threads = 0;
  double seconds = 0.5;
  int copy_mib = 256;
  void fields(Fields& v) {
    v("threads", threads, {.min = 0, .max = 1024, .help = "0: one, then all usable cores"});
    v("seconds", seconds, {.above = 0, .max = 60, .help = "for each row"});
    v("copy_mib", copy_mib, {.min = 1, .max = 4096, .help = "buffer that each thread copies"});
  }
};
/// Rows {"what": "fp32" | "bf16" | "copy", "threads", "gflops" | "gbytes_per_second": median,
/// "best"}. fp32: fused multiply-adds on registers; bf16: dot products with float sums, if the CPU
/// has them; copy: memory read plus written.
Json peak_rows(const PeakOptions& options);

struct LevelOptions {
  double seconds = 0.2;
  void fields(Fields& v) { v("seconds", seconds, {.above = 0, .max = 60, .help = "for each row"}); }
};
/// Rows {"what", "cells": "15x9", "microseconds": median, "best_microseconds"}: generating a maze,
/// textures, distances and a whole episode, and parsing a level file. One thread.
Json level_rows(const LevelOptions& options);

struct MazeOptions {
  std::string level = "static_large";
  int threads = 2;
  int largest_batch = 4096;
  double seconds = 0.5;
  int repeats = 5;
  std::string instruction_set;
  void fields(Fields& v) {
    v("level", level,
      {.path = PathKind::kNameOrPath, .help = "built-in level or level file that is stepped"});
    v("threads", threads, {.min = 1, .max = 1024, .help = "measured beside one thread"});
    v("largest_batch", largest_batch,
      {.min = 1, .max = 65536, .help = "batches 1, 4, 16, ... up to this"});
    v("seconds", seconds, {.above = 0, .max = 60, .help = "for each row"});
    v("repeats", repeats, {.min = 1, .max = 1000, .help = "for each row; the median counts"});
    v("instruction_set", instruction_set,
      {.help = "empty: the best; or one that `clew bench render` names"});
  }
};
/// Rows of steps: {"what", "threads", "width", "height", "depth", "batch", "obs_per_second":
/// median, "best_obs_per_second"}, a step being one action of four frames with RGB, velocity and
/// reward, and with depth if "depth". Then rows of costs: {"what", "microseconds": median,
/// "best_microseconds"}.
Json maze_rows(const MazeOptions& options);
/// Rows {"level", "signature"}, as in tests/golden/signatures.txt, computed on this machine.
Json maze_signature_rows();

struct RenderBenchOptions {
  double seconds = 0.2;
  void fields(Fields& v) { v("seconds", seconds, {.above = 0, .max = 60, .help = "for each row"}); }
};
/// Rows {"what", "width", "height", "instruction_set", "microseconds": median, "best_microseconds",
/// "frames_per_second"}: frames of static_large, one thread; each image at 84x84, then sizes, then
/// instruction sets.
Json render_rows(const RenderBenchOptions& options);

struct OpsOptions {
  double seconds = 0.3;
  int lanes = 64, steps = 20;
  void fields(Fields& v) {
    v("seconds", seconds, {.above = 0, .max = 60, .help = "for each measurement"});
    v("lanes", lanes, {.min = 1, .max = 1024, .help = "images to a call"});
    v("steps", steps, {.min = 1, .max = 200, .help = "calls to a rollout"});
  }
};
/// Rows {"what", "precision", "microseconds_per_image", "gflops", "libtorch_microseconds",
/// "ratio"}: the navigator's fast operators and LibTorch's (its bf16 ones beside bf16, except for
/// the rollout, in fp32), median CPU times of one thread.
Json ops_rows(const OpsOptions& options);

enum class Coordinates : std::uint8_t { kAffine, kGrid };
constexpr auto names(Coordinates) {
  return std::to_array<Named<Coordinates>>(
      {{Coordinates::kAffine, "affine"}, {Coordinates::kGrid, "grid"}});
}

struct WarpOptions {
  double seconds = 0.3;
  int threads = 2;
  Coordinates coordinates = Coordinates::kAffine;
  bool has_large = true;
  void fields(Fields& v) {
    v("seconds", seconds, {.above = 0, .max = 60, .help = "of ours, for each row"});
    v("threads", threads, {.min = 1, .max = 64, .help = "rows for one thread up to this many"});
    v("coordinates", coordinates, {.help = "from matrices, or from grids in memory"});
    v("large", has_large, {.help = "also 256 images of 224x224: about 1 GiB"});
  }
};
/// Rows {"shape", "threads", "ms": median, "torch_ms", "speedup", "best_ms", "copy_ms": time of the
/// necessary memory traffic at this machine's copy rate, "share_of_copy"}: sampling forward and
/// backward, gradients to images and coordinates.
Json warp_rows(const WarpOptions& options);

struct DataOptions {
  double seconds = 0.2;
  int workers = 2, batch = 128;
  std::string dir;
  void fields(Fields& v) {
    v("seconds", seconds, {.above = 0, .max = 60, .help = "for each row"});
    v("workers", workers, {.min = 0, .max = 64, .help = "rows for no worker up to this many"});
    v("batch", batch, {.min = 1, .max = 65536, .help = "images to a batch"});
    v("dir", dir, {.path = PathKind::kPath, .help = "folder of MNIST; without: digits are drawn"});
  }
};
/// Rows {"set": a kind of digits, "digits": "mnist" | "procedural", "workers", "batch",
/// "images_per_second": median, "best_images_per_second"}: batches from the loader.
Json data_rows(const DataOptions& options);

}  // namespace clew::bench
