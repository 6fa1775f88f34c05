// SPDX-License-Identifier: Apache-2.0
#include "clew/data/example.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstring>

#include "clew/core/error.h"

namespace clew::data {
namespace {

template <class All, class Name>
std::string names_of(const All& all, const Name& name_of) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : ", ") + name_of(one);
  return text.empty() ? "none" : text;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t side : shape)
    text += (text.empty() ? "" : ", ") + (side < 0 ? "any" : std::to_string(side));
  return "[" + text + "]";
}

bool fits(at::IntArrayRef sizes, const std::vector<std::int64_t>& shape) {
  return sizes.size() == shape.size() &&
         std::equal(sizes.begin(), sizes.end(), shape.begin(),
                    [](std::int64_t size, std::int64_t side) { return side < 0 || size == side; });
}

/// Checked tensors of a column, one per example.
std::vector<torch::Tensor> values_of(const std::vector<Example>& examples, const Column& column) {
  std::vector<torch::Tensor> values;
  values.reserve(examples.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto want = [i](bool is_right, const auto&... text) {
      if (!is_right) throw ExampleError(concat(text...), i);
    };
    const auto& all = examples[i].columns();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& one) { return one.first == column.name; });
    want(found != all.end(), "an example must have a column '", column.name, "', got ",
         names_of(all, [](const auto& one) { return one.first; }));
    const auto& tensor = found->second;
    want(tensor.defined(), "column '", column.name, "' must be a tensor, got an undefined one");
    want(tensor.scalar_type() == column.type && tensor.device().is_cpu() &&
             fits(tensor.sizes(), column.shape),
         "column '", column.name, "' must be ", shape_text(column.shape), " of ", column.type,
         " on cpu, got ", tensor.sizes(), " of ", tensor.scalar_type(), " on ", tensor.device());
    values.push_back(tensor);
  }
  return values;
}

torch::Tensor stack(const std::vector<torch::Tensor>& tensors, const Column& column) {
  const auto& first = tensors[0];
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(tensors.size())};
  shape.insert(shape.end(), first.sizes().begin(), first.sizes().end());
  auto out = torch::empty(shape, column.type);
  const std::size_t bytes = static_cast<std::size_t>(first.numel()) * first.element_size();
  auto* to = static_cast<char*>(out.data_ptr());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].sizes() != first.sizes())
      throw ExampleError(
          concat("column '", column.name, "' must have one shape in a batch, got ", first.sizes(),
                 " and, at place ", i, ", ", tensors[i].sizes(), "; resize them"),
          i);
    if (bytes > 0) std::memcpy(to + i * bytes, tensors[i].contiguous().data_ptr(), bytes);
  }
  return out;
}

}  // namespace

Columns image_and_label(std::vector<std::int64_t> shape) {
  return {{.name = "image",
           .shape = std::move(shape),
           .type = torch::kFloat32,
           .meaning = "[C,H,W], pixels in [0,1]"},
          {.name = "label", .shape = {}, .type = torch::kInt64, .meaning = "the class's number"}};
}

const torch::Tensor& Example::operator[](std::string_view name) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const auto& one) { return one.first == name; });
  CLEW_CHECK(found != columns_.end(), "an example has no column '", name, "', only ",
             names_of(columns_, [](const auto& one) { return one.first; }));
  return found->second;
}

bool Example::has(std::string_view name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const auto& one) { return one.first == name; });
}

void Example::set(std::string_view name, torch::Tensor tensor) {
  for (auto& one : columns_) {
    if (one.first == name) {
      one.second = std::move(tensor);
      return;
    }
  }
  columns_.emplace_back(name, std::move(tensor));
}

const Batch::Values& Batch::find(std::string_view name) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&](const Values& one) { return one.name == name; });
  CLEW_CHECK(found != columns_.end(), "a batch has no column '", name, "', only ",
             names_of(columns_, [](const Values& one) { return one.name; }));
  return *found;
}

bool Batch::has(std::string_view name) const {
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](const Values& one) { return one.name == name; });
}

const torch::Tensor& Batch::operator[](std::string_view name) const {
  const Values& values = find(name);
  CLEW_CHECK(values.stacked.defined(), "column '", name,
             "' of a batch is listed, one tensor an example: list() gives it");
  return values.stacked;
}

const std::vector<torch::Tensor>& Batch::list(std::string_view name) const {
  const Values& values = find(name);
  CLEW_CHECK(!values.stacked.defined(), "column '", name,
             "' of a batch is stacked, one tensor for all: [] gives it");
  return values.listed;
}

std::vector<std::string> Batch::names() const {
  std::vector<std::string> names;
  for (const Values& values : columns_) names.push_back(values.name);
  return names;
}

bool Batch::is_listed(std::string_view name) const { return !find(name).stacked.defined(); }

void Batch::put(Values values, std::int64_t size) {
  CLEW_CHECK(columns_.empty() || size == size_, "column '", values.name, "' must have the ", size_,
             " examples of the batch, got ", size);
  size_ = size;
  for (Values& one : columns_) {
    if (one.name != values.name) continue;
    one = std::move(values);
    return;
  }
  columns_.push_back(std::move(values));
}

void Batch::set(std::string_view name, torch::Tensor stacked) {
  CLEW_CHECK(stacked.defined() && stacked.dim() >= 1, "column '", name,
             "' of a batch must be a tensor [B,...], got ",
             stacked.defined() ? "a single number" : "an undefined one");
  const auto size = stacked.size(0);
  put({.name = std::string(name), .stacked = std::move(stacked), .listed = {}}, size);
}

void Batch::set_list(std::string_view name, std::vector<torch::Tensor> listed) {
  for (const auto& tensor : listed)
    CLEW_CHECK(tensor.defined(), "column '", name,
               "' of a batch must be tensors, got an undefined one");
  const auto size = static_cast<std::int64_t>(listed.size());
  put({.name = std::string(name), .stacked = {}, .listed = std::move(listed)}, size);
}

Batch Batch::select(const std::vector<std::string>& columns) const {
  Batch chosen;
  chosen.size_ = size_;
  chosen.indices = indices;
  for (const auto& name : columns) chosen.columns_.push_back(find(name));
  return chosen;
}

Batch Batch::slice(std::int64_t begin, std::int64_t end) const {
  CLEW_CHECK(begin >= 0 && begin <= end && end <= size_, "a slice of a batch of ", size_,
             " examples must lie in it, got ", begin, "..", end);
  Batch part;
  part.size_ = end - begin;
  if (indices.defined()) part.indices = indices.slice(0, begin, end);
  for (const Values& all : columns_) {
    Values values{.name = all.name, .stacked = {}, .listed = {}};
    if (all.stacked.defined())
      values.stacked = all.stacked.slice(0, begin, end);
    else
      values.listed.assign(all.listed.begin() + begin, all.listed.begin() + end);
    part.columns_.push_back(std::move(values));
  }
  return part;
}

Batch Batch::to(const torch::Device& device) const {
  Batch moved = *this;
  if (moved.indices.defined()) moved.indices = moved.indices.to(device);
  for (Values& values : moved.columns_) {
    if (values.stacked.defined()) values.stacked = values.stacked.to(device);
    for (auto& tensor : values.listed) tensor = tensor.to(device);
  }
  return moved;
}

Batch collate(const std::vector<Example>& examples, const Columns& columns) {
  CLEW_CHECK(!examples.empty(), "a batch needs at least one example (collate)");
  for (std::size_t i = 0; i < examples.size(); ++i) {
    for (const auto& [name, tensor] : examples[i].columns()) {
      const auto is_named = [&, &wanted = name](const Column& column) {
        return column.name == wanted;
      };
      if (std::none_of(columns.begin(), columns.end(), is_named))
        throw ExampleError(concat("column '", name, "' is none of the data set's: ",
                                  names_of(columns, [](const Column& one) { return one.name; })),
                           i);
    }
  }
  Batch batch;
  batch.size_ = static_cast<std::int64_t>(examples.size());
  for (const Column& column : columns) {
    auto values = values_of(examples, column);
    if (column.is_listed)
      batch.columns_.push_back({.name = column.name, .stacked = {}, .listed = std::move(values)});
    else
      batch.columns_.push_back(
          {.name = column.name, .stacked = stack(values, column), .listed = {}});
  }
  return batch;
}

Batch join(const std::vector<Batch>& parts) {
  CLEW_CHECK(!parts.empty(), "at least one batch is needed (join)");
  if (parts.size() == 1) return parts[0];
  const Batch& first = parts[0];
  Batch all;
  for (const Batch& part : parts) {
    CLEW_CHECK(part.names() == first.names() && part.indices.defined() == first.indices.defined(),
               "batches that are joined must have the same columns, got ",
               names_of(first.columns_, [](const auto& one) { return one.name; }), " and ",
               names_of(part.columns_, [](const auto& one) { return one.name; }));
    all.size_ += part.size_;
  }
  const auto cat = [&](const auto& tensor_of) {
    std::vector<torch::Tensor> tensors;
    for (const Batch& part : parts) tensors.push_back(tensor_of(part));
    return torch::cat(tensors);
  };
  if (first.indices.defined()) all.indices = cat([](const Batch& part) { return part.indices; });
  for (std::size_t i = 0; i < first.columns_.size(); ++i) {
    Batch::Values values{.name = first.columns_[i].name, .stacked = {}, .listed = {}};
    if (first.columns_[i].stacked.defined()) {
      values.stacked = cat([&](const Batch& part) { return part[values.name]; });
    } else {
      for (const Batch& part : parts)
        for (const auto& tensor : part.list(values.name)) values.listed.push_back(tensor);
    }
    all.columns_.push_back(std::move(values));
  }
  return all;
}

}  // namespace clew::data
