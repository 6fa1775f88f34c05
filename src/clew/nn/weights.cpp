// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/weights.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/nn/pth.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"

namespace clew::nn {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 36;  // 64 GiB

NamedTensors from_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  const auto file = parse_safetensors(bytes, name);
  NamedTensors tensors;
  for (const auto& [key, entry] : in_order(file)) {
    const auto dtype = scalar_type(entry.dtype, concat(name, ": tensor '", excerpt(key), "'"));
    tensors.emplace_back(key, read_tensor(file, key, dtype, {}, name));
  }
  return tensors;
}

NamedTensors from_pth(std::span<const std::byte> bytes, const std::string& name,
                      const std::string& part) {
  const auto file = parse_pth(bytes, name, part);
  std::vector<torch::Tensor> storages;  // u8, aligned by LibTorch
  for (const auto storage : file.storages) {
    storages.push_back(torch::empty({static_cast<std::int64_t>(storage.size())}, torch::kUInt8));
    if (!storage.empty()) std::memcpy(storages.back().data_ptr(), storage.data(), storage.size());
  }
  NamedTensors tensors;
  for (const auto& entry : file.tensors) {
    const auto dtype =
        scalar_type(entry.dtype, concat(name, ": tensor '", excerpt(entry.name), "'"));
    auto tensor = torch::empty({0}, dtype);
    tensor.set_(storages[entry.storage].storage(), static_cast<std::int64_t>(entry.offset),
                entry.shape, entry.strides);
    tensors.emplace_back(entry.name, tensor);
  }
  return tensors;
}

void collect(const torch::nn::Module& module, const std::string& prefix, NamedTensors& state) {
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    if (item.value().defined()) state.emplace_back(prefix + item.key(), item.value());
  for (const auto& item : module.named_buffers(/*recurse=*/false))
    if (item.value().defined()) state.emplace_back(prefix + item.key(), item.value());
  for (const auto& item : module.named_children())
    collect(*item.value(), prefix + item.key() + ".", state);
}

/// "f32 [64,3,7,7]".
std::string type_text(const torch::Tensor& tensor) {
  std::string name = dtype_name(tensor.scalar_type());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return static_cast<char>(std::tolower(c)); });
  return name + " " + excerpt(std::span(tensor.sizes().data(), tensor.sizes().size()));
}

std::string text_of(const std::string& name) { return excerpt(name); }
std::string text_of(const LoadReport::Misshapen& entry) {
  return excerpt(entry.name) + ": wanted " + entry.wanted + ", got " + entry.got;
}

/// "2 missing (fc.weight, fc.bias)"; after four: ", ... (7 more)".
template <class Entry>
std::string complaint(const std::vector<Entry>& entries, const char* what) {
  constexpr std::size_t kShown = 4;
  std::string text = concat(entries.size(), " ", what, " (");
  for (std::size_t i = 0; i < std::min(entries.size(), kShown); ++i)
    text += (i > 0 ? ", " : "") + text_of(entries[i]);
  return entries.size() > kShown ? concat(text, ", ... (", entries.size() - kShown, " more))")
                                 : text + ")";
}

std::string complaint(const std::vector<LoadReport::Misshapen>& misshapen) {
  const auto count = std::ranges::count(misshapen, true, &LoadReport::Misshapen::has_shape);
  const bool are_all = count == static_cast<std::ptrdiff_t>(misshapen.size());
  return complaint(misshapen, are_all      ? "of another type"
                              : count == 0 ? "of another shape"
                                           : "of another shape or type");
}

bool begins_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.starts_with(prefix); });
}

/// True for a counter that torch before 0.4.1 did not have.
bool is_optional(const std::string& name) { return name.ends_with("num_batches_tracked"); }

struct Prefix {
  std::string text;  // "module."
  std::size_t count = 0;
};

/// Most common prefix of `names` in `longer`.
Prefix prefix_before(const std::vector<std::string>& names,
                     const std::vector<std::string>& longer) {
  constexpr std::size_t kLongestName = 1000;  // longer than in any network
  const std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  std::map<std::string_view, std::size_t> counts;
  for (const std::string_view name : longer) {
    if (name.size() > kLongestName) continue;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1))
      if (wanted.contains(name.substr(dot + 1))) ++counts[name.substr(0, dot + 1)];
  }
  Prefix best;
  for (const auto& [text, count] : counts)
    if (count > best.count) best = {std::string(text), count};
  return best;
}

/// True if the file has this part.
using IsPart = std::function<bool(const std::string&)>;

/// Options that would match at least half of the missing entries, for an error; else empty.
std::string hint(const std::vector<std::string>& missing,
                 const std::vector<std::string>& unexpected, const IsPart& is_part) {
  const auto in_file = prefix_before(missing, unexpected);
  const auto in_module = prefix_before(unexpected, missing);
  const auto count = std::max(in_file.count, in_module.count);
  if (count == 0 || 2 * count < missing.size()) return "";
  if (in_module.count > in_file.count) {
    return concat("; ", count, " of the missing are there without '", excerpt(in_module.text),
                  "', which LoadOptions::rename can put before them");
  }
  const auto found =
      concat("; ", count, " of the missing are there behind '", excerpt(in_file.text));
  const auto part = in_file.text.substr(0, in_file.text.size() - 1);
  return is_part(part) ? concat(found, "': LoadOptions::part can be '", excerpt(part), "'")
                       : concat(found, "', which LoadOptions::rename can take away");
}

void refuse(const LoadReport& report, const std::string& where, const LoadOptions& options,
            const IsPart& is_part) {
  std::vector<std::string> missing = report.missing, complaints;
  std::erase_if(missing, is_optional);
  if (!missing.empty() && !options.allows_missing)
    complaints.push_back(complaint(missing, "missing"));
  if (!report.unexpected.empty() && !options.allows_unexpected)
    complaints.push_back(complaint(report.unexpected, "unexpected"));
  if (!report.misshapen.empty() && !options.allows_misshapen)
    complaints.push_back(complaint(report.misshapen));
  if (complaints.empty()) return;
  std::string text;
  for (const auto& one : complaints) text += (text.empty() ? "" : ", ") + one;
  throw Error(concat(where, ": the weights do not fit the network: ", text,
                     hint(missing, report.unexpected, is_part)));
}

/// True if every value of `tensor` is representable in `dtype`, up to rounding of real ones.
bool fits(const torch::Tensor& tensor, torch::ScalarType dtype) {
  if (tensor.scalar_type() == dtype) return true;
  const auto converted = tensor.to(dtype);
  if (tensor.is_floating_point()) return torch::equal(converted.isinf(), tensor.isinf());
  return torch::equal(converted.to(tensor.scalar_type()), tensor);
}

/// Runs a reader of the file `name`.
template <class Read>
auto within_memory(const std::string& name, const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw Error(concat(name, ": there is not enough memory to read it"));
  }
}

/// True for a .pth. Otherwise checks for a safetensors file, without `part`.
bool is_pth_file(const std::string& text, const std::string& name, const std::string& part) {
  if (is_pth(std::as_bytes(std::span(text)))) return true;
  // A safetensors file begins with the header's length, so its ninth byte opens a JSON object.
  CLEW_CHECK(text.size() > 8 && text[8] == '{', name,
             ": holds no weights: it is neither a safetensors file nor a .pth of torch.save");
  CLEW_CHECK(part.empty(), name, ": a safetensors file has no part '", part, "'");
  return false;
}

NamedTensors tensors_of(const std::string& text, const std::string& name, const std::string& part) {
  const auto bytes = std::as_bytes(std::span(text));
  return is_pth_file(text, name, part) ? from_pth(bytes, name, part)
                                       : from_safetensors(bytes, name);
}

WeightsInfo info_of(const std::string& text, const std::string& name, const std::string& part) {
  const auto bytes = std::as_bytes(std::span(text));
  WeightsInfo info;
  if (is_pth_file(text, name, part)) {
    info.format = "pth";
    const auto file = parse_pth(bytes, name, part);
    for (const auto& one : file.tensors) info.tensors.push_back({one.name, one.dtype, one.shape});
    for (const auto& one : file.values) info.values.push_back(one.name);
  } else {
    info.format = "safetensors";
    const auto file = parse_safetensors(bytes, name);
    for (const auto& one : in_order(file))
      info.tensors.push_back({one.name, one.entry.dtype, one.entry.shape});
    info.metadata = file.metadata;
  }
  return info;
}

bool has_part(const std::string& text, const std::string& part) {
  try {
    parse_pth(std::as_bytes(std::span(text)), "", part);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::byte> bytes_of(const NamedTensors& tensors, bool is_safetensors) {
  std::vector<torch::Tensor> kept;
  std::vector<NamedEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    const auto& copy = kept.emplace_back(tensor.detach().to(torch::kCPU).contiguous());
    entries.push_back({name,
                       {dtype_name(copy.scalar_type()),
                        copy.sizes().vec(),
                        {static_cast<const std::byte*>(copy.data_ptr()), copy.nbytes()}}});
  }
  return is_safetensors ? write_safetensors(entries) : write_pth(entries);
}

LoadReport load(torch::nn::Module& module, const NamedTensors& tensors, const std::string& where,
                const LoadOptions& options, const IsPart& is_part) {
  std::unordered_map<std::string, torch::Tensor> given;
  std::vector<std::string> order;
  for (const auto& [file_name, tensor] : tensors) {
    const auto name = options.rename ? options.rename(file_name) : file_name;
    if (name.empty()) continue;
    CLEW_CHECK(given.emplace(name, tensor).second, where, ": two entries are named '",
               excerpt(name), "' after renaming");
    order.push_back(name);
  }
  LoadReport report;
  NamedTensors state = state_of(module), targets;
  std::unordered_map<std::string, bool> is_wanted;
  for (auto& [name, target] : state) {
    is_wanted[name] = true;
    const auto found = given.find(name);
    if (begins_with_any(name, options.skip)) {
      report.skipped.push_back(name);
    } else if (found == given.end()) {
      report.missing.push_back(name);
    } else if (const auto& source = found->second;
               source.sizes() != target.sizes() ||
               source.is_floating_point() != target.is_floating_point()) {
      report.misshapen.push_back(
          {name, type_text(target), type_text(source), source.sizes() == target.sizes()});
    } else {
      report.loaded.push_back(name);
      targets.emplace_back(name, target);
    }
  }
  for (const auto& name : order)
    if (!is_wanted.contains(name) && !begins_with_any(name, options.skip))
      report.unexpected.push_back(name);
  refuse(report, where, options, is_part);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, target] : targets) {
    const auto& source = given.at(name);
    CLEW_CHECK(fits(source, target.scalar_type()), where, ": ", excerpt(name),
               " has numbers that are too large: wanted ", type_text(target), ", got ",
               type_text(source));
  }
  for (auto& [name, target] : targets) target.copy_(given.at(name));
  return report;
}

}  // namespace

NamedTensors read_tensors(const std::filesystem::path& path, const std::string& part) {
  const auto name = path.string();
  return within_memory(name, [&] { return tensors_of(read_file(path, kMaxFile), name, part); });
}

std::int64_t TensorInfo::count() const {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

WeightsInfo weights_info(const std::filesystem::path& path, const std::string& part) {
  const auto name = path.string();
  return within_memory(name, [&] { return info_of(read_file(path, kMaxFile), name, part); });
}

WeightsInfo weights_info(const NamedTensors& tensors) {
  WeightsInfo info;
  for (const auto& [name, tensor] : tensors)
    info.tensors.push_back({name, dtype_name(tensor.scalar_type()), tensor.sizes().vec()});
  return info;
}

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  const auto ending = path.extension();
  CLEW_CHECK(ending == ".safetensors" || ending == ".pth", "cannot write '", path.string(),
             "': weights are written to .safetensors or .pth, got '", ending.string(), "'");
  std::vector<std::byte> bytes;
  try {
    bytes = bytes_of(tensors, ending == ".safetensors");
  } catch (const Error& error) {
    throw Error(concat("cannot write '", path.string(), "': ", error.what()));
  }
  write_file_atomic(path, bytes);
}

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors state;
  collect(module, "", state);
  return state;
}

std::string LoadReport::text() const {
  std::string text = concat(loaded.size(), " loaded");
  if (!missing.empty()) text += ", " + complaint(missing, "missing");
  if (!unexpected.empty()) text += ", " + complaint(unexpected, "unexpected");
  if (!misshapen.empty()) text += ", " + complaint(misshapen);
  if (!skipped.empty()) text += ", " + complaint(skipped, "skipped");
  return text;
}

LoadReport load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                        const std::string& where, const LoadOptions& options) {
  return load(module, tensors, where, options, [](const std::string&) { return false; });
}

LoadReport load_weights(torch::nn::Module& module, const std::filesystem::path& path,
                        const LoadOptions& options) {
  const auto name = path.string();
  return within_memory(name, [&] {
    const auto text = read_file(path, kMaxFile);
    const auto is_part = [&](const std::string& inner) {
      return has_part(text, options.part.empty() ? inner : options.part + "." + inner);
    };
    return load(module, tensors_of(text, name, options.part), name, options, is_part);
  });
}

void save_weights(const torch::nn::Module& module, const std::filesystem::path& path) {
  write_tensors(path, state_of(module));
}

std::string hash_of(const NamedTensors& tensors) {
  std::uint64_t hash = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto plain = tensor.cpu().contiguous();
    const auto text = concat(hash, name, tensor.scalar_type(), tensor.sizes());
    hash = hash64(std::as_bytes(std::span(text))) ^
           hash64({static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()});
  }
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

}  // namespace clew::nn
