// SPDX-License-Identifier: Apache-2.0
#include "clew/train/kept_outputs.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/text.h"
#include "clew/data/example.h"
#include "clew/train/passes.h"
#include "clew/train/processes.h"
#include "clew/train/slices.h"

namespace clew::train {
namespace {

constexpr const char* kKeptFormat = "clew.kept_outputs.1";
constexpr std::uint64_t kMostKeptBytes = 1ULL << 38;

/// Each example of a set several times: index i is example i / versions.
class Versions : public data::Dataset {
 public:
  Versions(const data::Dataset& set, int versions) : set_(set), versions_(versions) {}
  std::int64_t size() const override { return set_.size() * versions_; }
  data::Example get(std::int64_t index, const Key& key) const override {
    return set_.get(index / versions_, key);
  }
  data::Columns columns() const override { return set_.columns(); }
  std::string origin(std::int64_t index) const override { return set_.origin(index / versions_); }

 private:
  const data::Dataset& set_;
  int versions_;
};

class KeptSet : public data::Dataset {
 public:
  KeptSet(const data::Dataset& set, data::Columns columns, data::Batch kept, int versions)
      : set_(set), columns_(std::move(columns)), kept_(std::move(kept)), versions_(versions) {}
  std::int64_t size() const override { return set_.size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    check_index(*this, index);
    const auto version = Stream(key).below(static_cast<std::uint32_t>(versions_));
    const auto row = index * versions_ + version;
    data::Example example;
    for (const auto& column : columns_) {
      example.set(column.name, column.is_listed
                                   ? kept_.list(column.name)[static_cast<std::size_t>(row)]
                                   : kept_[column.name][row]);
    }
    return example;
  }
  data::Columns columns() const override { return columns_; }
  std::vector<std::string> class_names() const override { return set_.class_names(); }
  std::string origin(std::int64_t index) const override { return set_.origin(index); }

 private:
  const data::Dataset& set_;
  data::Columns columns_;
  data::Batch kept_;  // example i in rows i * versions, ...
  int versions_;
};

/// Columns of `set` without the prefix's inputs, plus its outputs.
data::Columns kept_columns(const data::Dataset& set, const FrozenPrefix& prefix) {
  data::Columns columns = prefix.outputs;
  for (auto& column : set.columns())
    if (std::ranges::count(prefix.inputs, column.name) == 0) columns.push_back(std::move(column));
  return columns;
}

std::vector<std::string> names_of(const data::Columns& columns) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.name);
  return names;
}

std::string hex(std::uint64_t number) {
  char digits[20];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(number));
  return digits;
}

/// This process's batches by number, as length-prefixed containers.
std::string compute_here(const data::Dataset& set, const FrozenPrefix& prefix,
                         const data::Columns& columns, std::span<torch::nn::Module* const> networks,
                         const KeepOptions& options, const Processes& processes) {
  std::vector<std::map<std::int64_t, std::string>> made(networks.size());
  pass_over(networks, set,
            {.batch = options.batch,
             .key = options.key,
             .rank = processes.rank(),
             .processes = processes.size(),
             .on_progress = options.on_progress},
            [&](std::size_t network, std::int64_t number, const data::Batch& batch) {
              const auto outputs = prefix.run(*networks[network], batch).to(torch::kCPU);
              const auto given = batch.to(torch::kCPU);
              data::Batch kept;
              for (const auto& column : columns) {
                const auto& from = outputs.has(column.name) ? outputs : given;
                if (column.is_listed) {
                  kept.set_list(column.name, from.list(column.name));
                } else {
                  kept.set(column.name, from[column.name]);
                }
              }
              made[network][number] = batch_bytes(kept);
            });
  std::string all;
  for (const auto& batches : made) {
    for (const auto& [number, bytes] : batches) {
      const std::int64_t head[2] = {number, std::ssize(bytes)};
      all.append(reinterpret_cast<const char*>(head), sizeof head);
      all += bytes;
    }
  }
  return all;
}

data::Batch compute(const data::Dataset& set, const FrozenPrefix& prefix,
                    const data::Columns& columns, std::span<torch::nn::Module* const> networks,
                    const KeepOptions& options, Processes& processes) {
  std::map<std::int64_t, data::Batch> batches;
  for (const auto& text : processes.gather(
           [&] { return compute_here(set, prefix, columns, networks, options, processes); })) {
    for (std::size_t at = 0; at < text.size();) {
      std::int64_t head[2];
      std::copy_n(text.data() + at, sizeof head, reinterpret_cast<char*>(head));
      const auto size = static_cast<std::size_t>(head[1]);
      batches[head[0]] = parse_batch(text.substr(at + sizeof head, size), "the kept outputs");
      at += sizeof head + size;
    }
  }
  std::vector<data::Batch> parts;
  for (auto& [number, batch] : batches) parts.push_back(std::move(batch));
  return data::join(parts);
}

}  // namespace

std::unique_ptr<data::Dataset> keep_outputs(const data::Dataset& set, const FrozenPrefix& prefix,
                                            std::span<torch::nn::Module* const> networks,
                                            const KeepOptions& options) {
  CLEW_CHECK(options.versions >= 1, "at least one version of each example is kept, got ",
             options.versions);
  Processes one;
  auto& processes = options.processes == nullptr ? one : *options.processes;
  const auto columns = kept_columns(set, prefix);
  const Versions versions(set, options.versions);
  if (options.folder.empty())
    return std::make_unique<KeptSet>(
        set, columns, compute(versions, prefix, columns, networks, options, processes),
        options.versions);
  // "": no file yet, so all processes compute.
  std::filesystem::path file;
  std::map<std::string, std::string> about;
  const auto stored = processes.from_first([&]() -> std::string {
    about = {{"clew.format", kKeptFormat},         {"weights", options.weights},
             {"content", hex(set.content_hash())}, {"versions", std::to_string(options.versions)},
             {"key", hex(options.key.value)},      {"columns", clew::join(names_of(columns), ",")}};
    std::string all;
    for (const auto& [name, value] : about) all += name + "=" + value + "\n";
    file = options.folder / concat(options.name, "-", hex(hash_text(all)), ".safetensors");
    return path_exists(file) ? read_file(file, kMostKeptBytes) : std::string();
  });
  data::Batch kept;
  if (stored.empty()) {
    kept = compute(versions, prefix, columns, networks, options, processes);
    processes.from_first([&] {
      make_folders(options.folder);
      write_file_atomic(file, batch_bytes(kept, about));
      log(LogLevel::kInfo, concat("outputs of the frozen part for ", kept.size(),
                                  " examples are kept in ", file.string()));
      return std::string();
    });
  } else {
    std::map<std::string, std::string> found;
    kept = parse_batch(stored, file.empty() ? "the first process's kept outputs" : file.string(),
                       &found);
    for (const auto& [name, value] : about) {
      CLEW_CHECK(found[name] == value, file.string(),
                 ": are outputs kept of other weights or examples (", name, " must be ", value,
                 ", got ", found[name].empty() ? "nothing" : found[name],
                 "); delete the file, and they are computed anew");
    }
    CLEW_CHECK(kept.size() == versions.size() && kept.names() == names_of(columns), file.string(),
               ": must hold ", versions.size(), " examples with the columns ",
               clew::join(names_of(columns)), ", got ", kept.size(), " with ",
               clew::join(kept.names()), "; delete the file, and they are computed anew");
  }
  return std::make_unique<KeptSet>(set, columns, std::move(kept), options.versions);
}

}  // namespace clew::train
