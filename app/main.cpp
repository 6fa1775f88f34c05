// SPDX-License-Identifier: Apache-2.0
// The program `clew`: the table of its commands, in the order a newcomer needs them.
#include "command.h"
#include "program.h"

namespace {

constexpr clew::app::Command kCommands[] = {
    {"demo", "train in a small maze, evaluate, write the report: minutes", clew::app::define_demo},
    {"train", "train a recipe, or go on with a run", clew::app::define_train},
    {"eval", "measure a trained agent in its maze, or a trained reader on its test set",
     clew::app::define_eval},
    {"predict", "say what a trained network reads in image files", clew::app::define_predict},
    {"export", "write a trained network for other programs: ONNX, TorchScript, weights",
     clew::app::define_export},
    {"compare", "show runs of one system side by side, and what differs in them",
     clew::app::define_compare},
    {"report", "make one HTML page of a run, or of several", clew::app::define_report},
    {"data", "list, download, make, check and show data sets", clew::app::define_data},
    {"weights", "list and download ImageNet weights, show and convert files of weights",
     clew::app::define_weights},
    {"bench", "measure the speed of this machine and of clew on it", clew::app::define_bench},
    {"levels", "list the mazes, or draw one from above", clew::app::define_levels},
    {"info", "version, processor, threads, LibTorch, BLAS; layers of a recipe's network",
     clew::app::define_info},
    {"help", "explain a command", clew::app::define_help},
    {"completion", "print the completion script for a shell", clew::app::define_completion},
};

}  // namespace

int main(int argc, char** argv) { return clew::app::run_program(kCommands, argc, argv); }
