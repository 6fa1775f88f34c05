// SPDX-License-Identifier: Apache-2.0
// Views: random and fixed transforms of examples, applied jointly to images, boxes, masks, flow and
// all frames of a clip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/key.h"
#include "clew/data/dataset.h"

namespace clew::data {

/// Columns by name:
///   image [C,H,W] f32, clip [T,C,H,W] f32     resampled with antialiasing; 0 outside
///   box [4], boxes [N,4] f32 xyxy, pixels     transformed, and clipped to the picture
///   mask [H,W] of classes     nearest pixel; kVoid outside
///   masks [N,H,W]     nearest pixel; 0 outside
///   flow [2,H,W] or [T,2,H,W] f32, (x,y) in pixels     resampled, vectors transformed
/// Objects with less than kLeastArea of their box's area left in the picture, or with an empty box,
/// are dropped from every listed column, whose rows are objects, except image, clip, mask and flow.
/// Other columns are unchanged.
class View {
 public:
  virtual ~View() = default;
  View() = default;
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  /// All randomness comes from `key`. `columns`: the example's. Columns of different sizes, listed
  /// columns with different numbers of rows, boxes that are not finite, a single box that leaves
  /// the picture: clew::Error.
  virtual Example apply(Example example, const Columns& columns, const Key& key) const = 0;
  /// Columns after the view. None that the view changes: clew::Error.
  virtual Columns columns(Columns before) const = 0;
  /// Recipe syntax.
  virtual std::string text() const = 0;
};

inline constexpr std::int64_t kVoid = 255;  // class of ignored pixels
inline constexpr double kLeastArea = 0.05;

/// View from recipe syntax, "resize_short=256". Not of view_kinds: UsageError.
std::shared_ptr<const View> parse_view(const std::string& text);

using Views = std::vector<std::shared_ptr<const View>>;
Views parse_views(const std::vector<std::string>& texts);

/// A row of the table of views.
struct ViewKind {
  const char* form;    // "resize_short=S[:M]"; brackets: optional
  const char* ranges;  // of its parameters; may be empty
  const char* help;    // one line
  bool is_random;      // draws from the key
};
[[nodiscard]] std::vector<ViewKind> view_kinds();

/// A data set with views applied in order; view k draws from fold_in(get's key, k).
class ViewedSet : public Dataset {
 public:
  /// A view that changes none of the columns: clew::Error.
  ViewedSet(std::shared_ptr<const Dataset> set, Views views);

  std::int64_t size() const override { return set_->size(); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return columns_.back(); }
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  std::string origin(std::int64_t index) const override { return set_->origin(index); }
  std::uint64_t content_hash() const override;

 private:
  std::shared_ptr<const Dataset> set_;
  Views views_;
  std::vector<Columns> columns_;  // before each view, and after the last
};

/// Recipe keys of views. Member of a recipe's table `data`, whose fields() calls this one's.
struct ViewsConfig {
  std::vector<std::string> train, eval;

  void fields(Fields& v) {
    v("views", train,
      {.help = "views of training examples, in order, such as [\"random_crop=224x224\", \"flip\"]; "
               "`clew help data show` lists them"});
    v("eval_views", eval,
      {.help = "views of examples for validation and testing, none of them random, such as "
               "[\"resize_short=256\", \"crop=224x224\"]"});
  }
  /// An invalid view, a random one for evaluation: UsageError beginning with the key.
  void check() const;
  /// `set` with the views of a split; `set` itself without any.
  std::shared_ptr<const Dataset> apply(std::shared_ptr<const Dataset> set, Split split) const;
};

}  // namespace clew::data
