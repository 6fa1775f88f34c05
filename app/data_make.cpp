// SPDX-License-Identifier: Apache-2.0
// clew data make: data sets as files.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <thread>

#include "clew/core/error.h"
#include "clew/data/catalogue.h"
#include "clew/data/scene_files.h"
#include "command.h"
#include "progress.h"
#include "settings.h"
#include "terminal.h"

namespace clew::app {
namespace {

struct DigitFiles {
  std::int64_t train = 60'000, test = 10'000, seed = 1;
  void fields(Fields& v) {
    v("train", train, {.min = 1, .max = 1'000'000, .help = "examples to learn from"});
    v("test", test, {.min = 1, .max = 1'000'000, .help = "examples to test with"});
    v("seed", seed, {.min = 0, .help = "of everything random in them"});
  }
};

struct SceneFiles {
  data::SceneFormat format = data::SceneFormat::kFolders;
  std::int64_t train = data::kSceneTrain, val = data::kSceneTest, test = data::kSceneTest, seed = 1;
  int width = 128, height = 128, objects = 5, frames = 16;
  void fields(Fields& v) {
    v("format", format,
      {.help =
           "pictures by class; Pascal VOC's boxes; COCO's boxes and masks; VOC's masks; AVIs or "
           "folders of frames by motion"});
    v("train", train, {.min = 1, .max = 1'000'000, .help = "scenes to learn from"});
    v("val", val, {.min = 1, .max = 1'000'000, .help = "scenes to choose weights by"});
    v("test", test, {.min = 1, .max = 1'000'000, .help = "scenes to test with"});
    v("width", width, {.min = 16, .max = 4096, .help = "pixels"});
    v("height", height, {.min = 16, .max = 4096, .help = "pixels"});
    v("objects", objects, {.min = 1, .max = 64, .help = "at most so many in a scene"});
    v("frames", frames, {.min = 2, .max = 256, .help = "of a clip (clips, frames)"});
    v("seed", seed, {.min = 0, .help = "of everything random in them, as of `clew data show`"});
  }
};

struct MakeArguments {
  std::string set, folder, mnist;
  bool is_gzip = false;
};

void make_digit_files(const MakeArguments& arguments, const DigitFiles& settings) {
  CountLine line("examples");
  const InterruptWatch watch;
  data::make_files(
      arguments.set, arguments.folder,
      {.train = settings.train,
       .test = settings.test,
       .key = {static_cast<std::uint64_t>(settings.seed)},
       .is_gzip = arguments.is_gzip,
       .mnist = arguments.mnist,
       .progress = [&line](std::int64_t done, std::int64_t total) { line.show(done, total); },
       .should_stop = [&watch] { return watch.was_interrupted(); }});
  line.end();
}

void make_scenes(const MakeArguments& arguments, const SceneFiles& settings) {
  if (arguments.is_gzip || !arguments.mnist.empty())
    throw UsageError("--gzip and --mnist are for digits, got scenes");
  CountLine line("scenes");
  const InterruptWatch watch;
  data::make_scene_files(
      arguments.folder,
      {.format = settings.format,
       .train = settings.train,
       .validation = settings.val,
       .test = settings.test,
       .scene = {.width = settings.width,
                 .height = settings.height,
                 .most_objects = settings.objects,
                 .frames = settings.frames},
       .key = {static_cast<std::uint64_t>(settings.seed)},
       .threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency())),
       .progress = [&line](std::int64_t done, std::int64_t total) { line.show(done, total); },
       .should_stop = [&watch] { return watch.was_interrupted(); }});
  line.end();
}

}  // namespace

void define_data_make(CLI::App& command) {
  auto arguments = std::make_shared<MakeArguments>();
  command
      .add_option("SET", arguments->set,
                  "digits, r, rts, p, e, tc or addition, of drawn digits or MNIST's; scenes")
      ->required();
  command
      .add_option("--data", arguments->folder,
                  "where the files go; of digits four, named as MNIST's")
      ->required();
  command.add_option("--mnist", arguments->mnist,
                     "folder of MNIST, whose digits are taken instead of drawn ones");
  command.add_flag("--gzip", arguments->is_gzip, "write .gz files of digits");
  const auto words = add_words(command);
  command.footer("Settings of digits:\n" + help_text(DigitFiles{}) + "\nSettings of scenes:\n" +
                 help_text(SceneFiles{}));
  command.callback([arguments, words] {
    if (arguments->set == "scenes") {
      make_scenes(*arguments, settings_of<SceneFiles>(*words));
    } else {
      make_digit_files(*arguments, settings_of<DigitFiles>(*words));
    }
    print_name(arguments->folder);
  });
}

}  // namespace clew::app
