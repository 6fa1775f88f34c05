// SPDX-License-Identifier: Apache-2.0
#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/ops/precision.h"
#include "clew/train/optimizer.h"
#include "clew/train/schedule.h"
#include "clew/train/supervised.h"

namespace clew::train {

void SupervisedOptions::fields(Fields& v) {
  v("steps", steps, {.min = 1, .max = 1'000'000'000'000, .help = "optimiser steps to train for"});
  v("batch", batch, {.min = 1, .max = 1'000'000, .help = "examples in a step"});
  v("workers", workers,
    {.min = 1,
     .max = 256,
     .help = "worker threads, each with its slice of a batch; the weights depend on it"});
  v("threads", threads,
    {.min = 1,
     .max = 256,
     .help = "threads that each worker's products may use, for batches too small to share out"});
  v("loaders", loaders,
    {.min = 0, .max = 256, .help = "threads that make batches ahead of time; 0: none"});
  v("precision", precision,
    {.choices = {"auto", "fp32", "bf16"},
     .help = "operands of products while training; auto: the faster on this machine"});
  v("optimizer", optimizer,
    {.choices = {"sgd", "rmsprop", "adam", "adamw"}, .help = "how gradients become steps"});
  v("lr", lr, {.min = 0, .max = 100, .help = "learning rate after the warm-up"});
  v("lr_end", lr_end,
    {.min = 0, .max = 100, .help = "learning rate at the end (linear, cosine), lowest (step)"});
  v("schedule", schedule,
    {.choices = {"constant", "linear", "cosine", "step"}, .help = "how the learning rate moves"});
  v("warmup", warmup, {.min = 0, .help = "steps in which the learning rate climbs at first"});
  v("step_every", step_every, {.min = 1, .help = "steps between changes of the rate (step)"});
  v("step_factor", step_factor, {.min = 0, .max = 1, .help = "factor of such a change"});
  v("momentum", momentum, {.min = 0, .below = 1.0, .help = "of SGD and RMSProp; Adam's beta 1"});
  v("decay", decay,
    {.min = 0, .below = 1.0, .help = "of the mean squared gradient; Adam's beta 2"});
  v("eps", eps, {.above = 0.0, .max = 10, .help = "added to the mean squared gradient's root"});
  v("weight_decay", weight_decay, {.min = 0, .max = 10, .help = "pull of the weights to zero"});
  v("clip", clip, {.min = 0, .max = 1e9, .help = "largest norm of the gradient; 0: no limit"});
  v("batch_norm", batch_norm,
    {.choices = {"slice", "sync", "frozen"},
     .help = "what batch norms see: their worker's slice of a batch, or all slices (networks of "
             "clew::nn::BatchNorm2d); frozen: they keep their statistics, weights and biases"});
  v("ema", ema,
    {.min = 0,
     .below = 1.0,
     .help = "decay of the weights' moving average, which is evaluated; 0: none"});
  v("eval_steps", eval_steps, {.min = 1, .help = "steps between evaluations on the test set"});
  v("patience", patience,
    {.min = 0, .help = "evaluations without a better one before it stops; 0: never"});
  v("log_steps", log_steps, {.min = 1, .help = "steps between lines of metrics.jsonl"});
  v("checkpoint_seconds", checkpoint_seconds,
    {.min = 0, .max = 1e6, .help = "seconds between checkpoints"});
}

SupervisedOptions SupervisedOptions::resolved() const {
  auto made = *this;
  made.precision = ops::resolve_precision(precision, ops::Products::kLibTorch);
  return made;
}

void check_training(const Task& task, const SupervisedOptions& options, int processes) {
  struct Named {  // as a recipe has them
    SupervisedOptions train;
    void fields(Fields& v) { v.group("train", train); }
  };
  check(Named{options}, "options");
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
    std::string names;
    for (const auto& measure : measures) names += (names.empty() ? "" : ", ") + measure.name;
    throw UsageError(concat("the monitored measure must be one that the evaluator gives (", names,
                            "), got ", task.monitor()));
  }
  (void)parse_optimizer(options.optimizer);
  if (parse_schedule(options.schedule) == ScheduleKind::kStep && options.lr_end > options.lr) {
    throw UsageError(
        concat("train.lr_end, below which train.schedule = step does not go, must be at "
               "most train.lr (",
               options.lr, "), got ", options.lr_end));
  }
}

}  // namespace clew::train
