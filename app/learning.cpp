// SPDX-License-Identifier: Apache-2.0
#include "learning.h"

#include <utility>

#include "clew/core/config.h"
#include "clew/core/memory.h"
#include "clew/train/supervised_run.h"
#include "terminal.h"
#include "training.h"

namespace clew::app {

System row_of(std::shared_ptr<const train::LearningSystem> system) {
  namespace fs = std::filesystem;
  System row;
  row.name = system->name();
  row.settings = [system](const ConfigTree& recipe) {
    const auto config = system->make_config();
    load_fields(fields_of(*config), recipe);
    return help_fields(fields_of(*config));
  };
  row.create_run = [system](const fs::path& root, const Recipe& recipe, int processes) {
    return train::create_run(*system, root, recipe.name, recipe.tree, about_this_program(),
                             processes);
  };
  row.train = [system](const fs::path& run, bool is_resumed, train::Processes& processes) {
    keep_freed_memory();
    TrainingLine line(
        train::read_run(*system, run, &processes)->train.steps,
        [system](const train::MetricsLine& metrics) { return system->progress_text(metrics); });
    return train::train_run(*system, run, is_resumed, line.callbacks(), &processes);
  };
  row.eval = [system](const EvalRequest& request) {
    keep_freed_memory();
    CountLine line;
    const auto evaluation = train::evaluate_run(
        *system, request.run, [&line](double share) { line.show_share(share, "evaluating"); });
    line.end();
    return EvalAnswer{
        .text = request.is_json ? evaluation.json : evaluation.summary + "\n",
        .keep = [run = request.run, evaluation] { train::write_evaluation(run, evaluation); }};
  };
  row.export_run = [system](const fs::path& run, const fs::path& out) {
    train::export_run(*system, run, out);
  };
  row.formats = system->export_formats();
  return row;
}

}  // namespace clew::app
