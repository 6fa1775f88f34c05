// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/evaluate.h"

#include <nlohmann/json.hpp>

#include "clew/core/files.h"

namespace clew::warp {

Evaluation evaluate(const std::filesystem::path& run,
                    const std::function<void(double)>& on_progress) {
  const auto config = read_run(run);
  const DigitTask task(config);
  auto network = load_best(run, config, task.shape());
  Evaluation evaluation{.kind = config.data.kind,
                        .source = config.data.source,
                        .parameters = parameter_total(*network)};
  evaluation.classes =
      train::classify_all([&](const torch::Tensor& images) { return network->forward(images); },
                          task.test_set(), {.on_progress = on_progress});
  return evaluation;
}

std::string evaluation_json(const Evaluation& evaluation) {
  const auto& classes = evaluation.classes;
  auto mistakes = nlohmann::json::array();
  for (const auto& mistake : classes.worst) {
    mistakes.push_back({{"index", mistake.index},
                        {"target", mistake.target},
                        {"predicted", mistake.predicted},
                        {"confidence", mistake.confidence}});
  }
  const nlohmann::json root = {{"system", "warp"},
                               {"kind", evaluation.kind},
                               {"source", evaluation.source},
                               {"parameters", evaluation.parameters},
                               {"examples", classes.examples},
                               {"error", classes.error},
                               {"loss", classes.loss},
                               {"classes", classes.classes},
                               {"confusion", classes.confusion},
                               {"mistakes", std::move(mistakes)}};
  return root.dump(2) + "\n";
}

void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation) {
  write_file_atomic(run / "eval.json", evaluation_json(evaluation));
}

}  // namespace clew::warp
