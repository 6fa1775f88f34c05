// SPDX-License-Identifier: Apache-2.0
// A close look at a trained digit network: its errors, and what its transformers do.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/train/classification.h"
#include "clew/train/run_folder.h"
#include "clew/warp/digit_task.h"

namespace clew::warp {

struct Evaluation {
  std::string kind, source;  // of the digits: "rts", "mnist"
  std::int64_t parameters = 0;
  train::ClassificationReport classes;
  train::WeightsAge age;
};

/// The best weights of `run` on its whole test set. `on_progress` gets the share that is done.
Evaluation evaluate(const std::filesystem::path& run,
                    const std::function<void(double)>& on_progress = {});
std::string evaluation_json(const Evaluation& evaluation);
/// RUN/eval.json; RUN/gallery.json and RUN/pictures/ for the report: the transformers over the
/// training (also as a video, warps.avi) and the worst mistakes.
void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation);

/// What a network read in one image.
struct Reading {
  std::string name;  // of the file, or of both: "a.png + b.png"
  std::vector<std::string> classes;
  std::vector<double> probabilities;  // [classes]
  std::size_t best = 0;
  bool is_inverted =
      false;               // its ground is light, where networks have learnt light digits on black
  std::string error = {};  // of a file that cannot be read; then nothing was
};
/// Image files of white digits on black, brought to grey and to the network's size, through a run's
/// best weights. Transparent ones are on the ground of the run's data.background. A network with two
/// channels (addition) takes them in pairs: an odd number is a UsageError. `on_progress` is told how many images are read.
std::vector<Reading> read_digits(const std::filesystem::path& run,
                                 const std::vector<std::filesystem::path>& images,
                                 const std::function<void(std::int64_t)>& on_progress = {});

}  // namespace clew::warp
