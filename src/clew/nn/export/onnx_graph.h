// SPDX-License-Identifier: Apache-2.0
// Builds an ONNX model (opset 17) node by node: one method for one operator, the shape of each
// result worked out and its arguments checked at once, so that what is wrong is said where it is
// asked for. The same graph computes in LibTorch what its file would give; no runtime, no protobuf library.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "clew/nn/export/protobuf.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Sides known only when the model runs: the batch size, and a height or width.
inline constexpr std::int64_t kOnnxBatch = -1, kOnnxFree = -2;

/// A value of a graph. A side may be kOnnxBatch, and where an input has free sides kOnnxFree.
struct OnnxValue {
  std::string name;
  torch::ScalarType dtype = torch::kFloat;
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

  // The edges. Notes tell shape, range and meaning, and are kept in the file. A free side is one of
  // an input's last two and called "height" or "width" in the file.
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
  OnnxValue add(const OnnxValue& a, const OnnxValue& b);
  OnnxValue sub(const OnnxValue& a, const OnnxValue& b);
  OnnxValue mul(const OnnxValue& a, const OnnxValue& b);
  OnnxValue div(const OnnxValue& a, const OnnxValue& b);
  OnnxValue max(const OnnxValue& a, const OnnxValue& b);
  OnnxValue min(const OnnxValue& a, const OnnxValue& b);
  OnnxValue relu(const OnnxValue& x);
  OnnxValue sigmoid(const OnnxValue& x);
  OnnxValue tanh(const OnnxValue& x);
  OnnxValue exp(const OnnxValue& x);
  OnnxValue log(const OnnxValue& x);
  OnnxValue sqrt(const OnnxValue& x);
  OnnxValue neg(const OnnxValue& x);
  OnnxValue abs(const OnnxValue& x);
  OnnxValue erf(const OnnxValue& x);
  OnnxValue identity(const OnnxValue& x);
  OnnxValue hard_sigmoid(const OnnxValue& x);  // x/6 + 1/2 in [0,1]
  OnnxValue hard_swish(const OnnxValue& x);    // x hard_sigmoid(x)
  OnnxValue silu(const OnnxValue& x);          // x sigmoid(x)
  /// Exact, by Erf, or approximated by Tanh. Several operators: Gelu came with opset 20.
  OnnxValue gelu(const OnnxValue& x, bool is_tanh = false);
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
  /// affine: scale and shift [C], or none. By InstanceNormalization: GroupNormalization came with
  /// opset 18.
  OnnxValue group_normalization(const OnnxValue& x, std::int64_t groups,
                                const std::vector<OnnxValue>& affine, double epsilon);
  /// Over the last sides, which are those of scale and shift (or nullptr).
  OnnxValue layer_normalization(const OnnxValue& x, const OnnxValue& scale, const OnnxValue* shift,
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
  /// Zeros around the sides H and W of [B,C,H,W]: `before` rows and columns first, `after` last.
  OnnxValue pad(const OnnxValue& x, std::int64_t before, std::int64_t after);
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

  /// Outputs of the graph, computed node by node in LibTorch on the CPU, for inputs of the types and
  /// shapes that it takes. Others, or values of other shapes than worked out: clew::Error. Without
  /// gradients.
  std::vector<torch::Tensor> run(const std::vector<torch::Tensor>& inputs) const;
  /// The file's bytes: the same calls give the same bytes. A graph without input or output, or with
  /// an input that nothing reads, and more than 2 GiB (protobuf's limit): clew::Error.
  std::string finish() const;

 private:
  using Shape = std::vector<std::int64_t>;
  using Compute = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

  OnnxValue node(const char* op, const std::vector<OnnxValue>& inputs,
                 const ProtoMessage& attributes, torch::ScalarType dtype, Shape shape,
                 Compute compute);
  OnnxValue unary(const char* op, const OnnxValue& x,
                  torch::Tensor (*compute)(const torch::Tensor&));
  OnnxValue binary(const char* op, const OnnxValue& a, const OnnxValue& b,
                   torch::Tensor (*compute)(const torch::Tensor&, const torch::Tensor&));
  OnnxValue pool(const char* op, const OnnxValue& x, const OnnxWindow& window,
                 const ProtoMessage& attributes, Compute compute);
  OnnxValue number(double value, const OnnxValue& like, const char* name);
  /// `sides` is an int64 vector in which 0 stands for the side of x at its place.
  OnnxValue reshape_by(const OnnxValue& x, const OnnxValue& sides, Shape shape);
  std::string unique(const std::string& name);
  std::string scoped(const std::string& name) const;
  void check_known(const OnnxValue& value, const char* op) const;
  void check_fixed(const OnnxValue& x, const char* op) const;

  struct Edge {
    std::string name, note;
    torch::ScalarType dtype;
    Shape shape;
  };
  struct Step {
    std::vector<std::string> inputs;
    OnnxValue result;
    Compute compute;
  };
  std::string name_, description_;
  std::vector<std::string> scopes_;
  std::map<std::string, std::string> metadata_;
  std::vector<ProtoMessage> nodes_;
  std::vector<Step> steps_;  // one for each node
  std::vector<std::pair<std::string, torch::Tensor>> constants_;
  std::vector<Edge> inputs_, outputs_;
  std::map<std::string, Shape> known_;  // every value's name
  std::map<std::string, int> counts_;   // of operators, for names
  std::set<std::string> read_;
};

}  // namespace clew::nn
