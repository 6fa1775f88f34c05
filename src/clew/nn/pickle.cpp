// SPDX-License-Identifier: Apache-2.0
// One class: the unpickler's stack machine with marks and memo. Allowed names are in one table at
// the top.
#include "clew/nn/pickle.h"

#include <algorithm>
#include <bit>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/safetensors.h"

namespace clew::nn {
namespace {

using Kind = PickleValue::Kind;
using Index = std::uint32_t;

constexpr std::size_t kMaxDimensions = 16, kMaxStorageKey = 256, kMostArguments = 16;

/// Constructors of allowed names.
enum class Name : std::uint8_t {
  kDict,         // collections.OrderedDict, Counter
  kSet,          // set, frozenset
  kSkipped,      // bytes and the like, without tensors
  kSize,         // torch.Size
  kDevice,       // torch.device
  kTensor,       // (storage, offset, size, stride, ...)
  kTensorDtype,  // (storage, offset, size, stride, requires_grad, hooks, dtype, ...)
  kParameter,    // (tensor, requires_grad, ...)
  kTyped,        // (constructor, type, its arguments, attributes)
  kType,         // as a value, not called
  kStorage,      // in a persistent id only
  kDtype,        // a value, not called
};

struct KnownName {
  std::string_view name;
  Name what;
  std::string_view dtype = {};
};

constexpr KnownName kNames[] = {
    {"collections.OrderedDict", Name::kDict},
    {"collections.Counter", Name::kDict},
    {"builtins.set", Name::kSet},
    {"builtins.frozenset", Name::kSet},
    {"__builtin__.set", Name::kSet},
    {"__builtin__.frozenset", Name::kSet},
    {"_codecs.encode", Name::kSkipped},  // bytes in protocol 2
    {"builtins.bytes", Name::kSkipped},
    {"builtins.bytearray", Name::kSkipped},
    {"builtins.complex", Name::kSkipped},
    {"__builtin__.bytes", Name::kSkipped},
    {"__builtin__.bytearray", Name::kSkipped},
    {"__builtin__.complex", Name::kSkipped},
    {"torch.Size", Name::kSize},
    {"torch.device", Name::kDevice},
    {"torch._utils._rebuild_tensor", Name::kTensor},
    {"torch._utils._rebuild_tensor_v2", Name::kTensor},
    {"torch._utils._rebuild_tensor_v3", Name::kTensorDtype},
    {"torch._utils._rebuild_parameter", Name::kParameter},
    {"torch._utils._rebuild_parameter_with_state", Name::kParameter},
    {"torch.nn.parameter.Parameter", Name::kParameter},
    {"torch._tensor._rebuild_from_type", Name::kTyped},
    {"torch._tensor._rebuild_from_type_v2", Name::kTyped},
    {"torch.Tensor", Name::kType},
    {"torch.DoubleStorage", Name::kStorage, "F64"},
    {"torch.FloatStorage", Name::kStorage, "F32"},
    {"torch.HalfStorage", Name::kStorage, "F16"},
    {"torch.BFloat16Storage", Name::kStorage, "BF16"},
    {"torch.LongStorage", Name::kStorage, "I64"},
    {"torch.IntStorage", Name::kStorage, "I32"},
    {"torch.ShortStorage", Name::kStorage, "I16"},
    {"torch.CharStorage", Name::kStorage, "I8"},
    {"torch.ByteStorage", Name::kStorage, "U8"},
    {"torch.BoolStorage", Name::kStorage, "BOOL"},
    {"torch.storage.UntypedStorage", Name::kStorage, "U8"},
    {"torch.storage._UntypedStorage", Name::kStorage, "U8"},
    {"torch.storage.TypedStorage", Name::kStorage, "U8"},
    {"torch.float64", Name::kDtype, "F64"},
    {"torch.float32", Name::kDtype, "F32"},
    {"torch.float16", Name::kDtype, "F16"},
    {"torch.bfloat16", Name::kDtype, "BF16"},
    {"torch.int64", Name::kDtype, "I64"},
    {"torch.int32", Name::kDtype, "I32"},
    {"torch.int16", Name::kDtype, "I16"},
    {"torch.int8", Name::kDtype, "I8"},
    {"torch.uint8", Name::kDtype, "U8"},
    {"torch.bool", Name::kDtype, "BOOL"},
};

class Unpickler {
 public:
  Unpickler(std::span<const std::byte> bytes, std::size_t begin, const std::string& name,
            const PickleLimits& limits)
      : bytes_(bytes), at_(begin), name_(name), limits_(limits) {}

  Pickle run() {
    while (true) {
      opcode_at_ = at_;
      const auto opcode = static_cast<unsigned char>(take(1)[0]);
      if (opcode == '.') break;
      step(opcode);
    }
    pickle_.name = name_;
    pickle_.root = pop();
    pickle_.end = at_;
    return std::move(pickle_);
  }

 private:
  template <class... Args>
  void require(bool condition, const Args&... args) const {
    if (!condition) [[unlikely]]
      throw Error(concat(name_, ": ", args..., " at byte ", opcode_at_));
  }

  // Bytes.

  std::string_view take(std::uint64_t count) {
    CLEW_CHECK(at_ <= bytes_.size() && count <= bytes_.size() - at_, name_,
               ": the pickle ends in the middle, at byte ", bytes_.size());
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
    at_ += count;
    return text;
  }

  std::uint64_t take_number(int bytes) {
    const auto text = take(static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (std::size_t i = text.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
  }

  std::string_view take_line() {
    const auto begin = at_;
    while (take(1)[0] != '\n') {
    }
    return {reinterpret_cast<const char*>(bytes_.data()) + begin, at_ - begin - 1};
  }

  // Values, stack, marks.

  Index add(PickleValue value) {
    require(pickle_.values.size() < limits_.values, "the pickle makes more than ", limits_.values,
            " values");
    pickle_.values.push_back(std::move(value));
    return static_cast<Index>(pickle_.values.size() - 1);
  }
  void push(PickleValue value) { push_again(add(std::move(value))); }
  /// Pushes an existing value.
  void push_again(Index index) {
    require(stack_.size() < limits_.values, "the pickle stacks more than ", limits_.values,
            " values");
    stack_.push_back(index);
  }
  void push_int(std::int64_t value) { push({.kind = Kind::kInt, .integer = value}); }
  void push_text(std::string_view text) {
    push({.kind = Kind::kString, .text = std::string(text)});
  }

  /// None, True and False: one shared value each, since they cost only a byte in the file.
  void push_shared(Index& slot, PickleValue value) {
    if (slot == kNoValue) slot = add(std::move(value));
    push_again(slot);
  }

  void push_mark() {
    require(marks_.size() < limits_.values, "the pickle sets more than ", limits_.values, " marks");
    marks_.push_back(stack_.size());
  }

  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Index pop() {
    require(stack_.size() > floor(), "the pickle takes from an empty stack");
    const Index index = stack_.back();
    stack_.pop_back();
    return index;
  }

  PickleValue& top() {
    require(stack_.size() > floor(), "the pickle takes from an empty stack");
    return pickle_.values[stack_.back()];
  }

  std::vector<Index> pop_mark() {
    require(!marks_.empty(), "the pickle takes to a mark that is not there");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Index> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  std::vector<Index> pop_many(std::size_t count) {
    std::vector<Index> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  void push_tuple(std::vector<Index> items) {
    push({.kind = Kind::kTuple, .items = std::move(items)});
  }

  void extend(Kind kind, std::span<const Index> items) {
    auto& target = top();
    if (target.kind == Kind::kOpaque) return;
    require(target.kind == kind, "the pickle adds items to ", kind_name(target.kind));
    require(kind == Kind::kList || items.size() % 2 == 0, "a dict has a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void get_memo(std::uint64_t key) {
    const auto found = memo_.find(key);
    require(found != memo_.end(), "the pickle repeats a value that it never gave");
    push_again(found->second);
  }
  void put_memo(std::uint64_t key) {
    top();
    const bool is_new = memo_.insert_or_assign(key, stack_.back()).second;
    require(!is_new || memo_.size() <= limits_.values, "the pickle remembers more than ",
            limits_.values, " values");
  }

  // Arguments of constructors, checked.

  const PickleValue& value(Index index) const { return pickle_.values[index]; }

  const PickleValue& argument(const PickleValue& tuple, std::size_t index, Kind kind,
                              const char* what) const {
    require(index < tuple.items.size(), what, " is missing");
    const auto& item = value(tuple.items[index]);
    require(item.kind == kind, what, " must be ", kind_name(kind), ", got ", kind_name(item.kind));
    return item;
  }

  std::uint64_t whole(const PickleValue& tuple, std::size_t index, const char* what) const {
    const auto& item = argument(tuple, index, Kind::kInt, what);
    require(item.integer >= 0, what, " must not be negative, got ", item.integer);
    return static_cast<std::uint64_t>(item.integer);
  }

  std::vector<std::int64_t> whole_list(const PickleValue& tuple, std::size_t index,
                                       const char* what) const {
    const auto& list = argument(tuple, index, Kind::kTuple, what);
    require(list.items.size() <= kMaxDimensions, what, " must have at most ", kMaxDimensions,
            " numbers, got ", list.items.size());
    std::vector<std::int64_t> numbers;
    for (std::size_t i = 0; i < list.items.size(); ++i)
      numbers.push_back(static_cast<std::int64_t>(whole(list, i, what)));
    return numbers;
  }

  std::uint64_t product(std::uint64_t a, std::uint64_t b) const {
    std::uint64_t result = 0;
    require(!__builtin_mul_overflow(a, b, &result) && result <= INT64_MAX,
            "a tensor's size overflows");
    return result;
  }

  // Constructors.

  void step(unsigned char opcode);
  void push_name(std::string_view module, std::string_view attribute);
  void push_opaque(std::string refusal);
  void call();
  void call(Index function, Index arguments);
  void push_dict(const PickleValue& arguments);
  void push_set(const PickleValue& arguments);
  void push_storage();
  void push_tensor(const PickleValue& arguments, bool has_dtype);
  std::string kept_otherwise(const PickleValue& arguments, std::size_t index) const;
  void push_long(std::uint64_t size);

  static constexpr Index kNoValue = UINT32_MAX;

  std::span<const std::byte> bytes_;
  std::size_t at_, opcode_at_ = 0;
  const std::string& name_;
  const PickleLimits limits_;
  Pickle pickle_;
  std::vector<Index> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, Index> memo_;
  std::size_t copied_ = 0, key_bytes_ = 0, opaque_ = 0;
  Index none_ = kNoValue, true_ = kNoValue, false_ = kNoValue;
};

void Unpickler::push_name(std::string_view module, std::string_view attribute) {
  // Old files from a GPU have torch.cuda.FloatStorage.
  auto name = concat(module == "torch.cuda" ? "torch" : module, ".", attribute);
  for (const auto& known : kNames) {
    if (known.name != name) continue;
    if (known.what == Name::kDtype) {
      push({.kind = Kind::kDtype, .text = std::string(known.dtype)});
    } else {
      push({.kind = Kind::kName, .integer = &known - kNames, .text = std::move(name)});
    }
    return;
  }
  push_opaque(concat("asks for '", excerpt(module), ".", excerpt(attribute), "' at byte ",
                     opcode_at_,
                     "; only tensors, numbers, texts, dicts, lists and tuples are read, and "
                     "nothing is ever run; pick a part without it, or save only its state_dict in "
                     "Python"));
}

void Unpickler::push_opaque(std::string refusal) {
  require(opaque_++ < limits_.tensors, "the pickle names more than ", limits_.tensors,
          " unknown objects");
  push({.kind = Kind::kOpaque, .text = std::move(refusal)});
}

void Unpickler::call() {
  const auto arguments = pop(), function = pop();
  call(function, arguments);
}

void Unpickler::call(Index function_index, Index arguments_index) {
  const auto& function = value(function_index);
  const auto& arguments = value(arguments_index);
  // An opaque value stays opaque: as a callable and as an argument.
  for (const auto index : {function_index, arguments_index})
    if (value(index).kind == Kind::kOpaque) return push_again(index);
  for (std::size_t i = 0; i < std::min(arguments.items.size(), kMostArguments); ++i)
    if (value(arguments.items[i]).kind == Kind::kOpaque) return push_again(arguments.items[i]);
  require(function.kind == Kind::kName, "the pickle calls ", kind_name(function.kind));
  require(arguments.kind == Kind::kTuple, "'", function.text, "' is called with ",
          kind_name(arguments.kind));
  switch (kNames[static_cast<std::size_t>(function.integer)].what) {
    case Name::kDict:
      return push_dict(arguments);
    case Name::kSet:
      return push_set(arguments);
    case Name::kSkipped:
      return push({.kind = Kind::kSkipped});
    case Name::kSize:
      argument(arguments, 0, Kind::kTuple, "the size");
      return push_again(arguments.items[0]);
    case Name::kDevice:
      argument(arguments, 0, Kind::kString, "the device");
      return push_again(arguments.items[0]);
    case Name::kTensor:
      push_tensor(arguments, false);
      return;
    case Name::kTensorDtype:
      push_tensor(arguments, true);
      return;
    case Name::kParameter:
      argument(arguments, 0, Kind::kTensor, "a parameter's tensor");
      return push_again(arguments.items[0]);
    case Name::kTyped: {  // its attributes are not used
      const auto& of = argument(arguments, 0, Kind::kName, "a tensor's constructor");
      require(kNames[static_cast<std::size_t>(of.integer)].what != Name::kTyped,
              "a tensor's constructor must be plain, got '", of.text, "'");
      argument(arguments, 1, Kind::kName, "a tensor's type");
      argument(arguments, 2, Kind::kTuple, "a constructor's arguments");
      return call(arguments.items[0], arguments.items[2]);
    }
    case Name::kType:
    case Name::kStorage:
    case Name::kDtype:
      require(false, "'", function.text, "' is called");
  }
}

/// OrderedDict(), Counter({...}), or Python 2's OrderedDict([[key, value], ...]).
void Unpickler::push_dict(const PickleValue& arguments) {
  PickleValue dict = {.kind = Kind::kDict};
  if (!arguments.items.empty()) {
    require(arguments.items.size() == 1, "a dict is made with ", arguments.items.size(),
            " arguments");
    if (value(arguments.items[0]).kind == Kind::kDict) return push_again(arguments.items[0]);
    for (const auto index : argument(arguments, 0, Kind::kList, "a dict's items").items) {
      const auto& pair = value(index);
      require((pair.kind == Kind::kList || pair.kind == Kind::kTuple) && pair.items.size() == 2,
              "a dict's item must be a key and a value, got ", kind_name(pair.kind));
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
    // A list may be referenced repeatedly.
    copied_ += dict.items.size();
    require(copied_ <= limits_.values, "the pickle copies more than ", limits_.values, " values");
  }
  push(std::move(dict));
}

/// set() or set([...]).
void Unpickler::push_set(const PickleValue& arguments) {
  if (arguments.items.empty()) return push({.kind = Kind::kList});
  argument(arguments, 0, Kind::kList, "a set's items");
  push_again(arguments.items[0]);
}

/// ('storage', type, key, location, elements[, view]) as a persistent id.
void Unpickler::push_storage() {
  const auto& id = value(pop());
  // ('module', class, file, source) in legacy files, or a storage of an unsupported type.
  if (id.kind == Kind::kTuple && id.items.size() >= 2 && value(id.items[1]).kind == Kind::kOpaque)
    return push_again(id.items[1]);
  require(id.kind == Kind::kTuple && id.items.size() >= 5,
          "a persistent id must be a tuple of at least five");
  require(argument(id, 0, Kind::kString, "a persistent id's kind").text == "storage",
          "a persistent id must be of a storage");
  const auto& type = argument(id, 1, Kind::kName, "a storage's type");
  const auto& known = kNames[static_cast<std::size_t>(type.integer)];
  require(known.what == Name::kStorage, "'", type.text, "' is no type of storage");
  PickleStorage storage;
  storage.key = argument(id, 2, Kind::kString, "a storage's key").text;
  require(storage.key.size() <= kMaxStorageKey, "a storage's key must have at most ",
          kMaxStorageKey, " bytes, got ", storage.key.size());
  key_bytes_ += storage.key.size();
  require(key_bytes_ <= limits_.key_bytes, "the keys of the pickle's storages take more than ",
          limits_.key_bytes, " bytes");
  storage.dtype = known.dtype;
  storage.elements = whole(id, 4, "a storage's number of elements");
  storage.view_elements = storage.elements;
  if (id.items.size() > 5 && value(id.items[5]).kind != Kind::kNone) {
    const auto& view = argument(id, 5, Kind::kTuple, "a storage's view");
    storage.view_offset = whole(view, 1, "a view's offset");
    storage.view_elements = whole(view, 2, "a view's number of elements");
    require(storage.view_offset <= storage.elements &&
                storage.view_elements <= storage.elements - storage.view_offset,
            "a view of ", storage.view_elements, " elements from ", storage.view_offset,
            " lies outside its storage of ", storage.elements);
  }
  require(pickle_.storages.size() < limits_.tensors, "the pickle names more than ", limits_.tensors,
          " storages");
  pickle_.storages.push_back(std::move(storage));
  push({.kind = Kind::kStorage, .more = static_cast<Index>(pickle_.storages.size() - 1)});
}

void Unpickler::push_tensor(const PickleValue& arguments, bool has_dtype) {
  PickleTensor tensor;
  tensor.storage = argument(arguments, 0, Kind::kStorage, "a tensor's storage").more;
  require(pickle_.tensors.size() < limits_.tensors, "the pickle makes more than ", limits_.tensors,
          " tensors");
  if (auto refusal = kept_otherwise(arguments, has_dtype ? 7 : 6); !refusal.empty())
    return push_opaque(std::move(refusal));
  const auto& storage = pickle_.storages[tensor.storage];
  tensor.dtype =
      has_dtype ? argument(arguments, 6, Kind::kDtype, "a tensor's dtype").text : storage.dtype;
  tensor.offset = whole(arguments, 1, "a tensor's offset");
  tensor.shape = whole_list(arguments, 2, "a tensor's shape");
  tensor.strides = whole_list(arguments, 3, "a tensor's strides");
  require(tensor.shape.size() == tensor.strides.size(), "a tensor has ", tensor.shape.size(),
          " dimensions and ", tensor.strides.size(), " strides");
  // Elements of the tensor's type in the storage's view, its last element, and its number of
  // elements without zeros in its shape.
  const std::uint64_t room =
      product(storage.view_elements, dtype_size(storage.dtype)) / dtype_size(tensor.dtype);
  std::uint64_t last = tensor.offset, elements = 1;
  bool is_empty = false;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const auto side = static_cast<std::uint64_t>(tensor.shape[i]);
    is_empty |= side == 0;
    if (side == 0) continue;
    elements = product(elements, side);
    const auto reach = product(side - 1, static_cast<std::uint64_t>(tensor.strides[i]));
    require(last <= INT64_MAX - reach, "a tensor's strides overflow");
    last += reach;
  }
  require(is_empty || last < room, "a tensor reaches element ", last, " of a storage of ", room);
  if (is_empty) tensor.offset = 0;  // may lie outside its storage, as in empty.pth
  pickle_.tensors.push_back(std::move(tensor));
  push({.kind = Kind::kTensor, .more = static_cast<Index>(pickle_.tensors.size() - 1)});
}

/// Error message for metadata such as {'neg': True}, with which values differ from the stored ones;
/// else empty.
std::string Unpickler::kept_otherwise(const PickleValue& arguments, std::size_t index) const {
  if (index >= arguments.items.size() || value(arguments.items[index]).kind == Kind::kNone)
    return {};
  const auto& facts = argument(arguments, index, Kind::kDict, "a tensor's metadata").items;
  for (std::size_t i = 0; i < facts.size(); i += 2) {
    const auto& fact = value(facts[i + 1]);
    if (fact.kind == Kind::kBool && fact.integer == 0) continue;
    return concat("the tensor at byte ", opcode_at_, " is kept with '",
                  excerpt(value(facts[i]).text),
                  "', so its numbers are not those in the file; save tensor.resolve_neg() in "
                  "Python");
  }
  return {};
}

/// Little-endian two's complement integer of any length.
void Unpickler::push_long(std::uint64_t size) {
  const auto text = take(size);
  if (size > 8) {
    std::string hex;
    for (std::size_t i = text.size(); i-- > 0;) {
      constexpr char kDigits[] = "0123456789abcdef";
      hex += kDigits[static_cast<unsigned char>(text[i]) >> 4];
      hex += kDigits[static_cast<unsigned char>(text[i]) & 15];
    }
    push({.kind = Kind::kBigInt, .text = std::move(hex)});
    return;
  }
  const bool is_negative = size > 0 && (static_cast<unsigned char>(text.back()) & 0x80) != 0;
  std::uint64_t value = is_negative ? UINT64_MAX : 0;
  for (std::size_t i = text.size(); i-- > 0;)
    value = value << 8 | static_cast<unsigned char>(text[i]);
  push_int(static_cast<std::int64_t>(value));
}

// Opcodes of protocols 2 to 5 in torch.save's files, named as in Python's pickletools.
void Unpickler::step(unsigned char opcode) {
  switch (opcode) {
    case 0x80: {  // PROTO
      const auto protocol = take_number(1);
      return require(protocol >= 2 && protocol <= 5, "the pickle's protocol must be 2 to 5, got ",
                     protocol);
    }
    case 0x95:  // FRAME
      take(8);
      return;
    case '(':  // MARK
      return push_mark();
    case '0':  // POP
      pop();
      return;
    case 'N':  // NONE
      return push_shared(none_, {});
    case 0x88:  // NEWTRUE
      return push_shared(true_, {.kind = Kind::kBool, .integer = 1});
    case 0x89:  // NEWFALSE
      return push_shared(false_, {.kind = Kind::kBool});
    case 'K':  // BININT1
      return push_int(static_cast<std::int64_t>(take_number(1)));
    case 'M':  // BININT2
      return push_int(static_cast<std::int64_t>(take_number(2)));
    case 'J':  // BININT
      return push_int(static_cast<std::int32_t>(take_number(4)));
    case 0x8a:  // LONG1
      return push_long(take_number(1));
    case 'G': {  // BINFLOAT, big-endian
      std::uint64_t bits = 0;
      for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
      return push({.kind = Kind::kFloat, .real = std::bit_cast<double>(bits)});
    }
    case 'X':  // BINUNICODE
      return push_text(take(take_number(4)));
    case 0x8c:  // SHORT_BINUNICODE
      return push_text(take(take_number(1)));
    case 0x8d:  // BINUNICODE8
      return push_text(take(take_number(8)));
    case 'T':  // BINSTRING
      return push_text(take(take_number(4)));
    case 'U':  // SHORT_BINSTRING
      return push_text(take(take_number(1)));
    case 'B':  // BINBYTES
      take(take_number(4));
      return push({.kind = Kind::kSkipped});
    case 'C':  // SHORT_BINBYTES
      take(take_number(1));
      return push({.kind = Kind::kSkipped});
    case 0x8e:  // BINBYTES8
    case 0x96:  // BYTEARRAY8
      take(take_number(8));
      return push({.kind = Kind::kSkipped});
    case ')':  // EMPTY_TUPLE
      return push_tuple({});
    case 't':  // TUPLE
      return push_tuple(pop_mark());
    case 0x85:  // TUPLE1
    case 0x86:  // TUPLE2
    case 0x87:  // TUPLE3
      return push_tuple(pop_many(opcode - 0x84U));
    case ']':   // EMPTY_LIST
    case 0x8f:  // EMPTY_SET
      return push({.kind = Kind::kList});
    case '}':  // EMPTY_DICT
      return push({.kind = Kind::kDict});
    case 'a':  // APPEND
      return extend(Kind::kList, pop_many(1));
    case 'e':   // APPENDS
    case 0x90:  // ADDITEMS
      return extend(Kind::kList, pop_mark());
    case 0x91:  // FROZENSET
      return push({.kind = Kind::kList, .items = pop_mark()});
    case 's':  // SETITEM
      return extend(Kind::kDict, pop_many(2));
    case 'u':  // SETITEMS
      return extend(Kind::kDict, pop_mark());
    case 'h':  // BINGET
      return get_memo(take_number(1));
    case 'j':  // LONG_BINGET
      return get_memo(take_number(4));
    case 'q':  // BINPUT
      return put_memo(take_number(1));
    case 'r':  // LONG_BINPUT
      return put_memo(take_number(4));
    case 0x94:  // MEMOIZE
      return put_memo(memo_.size());
    case 'c': {  // GLOBAL
      const auto module = take_line();
      return push_name(module, take_line());
    }
    case 0x93: {  // STACK_GLOBAL
      const auto& attribute = value(pop());
      const auto& module = value(pop());
      require(attribute.kind == Kind::kString && module.kind == Kind::kString,
              "a name must be two texts");
      return push_name(module.text, attribute.text);
    }
    case 'R':   // REDUCE
    case 0x81:  // NEWOBJ
      return call();
    case 0x92: {  // NEWOBJ_EX: with keyword arguments, which no supported type has
      pop();
      pop();
      return require(top().kind == Kind::kOpaque, "the pickle makes ", kind_name(top().kind),
                     " with named arguments");
    }
    case 'b': {  // BUILD: attributes of a state dict or a parameter, not used
      const auto& state = value(pop());
      const auto& target = top();
      if (target.kind == Kind::kOpaque) return;
      return require((state.kind == Kind::kDict || state.kind == Kind::kTuple ||
                      state.kind == Kind::kOpaque) &&
                         (target.kind == Kind::kDict || target.kind == Kind::kTensor),
                     "the pickle sets attributes of ", kind_name(target.kind));
    }
    case 'Q':  // BINPERSID
      return push_storage();
    default: {
      constexpr char kDigits[] = "0123456789abcdef";
      const char hex[] = {kDigits[opcode >> 4], kDigits[opcode & 15], 0};
      require(false, "unknown or forbidden pickle opcode 0x", hex);
    }
  }
}

}  // namespace

const char* kind_name(Kind kind) {
  constexpr const char* kText[] = {"None",     "a bool", "an int",   "a large int",
                                   "a float",  "a str",  "a dtype",  "a class or function",
                                   "a tuple",  "a list", "a dict",   "a storage",
                                   "a tensor", "bytes",  "an object"};
  return kText[static_cast<std::size_t>(kind)];
}

Pickle parse_pickle(std::span<const std::byte> bytes, std::size_t begin, const std::string& name,
                    const PickleLimits& limits) {
  return Unpickler(bytes, begin, name, limits).run();
}

}  // namespace clew::nn
