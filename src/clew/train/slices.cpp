// SPDX-License-Identifier: Apache-2.0
#include "clew/train/slices.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <sstream>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"

namespace clew::train {

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

std::string slice_text(const std::vector<Slice>& slices) {
  std::string lines;
  const auto put = [&](double number) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::hex).ptr;
    lines.append(text, end);
  };
  for (const auto& slice : slices) {
    put(slice.weight);
    for (const auto& metric : slice.metrics) {
      lines += ' ' + metric.name + ' ';
      put(metric.value.value_or(std::nan("")));
    }
    lines += '\n';
  }
  return lines;
}
std::vector<Slice> parse_slices(const std::string& text) {
  std::vector<Slice> slices;
  std::istringstream lines(text);
  const auto number = [](const std::string& digits) {
    double value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::hex);
    return value;
  };
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    std::string name, value;
    parts >> value;
    Slice slice{.weight = number(value), .metrics = {}};
    while (parts >> name >> value) slice.metrics.push_back({name, number(value)});
    slices.push_back(std::move(slice));
  }
  return slices;
}

std::string batch_bytes(const data::Batch& batch,
                        const std::map<std::string, std::string>& metadata) {
  nn::TensorFileBuilder out;
  for (const auto& [key, value] : metadata) out.set(key, value);
  std::string names;
  for (const auto& name : batch.names()) {
    const bool is_listed = batch.is_listed(name);
    names += (is_listed ? "*" : "=") + name + "\n";
    if (!is_listed) {
      out.add("column/" + name, batch[name]);
      continue;
    }
    std::size_t i = 0;
    for (const auto& tensor : batch.list(name)) out.add(concat("column/", name, "/", i++), tensor);
  }
  if (batch.indices.defined()) out.add("indices", batch.indices);
  out.set("batch.columns", names);
  out.set("batch.size", std::to_string(batch.size()));
  const auto bytes = out.finish();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
data::Batch parse_batch(const std::string& bytes, const std::string& where,
                        std::map<std::string, std::string>* metadata) {
  const auto file = nn::parse_safetensors(std::as_bytes(std::span(bytes)), where);
  if (metadata != nullptr) *metadata = file.metadata;
  const auto& digits = nn::read_meta(file, "batch.size", where);
  std::int64_t size = -1;
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  CLEW_CHECK(size >= 0, where, ": batch.size must be a number of examples, got ", digits);
  const auto read = [&](const std::string& name) {
    const auto found = file.tensors.find(name);
    CLEW_CHECK(found != file.tensors.end(), where, ": tensor '", name, "' is missing");
    return nn::read_tensor(file, name, nn::scalar_type(found->second.dtype, where), {}, where);
  };
  data::Batch batch;
  std::istringstream lines(nn::read_meta(file, "batch.columns", where));
  for (std::string line; std::getline(lines, line);) {
    CLEW_CHECK(!line.empty(), where, ": a column must have a name");
    const auto name = line.substr(1);
    if (line[0] == '=') {
      batch.set(name, read("column/" + name));
      continue;
    }
    std::vector<torch::Tensor> tensors;
    for (std::int64_t i = 0; i < size; ++i)
      tensors.push_back(read(concat("column/", name, "/", i)));
    batch.set_list(name, std::move(tensors));
  }
  if (file.tensors.contains("indices")) batch.indices = read("indices");
  return batch;
}

data::Batch as_leaves(const data::Batch& batch) {
  const auto leaf = [](const torch::Tensor& tensor) {
    return tensor.detach().set_requires_grad(tensor.requires_grad());
  };
  data::Batch leaves;
  for (const auto& name : batch.names()) {
    if (!batch.is_listed(name)) {
      leaves.set(name, leaf(batch[name]));
      continue;
    }
    std::vector<torch::Tensor> tensors;
    for (const auto& tensor : batch.list(name)) tensors.push_back(leaf(tensor));
    leaves.set_list(name, std::move(tensors));
  }
  return leaves;
}

std::vector<torch::Tensor> tensors_of(const data::Batch& batch) {
  std::vector<torch::Tensor> tensors;
  for (const auto& name : batch.names()) {
    if (!batch.is_listed(name)) {
      tensors.push_back(batch[name]);
    } else {
      const auto& list = batch.list(name);
      tensors.insert(tensors.end(), list.begin(), list.end());
    }
  }
  return tensors;
}

void backward(const data::Batch& outputs, const std::vector<torch::Tensor>& gradients) {
  std::vector<torch::Tensor> roots, wanted;
  const auto tensors = tensors_of(outputs);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].requires_grad() || !gradients.at(i).defined()) continue;
    roots.push_back(tensors[i]);
    wanted.push_back(gradients[i]);
  }
  if (!roots.empty()) torch::autograd::backward(roots, wanted);
}

void check_loss(const Loss& loss) {
  CLEW_CHECK(loss.value.defined() && loss.value.numel() == 1 && loss.value.requires_grad(),
             "a loss must be one number with the graph that made it, got ",
             !loss.value.defined()         ? "an undefined tensor"
             : !loss.value.requires_grad() ? "one without a graph"
                                           : concat(loss.value.sizes()));
  const double value = loss.value.item<double>();
  CLEW_CHECK(std::isfinite(value), "the loss is ", std::isnan(value) ? "nan" : "infinite");
  const double weight = loss.weight.value_or(1);
  CLEW_CHECK(std::isfinite(weight) && weight >= 0,
             "the weight of a loss must be a number of at least 0, got ", weight);
}

}  // namespace clew::train
