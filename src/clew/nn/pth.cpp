// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/pth.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/nn/pickle.h"
#include "clew/nn/zip.h"

namespace clew::nn {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxLeaves = 500'000, kMaxNameBytes = 64 << 20;

/// Size of the magic number, the first pickle of a legacy file: 10 bytes of LONG1, in any protocol.
/// 0: not such a file.
std::size_t magic_size(Bytes bytes) {
  constexpr unsigned char kNumber[] = {0x8a, 10,   0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                       0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
  const auto at = [&](std::size_t i) { return std::to_integer<int>(bytes[i]); };
  if (bytes.size() < 3 || at(0) != 0x80 || at(1) < 2 || at(1) > 5) return 0;
  const std::size_t begin = at(2) == 0x95 ? 11 : 2;  // after a FRAME of protocol 4 or 5
  if (bytes.size() < begin + sizeof kNumber) return 0;
  const bool is_magic = std::memcmp(&bytes[begin], kNumber, sizeof kNumber) == 0;
  return is_magic ? begin + sizeof kNumber : 0;
}

/// Storage bytes by key.
using StorageBytes = std::map<std::string, Bytes>;

/// A dict's key as part of a name.
std::optional<std::string> key_text(const PickleValue& key) {
  if (key.kind == Kind::kString) return key.text;
  if (key.kind == Kind::kInt) return std::to_string(key.integer);
  return std::nullopt;
}

/// Traversal from the root to tensors and values of `part`.
class Flattener {
 public:
  Flattener(const Pickle& pickle, const std::string& name) : pickle_(pickle), name_(name) {}

  void run(const std::string& part) {
    refuse_opaque(at(pickle_.root));
    const auto root = part.empty() ? std::optional(pickle_.root) : find(pickle_.root, part);
    CLEW_CHECK(root, name_, ": there is no part '", part, "' in the file; it has ", parts());
    walk(*root, "", 0);
  }

  std::vector<std::pair<std::string, const PickleTensor*>> tensors;
  std::vector<PthValue> values;

 private:
  const PickleValue& at(std::uint32_t index) const { return pickle_.values[index]; }

  /// Value at the dotted path `part`; keys may contain dots.
  std::optional<std::uint32_t> find(std::uint32_t index, std::string_view part) const {
    const auto& dict = at(index);
    if (dict.kind != Kind::kDict) return std::nullopt;
    for (std::size_t i = 0; i < dict.items.size(); i += 2) {
      const auto key = key_text(at(dict.items[i]));
      if (!key || !part.starts_with(*key)) continue;
      if (part.size() == key->size()) return dict.items[i + 1];
      if (part[key->size()] != '.') continue;
      if (const auto found = find(dict.items[i + 1], part.substr(key->size() + 1))) return found;
    }
    return std::nullopt;
  }

  /// First keys of the file, for errors.
  std::string parts() const {
    const auto& root = at(pickle_.root);
    if (root.kind != Kind::kDict) return "no dict";
    std::string text;
    for (std::size_t i = 0; i < root.items.size(); i += 2) {
      if (i == 16) return text + ", ...";
      const auto key = key_text(at(root.items[i]));
      text += concat(i > 0 ? ", " : "", "'", key ? excerpt(*key) : "?", "'");
    }
    return text.empty() ? "an empty dict" : text;
  }

  static std::string joined(const std::string& prefix, const std::string& key) {
    return prefix.empty() ? key : prefix + "." + key;
  }

  void refuse_opaque(const PickleValue& value) const {
    CLEW_CHECK(value.kind != Kind::kOpaque, pickle_.name, ": ", value.text);
  }

  void walk(std::uint32_t index, const std::string& path, int depth) {
    CLEW_CHECK(depth <= kMaxDepth, name_, ": '", excerpt(path), "' is nested more than ", kMaxDepth,
               " deep");
    CLEW_CHECK(++visited_ <= kMaxLeaves && (name_bytes_ += path.size()) <= kMaxNameBytes, name_,
               ": the nested dicts and lists hold more than ", kMaxLeaves,
               " items, or their names and texts more than ", kMaxNameBytes, " bytes");
    const auto& value = at(index);
    refuse_opaque(value);
    name_bytes_ += value.text.size();
    switch (value.kind) {
      case Kind::kDict:
        for (std::size_t i = 0; i < value.items.size(); i += 2) {
          const auto& item = at(value.items[i]);
          const auto key = key_text(item);
          refuse_opaque(item);
          CLEW_CHECK(key, name_, ": a key of dict '", excerpt(path),
                     "' must be a text or a whole number, got ", kind_name(item.kind));
          walk(value.items[i + 1], joined(path, *key), depth + 1);
        }
        return;
      case Kind::kList:
      case Kind::kTuple:
        for (std::size_t i = 0; i < value.items.size(); ++i)
          walk(value.items[i], joined(path, std::to_string(i)), depth + 1);
        return;
      case Kind::kTensor:
        claim(path);
        tensors.emplace_back(path, &pickle_.tensors[value.more]);
        return;
      case Kind::kNone:
        return leaf(path, std::monostate());
      case Kind::kBool:
        return leaf(path, value.integer != 0);
      case Kind::kInt:
        return leaf(path, value.integer);
      case Kind::kFloat:
        return leaf(path, value.real);
      case Kind::kString:
      case Kind::kDtype:
        return leaf(path, value.text);
      case Kind::kBigInt:
        return leaf(path, "0x" + value.text);
      case Kind::kName:
      case Kind::kStorage:
        throw Error(concat(name_, ": '", excerpt(path), "' is a ",
                           value.kind == Kind::kName ? "class" : "storage",
                           ", wanted a tensor or a plain value"));
      case Kind::kSkipped:
      case Kind::kOpaque:  // refused above
        return;
    }
  }

  template <class T>
  void leaf(const std::string& path, T value) {
    claim(path);
    values.push_back({path, std::move(value)});
  }

  void claim(const std::string& path) {
    CLEW_CHECK(names_.insert(path).second, name_, ": two entries are named '", excerpt(path), "'");
  }

  const Pickle& pickle_;
  const std::string& name_;
  std::unordered_set<std::string> names_;
  std::size_t visited_ = 0, name_bytes_ = 0;
};

/// Combines the pickle with the storages' bytes.
PthFile assemble(const Pickle& pickle, const StorageBytes& bytes, const std::string& part,
                 const std::string& name) {
  Flattener flat(pickle, name);
  flat.run(part);
  PthFile file;
  file.values = std::move(flat.values);
  std::map<const std::byte*, std::size_t> known;  // shared storages
  for (const auto& [path, tensor] : flat.tensors) {
    const auto& storage = pickle.storages[tensor->storage];
    const auto found = bytes.find(storage.key);
    CLEW_CHECK(found != bytes.end(), name, ": '", excerpt(path), "' needs storage '",
               excerpt(storage.key), "', which the file does not have");
    const std::uint64_t item = dtype_size(storage.dtype);
    CLEW_CHECK(found->second.size() / item == storage.elements && found->second.size() % item == 0,
               name, ": '", excerpt(path), "' needs ", storage.elements, " elements of ",
               storage.dtype, " in storage '", excerpt(storage.key), "', which has ",
               found->second.size(), " bytes");
    const std::uint64_t size = dtype_size(tensor->dtype);
    // A view's offset is in elements of the storage, which is typed in legacy files.
    CLEW_CHECK(storage.view_offset == 0 || size == item, name, ": '", excerpt(path),
               "' is a view of another type than its storage");
    const auto [place, is_new] = known.try_emplace(found->second.data(), file.storages.size());
    if (is_new) file.storages.push_back(found->second);
    file.tensors.push_back({path, tensor->dtype, tensor->shape, tensor->strides, place->second,
                            tensor->offset + storage.view_offset});
  }
  return file;
}

PthFile parse_zip_form(Bytes bytes, const std::string& name, const std::string& part) {
  const auto entries = parse_zip(bytes, name);
  const auto is_pickle = [](const ZipEntry& entry) {
    return entry.name.ends_with("/data.pkl") && std::ranges::count(entry.name, '/') == 1;
  };
  const auto pickle = std::ranges::find_if(entries, is_pickle);
  CLEW_CHECK(pickle != entries.end(), name,
             ": the zip archive has no FOLDER/data.pkl, so torch.save did not make it");
  const auto folder = pickle->name.substr(0, pickle->name.find('/') + 1);
  StorageBytes storages;
  const auto is_code = [&](const ZipEntry& entry) {
    return entry.name.starts_with(folder + "code/") || entry.name == folder + "constants.pkl";
  };
  CLEW_CHECK(std::ranges::none_of(entries, is_code), name,
             ": is a TorchScript module, which holds code; wanted a state dict");
  for (const auto& entry : entries) {
    if (!entry.name.starts_with(folder)) continue;
    CLEW_CHECK(!entry.is_compressed, name, ": entry '", excerpt(entry.name),
               "' is compressed; only stored entries are read, as torch.save writes them");
    const std::string_view rest = std::string_view(entry.name).substr(folder.size());
    if (rest == "byteorder")
      CLEW_CHECK(entry.data.size() == 6 && std::memcmp(entry.data.data(), "little", 6) == 0, name,
                 ": its numbers are not little-endian");
    if (rest.starts_with("data/")) storages.emplace(rest.substr(5), entry.data);
  }
  const auto where = concat(name, ": data.pkl");
  return assemble(parse_pickle(pickle->data, 0, where), storages, part, name);
}

/// Magic, protocol and system pickles, the object, the list of storage keys, then each storage's
/// number of elements (i64) and bytes.
PthFile parse_legacy_form(Bytes bytes, const std::string& name, const std::string& part) {
  std::size_t at = magic_size(bytes);
  const auto protocol = parse_pickle(bytes, at, name);
  const auto& version = protocol.values[protocol.root];
  CLEW_CHECK(version.kind == Kind::kInt && version.integer == 1001, name,
             ": the legacy protocol must be 1001");
  const auto system = parse_pickle(bytes, protocol.end, name);
  const auto& facts = system.values[system.root];
  for (std::size_t i = 0; facts.kind == Kind::kDict && i < facts.items.size(); i += 2) {
    const auto& value = system.values[facts.items[i + 1]];
    CLEW_CHECK(system.values[facts.items[i]].text != "little_endian" || value.integer == 1, name,
               ": its numbers are not little-endian");
  }
  const auto object = parse_pickle(bytes, system.end, name);
  const auto keys = parse_pickle(bytes, object.end, name);
  at = keys.end;

  std::map<std::string, std::size_t> item_size;
  for (const auto& storage : object.storages) {
    const auto [place, is_new] = item_size.try_emplace(storage.key, dtype_size(storage.dtype));
    CLEW_CHECK(is_new || place->second == dtype_size(storage.dtype), name, ": storage '",
               excerpt(storage.key), "' is given two types");
  }
  StorageBytes storages;
  const auto& list = keys.values[keys.root];
  CLEW_CHECK(list.kind == Kind::kList, name, ": the keys of the storages must be a list");
  for (const auto index : list.items) {
    const auto& key = keys.values[index];
    const auto size = item_size.find(key.text);
    CLEW_CHECK(key.kind == Kind::kString && size != item_size.end(), name,
               ": the file brings a storage that no tensor is in");
    CLEW_CHECK(bytes.size() - at >= 8, name, ": the file ends before storage '", excerpt(key.text),
               "'");
    std::uint64_t elements = 0;
    for (std::size_t i = 8; i-- > 0;)
      elements = elements << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
    at += 8;
    CLEW_CHECK(elements <= (bytes.size() - at) / size->second, name, ": storage '",
               excerpt(key.text), "' claims ", elements, " elements, the file has ",
               bytes.size() - at, " bytes left");
    CLEW_CHECK(storages.emplace(key.text, bytes.subspan(at, elements * size->second)).second, name,
               ": storage '", excerpt(key.text), "' is there twice");
    at += elements * size->second;
  }
  return assemble(object, storages, part, name);
}

// Writing.

const char* storage_name(const std::string& dtype) {
  constexpr const char* kStorageNames[][2] = {{"F64", "DoubleStorage"}, {"F32", "FloatStorage"},
                                              {"F16", "HalfStorage"},   {"BF16", "BFloat16Storage"},
                                              {"I64", "LongStorage"},   {"I32", "IntStorage"},
                                              {"I16", "ShortStorage"},  {"I8", "CharStorage"},
                                              {"U8", "ByteStorage"},    {"BOOL", "BoolStorage"}};
  for (const auto& [name, storage] : kStorageNames)
    if (dtype == name) return storage;
  throw Error(concat("a .pth file cannot hold ", dtype));
}

/// Appends opcodes of pickle protocol 2.
class PickleWriter {
 public:
  void raw(std::string_view text) { out_ += text; }
  void little(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xff);
  }
  void global(const char* module, const char* name) { raw(concat('c', module, '\n', name, '\n')); }
  void text(std::string_view text) {
    CLEW_CHECK(text.size() <= UINT32_MAX, "a name must be shorter than 4 GiB");
    raw("X");
    little(text.size(), 4);
    raw(text);
  }
  void whole(std::int64_t value) {
    if (value >= 0 && value <= INT32_MAX) {
      raw("J");
      little(static_cast<std::uint64_t>(value), 4);
    } else {
      raw("\x8a\x08");
      little(static_cast<std::uint64_t>(value), 8);
    }
  }
  void tuple(std::span<const std::int64_t> values) {
    raw("(");
    for (const auto value : values) whole(value);
    raw("t");
  }
  void empty_ordered_dict() {
    global("collections", "OrderedDict");
    raw(")R");
  }
  const std::string& bytes() const { return out_; }

 private:
  std::string out_;
};

void write_tensor(PickleWriter& out, const TensorEntry& entry, const std::string& key) {
  std::vector<std::int64_t> strides(entry.shape.size());
  std::int64_t elements = 1;
  for (std::size_t i = entry.shape.size(); i-- > 0;) {
    strides[i] = elements;
    elements *= std::max<std::int64_t>(entry.shape[i], 1);
  }
  const auto item = dtype_size(entry.dtype);
  const bool is_empty = std::ranges::count(entry.shape, 0) > 0;
  CLEW_CHECK(entry.data.size() == (is_empty ? 0 : static_cast<std::uint64_t>(elements) * item),
             "a tensor's bytes must fill its shape, got ", entry.data.size(), " bytes");
  out.global("torch._utils", "_rebuild_tensor_v2");
  out.raw("((");
  out.text("storage");
  out.global("torch", storage_name(entry.dtype));
  out.text(key);
  out.text("cpu");
  out.whole(static_cast<std::int64_t>(entry.data.size() / item));
  out.raw("tQ");
  out.whole(0);
  out.tuple(entry.shape);
  out.tuple(strides);
  out.raw("\x89");  // requires_grad = False
  out.empty_ordered_dict();
  out.raw("tR");
}

}  // namespace

bool is_pth(Bytes bytes) { return is_zip(bytes) || magic_size(bytes) > 0; }

PthFile parse_pth(Bytes bytes, const std::string& name, const std::string& part) {
  if (is_zip(bytes)) return parse_zip_form(bytes, name, part);
  if (magic_size(bytes) > 0) return parse_legacy_form(bytes, name, part);
  const bool is_tar = bytes.size() > 262 && std::memcmp(&bytes[257], "ustar", 5) == 0;
  CLEW_CHECK(!is_tar, name, ": is a tar archive, as torch before 0.1.10 wrote; save it again");
  throw Error(concat(name,
                     ": is no .pth file: it begins neither as a zip archive nor as the older "
                     "form of torch.save"));
}

std::vector<std::byte> write_pth(std::span<const NamedEntry> tensors) {
  std::unordered_set<std::string_view> names;
  for (const auto& tensor : tensors) {
    CLEW_CHECK(is_utf8(tensor.name), "a tensor's name must be UTF-8, got '", excerpt(tensor.name),
               "'");
    CLEW_CHECK(names.insert(tensor.name).second, "two tensors are named '", excerpt(tensor.name),
               "'");
  }
  PickleWriter out;
  out.raw("\x80\x02");
  out.empty_ordered_dict();
  out.raw("(");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    out.text(tensors[i].name);
    write_tensor(out, tensors[i].entry, std::to_string(i));
  }
  out.raw("u.");
  const auto as_bytes = [](const std::string& text) { return std::as_bytes(std::span(text)); };
  const std::string little = "little", version = "3\n";
  std::vector<ZipEntry> entries = {{"archive/data.pkl", as_bytes(out.bytes())},
                                   {"archive/byteorder", as_bytes(little)}};
  for (std::size_t i = 0; i < tensors.size(); ++i)
    entries.push_back({"archive/data/" + std::to_string(i), tensors[i].entry.data});
  entries.push_back({"archive/version", as_bytes(version)});
  return write_zip(entries);
}

}  // namespace clew::nn
