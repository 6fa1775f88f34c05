// SPDX-License-Identifier: Apache-2.0
// A close look at a trained digit network: its errors, and what its transformers do.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "clew/train/classification.h"
#include "clew/warp/digit_task.h"

namespace clew::warp {

struct Evaluation {
  std::string kind, source;  // of the digits: "rts", "mnist"
  std::int64_t parameters = 0;
  train::ClassificationReport classes;
};

/// The best weights of `run` on its whole test set. `on_progress` gets the share that is done.
Evaluation evaluate(const std::filesystem::path& run,
                    const std::function<void(double)>& on_progress = {});
std::string evaluation_json(const Evaluation& evaluation);
/// RUN/eval.json; RUN/gallery.json and RUN/pictures/ for the report: the transformers over the
/// training (also as a video, warps.avi) and the worst mistakes.
void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation);

}  // namespace clew::warp
