// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/weights.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/pth.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"

namespace clew::nn {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 36;  // 64 GiB

NamedTensors from_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  const auto file = parse_safetensors(bytes, name);
  NamedTensors tensors;
  for (const auto& [key, entry] : file.tensors) {
    const auto dtype = scalar_type(entry.dtype, concat(name, ": tensor '", key, "'"));
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
    const auto dtype = scalar_type(entry.dtype, concat(name, ": tensor '", entry.name, "'"));
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
  std::string text = name + " [";
  for (std::int64_t i = 0; i < tensor.dim(); ++i) text += concat(i > 0 ? "," : "", tensor.size(i));
  return text + "]";
}

/// "fc.weight, fc.bias, ... (7 more)".
std::string first_few(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 4;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  return names.size() > kShown ? concat(text, ", ... (", names.size() - kShown, " more)") : text;
}

std::vector<std::string> texts(const std::vector<LoadReport::Misshapen>& misshapen) {
  std::vector<std::string> result;
  for (const auto& entry : misshapen)
    result.push_back(entry.name + ": wanted " + entry.wanted + ", got " + entry.got);
  return result;
}

bool begins_with_any(const std::string& name, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return name.starts_with(prefix); });
}

/// Torch before 0.4.1 had no such buffer; it only counts.
bool is_optional(const std::string& name) { return name.ends_with("num_batches_tracked"); }

void refuse(const LoadReport& report, const std::string& where, const LoadOptions& options) {
  std::vector<std::string> missing = report.missing, complaints;
  std::erase_if(missing, is_optional);
  if (!missing.empty() && !options.allows_missing)
    complaints.push_back(concat(missing.size(), " missing (", first_few(missing), ")"));
  if (!report.unexpected.empty() && !options.allows_unexpected)
    complaints.push_back(
        concat(report.unexpected.size(), " unexpected (", first_few(report.unexpected), ")"));
  if (!report.misshapen.empty() && !options.allows_misshapen)
    complaints.push_back(concat(report.misshapen.size(), " of another shape (",
                                first_few(texts(report.misshapen)), ")"));
  if (complaints.empty()) return;
  std::string text;
  for (const auto& complaint : complaints) text += (text.empty() ? "" : ", ") + complaint;
  throw Error(concat(where, ": the weights do not fit the network: ", text));
}

}  // namespace

NamedTensors read_tensors(const std::filesystem::path& path, const std::string& part) {
  const auto text = read_file(path, kMaxFile);
  const auto bytes = std::as_bytes(std::span(text));
  const auto name = path.string();
  if (is_pth(bytes)) return from_pth(bytes, name, part);
  // A safetensors file begins with the header's length, so its ninth byte opens a JSON object.
  CLEW_CHECK(bytes.size() > 8 && text[8] == '{', name,
             ": holds no weights: it is neither a safetensors file nor a .pth of torch.save");
  CLEW_CHECK(part.empty(), name, ": a safetensors file has no part '", part, "'");
  return from_safetensors(bytes, name);
}

void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  const auto ending = path.extension();
  CLEW_CHECK(ending == ".safetensors" || ending == ".pth", "cannot write '", path.string(),
             "': weights are written to .safetensors or .pth, got '", ending.string(), "'");
  std::vector<torch::Tensor> kept;
  std::vector<NamedEntry> entries;
  for (const auto& [name, tensor] : tensors) {
    const auto& copy = kept.emplace_back(tensor.detach().to(torch::kCPU).contiguous());
    entries.push_back({name,
                       {dtype_name(copy.scalar_type()),
                        copy.sizes().vec(),
                        {static_cast<const std::byte*>(copy.data_ptr()), copy.nbytes()}}});
  }
  if (ending == ".pth") return write_file_atomic(path, write_pth(entries));
  TensorFile file;
  for (auto& [name, entry] : entries)
    CLEW_CHECK(file.tensors.emplace(name, std::move(entry)).second, "cannot write '", path.string(),
               "': two tensors are named '", name, "'");
  write_file_atomic(path, write_safetensors(file));
}

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors state;
  collect(module, "", state);
  return state;
}

std::string LoadReport::text() const {
  std::string text = concat(loaded.size(), " loaded");
  const auto add = [&](const std::vector<std::string>& names, const char* what) {
    if (!names.empty()) text += concat(", ", names.size(), " ", what, " (", first_few(names), ")");
  };
  add(missing, "missing");
  add(unexpected, "unexpected");
  add(texts(misshapen), "of another shape");
  add(skipped, "skipped");
  return text;
}

LoadReport load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                        const std::string& where, const LoadOptions& options) {
  std::unordered_map<std::string, torch::Tensor> given;
  std::vector<std::string> order;
  for (const auto& [file_name, tensor] : tensors) {
    const auto name = options.rename ? options.rename(file_name) : file_name;
    if (name.empty()) continue;
    CLEW_CHECK(given.emplace(name, tensor).second, where, ": two entries are named '", name,
               "' after renaming");
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
    } else if (found->second.sizes() != target.sizes() ||
               found->second.is_floating_point() != target.is_floating_point()) {
      report.misshapen.push_back({name, type_text(target), type_text(found->second)});
    } else {
      report.loaded.push_back(name);
      targets.emplace_back(name, target);
    }
  }
  for (const auto& name : order)
    if (!is_wanted.contains(name) && !begins_with_any(name, options.skip))
      report.unexpected.push_back(name);
  refuse(report, where, options);
  const torch::NoGradGuard no_grad;
  for (auto& [name, target] : targets) target.copy_(given.at(name));
  return report;
}

LoadReport load_weights(torch::nn::Module& module, const std::filesystem::path& path,
                        const LoadOptions& options) {
  return load_weights(module, read_tensors(path, options.part), path.string(), options);
}

void save_weights(const torch::nn::Module& module, const std::filesystem::path& path) {
  write_tensors(path, state_of(module));
}

}  // namespace clew::nn
