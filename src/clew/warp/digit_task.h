// SPDX-License-Identifier: Apache-2.0
// Reading distorted digits as a task for train/supervised.h, and its run folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/train/loop.h"
#include "clew/train/run_folder.h"
#include "clew/train/supervised.h"
#include "clew/warp/config.h"
#include "clew/warp/digit_network.h"

namespace clew::warp {

/// What networks for a kind of digits (data::DigitsConfig) read and say. Needs no data at hand.
struct DigitLook {
  DigitShape shape;
  std::vector<std::string> class_names;
};
DigitLook look_of(const std::string& kind);

class DigitTask : public train::Task {
 public:
  /// Loads the digits; what they or the network cannot be: clew::Error or UsageError.
  explicit DigitTask(const WarpConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  train::Loss loss(torch::nn::Module& network, const data::Batch& batch,
                   const Key& key) const override;
  const data::Dataset& train_set() const override { return *train_; }
  const data::Dataset& test_set() const override { return *test_; }
  std::vector<train::ParameterGroup> groups(const torch::nn::Module& network) const override;
  std::string goal() const override { return "error"; }

  const DigitShape& shape() const { return shape_; }

 private:
  WarpConfig config_;
  DigitShape shape_;
  std::unique_ptr<data::Dataset> train_, test_;
};

/// Makes root/recipe/<UTC time>/ with config.toml in it and returns its path. The config holds
/// where the digits really came from and in which precision this machine trains, so that the run is
/// repeatable.
std::filesystem::path create_run(const std::filesystem::path& root, const std::string& recipe,
                                 const WarpConfig& config, const std::string& about);
/// The config of a run folder; clew::Error when it is not one (train::read_run_config).
WarpConfig read_run(const std::filesystem::path& run, train::Processes* processes = nullptr);
/// Trains the run's network; train::train_run says how. At the start, where is_pictured (gallery.h)
/// says so and at the end a picture of the first digits of the test set is made, with the weights that are evaluated,
/// and RUN/gallery.json anew. With several processes all make this call.
train::RunEnd train_run(const std::filesystem::path& run, bool is_resumed,
                        const train::RunCallbacks& callbacks,
                        train::Processes* processes = nullptr);
/// The network of a run with its best weights, in evaluation mode.
DigitNetwork load_best(const std::filesystem::path& run, const WarpConfig& config,
                       const DigitShape& shape);
/// The same with the weights of `checkpoint`.
DigitNetwork load_checkpoint(const train::Checkpoint& checkpoint, const WarpConfig& config,
                             const DigitShape& shape);

/// Writes a run's network with its best weights in the format that `out` ends in
/// (nn/export/export.h): images [B,C,S,S] f32 in [0,1] -> logits [B,classes] f32 (raw).
void export_network(const std::filesystem::path& run, const std::filesystem::path& out);

}  // namespace clew::warp
