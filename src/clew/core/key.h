// SPDX-License-Identifier: Apache-2.0
// Counter-based random keys: keys are immutable, `fold_in` derives another one, `Stream` draws from
// one. Results depend on the key alone, not on threads or on other draws.
#pragma once

#include <cstdint>

namespace clew {

/// An explicit source of randomness. Equal keys give equal numbers on every machine.
struct Key {
  std::uint64_t value = 0;
  friend bool operator==(const Key&, const Key&) = default;
};

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection that mixes every bit.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// Derived key: fold_in(key, world, episode).
constexpr Key fold_in(Key key, std::uint64_t index) {
  return {mix64(mix64(key.value + 0x9e3779b97f4a7c15ULL) ^ (index * 0xd1342543de82ef95ULL + 1))};
}
template <class... Rest>
constexpr Key fold_in(Key key, std::uint64_t first, std::uint64_t second, Rest... rest) {
  return fold_in(fold_in(key, first), second, static_cast<std::uint64_t>(rest)...);
}

/// Sequence of random numbers from a key. Plain data: copy it to fork, store it to resume.
class Stream {
 public:
  explicit constexpr Stream(Key key) : state_(key.value) {}

  /// Uniform in [0, 2^64).
  constexpr std::uint64_t bits() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }
  /// Uniform in [0, n); n > 0. Lemire's multiplication, bias below n / 2^32.
  constexpr std::uint32_t below(std::uint32_t n) {
    return static_cast<std::uint32_t>(((bits() >> 32) * n) >> 32);
  }
  /// Uniform in [0, 1), 24 bits.
  constexpr float uniform() { return static_cast<float>(bits() >> 40) * 0x1p-24F; }
  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform_double() { return static_cast<double>(bits() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace clew
