// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/flat.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include "clew/core/error.h"

namespace clew::nn {
namespace {

/// Makes parameters and gradients views into the flat tensors.
void point_into(torch::nn::Module& module, const FlatParameters& flat) {
  const torch::NoGradGuard no_grad;
  std::size_t index = 0;
  for (auto& item : module.named_parameters()) {
    const auto frozen = flat.frozen.find(item.key());
    if (frozen != flat.frozen.end()) {
      CLEW_CHECK(item.value().sizes() == frozen->second.sizes(), "parameter ", item.key(), " ",
                 item.value().sizes(), " does not match ", frozen->second.sizes(), " (share)");
      item.value().set_data(frozen->second);
      item.value().set_requires_grad(false);
      continue;
    }
    CLEW_CHECK(index < flat.entries.size(), "modules have more and ", flat.entries.size(),
               " parameters (share)");
    const auto& entry = flat.entries[index++];
    CLEW_CHECK(entry.name == item.key() && item.value().sizes() == torch::IntArrayRef(entry.shape),
               "parameter ", item.key(), " ", item.value().sizes(), " does not match ", entry.name,
               " (share)");
    auto& parameter = item.value();
    parameter.set_data(flat.values.narrow(0, entry.offset, entry.size).view(entry.shape));
    parameter.mutable_grad() = flat.gradients.narrow(0, entry.offset, entry.size).view(entry.shape);
  }
  CLEW_CHECK(index == flat.entries.size(), "modules have ", index, " and ", flat.entries.size(),
             " parameters (share)");
}

}  // namespace

FlatParameters flatten(torch::nn::Module& module,
                       const std::function<bool(const std::string&)>& is_frozen) {
  FlatParameters flat;
  std::vector<torch::Tensor> parts;
  std::int64_t offset = 0;
  for (const auto& item : module.named_parameters()) {
    const auto& value = item.value();
    if (is_frozen && is_frozen(item.key())) {
      flat.frozen[item.key()] = value.detach();
      continue;
    }
    // Parameters are aligned to 64 bytes for vector loads.
    const std::int64_t padded = (value.numel() + 15) / 16 * 16;
    flat.entries.push_back({item.key(), value.sizes().vec(), offset, value.numel()});
    parts.push_back(torch::constant_pad_nd(value.detach().flatten(), {0, padded - value.numel()}));
    offset += padded;
  }
  CLEW_CHECK(!parts.empty(), "a network must have a parameter that is not frozen (flatten)");
  flat.values = torch::cat(parts);
  flat.gradients = torch::zeros_like(flat.values);
  point_into(module, flat);
  return flat;
}

FlatParameters share(torch::nn::Module& replica, const FlatParameters& original) {
  FlatParameters flat = original;
  flat.gradients = torch::zeros_like(original.values);
  point_into(replica, flat);
  return flat;
}

}  // namespace clew::nn
