// SPDX-License-Identifier: Apache-2.0
// clew data convert: pictures with boxes from one format into another.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "clew/core/error.h"
#include "clew/core/names.h"
#include "clew/core/text.h"
#include "clew/data/box_files.h"
#include "clew/data/box_pictures.h"
#include "clew/data/box_set.h"
#include "command.h"
#include "progress.h"
#include "settings.h"
#include "terminal.h"

namespace clew::app {
namespace {

struct ConvertSettings {
  double validation_share = data::SplitShares{}.validation, test_share = data::SplitShares{}.test;
  data::Degenerate degenerate = data::Degenerate::kDrop;
  void fields(Fields& v) {
    v("validation_share", validation_share,
      {.above = 0.0,
       .below = 1.0,
       .help = "share of the pictures for validation, of a folder without splits"});
    v("test_share", test_share,
      {.above = 0.0, .below = 1.0, .help = "the same share to test with"});
    v("degenerate", degenerate,
      {.help = "boxes without area or outside their picture: left out, or an error"});
  }
};

}  // namespace

void define_data_convert(CLI::App& command) {
  struct Arguments {
    std::string folder, format, out;
  };
  auto arguments = std::make_shared<Arguments>();
  command.add_option("DIR", arguments->folder, "pictures with boxes, of Pascal VOC, COCO or YOLO")
      ->required();
  command.add_option("--to", arguments->format, join(names_of<data::BoxFormat>()))->required();
  command.add_option("--out", arguments->out, "folder that the files go into")->required();
  const auto settings = add_settings<ConvertSettings>(command);
  command.callback([arguments, settings] {
    const auto chosen = settings();
    const auto format = parse_named<data::BoxFormat>("--to", arguments->format);
    CountLine line("pictures");
    const InterruptWatch watch;
    const auto done = data::convert_box_set(
        arguments->folder, arguments->out,
        {.files = {.format = format,
                   .progress = [&line](std::int64_t n, std::int64_t total) { line.show(n, total); },
                   .should_stop = [&watch] { return watch.was_interrupted(); }},
         .shares = {.test = chosen.test_share, .validation = chosen.validation_share},
         .drops_degenerate = chosen.degenerate == data::Degenerate::kDrop});
    line.end();
    if (done.dropped.count > 0)
      say(concat("left out: ", done.dropped.count, done.dropped.count == 1 ? " box" : " boxes",
                 " without area in the picture, the "
                 "first in ",
                 done.dropped.first));
    for (const auto& text : done.lost) say(text);
    say(concat(done.pictures, " pictures, ", done.objects, " boxes"));
    print_name(arguments->out);
  });
}

}  // namespace clew::app
