// SPDX-License-Identifier: Apache-2.0
// The kernels' loops, written once for f32 and bf16 over a small set of vector operations T.
// Included inside the namespace and under the target attributes of kernels_f32.cpp (for each
// Highway target) and kernels_bf16.cpp; it includes nothing and has no guard. T gives:
//   kPack, kLanes, kMr (rows of a tile), kWide (32 vector registers)
//   V: f32 sums                        W: words
//   Zero LoadF StoreF Add Relu         LoadW Bcst Dot(sum, W, W)    OnesWord
//   Put16: 16 f32 -> k-words           Units16: f32 -> unit-words
//   Merge16, Split16: k-words <-> unit-words
//   Pixels, PixelUnits: u8 (16 n of them) -> k-words, unit-words

#define CLEW_UNROLL _Pragma("GCC unroll 32")

template <class T>
struct Loops {
  using V = typename T::V;
  using W = typename T::W;
  static constexpr int kV16 = 16 / T::kLanes;         // vectors to 16 channels
  static constexpr int kNv = T::kLanes == 4 ? 4 : 2;  // vectors to a panel
  static constexpr std::size_t kNr = kNv * T::kLanes;
  static constexpr int kPack = T::kPack;

  // ---- matrix product

  // A tile holds its rows either a word of every row, then the next word (unit-words are packed
  // so), or 16 words of every row, then the next 16 (k-words: packed without a transposition).
  static constexpr std::size_t kBlock = 16;
  static constexpr std::size_t blocked(std::size_t k) { return (k + kBlock - 1) / kBlock * kBlock; }

  // c [M, NV vectors] (+)= sum over pieces; row0 and col0 select tile and panel. `half`: half of
  // the next panel's cache lines to prefetch (0, 1; else none), since a new panel comes from
  // memory.
  template <int M, int NV, bool kBlocked>
  static void tile(const GemmPiece* pieces, std::size_t count, std::size_t row0, std::size_t col0,
                   float* c, std::size_t ldc, bool add, std::size_t half) {
    V sum[M][NV];
    CLEW_UNROLL
    for (int i = 0; i < M; ++i) {
      CLEW_UNROLL
      for (int j = 0; j < NV; ++j) sum[i][j] = T::Zero();
    }
    for (std::size_t piece = 0; piece < count; ++piece) {
      const std::size_t k = pieces[piece].k;
      const Word* a = pieces[piece].a + row0 * (kBlocked ? blocked(k) : k);
      const Word* b = pieces[piece].b + col0 * k;
      const std::size_t ahead = half < 2 ? (k * kNv + half) * T::kLanes : 0;
      constexpr int kAcross = kBlocked ? kBlock : 1;  // from row to row
      for (std::size_t done = 0; done < k;) {
        const std::size_t some = kBlocked ? std::min(kBlock, k - done) : k;
        for (std::size_t step = 0; step < some;
             ++step, a += kBlocked ? 1 : M, b += NV * T::kLanes) {
          W right[NV];
          fetch_early(b, ahead);
          CLEW_UNROLL
          for (int j = 0; j < NV; ++j) right[j] = T::LoadW(b + j * T::kLanes);
          CLEW_UNROLL
          for (int i = 0; i < M; ++i) {
            const W left = T::Bcst(a + i * kAcross);
            CLEW_UNROLL
            for (int j = 0; j < NV; ++j) sum[i][j] = T::Dot(sum[i][j], left, right[j]);
          }
        }
        if (kBlocked) a += (M - 1) * kBlock;
        done += some;
      }
    }
    CLEW_UNROLL
    for (int i = 0; i < M; ++i) {
      CLEW_UNROLL
      for (int j = 0; j < NV; ++j) {
        float* out = c + static_cast<std::size_t>(i) * ldc + j * T::kLanes;
        T::StoreF(add ? T::Add(T::LoadF(out), sum[i][j]) : sum[i][j], out);
      }
    }
  }

  // Dispatch to the compiled tile sizes.
  template <int M, int NV, bool kBlocked>
  static void tile_of(int rows, int vectors, const GemmPiece* pieces, std::size_t count,
                      std::size_t row0, std::size_t col0, float* c, std::size_t ldc, bool add,
                      std::size_t half) {
    if constexpr (M > 0 && NV > 0) {
      if (rows < M)
        return tile_of<M - 1, NV, kBlocked>(rows, vectors, pieces, count, row0, col0, c, ldc, add,
                                            half);
      if (vectors < NV)
        return tile_of<M, NV - 1, kBlocked>(rows, vectors, pieces, count, row0, col0, c, ldc, add,
                                            half);
      tile<M, NV, kBlocked>(pieces, count, row0, col0, c, ldc, add, half);
    }
  }

  // Fewest tiles of at most kMr rows, nearly equal: tile t starts at row m * t / tiles.
  static std::size_t tiles(std::size_t m) { return (m + T::kMr - 1) / T::kMr; }

  template <bool kBlocked>
  static void gemm(const GemmPiece* pieces, std::size_t count, std::size_t m, std::size_t n,
                   float* c, std::size_t ldc) {
    // Words of tiles that fit the L2 cache while panels stream.
    constexpr std::size_t kCacheWords = 160 * 1024, kLongest = 640;
    const std::size_t all = tiles(m);
    for (std::size_t first = 0; first < count;) {
      std::size_t last = first, k = 0;
      do k += pieces[last++].k;
      while (last < count && k + pieces[last].k <= kLongest);
      const std::size_t block = std::max<std::size_t>(1, kCacheWords / (k * T::kMr));
      for (std::size_t t0 = 0; t0 < all; t0 += block) {
        for (std::size_t col = 0; col < n; col += kNr) {
          const int vectors = static_cast<int>(panel_width(n, col)) / T::kLanes;
          for (std::size_t t = t0; t < std::min(all, t0 + block); ++t) {
            const std::size_t row = m * t / all;
            tile_of<T::kMr, kNv, kBlocked>(static_cast<int>(m * (t + 1) / all - row), vectors,
                                           pieces + first, last - first, row, col,
                                           c + row * ldc + col, ldc, first > 0, t - t0);
          }
        }
      }
      first = last;
    }
  }

  // k-words of up to 16 numbers of a row, zero-padded to 16.
  static void words16(const float* x, std::size_t numbers, Word* out) {
    alignas(64) float tail[16] = {};
    if (numbers < 16) {
      for (std::size_t i = 0; i < numbers; ++i) tail[i] = x[i];
      x = tail;
    }
    T::Put16(out, x);
  }

  static void pack_a(const float* x, std::size_t ld, std::size_t m, std::size_t k, Word* out) {
    constexpr std::size_t kNumbers = kBlock * kPack;
    const std::size_t all = tiles(m);
    for (std::size_t t = 0; t < all; ++t) {
      const std::size_t row0 = m * t / all, rows = m * (t + 1) / all - row0;
      for (std::size_t i = 0; i < k; i += kNumbers) {
        for (std::size_t r = 0; r < rows; ++r, out += kBlock) {
          const float* from = x + (row0 + r) * ld + i;
          for (std::size_t half = 0; half < kNumbers; half += 16) {
            const std::size_t left = i + half < k ? k - i - half : 0;
            words16(from + half, std::min<std::size_t>(16, left), out + half / kPack);
          }
        }
      }
    }
  }

  static void pack_a_words(const Word* x, std::size_t ld, std::size_t m, std::size_t k, Word* out) {
    const std::size_t all = tiles(m);
    for (std::size_t t = 0; t < all; ++t) {
      const std::size_t row0 = m * t / all, rows = m * (t + 1) / all - row0;
      for (std::size_t i = 0; i < k; i += kBlock) {
        for (std::size_t r = 0; r < rows; ++r, out += kBlock) {
          const Word* from = x + (row0 + r) * ld + i;
          if (i + kBlock <= k) {
            std::copy_n(from, kBlock, out);
          } else {
            std::fill(std::copy_n(from, k - i, out), out + kBlock, 0U);
          }
        }
      }
    }
  }

  static std::size_t panel_width(std::size_t n, std::size_t col) {
    return n - col >= kNr ? kNr : n - col;
  }

  static void pack_b_transposed(const float* w, std::size_t ld, std::size_t n, std::size_t k,
                                Word* out) {
    const std::size_t words = (k + kPack - 1) / kPack;
    const std::size_t padded = (n + T::kLanes - 1) / T::kLanes * T::kLanes;
    alignas(64) Word buffer[16];
    for (std::size_t col = 0; col < padded; col += kNr) {
      const std::size_t width = panel_width(padded, col);
      Word* to = out + col * words;
      for (std::size_t j = 0; j < width; ++j) {
        const bool is_real = col + j < n;
        const float* from = is_real ? w + (col + j) * ld : w;
        for (std::size_t i = 0; i < k; i += 16) {
          words16(from + i, is_real ? std::min<std::size_t>(16, k - i) : 0, buffer);
          const std::size_t w0 = i / kPack, some = std::min<std::size_t>(16 / kPack, words - w0);
          for (std::size_t q = 0; q < some; ++q) to[(w0 + q) * width + j] = buffer[q];
        }
      }
    }
  }

  static void pack_b(const float* w, std::size_t ld, std::size_t k, std::size_t n, Word* out) {
    const std::size_t padded = (n + T::kLanes - 1) / T::kLanes * T::kLanes,
                      words = (k + kPack - 1) / kPack;
    alignas(64) float above[kNr], below[kNr];
    alignas(64) Word buffer[kNr < 16 ? 16 : kNr];
    for (std::size_t col = 0; col < padded; col += kNr) {
      const std::size_t width = panel_width(padded, col), real = std::min(width, n - col);
      Word* to = out + col * words;
      if (kPack == 1 && real == width) {  // whole vectors, word for word
        for (std::size_t q = 0; q < words; ++q, to += width)
          for (std::size_t j = 0; j < width; j += T::kLanes)
            T::StoreF(T::LoadF(w + q * ld + col + j), reinterpret_cast<float*>(to) + j);
        continue;
      }
      for (std::size_t q = 0; q < words; ++q, to += width) {
        std::fill(above, above + kNr, 0.0F);
        std::fill(below, below + kNr, 0.0F);
        std::copy_n(w + q * kPack * ld + col, real, above);
        if (q * kPack + kPack <= k && kPack == 2)
          std::copy_n(w + (q * kPack + 1) * ld + col, real, below);
        unit_words(above, below, width, buffer);
        std::copy_n(buffer, width, to);
      }
    }
  }

  // (a[i], b[i]) for every i; a multiple of 16 words is written.
  static void unit_words(const float* a, const float* b, std::size_t n, Word* out) {
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) T::Units16(out + i, a + i, b + i);
    if (i < n) {
      alignas(64) float ta[16] = {}, tb[16] = {};
      std::copy_n(a + i, n - i, ta);
      std::copy_n(b + i, n - i, tb);
      alignas(64) Word buffer[16];
      T::Units16(buffer, ta, tb);
      std::copy_n(buffer, n - i, out + i);
    }
  }

  static void pack_a_units(const float* x, std::size_t ld, std::size_t rows, std::size_t m,
                           Word* out) {
    const std::size_t all = tiles(m), units = (rows + kPack - 1) / kPack;
    alignas(64) static constexpr float kZeros[16] = {};
    for (std::size_t t = 0; t < all; ++t) {
      const std::size_t col0 = m * t / all, width = m * (t + 1) / all - col0;
      Word* to = out + col0 * units;
      for (std::size_t u = 0; u < units; ++u, to += width) {
        const float* a = x + u * kPack * ld + col0;
        const float* b = kPack == 2 && u * kPack + 1 < rows ? a + ld : kZeros;
        // A whole vector where the excess is overwritten later, by the next units and tiles.
        if (col0 + 16 <= m) {
          T::Units16(to, a, b);
        } else {
          unit_words(a, b, width, to);
        }
      }
    }
  }

  // ---- convolutions, forward

  static constexpr int kRow = kFrameSide / kPack;  // words of a row of pixels
  static constexpr int kBand =
      5;  // output rows whose pixels and gradients fit the first-level cache
  static constexpr int kBandRows = 4 * kBand + 4;
  static int pixel_scratch(int channels) { return channels * kBandRows * kFrameSide; }

  // -> act [400,16] k-words. With `units`, also [400,16] unit-words of act and `partner` (k-words
  // of the unit's other image). pixels [C,2,4,84] k-words: four rows shared with the output row
  // above, and four new ones.
  static void conv1(const ConvWeights& w, const std::uint8_t* frame, Word* pixels, Word* act,
                    const Word* partner, Word* units) {
    constexpr int kAcross = T::kWide && kV16 == 1 ? 20 : 5;
    constexpr int kStep = 4 / kPack, kTaps = 8 / kPack;
    for (int c = 0; c < w.channels; ++c)
      T::Pixels(pixels + 8 * c * kRow, frame + c * kFrameSide * kFrameSide, 4 * kFrameSide);
    for (int y = 0; y < kSide1; ++y) {
      const int upper = y % 2 * 4, lower = 4 - upper;
      for (int c = 0; c < w.channels; ++c)
        T::Pixels(pixels + (8 * c + lower) * kRow,
                  frame + (c * kFrameSide + 4 * y + 4) * kFrameSide, 4 * kFrameSide);
      for (int x = 0; x < kSide1; x += kAcross) {
        V sum[kAcross][kV16];
        CLEW_UNROLL
        for (int p = 0; p < kAcross; ++p) {
          CLEW_UNROLL
          for (int v = 0; v < kV16; ++v) sum[p][v] = T::LoadF(w.b1 + v * T::kLanes);
        }
        const Word* weights = w.w1;
        for (int c = 0; c < w.channels; ++c) {
          for (int ky = 0; ky < 8; ++ky, weights += kTaps * 16) {
            const Word* from =
                pixels + (8 * c + (ky < 4 ? upper : lower) + ky % 4) * kRow + x * kStep;
            // Neighbouring outputs share half their pixels: each word is loaded once, for a left
            // and a right tap.
            for (int tap = 0; tap < kStep; ++tap) {
              W first[kV16], second[kV16];
              CLEW_UNROLL
              for (int v = 0; v < kV16; ++v) {
                first[v] = T::LoadW(weights + tap * 16 + v * T::kLanes);
                second[v] = T::LoadW(weights + (tap + kStep) * 16 + v * T::kLanes);
              }
              CLEW_UNROLL
              for (int p = 0; p <= kAcross; ++p) {
                const W left = T::Bcst(from + p * kStep + tap);
                CLEW_UNROLL
                for (int v = 0; v < kV16; ++v) {
                  if (p < kAcross) sum[p][v] = T::Dot(sum[p][v], left, first[v]);
                  if (p > 0) sum[p - 1][v] = T::Dot(sum[p - 1][v], left, second[v]);
                }
              }
            }
          }
        }
        const int at = y * kSide1 + x;
        CLEW_UNROLL
        for (int p = 0; p < kAcross; ++p) {
          Word* const to = act + (at + p) * (16 / kPack);
          put_relu(to, sum[p]);
          if constexpr (kPack == 2) {
            if (units != nullptr)
              T::Merge16(units + (at + p) * 16, to, partner + (at + p) * (16 / kPack));
          }
        }
      }
    }
  }

  static void put_relu(Word* to, const V* sum) {
    alignas(64) float out[16];
    CLEW_UNROLL
    for (int v = 0; v < kV16; ++v) T::StoreF(T::Relu(sum[v]), out + v * T::kLanes);
    T::Put16(to, out);
  }

  // act1 [20,20,16] k-words -> act2 [81,32] k-words
  static void conv2(const ConvWeights& w, const Word* act1, Word* act2) {
    constexpr int kAcross = T::kWide && kV16 == 1 ? 9 : 3;
    constexpr int kN = 2 * kV16, kPixel = 16 / kPack;
    for (int y = 0; y < kSide2; ++y) {
      for (int x = 0; x < kSide2; x += kAcross) {
        V sum[kAcross][kN];
        CLEW_UNROLL
        for (int p = 0; p < kAcross; ++p) {
          CLEW_UNROLL
          for (int v = 0; v < kN; ++v) sum[p][v] = T::LoadF(w.b2 + v * T::kLanes);
        }
        const Word* weights = w.w2;
        for (int ky = 0; ky < 4; ++ky) {
          const Word* from = act1 + ((2 * y + ky) * kSide1 + 2 * x) * kPixel;
          for (int tap = 0; tap < 4 * kPixel; ++tap, ++from, weights += 32) {
            W right[kN];
            CLEW_UNROLL
            for (int v = 0; v < kN; ++v) right[v] = T::LoadW(weights + v * T::kLanes);
            CLEW_UNROLL
            for (int p = 0; p < kAcross; ++p) {
              const W left = T::Bcst(from + p * 2 * kPixel);
              CLEW_UNROLL
              for (int v = 0; v < kN; ++v) sum[p][v] = T::Dot(sum[p][v], left, right[v]);
            }
          }
        }
        Word* to = act2 + (y * kSide2 + x) * (32 / kPack);
        CLEW_UNROLL
        for (int p = 0; p < kAcross; ++p) {
          put_relu(to + p * (32 / kPack), sum[p]);
          put_relu(to + p * (32 / kPack) + 16 / kPack, sum[p] + kV16);
        }
      }
    }
  }

  // Offset of channels `half`..`half`+15 (half = 0 or 16) of position p in the panels of the second
  // activation.
  static std::size_t act2_at(int p, int half, std::size_t units) {
    return static_cast<std::size_t>(p) * 32 * units +
           static_cast<std::size_t>(half) * (kNr == 16 ? units : 1);
  }

  static void conv_forward(const ConvWeights& w, const std::uint8_t* const* images, Word* act1,
                           Word* act2, std::size_t units, Word* const* rows, Word* scratch) {
    Word* const pixels = scratch;
    Word* const own =
        scratch + pixel_scratch(w.channels);  // k-words of each image's first activation
    const int count = kPack == 1 || images[kPack - 1] == nullptr ? 1 : 2;
    if constexpr (kPack == 1) {
      conv1(w, images[0], pixels, act1, nullptr, nullptr);
      conv2(w, act1, rows[0]);
    } else {
      Word* const partner = own + kArea1 * 8;
      if (count == 1) std::fill_n(partner, kArea1 * 8, 0U);
      // The second image first: unit-words are made during the products of the first.
      for (int i = count - 1; i >= 0; --i) {
        Word* const act = i == 0 ? own : partner;
        conv1(w, images[i], pixels, act, partner, i == 0 ? act1 : nullptr);
        conv2(w, act, rows[i]);
      }
    }
    if constexpr (kPack == 1) {
      for (int p = 0; p < kArea2; ++p)
        for (const int half : {0, 16})
          std::copy_n(rows[0] + p * 32 + half, 16, act2 + act2_at(p, half, units));
    } else {
      alignas(64) static constexpr Word kZeros[16] = {};
      for (int p = 0; p < kArea2; ++p)
        for (const int half : {0, 16})
          T::Merge16(act2 + act2_at(p, half, units), rows[0] + p * 16 + half / 2,
                     count == 2 ? rows[1] + p * 16 + half / 2 : kZeros);
    }
  }

  // ---- convolutions, backward

  // Prefetches the same words of the next unit: the second activation's stride defeats the hardware
  // prefetcher. May point past the last unit; nothing is read.
  static void fetch_early(const Word* words, std::size_t to_next_unit) {
    const auto address = reinterpret_cast<std::uintptr_t>(words) + to_next_unit * sizeof(Word);
    __builtin_prefetch(reinterpret_cast<const void*>(address), 0, 2);
  }

  static constexpr int kWideRow =
      kSide2 + 2;  // a row of gradients with a zero column on both sides

  // dy [9,11,32] k-words, masked -> dx [400,16] f32. Four neighbouring inputs (a block) contribute
  // to the same four outputs with different weights: a product of [blocks, 4 * 32] by [4 * 32, 4 *
  // 16], with zeros at the border only.
  static void conv2_input(const ConvWeights& w, const Word* dy, float* dx) {
    constexpr int kGroup = T::kWide ? 4 : 2;  // vectors of the 64 outputs at a time
    constexpr int kBlocks = 5, kPixel = 32 / kPack;
    for (int by = 0; by < 10; ++by) {
      for (int bx = 0; bx < 10; bx += kBlocks) {
        for (int g = 0; g < 4 * kV16; g += kGroup) {
          V sum[kBlocks][kGroup];
          CLEW_UNROLL
          for (int p = 0; p < kBlocks; ++p) {
            CLEW_UNROLL
            for (int v = 0; v < kGroup; ++v) sum[p][v] = T::Zero();
          }
          for (int ty = 0; ty < 2; ++ty) {
            if (by - ty < 0 || by - ty >= kSide2) continue;
            for (int tx = 0; tx < 2; ++tx) {
              const Word* from = dy + ((by - ty) * kWideRow + bx - tx + 1) * kPixel;
              const Word* weights = w.w2_back + (ty * 2 + tx) * kPixel * 64 + g * T::kLanes;
              for (int k = 0; k < kPixel; ++k, ++from, weights += 64) {
                W right[kGroup];
                CLEW_UNROLL
                for (int v = 0; v < kGroup; ++v) right[v] = T::LoadW(weights + v * T::kLanes);
                CLEW_UNROLL
                for (int p = 0; p < kBlocks; ++p) {
                  const W left = T::Bcst(from + p * kPixel);
                  CLEW_UNROLL
                  for (int v = 0; v < kGroup; ++v) sum[p][v] = T::Dot(sum[p][v], left, right[v]);
                }
              }
            }
          }
          CLEW_UNROLL
          for (int p = 0; p < kBlocks; ++p) {
            CLEW_UNROLL
            for (int v = 0; v < kGroup; ++v) {
              const int lane = (g + v) * T::kLanes, phase = lane / 16;
              const int y = 2 * by + phase / 2, x = 2 * (bx + p) + phase % 2;
              T::StoreF(sum[p][v], dx + (y * kSide1 + x) * 16 + lane % 16);
            }
          }
        }
      }
    }
  }

  // x [20,20,16] and dy [81,32] unit-words; adds to dw [4,4,16,32] and db [32]
  static void conv2_weights(const Word* x, const Word* dy, float* dw, float* db) {
    constexpr int kRows = T::kWide ? 8 : 4;
    for (int n = 0; n < 2 * kV16; n += 2) {
      for (int tap = 0; tap < 16; ++tap) {
        for (int c = 0; c < 16; c += kRows) {
          float* out = dw + (tap * 16 + c) * 32 + n * T::kLanes;
          V sum[kRows][2];
          CLEW_UNROLL
          for (int i = 0; i < kRows; ++i) {
            CLEW_UNROLL
            for (int v = 0; v < 2; ++v) sum[i][v] = T::LoadF(out + i * 32 + v * T::kLanes);
          }
          for (int y = 0; y < kSide2; ++y) {
            const Word* from = x + ((2 * y + tap / 4) * kSide1 + tap % 4) * 16 + c;
            const Word* g = dy + y * kSide2 * 32 + n * T::kLanes;
            for (int step = 0; step < kSide2; ++step, from += 32, g += 32) {
              const W right[2] = {T::LoadW(g), T::LoadW(g + T::kLanes)};
              CLEW_UNROLL
              for (int i = 0; i < kRows; ++i) {
                const W left = T::Bcst(from + i);
                sum[i][0] = T::Dot(sum[i][0], left, right[0]);
                sum[i][1] = T::Dot(sum[i][1], left, right[1]);
              }
            }
          }
          CLEW_UNROLL
          for (int i = 0; i < kRows; ++i) {
            CLEW_UNROLL
            for (int v = 0; v < 2; ++v) T::StoreF(sum[i][v], out + i * 32 + v * T::kLanes);
          }
        }
      }
    }
    column_sums(dy, kArea2, 32, db);
  }

  // db [n] += the sums of rows [count,n] of unit-words
  static void column_sums(const Word* rows, int count, int n, float* db) {
    const Word ones = T::OnesWord();
    const W left = T::Bcst(&ones);
    for (int v = 0; v < n; v += T::kLanes) {
      V sum[4] = {T::LoadF(db + v), T::Zero(), T::Zero(), T::Zero()};
      const Word* from = rows + v;
      int i = 0;
      for (; i + 4 <= count; i += 4, from += 4 * n) {
        CLEW_UNROLL
        for (int j = 0; j < 4; ++j) sum[j] = T::Dot(sum[j], left, T::LoadW(from + j * n));
      }
      for (; i < count; ++i, from += n) sum[0] = T::Dot(sum[0], left, T::LoadW(from));
      T::StoreF(T::Add(T::Add(sum[0], sum[1]), T::Add(sum[2], sum[3])), db + v);
    }
  }

  // R rows (channel, ky) of the first kernel, of 8 taps, summed over a band.
  template <int R>
  static void conv1_weights_rows(const Word* pixels, const Word* dy, int row, float* dw) {
    for (int v = 0; v < kV16; ++v) {
      float* out = dw + row * 8 * 16 + v * T::kLanes;
      V sum[R * 8];
      CLEW_UNROLL
      for (int i = 0; i < R * 8; ++i) sum[i] = T::LoadF(out + i * 16);
      for (int y = 0; y < kBand; ++y) {
        const Word* from[R];
        CLEW_UNROLL
        for (int r = 0; r < R; ++r)
          from[r] = pixels + ((row + r) / 8 * kBandRows + 4 * y + (row + r) % 8) * kFrameSide;
        const Word* g = dy + y * kSide1 * 16 + v * T::kLanes;
        // Two outputs at a time: they share half their pixels.
        for (int x = 0; x < kSide1; x += 2, g += 32) {
          const W right[2] = {T::LoadW(g), T::LoadW(g + 16)};
          CLEW_UNROLL
          for (int r = 0; r < R; ++r) {
            CLEW_UNROLL
            for (int i = 0; i < 12; ++i) {
              const W left = T::Bcst(from[r] + 4 * x + i);
              if (i < 8) sum[r * 8 + i] = T::Dot(sum[r * 8 + i], left, right[0]);
              if (i >= 4) sum[r * 8 + i - 4] = T::Dot(sum[r * 8 + i - 4], left, right[1]);
            }
          }
        }
      }
      CLEW_UNROLL
      for (int i = 0; i < R * 8; ++i) T::StoreF(sum[i], out + i * 16);
    }
  }

  // dx [400,16] f32 of each image (the second may be null), before the mask by act1; adds to
  // dw [C,8,8,16] and db [16]. pixels [C,24,84] and dy [100,16]: unit-words of a band.
  static void conv1_weights(const ConvWeights& w, const std::uint8_t* const* images,
                            const Word* act1, const float* const* dx, Word* pixels, Word* dy,
                            float* dw, float* db) {
    constexpr int kRows = T::kWide ? 3 : 1, kPlaces = kBand * kSide1;
    alignas(64) static constexpr float kZeros[16] = {};
    const bool both = kPack == 2 && dx[kPack - 1] != nullptr;
    for (int y = 0; y < kSide1; y += kBand) {
      for (int c = 0; c < w.channels; ++c) {
        const int from = (c * kFrameSide + 4 * y) * kFrameSide;
        T::PixelUnits(pixels + c * kBandRows * kFrameSide, images[0] + from,
                      both ? images[kPack - 1] + from : nullptr, kBandRows * kFrameSide);
      }
      for (int p = 0; p < kPlaces; ++p) {
        const int at = (y * kSide1 + p) * 16;
        fetch_early(act1 + at, kArea1 * 16);
        T::MaskedUnits16(dy + p * 16, dx[0] + at, both ? dx[kPack - 1] + at : kZeros, act1 + at);
      }
      int row = 0;
      for (; row + kRows <= 8 * w.channels; row += kRows)
        conv1_weights_rows<kRows>(pixels, dy, row, dw);
      for (; row < 8 * w.channels; ++row) conv1_weights_rows<1>(pixels, dy, row, dw);
      column_sums(dy, kPlaces, 16, db);
    }
  }

  static void conv_backward(const ConvWeights& w, const std::uint8_t* const* images,
                            const Word* act1, const Word* act2, std::size_t units,
                            const float* const* grads, const ConvGradients& sums, Word* scratch) {
    // [400,16] f32 of the first image, then of the second
    float* const dx0 = reinterpret_cast<float*>(scratch);
    float* const dx1 = dx0 + kArea1 * 16;
    Word* const dy1 = scratch + 2 * kArea1 * 16;         // [100,16] unit-words
    Word* const dy2 = dy1 + kBand * kSide1 * 16;         // [81,32] unit-words
    Word* const wide = dy2 + kArea2 * 32;                // [9,11,32] k-words of one image
    Word* const pixels = wide + kSide2 * kWideRow * 32;  // [C,24,84] unit-words
    const int count = kPack == 1 || grads[kPack - 1] == nullptr ? 1 : 2;
    alignas(64) static constexpr float kZeros[16] = {};
    for (int p = 0; p < kArea2; ++p) {
      for (const int half : {0, 16}) {
        const Word* const act = act2 + act2_at(p, half, units);
        fetch_early(act, kNr);
        T::MaskedUnits16(dy2 + p * 32 + half, grads[0] + p * 32 + half,
                         count == 2 ? grads[1] + p * 32 + half : kZeros, act);
      }
    }
    conv2_weights(act1, dy2, sums.w2, sums.b2);
    for (int i = 0; i < count; ++i) {
      constexpr int kPixel = 32 / kPack;
      for (int y = 0; y < kSide2; ++y) {
        Word* row = wide + y * kWideRow * kPixel;
        std::fill_n(row, kPixel, 0U);
        std::fill_n(row + (kWideRow - 1) * kPixel, kPixel, 0U);
        for (int x = 0; x < kSide2; ++x)
          for (int half = 0; half < 2; ++half)
            T::Split16(row + (x + 1) * kPixel + half * kPixel / 2,
                       dy2 + (y * kSide2 + x) * 32 + half * 16, i);
      }
      conv2_input(w, wide, i == 0 ? dx0 : dx1);
    }
    const float* const dx[2] = {dx0, count == 2 ? dx1 : nullptr};
    conv1_weights(w, images, act1, dx, pixels, dy1, sums.w1, sums.b1);
  }

  static constexpr Kernels table(const char* target) {
    return {target,     kPack,        T::kLanes,    T::kMr,       kNr,
            gemm<true>, gemm<false>,  pack_a,       pack_a_words, pack_b_transposed,
            pack_b,     pack_a_units, conv_forward, conv_backward};
  }
};

#undef CLEW_UNROLL
