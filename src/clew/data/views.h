// SPDX-License-Identifier: Apache-2.0
// Views: random and fixed transformations of examples, which move images, boxes, masks, flow and all
// frames of a clip together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/dataset.h"

namespace clew::data {

/// Columns are known by their names:
///   image [C,H,W] f32, clip [T,C,H,W] f32     resampled with antialiasing; 0 outside
///   box [4], boxes [N,4] f32, edges xyxy, pixels     moved, and cut at the picture's edges
///   mask [H,W] of classes     nearest pixel; kVoid outside
///   masks [N,H,W]     nearest pixel; 0 outside
///   flow [2,H,W] or [T,2,H,W] f32, (x,y) in pixels     resampled, and its vectors scaled and turned
/// Objects whose box keeps less than kLeastArea of its area within the picture, or had none, are left
/// out of every listed column, whose rows are objects. All other columns stay.
class View {
 public:
  virtual ~View() = default;
  View() = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  /// Everything random comes from `key`. `columns` are the example's. Columns of different sizes, as
  /// many rows as objects in not every listed column, edges that are no numbers, a box (of one
  /// object) that leaves the picture: clew::Error.
  virtual Example apply(Example example, const Columns& columns, const Key& key) const = 0;
  /// The columns afterwards. Where there is nothing that the view changes: clew::Error.
  virtual Columns columns(Columns before) const = 0;
  /// As a recipe writes it.
  virtual std::string text() const = 0;
};

inline constexpr std::int64_t kVoid = 255;  // the class of pixels that do not count
inline constexpr double kLeastArea = 0.05;

/// A view as a recipe writes it:
///   resize=WxH                 stretched to a size
///   resize_short=S[:M]         the shorter side becomes S, the longer at most M
///   crop=WxH                   the middle; what is beyond the picture is filled
///   random_crop=WxH[:A]        a random piece of A (0.08) to all of the area, of an aspect ratio of 3/4
///                              to 4/3 (Szegedy et al. 2015), resized
///   flip                       left and right change places every other time
///   scale_shift=A:B[:S]        scaled by A to B about the middle, shifted by up to S (0) of its size
///   colour=B[:C[:S[:H]]]       brightness, contrast and saturation times 1 - x to 1 + x, hue turned by
///                              up to H of a circle, in a random order
///   pad=N                      sides filled up to multiples of N, right and below
/// Anything else: UsageError.
std::shared_ptr<const View> parse_view(const std::string& text);

using Views = std::vector<std::shared_ptr<const View>>;
Views parse_views(const std::vector<std::string>& texts);

/// A data set through views, one behind the other; view k draws from split(get's key, k).
class ViewedSet : public Dataset {
 public:
  /// A view that changes none of the columns: clew::Error.
  ViewedSet(std::shared_ptr<const Dataset> set, Views views);

  std::int64_t size() const override { return set_->size(); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return columns_.back(); }
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  std::string origin(std::int64_t index) const override { return set_->origin(index); }

 private:
  std::shared_ptr<const Dataset> set_;
  Views views_;
  std::vector<Columns> columns_;  // before each view, and after the last
};

}  // namespace clew::data
