// SPDX-License-Identifier: Apache-2.0
// Table of kernels of one instruction set and precision. Plain memory, no tensors. Private to the
// module.
//
// All multiply-add loops see 32-bit words. In f32 a word is one number. In bf16 a word holds the
// two numbers whose products are added together, so a word runs along the axis that is summed over:
//   k-words     two neighbours of a row           (x[k], x[k+1])          products of one image or
//   one lane unit-words  the same entry of two images      (x of 2u, x of 2u+1)    gradients of
//   weights, summed over images
// A *unit* is therefore `pack` images. Pixels 0..255 are exact in bf16; 1/255 is in the packed
// weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "clew/ops/precision.h"

namespace clew::ops {

using Word = std::uint32_t;

/// One piece of the summed axis of a matrix product: `a` in tiles of rows, `b` in panels of
/// columns, `k` words long.
struct GemmPiece {
  const Word* a;
  const Word* b;
  std::size_t k;
};

/// The navigator's encoder: frames [C,84,84], 16@8x8 stride 4 -> [20,20,16], 32@4x4 stride 2 ->
/// [9,9,32].
inline constexpr int kFrameSide = 84, kSide1 = 20, kSide2 = 9, kChannels1 = 16, kChannels2 = 32;
inline constexpr int kArea1 = kSide1 * kSide1, kArea2 = kSide2 * kSide2;
inline constexpr int kFlat = kArea2 * kChannels2;

struct ConvWeights {
  const Word* w1;       // [C,8,8/pack,16]
  const float* b1;      // [16]
  const Word* w2;       // [4,4,16/pack,32]
  const float* b2;      // [32]
  const Word* w2_back;  // [2,2,32/pack,2,2,16]: tap y, tap x, c2, phase y, phase x, c1
  int channels;
};

struct ConvGradients {
  float* w1;  // [C,8,8,16], of pixels in 0..255
  float* b1;  // [16]
  float* w2;  // [4,4,16,32]
  float* b2;  // [32]
};

/// Everything one rollout needs. Sizes in words unless they say otherwise; outputs are overwritten.
struct Kernels {
  const char* target;
  std::size_t pack;   // numbers in a word: 1 (f32) or 2 (bf16)
  std::size_t lanes;  // floats in a vector
  std::size_t mr;     // rows of a tile at most
  std::size_t nr;     // columns of a panel

  // c [m,n] = sum over pieces of a b, n a multiple of `lanes`, ldc in floats.
  // gemm takes tiles of k-words, gemm_units tiles of unit-words.
  void (*gemm)(const GemmPiece* pieces, std::size_t count, std::size_t m, std::size_t n, float* c,
               std::size_t ldc);
  void (*gemm_units)(const GemmPiece* pieces, std::size_t count, std::size_t m, std::size_t n,
                     float* c, std::size_t ldc);
  // x [m,k] f32, rows ld apart -> tiles of k-words: m * tile_words(k) words.
  void (*pack_a)(const float* x, std::size_t ld, std::size_t m, std::size_t k, Word* out);
  // The same from rows of k words: m times k rounded up to 16.
  void (*pack_a_words)(const Word* x, std::size_t ld, std::size_t m, std::size_t k, Word* out);
  // w [n,k] f32, rows ld apart (columns of b are rows of w) -> panels of k-words, n rounded up to
  // `lanes`: that many times ceil(k / pack) words.
  void (*pack_b_transposed)(const float* w, std::size_t ld, std::size_t n, std::size_t k,
                            Word* out);
  // w [k,n] f32 -> panels of k-words, n rounded up to `lanes`: that many times ceil(k / pack)
  // words.
  void (*pack_b)(const float* w, std::size_t ld, std::size_t k, std::size_t n, Word* out);
  // x [rows,m] f32 -> tiles of unit-words, summed axis = rows: m * ceil(rows / pack) words.
  void (*pack_a_units)(const float* x, std::size_t ld, std::size_t rows, std::size_t m, Word* out);

  // images: `pack` frames [C,84,84] u8, the last may be null -> act1 [400,16] unit-words; act2, one
  // row of the panels of a [units, 81*32] matrix of unit-words (starts at panels + unit * nr);
  // rows[i] [81,32] k-words of image i. Both activations are after ReLU.
  void (*conv_forward)(const ConvWeights& w, const std::uint8_t* const* images, Word* act1,
                       Word* act2, std::size_t units, Word* const* rows, Word* scratch);
  // grads: `pack` gradients [81,32] f32 w.r.t. the second activation, the last may be null. Adds to
  // `sums`.
  void (*conv_backward)(const ConvWeights& w, const std::uint8_t* const* images, const Word* act1,
                        const Word* act2, std::size_t units, const float* const* grads,
                        const ConvGradients& sums, Word* scratch);

  static std::size_t conv_scratch(int channels) {
    return static_cast<std::size_t>(channels) * 24 * kFrameSide + 4 * kArea1 * kChannels1;
  }
  std::size_t tile_words(std::size_t numbers) const { return (words(numbers) + 15) / 16 * 16; }
  std::size_t words(std::size_t numbers) const { return (numbers + pack - 1) / pack; }
  std::size_t padded(std::size_t columns) const { return (columns + lanes - 1) / lanes * lanes; }
};

/// Kernels for this CPU; null: LibTorch's operators must be used. kBf16 may give the f32 kernels.
const Kernels* kernels(Precision precision);

/// Elementwise part of the LSTM, f32 in either precision. Gates in the order input, forget, cell,
/// output: gates [n,4H] raw without bias -> activated, in place; c_prev [n,H] -> c, h [n,H].
void lstm_gates(float* gates, const float* bias, const float* c_prev, std::size_t n,
                std::size_t hidden, float* h, float* c);
/// gates [n,4H] activated, c [n,H] after the step, dh and dc [n,H] (null: zero) -> d_gates [n,4H]
/// w.r.t. raw gates, dc_prev [n,H]; adds the column sums of d_gates to d_bias [4H].
void lstm_gates_backward(const float* gates, const float* c_prev, const float* c, const float* dh,
                         const float* dc, std::size_t n, std::size_t hidden, float* d_gates,
                         float* dc_prev, float* d_bias);

}  // namespace clew::ops
