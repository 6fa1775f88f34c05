// SPDX-License-Identifier: Apache-2.0
// Views: random and fixed transformations of examples, which move images, boxes, masks, flow and all
// frames of a clip together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
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

/// A view as a recipe writes it, "resize_short=256". Not of the forms of view_kinds: UsageError.
std::shared_ptr<const View> parse_view(const std::string& text);

using Views = std::vector<std::shared_ptr<const View>>;
Views parse_views(const std::vector<std::string>& texts);

/// A row of the table of views.
struct ViewKind {
  const char* form;    // "resize_short=S[:M]"; what stands in brackets may be left out
  const char* ranges;  // of its parameters; may be empty
  const char* help;    // one line
  bool is_random;      // draws from the key
};
[[nodiscard]] std::vector<ViewKind> view_kinds();

/// A data set through views, one behind the other; view k draws from fold_in(get's key, k).
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

/// Views of a data set as keys of a recipe. In the struct of a recipe's table `data`, whose fields()
/// calls fields() of this.
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
  /// A text that is no view, a random one for evaluation: UsageError beginning with the key.
  void check() const;
  /// `set` through the views of a split; `set` itself where there are none.
  std::shared_ptr<const Dataset> apply(std::shared_ptr<const Dataset> set, Split split) const;
};

}  // namespace clew::data
