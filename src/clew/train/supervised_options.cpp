// SPDX-License-Identifier: Apache-2.0
#include <torch/cuda.h>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/ops/precision.h"
#include "clew/train/schedule.h"
#include "clew/train/supervised.h"

namespace clew::train {

void SupervisedOptions::fields(Fields& v) {
  LoopConfig::fields(v, "optimiser steps");
  v("batch", batch, {.min = 1, .max = 1'000'000, .help = "examples in a step"});
  v("workers", workers,
    {.min = 1,
     .max = 256,
     .resume = Resume::kInTotal,
     .help = "worker threads, each with its slice of a batch; the weights depend on it"});
  v("threads", threads,
    {.min = 1,
     .max = 256,
     .help = "threads that each worker's products may use, for batches too small to share out"});
  v("loaders", loaders,
    {.min = 0,
     .max = 256,
     .resume = Resume::kAny,
     .is_setting = false,
     .help = "threads that make batches ahead of time; 0: none"});
  v("device", device, {.help = "where networks and batches are while it trains"});
  v("precision", precision,
    {.help = "operands of products while training; auto: the faster on this machine"});
  OptimizerConfig::fields(v);
  ScheduleConfig::fields(v);
  v("batch_norm", batch_norm,
    {.help = "what batch norms see: their worker's slice of a batch, or all slices (networks of "
             "clew::nn::BatchNorm2d); frozen: they keep their statistics, weights and biases"});
  v("ema", ema,
    {.min = 0,
     .below = 1.0,
     .help = "decay of the weights' moving average, which is evaluated; 0: none"});
  v("eval_steps", eval_steps,
    {.min = 1, .help = "steps between evaluations on the validation set"});
  v("patience", patience,
    {.min = 0,
     .resume = Resume::kAny,
     .help = "evaluations without a better one before it stops; 0: never"});
  v("kept_versions", kept_versions,
    {.min = 0,
     .max = 1000,
     .help = "versions of each training example, with draws of their own, whose outputs of the "
             "frozen part of the network are computed once and kept; 0: each step computes them"});
  v("phases", phases,
    {.help = "phases one after the other, each with what it changes in the recipe and its own "
             "train.steps, such as [\"train.steps=100 mode=last\", \"train.steps=200 mode=slow\"]; "
             "none: the recipe as it stands"});
}

SupervisedOptions SupervisedOptions::resolved() const {
  auto made = *this;
  made.precision = ops::resolve_precision(precision, ops::Products::kLibTorch);
  return made;
}

void check_training(const Task& task, const SupervisedOptions& options, int processes) {
  struct Named {  // recipe values
    SupervisedOptions train;
    void fields(Fields& v) { v.group("train", train); }
  };
  check(Named{options}, "options");
  if (options.device == TrainDevice::kCuda && !torch::cuda::is_available())
    throw UsageError("train.device = cuda, but this LibTorch finds no CUDA device here");
  if (options.batch < options.workers * processes) {
    throw UsageError(concat("train.batch must be at least train.workers (", options.workers,
                            processes == 1 ? "" : concat(" in each of ", processes, " processes"),
                            "), got ", options.batch));
  }
  if (options.batch > task.train_set().size()) {
    throw UsageError(concat("train.batch must be at most the number of examples (",
                            task.train_set().size(), "), got ", options.batch));
  }
  CLEW_CHECK(task.validation_set().size() > 0, "the validation set must have examples, got none");
  const auto measures = task.make_evaluator()->result();
  if (runs::find_measure(measures, task.monitor()) == nullptr) {
    std::vector<std::string> names;
    for (const auto& measure : measures) names.push_back(measure.name);
    throw UsageError(concat("the monitored measure must be one that the evaluator gives (",
                            join(names), "), got ", task.monitor()));
  }
  check_schedule(options);
}

}  // namespace clew::train
