// SPDX-License-Identifier: Apache-2.0
#include "clew/data/views.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/resample.h"
#include "clew/image/colour.h"

namespace clew::data {
namespace {

using torch::Tensor;

/// Columns with pixels: the last two dimensions are H and W.
constexpr std::array<const char*, 5> kPixelColumns = {"image", "clip", "mask", "masks", "flow"};
constexpr std::array<const char*, 2> kColourColumns = {"image", "clip"};
/// Columns that are not rows of objects, also where they are listed.
constexpr std::array<const char*, 4> kWholeColumns = {"image", "clip", "mask", "flow"};

struct Size {
  std::int64_t height = 0, width = 0;  // -1: not known in advance
};

template <class Names>
bool is_one_of(const std::string& name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Size size_of(const Example& example, const std::string& view) {
  std::optional<Size> size;
  std::string first;
  for (const auto& [name, tensor] : example.columns()) {
    if (!is_one_of(name, kPixelColumns)) continue;
    CLEW_CHECK(tensor.dim() >= 2 && tensor.size(-1) >= 1 && tensor.size(-2) >= 1, "column '", name,
               "' must have pixels, got ", tensor.sizes(), " (view '", view, "')");
    const Size own{tensor.size(-2), tensor.size(-1)};
    if (!size) {
      size = own;
      first = name;
    }
    CLEW_CHECK(own.height == size->height && own.width == size->width, "columns '", first,
               "' and '", name, "' must have one size, got ", size->width, "x", size->height,
               " and ", own.width, "x", own.height, " (view '", view, "')");
  }
  CLEW_CHECK(size, "view '", view, "' needs an example with pixels");
  return *size;
}

Tensor scaled_flow(const Tensor& flow, const Placement& to) {
  auto moved = resample(flow, to, 0);
  const double across = static_cast<double>(to.out_width) / to.width,
               down = static_cast<double>(to.out_height) / to.height;
  moved.select(-3, 0).mul_(to.is_flipped ? -across : across);
  moved.select(-3, 1).mul_(down);
  return moved;
}

/// boxes [N,4] in the output picture, before clipping.
Tensor moved_boxes(const Tensor& boxes, const Placement& to) {
  const double across = static_cast<double>(to.out_width) / to.width,
               down = static_cast<double>(to.out_height) / to.height;
  const auto exact = boxes.to(torch::kFloat64);
  auto left = (exact.select(1, 0) - to.left) * across,
       right = (exact.select(1, 2) - to.left) * across;
  if (to.is_flipped) {
    std::swap(left, right);
    left = static_cast<double>(to.out_width) - left;
    right = static_cast<double>(to.out_width) - right;
  }
  return torch::stack(
      {left, (exact.select(1, 1) - to.top) * down, right, (exact.select(1, 3) - to.top) * down}, 1);
}

/// boxes [N,4] f64 clipped to the picture.
Tensor cut_boxes(const Tensor& boxes, const Placement& to) {
  const auto most =
      torch::tensor({static_cast<double>(to.out_width), static_cast<double>(to.out_height)},
                    torch::kFloat64)
          .repeat({2});
  return torch::minimum(boxes.clamp_min(0), most);
}

Tensor areas(const Tensor& boxes) {
  return (boxes.select(1, 2) - boxes.select(1, 0)).clamp_min(0) *
         (boxes.select(1, 3) - boxes.select(1, 1)).clamp_min(0);
}

/// Drops objects other than `kept` [K] i64.
void keep_objects(Example& example, const Columns& columns, const Tensor& kept, std::int64_t count,
                  const std::string& view) {
  for (const Column& column : columns) {
    if (!column.is_listed || is_one_of(column.name, kWholeColumns)) continue;
    const Tensor& rows = example[column.name];
    CLEW_CHECK(rows.dim() >= 1 && rows.size(0) == count, "listed column '", column.name,
               "' must have a row for each of ", count, " boxes, got ", rows.sizes(), " (view '",
               view, "')");
    if (kept.numel() < count) example.set(column.name, rows.index_select(0, kept));
  }
}

class Geometric : public View {
 public:
  Example apply(Example example, const Columns& columns, const Key& key) const override {
    const Size size = size_of(example, text());
    Stream stream(key);
    const Placement to = place(size, stream);
    for (const char* const name : {"box", "boxes"}) {
      if (!example.has(name)) continue;
      const bool is_single = name == std::string("box");
      const Tensor given = is_single ? example[name].unsqueeze(0) : example[name];
      CLEW_CHECK(given.dim() == 2 && given.size(1) == 4, "boxes must be [N,4], got ", given.sizes(),
                 " (view '", text(), "')");
      CLEW_CHECK(given.isfinite().all().item<bool>(), "edges of boxes must be numbers (view '",
                 text(), "')");
      const auto moved = moved_boxes(given, to), cut = cut_boxes(moved, to);
      const auto is_kept = areas(cut).gt(areas(moved) * kLeastArea);
      if (is_single) {
        CLEW_CHECK(is_kept.item<bool>(), "the box ", text_of(given), " of a picture of ",
                   size.width, "x", size.height, " lies outside it after view '", text(), "'");
        example.set(name, cut[0].to(given.scalar_type()));
        continue;
      }
      example.set(name, cut.to(given.scalar_type()));
      keep_objects(example, columns, is_kept.nonzero().flatten(), given.size(0), text());
    }
    for (const char* const name : {"image", "clip"})
      if (example.has(name)) example.set(name, resample(example[name], to, 0));
    if (example.has("mask")) example.set("mask", resample_nearest(example["mask"], to, kVoid));
    if (example.has("masks")) example.set("masks", resample_nearest(example["masks"], to, 0));
    if (example.has("flow")) example.set("flow", scaled_flow(example["flow"], to));
    return example;
  }
  Columns columns(Columns before) const override {
    bool has_any = false;
    for (Column& column : before) {
      if (!is_one_of(column.name, kPixelColumns)) continue;
      CLEW_CHECK(column.shape.size() >= 2, "column '", column.name, "' has no pixels (view '",
                 text(), "')");
      has_any = true;
      auto& height = column.shape[column.shape.size() - 2];
      auto& width = column.shape[column.shape.size() - 1];
      const Size after = result({height, width});
      height = after.height;
      width = after.width;
    }
    CLEW_CHECK(has_any, "view '", text(),
               "' moves pixels, and the data set has none of image, clip, mask, masks and flow");
    return before;
  }

 protected:
  virtual Placement place(const Size& size, Stream& stream) const = 0;
  virtual Size result(const Size& before) const = 0;

  static Placement whole(const Size& size, const Size& after) {
    return {.left = 0,
            .top = 0,
            .width = static_cast<double>(size.width),
            .height = static_cast<double>(size.height),
            .out_width = after.width,
            .out_height = after.height};
  }

 private:
  static std::string text_of(const Tensor& box) {
    std::string text;
    for (std::int64_t i = 0; i < 4; ++i)
      text += concat(i == 0 ? "(" : ", ", box[0][i].item<float>());
    return text + ")";
  }
};

class Resize : public Geometric {
 public:
  explicit Resize(Size to) : to_(to) {}
  std::string text() const override { return concat("resize=", to_.width, "x", to_.height); }

 protected:
  Placement place(const Size& size, Stream&) const override { return whole(size, to_); }
  Size result(const Size&) const override { return to_; }

 private:
  Size to_;
};

class ResizeShort : public Geometric {
 public:
  ResizeShort(std::int64_t shorter, std::int64_t most) : shorter_(shorter), most_(most) {}
  std::string text() const override {
    return most_ > 0 ? concat("resize_short=", shorter_, ":", most_)
                     : concat("resize_short=", shorter_);
  }

 protected:
  Placement place(const Size& size, Stream&) const override { return whole(size, result(size)); }
  /// Rounded down, as in torchvision.
  Size result(const Size& before) const override {
    if (before.height < 0 || before.width < 0) return {-1, -1};
    const bool is_wide = before.width >= before.height;
    const std::int64_t low = is_wide ? before.height : before.width,
                       high = is_wide ? before.width : before.height;
    std::int64_t shorter = shorter_, longer = std::max<std::int64_t>(1, shorter * high / low);
    if (most_ > 0 && longer > most_) {
      shorter = std::max<std::int64_t>(1, most_ * shorter / longer);
      longer = most_;
    }
    return is_wide ? Size{shorter, longer} : Size{longer, shorter};
  }

 private:
  std::int64_t shorter_, most_;
};

class Crop : public Geometric {
 public:
  explicit Crop(Size to) : to_(to) {}
  std::string text() const override { return concat("crop=", to_.width, "x", to_.height); }

 protected:
  Placement place(const Size& size, Stream&) const override {
    // Half to even, as in Python.
    return {.left = std::nearbyint(static_cast<double>(size.width - to_.width) / 2),
            .top = std::nearbyint(static_cast<double>(size.height - to_.height) / 2),
            .width = static_cast<double>(to_.width),
            .height = static_cast<double>(to_.height),
            .out_width = to_.width,
            .out_height = to_.height};
  }
  Size result(const Size&) const override { return to_; }

 private:
  Size to_;
};

class RandomCrop : public Geometric {
 public:
  RandomCrop(Size to, double least) : to_(to), least_(least) {}
  std::string text() const override {
    return concat("random_crop=", to_.width, "x", to_.height, ":", least_);
  }

 protected:
  Placement place(const Size& size, Stream& stream) const override {
    const auto area = static_cast<double>(size.width * size.height);
    Placement to = whole(size, to_);
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double share = least_ + (1 - least_) * stream.uniform_double();
      const double lean = 2 * stream.uniform_double() - 1;
      const double ratio = lean >= 0 ? 1 + lean / 3 : 1 / (1 - lean / 3);
      const double width = std::nearbyint(std::sqrt(area * share * ratio)),
                   height = std::nearbyint(std::sqrt(area * share / ratio));
      if (width < 1 || height < 1 || width > to.width || height > to.height) continue;
      const auto from = [&](double room) {
        return static_cast<double>(stream.below(static_cast<std::uint32_t>(room) + 1));
      };
      to.left = from(to.width - width);
      to.top = from(to.height - height);
      to.width = width;
      to.height = height;
      return to;
    }
    // Extreme aspect ratios: the largest centre crop of the nearest ratio.
    const double ratio = std::clamp(to.width / to.height, 0.75, 4.0 / 3);
    const double width = std::min(to.width, std::nearbyint(to.height * ratio)),
                 height = std::min(to.height, std::nearbyint(to.width / ratio));
    to.left = std::floor((to.width - width) / 2);
    to.top = std::floor((to.height - height) / 2);
    to.width = width;
    to.height = height;
    return to;
  }
  Size result(const Size&) const override { return to_; }

 private:
  Size to_;
  double least_;
};

class Flip : public Geometric {
 public:
  std::string text() const override { return "flip"; }

 protected:
  Placement place(const Size& size, Stream& stream) const override {
    Placement to = whole(size, size);
    to.is_flipped = stream.below(2) == 1;
    return to;
  }
  Size result(const Size& before) const override { return before; }
};

class ScaleShift : public Geometric {
 public:
  ScaleShift(double low, double high, double shift) : low_(low), high_(high), shift_(shift) {}
  std::string text() const override {
    return concat("scale_shift=", low_, ":", high_, ":", shift_);
  }

 protected:
  Placement place(const Size& size, Stream& stream) const override {
    Placement to = whole(size, size);
    const double scale = low_ + (high_ - low_) * stream.uniform_double();
    const auto step = [&] { return shift_ * (2 * stream.uniform_double() - 1); };
    const double width = to.width / scale, height = to.height / scale;
    to.left = (to.width - width) / 2 - step() * width;
    to.top = (to.height - height) / 2 - step() * height;
    to.width = width;
    to.height = height;
    return to;
  }
  Size result(const Size& before) const override { return before; }

 private:
  double low_, high_, shift_;
};

class Pad : public Geometric {
 public:
  explicit Pad(std::int64_t multiple) : multiple_(multiple) {}
  std::string text() const override { return concat("pad=", multiple_); }

 protected:
  Placement place(const Size& size, Stream&) const override {
    const Size after = result(size);
    return whole(after, after);
  }
  Size result(const Size& before) const override {
    const auto up = [&](std::int64_t side) {
      return side < 0 ? side : (side + multiple_ - 1) / multiple_ * multiple_;
    };
    return {up(before.height), up(before.width)};
  }

 private:
  std::int64_t multiple_;
};

class JitterColour : public View {
 public:
  explicit JitterColour(std::array<double, 4> strengths) : strengths_(strengths) {}
  std::string text() const override {
    return concat("colour=", strengths_[0], ":", strengths_[1], ":", strengths_[2], ":",
                  strengths_[3]);
  }
  Columns columns(Columns before) const override {
    const bool has_any = std::any_of(before.begin(), before.end(), [](const Column& column) {
      return is_one_of(column.name, kColourColumns);
    });
    CLEW_CHECK(has_any, "view '", text(),
               "' changes colours, and the data set has neither image nor clip");
    return before;
  }
  Example apply(Example example, const Columns&, const Key& key) const override {
    for (const char* const name : kColourColumns) {
      if (!example.has(name)) continue;
      const Tensor& pixels = example[name];
      const std::int64_t channels = pixels.dim() >= 3 ? pixels.size(-3) : 0;
      CLEW_CHECK((channels == 1 || channels == 3) && pixels.scalar_type() == torch::kFloat32,
                 "column '", name, "' must have 1 or 3 channels of Float, got ", pixels.sizes(),
                 " of ", pixels.scalar_type(), " (view '", text(), "')");
      example.set(name, jittered(pixels, key));
    }
    return example;
  }

 private:
  /// pixels [..,C,H,W]; frames of a clip are stacked vertically in one picture, so that they share
  /// all parameters, also the mean of contrast.
  Tensor jittered(const Tensor& pixels, const Key& key) const {
    const auto last = pixels.movedim(-3, -1).contiguous();  // [..,H,W,C]
    image::FloatImage picture{
        .width = static_cast<int>(last.size(-2)),
        .height = static_cast<int>(last.numel() / (last.size(-2) * last.size(-1))),
        .channels = static_cast<int>(last.size(-1)),
        .pixels = {last.data_ptr<float>(), last.data_ptr<float>() + last.numel()}};
    picture = image::jitter_colour(picture,
                                   {.brightness = static_cast<float>(strengths_[0]),
                                    .contrast = static_cast<float>(strengths_[1]),
                                    .saturation = static_cast<float>(strengths_[2]),
                                    .hue = static_cast<float>(strengths_[3])},
                                   key);
    return torch::from_blob(picture.pixels.data(), last.sizes()).movedim(-1, -3).contiguous();
  }

  std::array<double, 4> strengths_;  // of brightness, contrast, saturation, hue
};

constexpr std::int64_t kMaxSide = 1 << 16;

/// Parameters of a view, after its '='.
class Arguments {
 public:
  Arguments(const std::string& view, const ViewKind& kind) : view_(view), kind_(kind) {
    const auto at = view.find('=');
    if (at != std::string::npos) {
      for (std::size_t begin = at + 1; begin <= view.size();) {
        const auto end = std::min(view.find(':', begin), view.size());
        parts_.push_back(view.substr(begin, end - begin));
        begin = end + 1;
      }
    }
    const std::string form = kind.form;
    const auto most = static_cast<std::size_t>(std::ranges::count(form, ':')) + 1;
    want(form.find('=') == std::string::npos ? at == std::string::npos
                                             : !parts_.empty() && parts_.size() <= most);
  }
  bool has(std::size_t i) const { return i < parts_.size(); }

  double number(std::size_t i, double low, double high) const {
    double value = 0;
    want(has(i) && read(parts_[i], value) && value >= low && value <= high);
    return value;
  }
  std::int64_t side(std::size_t i) const {
    std::int64_t value = 0;
    want(has(i) && read(parts_[i], value) && value >= 1 && value <= kMaxSide);
    return value;
  }
  Size size(std::size_t i) const {
    Size size;
    const auto by = has(i) ? parts_[i].find('x') : std::string::npos;
    want(by != std::string::npos && read(parts_[i].substr(0, by), size.width) &&
         read(parts_[i].substr(by + 1), size.height) && size.width >= 1 && size.height >= 1 &&
         size.width <= kMaxSide && size.height <= kMaxSide);
    return size;
  }

 private:
  void want(bool is_right) const {
    if (is_right) return;
    const std::string ranges = kind_.ranges;
    throw UsageError(concat("a view must be ", kind_.form, ranges.empty() ? "" : ", ", ranges,
                            ", got '", view_, "'"));
  }
  template <class T>
  static bool read(const std::string& text, T& value) {
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc() && end == text.data() + text.size() && !text.empty() &&
           std::isfinite(static_cast<double>(value));
  }
  const std::string& view_;
  const ViewKind& kind_;
  std::vector<std::string> parts_;
};

using Made = std::shared_ptr<const View>;
using MakeView = Made (*)(const Arguments& all);

/// The table of views.
constexpr std::array<std::pair<ViewKind, MakeView>, 8> kViews = {{
    {{"resize=WxH", "sides of 1..65536", "stretched to a size", false},
     [](const Arguments& all) -> Made { return std::make_shared<const Resize>(all.size(0)); }},
    {{"resize_short=S[:M]", "sides of 1..65536", "the shorter side becomes S, the longer at most M",
      false},
     [](const Arguments& all) -> Made {
       return std::make_shared<const ResizeShort>(all.side(0), all.has(1) ? all.side(1) : 0);
     }},
    {{"crop=WxH", "sides of 1..65536", "the middle; black beyond the picture", false},
     [](const Arguments& all) -> Made { return std::make_shared<const Crop>(all.size(0)); }},
    // Szegedy et al. 2015
    {{"random_crop=WxH[:A]", "A in 0.001..1",
      "a piece of A (0.08) to all of the area, aspect ratio 3/4 to 4/3, resized", true},
     [](const Arguments& all) -> Made {
       return std::make_shared<const RandomCrop>(all.size(0),
                                                 all.has(1) ? all.number(1, 0.001, 1) : 0.08);
     }},
    {{"flip", "", "left and right change places every other time", true},
     [](const Arguments&) -> Made { return std::make_shared<const Flip>(); }},
    {{"scale_shift=A:B[:S]", "0.01 <= A <= B <= 100, S in 0..1",
      "scaled by A to B about the middle, shifted by up to S (0) of its size", true},
     [](const Arguments& all) -> Made {
       const double low = all.number(0, 0.01, 100);
       return std::make_shared<const ScaleShift>(low, all.number(1, low, 100),
                                                 all.has(2) ? all.number(2, 0, 1) : 0);
     }},
    {{"colour=B[:C[:S[:H]]]", "B, C and S in 0..1, H in 0..0.5",
      "brightness, contrast, saturation times 1 - x to 1 + x, hue turned by up to H of a circle",
      true},
     [](const Arguments& all) -> Made {
       std::array<double, 4> strengths = {};
       for (std::size_t i = 0; all.has(i); ++i) strengths[i] = all.number(i, 0, i < 3 ? 1 : 0.5);
       return std::make_shared<const JitterColour>(strengths);
     }},
    {{"pad=N", "N in 1..65536", "sides filled up to multiples of N, right and below", false},
     [](const Arguments& all) -> Made { return std::make_shared<const Pad>(all.side(0)); }},
}};

std::string view_name(const std::string& text) { return text.substr(0, text.find('=')); }

const std::pair<ViewKind, MakeView>& find_view(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& row : kViews) {
    names.push_back(view_name(row.first.form));
    if (names.back() == view_name(text)) return row;
  }
  std::string list;
  for (std::size_t i = 0; i < names.size(); ++i)
    list += (i == 0 ? "" : i + 1 < names.size() ? ", " : " and ") + names[i];
  throw UsageError(concat("a view must be one of ", list, ", got '", view_name(text), "'",
                          did_you_mean(view_name(text), names)));
}

}  // namespace

std::vector<ViewKind> view_kinds() {
  std::vector<ViewKind> kinds;
  for (const auto& row : kViews) kinds.push_back(row.first);
  return kinds;
}

std::shared_ptr<const View> parse_view(const std::string& text) {
  const auto& [kind, make] = find_view(text);
  return make(Arguments(text, kind));
}

Views parse_views(const std::vector<std::string>& texts) {
  Views views;
  for (const std::string& text : texts) views.push_back(parse_view(text));
  return views;
}

void ViewsConfig::check() const {
  const auto each = [](const std::vector<std::string>& texts, const std::string& key,
                       bool may_be_random) {
    for (const std::string& text : texts) {
      try {
        (void)parse_view(text);
      } catch (const UsageError& error) {
        throw UsageError(concat(key, ": ", error.what()));
      }
      if (!may_be_random && find_view(text).first.is_random) {
        throw UsageError(concat(key, " must give the same picture every time, got '", text, "'"));
      }
    }
  };
  each(train, "data.views", true);
  each(eval, "data.eval_views", false);
}

std::shared_ptr<const Dataset> ViewsConfig::apply(std::shared_ptr<const Dataset> set,
                                                  Split part) const {
  check();
  const auto& texts = part == Split::kTrain ? train : eval;
  if (texts.empty()) return set;
  return std::make_shared<const ViewedSet>(std::move(set), parse_views(texts));
}

ViewedSet::ViewedSet(std::shared_ptr<const Dataset> set, Views views)
    : set_(std::move(set)), views_(std::move(views)) {
  columns_.push_back(set_->columns());
  for (const auto& view : views_) columns_.push_back(view->columns(columns_.back()));
}

std::uint64_t ViewedSet::content_hash() const {
  std::uint64_t hash = set_->content_hash();
  for (const auto& view : views_) hash = hash_text(view->text(), hash);
  return hash;
}

Example ViewedSet::get(std::int64_t index, const Key& key) const {
  Example example = set_->get(index, key);
  for (std::size_t i = 0; i < views_.size(); ++i)
    example = views_[i]->apply(std::move(example), columns_[i], fold_in(key, i));
  return example;
}

}  // namespace clew::data
