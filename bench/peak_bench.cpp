// SPDX-License-Identifier: Apache-2.0
// Peak rates of this machine: float multiply-adds and bytes copied, on one core and on all.
// Reference for the other benchmarks, not a benchmark of clew.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "peak_bench.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clew::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Runs `rounds` times 12 independent fused multiply-adds (enough to hide a latency of 4 to 6
/// cycles at two per cycle, few enough for 16 registers); returns the number of operations. `sink`
/// prevents optimisation.
double multiply_add(long rounds, float* sink) {
  const hn::ScalableTag<float> d;
  const auto scale = hn::Set(d, 0.999F), shift = hn::Set(d, 0.001F);
  // Different initial values, so that the compiler cannot merge the sums.
  auto s0 = hn::Iota(d, 0), s1 = hn::Iota(d, 1), s2 = hn::Iota(d, 2), s3 = hn::Iota(d, 3);
  auto s4 = hn::Iota(d, 4), s5 = hn::Iota(d, 5), s6 = hn::Iota(d, 6), s7 = hn::Iota(d, 7);
  auto s8 = hn::Iota(d, 8), s9 = hn::Iota(d, 9), s10 = hn::Iota(d, 10), s11 = hn::Iota(d, 11);
  // Many rounds to a jump: where a jump lies across 32 bytes of code, Intel's processors of 2015 to
  // 2019 leave their cache of decoded instructions (the "JCC erratum"), and the plain loop kept 64 %.
#pragma GCC unroll 8
  for (long i = 0; i < rounds; ++i) {
    s0 = hn::MulAdd(s0, scale, shift);
    s1 = hn::MulAdd(s1, scale, shift);
    s2 = hn::MulAdd(s2, scale, shift);
    s3 = hn::MulAdd(s3, scale, shift);
    s4 = hn::MulAdd(s4, scale, shift);
    s5 = hn::MulAdd(s5, scale, shift);
    s6 = hn::MulAdd(s6, scale, shift);
    s7 = hn::MulAdd(s7, scale, shift);
    s8 = hn::MulAdd(s8, scale, shift);
    s9 = hn::MulAdd(s9, scale, shift);
    s10 = hn::MulAdd(s10, scale, shift);
    s11 = hn::MulAdd(s11, scale, shift);
  }
  s0 =
      hn::Add(hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)), hn::Add(hn::Add(s4, s5), hn::Add(s6, s7)));
  s0 = hn::Add(s0, hn::Add(hn::Add(s8, s9), hn::Add(s10, s11)));
  *sink += hn::GetLane(hn::SumOfLanes(d, s0));
  return 2.0 * 12.0 * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace HWY_NAMESPACE
}  // namespace clew::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

#include "bench.h"
#include "clew/core/error.h"
#include "clew/core/machine.h"
#include "clew/core/pool.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace clew::bench {

HWY_EXPORT(multiply_add);

namespace {

#if defined(__x86_64__)
/// The same with bfloat16 pairs summed into floats: four operations for each of 16 lanes.
__attribute__((target("avx512f,avx512bf16"))) double dot_bf16(long rounds, float* sink) {
  const auto a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5F), _mm512_set1_ps(0.25F));
  const auto b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(*sink), _mm512_set1_ps(-0.5F));
  __m512 s[12];
  for (int k = 0; k < 12; ++k) s[k] = _mm512_set1_ps(static_cast<float>(k));
  for (long i = 0; i < rounds; ++i) {
    s[0] = _mm512_dpbf16_ps(s[0], a, b);
    s[1] = _mm512_dpbf16_ps(s[1], a, b);
    s[2] = _mm512_dpbf16_ps(s[2], a, b);
    s[3] = _mm512_dpbf16_ps(s[3], a, b);
    s[4] = _mm512_dpbf16_ps(s[4], a, b);
    s[5] = _mm512_dpbf16_ps(s[5], a, b);
    s[6] = _mm512_dpbf16_ps(s[6], a, b);
    s[7] = _mm512_dpbf16_ps(s[7], a, b);
    s[8] = _mm512_dpbf16_ps(s[8], a, b);
    s[9] = _mm512_dpbf16_ps(s[9], a, b);
    s[10] = _mm512_dpbf16_ps(s[10], a, b);
    s[11] = _mm512_dpbf16_ps(s[11], a, b);
  }
  __m512 sum = s[0];
  for (int k = 1; k < 12; ++k) sum = _mm512_add_ps(sum, s[k]);
  *sink += _mm512_cvtss_f32(sum) * 1e-30F;
  return 4.0 * 16.0 * 12.0 * static_cast<double>(rounds);
}
#endif

struct Rate {
  double median = 0, best = 0;
};

/// Runs `work` (worker -> amount done) on all threads repeatedly for `seconds`; returns amounts per
/// second.
Rate measure(int threads, double seconds, const std::function<double(int)>& work) {
  using Clock = std::chrono::steady_clock;
  ThreadPool pool(threads);
  std::vector<double> rates, done(static_cast<std::size_t>(threads));
  const auto round = [&] { pool.run([&](int worker) { done[worker] = work(worker); }); };
  round();  // warm-up: pages, clocks
  const auto start = Clock::now();
  while (rates.size() < 5 ||
         std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const auto before = Clock::now();
    round();
    const double spent = std::chrono::duration<double>(Clock::now() - before).count();
    double total = 0;
    for (const double amount : done) total += amount;
    rates.push_back(total / spent);
  }
  std::ranges::sort(rates);
  return {rates[rates.size() / 2], rates.back()};
}

Json row(const char* what, int threads, const char* unit, const Rate& rate) {
  return {{"what", what},
          {"threads", threads},
          {unit, rate.median * 1e-9},
          {concat("best_", unit), rate.best * 1e-9}};
}

}  // namespace

Json peak_rows(const PeakOptions& options) {
  const Machine machine = this_machine();
  std::vector<int> counts = {options.threads};
  if (options.threads == 0) counts = {1, machine.usable_cores};
  if (counts.back() == 1) counts.resize(1);

  Json rows = Json::array();
  constexpr long kRounds = 4'000'000;  // about 5 ms
  for (const int threads : counts) {
    std::vector<float> sinks(static_cast<std::size_t>(threads) * 64,
                             1.0F);  // a cache line or more each
    rows.push_back(
        row("fp32", threads, "gflops", measure(threads, options.seconds, [&](int worker) {
              return HWY_DYNAMIC_DISPATCH(multiply_add)(kRounds, &sinks[worker * 64]);
            })));
#if defined(__x86_64__)
    if (machine.has_bf16_dot) {
      rows.push_back(
          row("bf16", threads, "gflops", measure(threads, options.seconds, [&](int worker) {
                return dot_bf16(kRounds, &sinks[worker * 64]);
              })));
    }
#endif
    const auto bytes = static_cast<std::size_t>(options.copy_mib) << 20;
    std::vector<std::vector<char>> from(threads), to(threads);
    rows.push_back(row("copy", threads, "gbytes_per_second",
                       measure(threads, options.seconds, [&](int worker) {
                         if (from[worker].empty()) {  // warm-up: first touch of each thread's pages
                           from[worker].assign(bytes, 1);
                           to[worker].assign(bytes, 2);
                         }
                         std::memcpy(to[worker].data(), from[worker].data(), bytes);
                         return 2.0 * static_cast<double>(bytes);
                       })));
  }
  return rows;
}

}  // namespace clew::bench
#endif  // HWY_ONCE
