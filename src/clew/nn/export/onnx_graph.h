// SPDX-License-Identifier: Apache-2.0
// Builds an ONNX model (opset 17) node by node: one method for one operator, the shape of each
// result worked out and its arguments checked at once, so that what is wrong is said where it is
// asked for. Writing only; no runtime, no protobuf library.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clew/nn/export/protobuf.h"

namespace clew::nn {

/// A value of a graph. A side of -1 is the batch size, known only when the model runs.
struct OnnxValue {
  std::string name;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<std::int64_t> shape;
};

/// Sliding windows, one number for each spatial side; padding on both ends alike.
struct OnnxWindow {
  std::vector<std::int64_t> kernel, stride, padding, dilation;
};

struct OnnxSampling {
  std::string mode = "bilinear";  // "bilinear", "nearest", "bicubic"
  std::string border = "zeros";   // "zeros", "border", "reflection"
  bool align_corners = false;
};

class OnnxGraph {
 public:
  static constexpr std::int64_t kOpset = 17, kIrVersion = 8;

  /// `name` of the graph; `description` goes into the file for people.
  explicit OnnxGraph(std::string name, std::string description = "");

  // The edges. Notes tell shape, range and meaning, and are kept in the file.
  OnnxValue input(const std::string& name, torch::ScalarType dtype,
                  const std::vector<std::int64_t>& shape, const std::string& note = "");
  void output(const std::string& name, const OnnxValue& value, const std::string& note = "");
  /// A tensor stored in the file. `name` is made unique if it is taken.
  OnnxValue constant(const torch::Tensor& tensor, const std::string& name);
  /// Names of what follows begin with "NAME." until the scope's end.
  void begin_scope(const std::string& name) { scopes_.push_back(name); }
  void end_scope() { scopes_.pop_back(); }
  void metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

  // Elementwise, with broadcasting where there are two.
  OnnxValue add(const OnnxValue& a, const OnnxValue& b) { return binary("Add", a, b); }
  OnnxValue sub(const OnnxValue& a, const OnnxValue& b) { return binary("Sub", a, b); }
  OnnxValue mul(const OnnxValue& a, const OnnxValue& b) { return binary("Mul", a, b); }
  OnnxValue div(const OnnxValue& a, const OnnxValue& b) { return binary("Div", a, b); }
  OnnxValue max(const OnnxValue& a, const OnnxValue& b) { return binary("Max", a, b); }
  OnnxValue min(const OnnxValue& a, const OnnxValue& b) { return binary("Min", a, b); }
  OnnxValue relu(const OnnxValue& x) { return unary("Relu", x); }
  OnnxValue sigmoid(const OnnxValue& x) { return unary("Sigmoid", x); }
  OnnxValue tanh(const OnnxValue& x) { return unary("Tanh", x); }
  OnnxValue exp(const OnnxValue& x) { return unary("Exp", x); }
  OnnxValue log(const OnnxValue& x) { return unary("Log", x); }
  OnnxValue sqrt(const OnnxValue& x) { return unary("Sqrt", x); }
  OnnxValue neg(const OnnxValue& x) { return unary("Neg", x); }
  OnnxValue abs(const OnnxValue& x) { return unary("Abs", x); }
  OnnxValue identity(const OnnxValue& x) { return unary("Identity", x); }
  OnnxValue leaky_relu(const OnnxValue& x, double slope);
  OnnxValue elu(const OnnxValue& x, double alpha);
  OnnxValue clip(const OnnxValue& x, double low, double high);
  OnnxValue softmax(const OnnxValue& x, std::int64_t axis);
  OnnxValue log_softmax(const OnnxValue& x, std::int64_t axis);
  OnnxValue cast(const OnnxValue& x, torch::ScalarType dtype);

  // Layers. x is [B,C,...]; weights are as LibTorch keeps them.
  /// weight [O,C/groups,...], bias [O] or nullptr.
  OnnxValue conv(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias,
                 const OnnxWindow& window, std::int64_t groups = 1);
  /// weight [C,O/groups,...], bias [O] or nullptr.
  OnnxValue conv_transpose(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias,
                           const OnnxWindow& window, std::int64_t groups = 1);
  OnnxValue max_pool(const OnnxValue& x, const OnnxWindow& window);
  OnnxValue average_pool(const OnnxValue& x, const OnnxWindow& window, bool counts_padding = true);
  OnnxValue global_average_pool(const OnnxValue& x);
  /// x [B,I], weight [O,I], bias [O] or nullptr -> [B,O].
  OnnxValue gemm(const OnnxValue& x, const OnnxValue& weight, const OnnxValue* bias);
  /// scale, shift, mean, variance [C].
  OnnxValue batch_normalization(const OnnxValue& x, const std::vector<OnnxValue>& statistics,
                                double epsilon);
  /// [..,M,K] times [..,K,N].
  OnnxValue matmul(const OnnxValue& a, const OnnxValue& b);

  // Shapes.
  OnnxValue concat(const std::vector<OnnxValue>& parts, std::int64_t axis);
  /// At most one side of -1, which takes what is left.
  OnnxValue reshape(const OnnxValue& x, const std::vector<std::int64_t>& shape);
  OnnxValue flatten(const OnnxValue& x);  // [B,...] -> [B,rest]
  OnnxValue transpose(const OnnxValue& x, const std::vector<std::int64_t>& order);
  /// x[..., begin:end, ...] along `axis`; end may be past the last.
  OnnxValue slice(const OnnxValue& x, std::int64_t axis, std::int64_t begin, std::int64_t end);
  OnnxValue reduce_mean(const OnnxValue& x, std::vector<std::int64_t> axes, bool keeps_sides);
  /// Nearest or bilinear (half-pixel) enlargement of [B,C,H,W] by whole factors.
  OnnxValue resize(const OnnxValue& x, std::int64_t factor, bool is_bilinear);

  // Spatial transformers.
  /// x [B,C,H,W], grid [B,h,w,2] (x,y) in [-1,1] -> [B,C,h,w].
  OnnxValue grid_sample(const OnnxValue& x, const OnnxValue& grid, const OnnxSampling& sampling);
  /// theta [B,2,3] -> [B,height,width,2]. From a constant grid and a product: the operator
  /// AffineGrid came with opset 20, which few runtimes have.
  OnnxValue affine_grid(const OnnxValue& theta, std::int64_t height, std::int64_t width,
                        bool align_corners);

  /// The file's bytes: the same calls give the same bytes. A graph without input or output, or with
  /// an input that nothing reads, and more than 2 GiB (protobuf's limit): clew::Error.
  std::string finish() const;

 private:
  using Shape = std::vector<std::int64_t>;

  OnnxValue node(const char* op, const std::vector<OnnxValue>& inputs,
                 const ProtoMessage& attributes, torch::ScalarType dtype, Shape shape);
  OnnxValue unary(const char* op, const OnnxValue& x, const ProtoMessage& attributes = {});
  OnnxValue binary(const char* op, const OnnxValue& a, const OnnxValue& b);
  OnnxValue pool(const char* op, const OnnxValue& x, const OnnxWindow& window,
                 ProtoMessage attributes);
  std::string unique(const std::string& name);
  std::string scoped(const std::string& name) const;
  void check_known(const OnnxValue& value, const char* op) const;

  struct Edge {
    std::string name, note;
    torch::ScalarType dtype;
    Shape shape;
  };
  std::string name_, description_;
  std::vector<std::string> scopes_;
  std::map<std::string, std::string> metadata_;
  std::vector<ProtoMessage> nodes_, constants_;
  std::vector<Edge> inputs_, outputs_;
  std::map<std::string, Shape> known_;  // every value's name
  std::map<std::string, int> counts_;   // of operators, for names
  std::set<std::string> read_;
};

}  // namespace clew::nn
