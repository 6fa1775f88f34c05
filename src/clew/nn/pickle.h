// SPDX-License-Identifier: Apache-2.0
// The part of Python's pickle that torch.save needs to describe tensors. Not a pickle interpreter:
// the opcodes are a closed list, and so are the names that make something; a name only ever selects
// one of a few constructors written here. Any other name is opaque: neither it nor what it is called
// with is looked at, and whoever wants its value is refused with its name and byte offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

/// A value of a pickle. Containers hold indices into Pickle::values, so that no depth of nesting
/// costs stack, and a list that contains itself is no cycle of owners.
struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,    // integer
    kInt,     // integer
    kBigInt,  // text: more than 64 bits, in hex, most significant first
    kFloat,   // real
    kString,  // text
    kDtype,   // text: "F32"
    kName,    // integer: which name of the closed list; text: the name
    kTuple,   // items
    kList,    // items; a set's too
    kDict,    // items: key, value, key, value, ...
    kStorage,
    kTensor,
    kSkipped,  // bytes or a complex number: nothing of it is kept
    kOpaque,   // an object of no type we know; text: the refusal, behind Pickle::name
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<std::uint32_t> items;
  std::uint32_t more = 0;  // kStorage and kTensor: index into Pickle::storages, Pickle::tensors
};

/// A storage a pickle speaks of; its bytes are elsewhere in the file.
struct PickleStorage {
  std::string key;
  std::string dtype;                                 // "F32", ...; "U8" for untyped ones
  std::uint64_t elements = 0;                        // of the whole storage
  std::uint64_t view_offset = 0, view_elements = 0;  // the part meant, in elements (legacy files)
};

/// A tensor as a window into a storage; never larger than the storage's claim.
struct PickleTensor {
  std::uint32_t storage = 0;  // into Pickle::storages
  std::string dtype;
  std::vector<std::int64_t> shape, strides;  // strides in elements
  std::uint64_t offset = 0;                  // in elements, into the storage's view
};

struct Pickle {
  std::string name;  // for errors
  std::deque<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  std::uint32_t root = 0;  // into values
  std::size_t end = 0;     // the byte after the pickle's last
};

/// "a str", for errors.
const char* kind_name(PickleValue::Kind kind);

/// How much a pickle may make, however small it is. A state dict of ten thousand tensors takes about
/// 300,000 values.
struct PickleLimits {
  std::size_t values = 4'000'000;     // also entries of the memo, of the stack and marks
  std::size_t tensors = 500'000;      // also storages and opaque names
  std::size_t key_bytes = 64U << 20;  // of all storages' keys
};

/// Reads the pickle that begins at byte `begin` of `bytes`; offsets in errors count from byte 0.
/// `name` is for errors: "w.pth: data.pkl".
Pickle parse_pickle(std::span<const std::byte> bytes, std::size_t begin, const std::string& name,
                    const PickleLimits& limits = {});

}  // namespace clew::nn
