// SPDX-License-Identifier: Apache-2.0
// Safe reader of the pickle subset of torch.save. Not an interpreter: opcodes and callables are
// closed lists, and a callable only selects one of a few constructors here. Any other is opaque:
// neither it nor its arguments are used, and its value is refused with name and byte offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

/// A value of a pickle. Containers hold indices into Pickle::values: nesting costs no stack, and
/// self-containing lists are no ownership cycles.
struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,    // integer
    kInt,     // integer
    kBigInt,  // text: more than 64 bits, in hex, most significant first
    kFloat,   // real
    kString,  // text
    kDtype,   // text: "F32"
    kName,    // integer: index in the closed list; text: the name
    kTuple,   // items
    kList,    // items; a set's too
    kDict,    // items: key, value, key, value, ...
    kStorage,
    kTensor,
    kSkipped,  // bytes or a complex number; not kept
    kOpaque,   // an object of unknown type; text: the error message, after Pickle::name
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<std::uint32_t> items;
  std::uint32_t more = 0;  // kStorage and kTensor: index into Pickle::storages, Pickle::tensors
};

/// A referenced storage; its bytes are elsewhere in the file.
struct PickleStorage {
  std::string key;
  std::string dtype;                                 // "F32", ...; "U8" for untyped ones
  std::uint64_t elements = 0;                        // of the whole storage
  std::uint64_t view_offset = 0, view_elements = 0;  // view, in elements (legacy files)
};

/// A tensor as a strided view of a storage, checked to lie within its declared size.
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
  std::size_t end = 0;     // offset after the last byte
};

/// "a str", for errors.
const char* kind_name(PickleValue::Kind kind);

/// Limits on created objects. A state dict of ten thousand tensors has about 300,000 values.
struct PickleLimits {
  std::size_t values = 4'000'000;     // also entries of the memo, of the stack and marks
  std::size_t tensors = 500'000;      // also storages and opaque names
  std::size_t key_bytes = 64U << 20;  // of all storages' keys
};

/// Parses the pickle at byte `begin` of `bytes`; offsets in errors count from byte 0. `name` is for
/// errors: "w.pth: data.pkl".
Pickle parse_pickle(std::span<const std::byte> bytes, std::size_t begin, const std::string& name,
                    const PickleLimits& limits = {});

}  // namespace clew::nn
