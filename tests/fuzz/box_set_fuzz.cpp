// SPDX-License-Identifier: Apache-2.0
// Folders of boxes: files of any bytes give either boxes with labels of the classes or a clew::Error of one
// short line. The first byte chooses the format; the files follow, separated by bytes of 0.
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/error.h"
#include "clew/data/box_set.h"
#include "clew/image/files.h"
#include "message.h"

namespace fs = std::filesystem;

// The library's reads pictures by OpenCV.
clew::image::Sides clew::image::read_sides(const fs::path&) { return {.width = 20, .height = 10}; }

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("box_set_fuzz" + std::to_string(::getpid()));
  Folder() {
    write("voc/ImageSets/Main/train.txt", "a\n");
    write("voc/ImageSets/Main/val.txt", "b\n");
    for (const char* picture :
         {"voc/JPEGImages/a.jpg", "voc/JPEGImages/b.jpg", "coco/train/a.jpg", "coco/val/b.jpg",
          "yolo/images/train/a.jpg", "yolo/images/val/b.jpg"})
      write(picture, "");
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  void write(const fs::path& name, std::string_view text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace clew::data;
  static const Folder kFolder;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t format = text.empty() ? 0 : static_cast<unsigned char>(text[0]) % 3;
  text.remove_prefix(text.empty() ? 0 : 1);
  const auto next = [&] {
    const auto part = text.substr(0, text.find('\0'));
    text.remove_prefix(part.size() < text.size() ? part.size() + 1 : part.size());
    return part;
  };
  const std::vector<std::vector<std::string>> files = {
      {"voc/Annotations/a.xml", "voc/Annotations/b.xml"},
      {"coco/annotations/instances_train.json", "coco/annotations/instances_val.json"},
      {"yolo/data.yaml", "yolo/labels/train/a.txt", "yolo/labels/val/b.txt"}};
  for (const auto& file : files[format]) kFolder.write(file, next());
  const char* const folders[] = {"voc", "coco", "yolo"};
  for (const Split split : {Split::kTrain, Split::kTest}) {
    BoxSet set;
    try {
      set = read_box_set(kFolder.path / folders[format], split, {.shares = {.validation = 1e-9}});
    } catch (const clew::Error& error) {
      check_message(error.what());
      continue;
    }
    (void)drop_degenerate(set);
    for (const auto& picture : set.pictures) {
      for (const auto& one : picture.objects) {
        check(one.label >= 0 && static_cast<std::size_t>(one.label) < set.classes.size());
        const auto& box = one.box_xyxy_px;
        check(box[0] >= 0 && box[0] < box[2] && box[2] <= picture.width);
        check(box[1] >= 0 && box[1] < box[3] && box[3] <= picture.height);
      }
    }
  }
  return 0;
}
