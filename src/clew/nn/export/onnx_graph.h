// SPDX-License-Identifier: Apache-2.0
// Builder of ONNX models (opset 17): one method per operator, with immediate shape inference and
// argument checks. The graph can also be run in LibTorch. No ONNX runtime, no protobuf library.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "clew/nn/export/protobuf.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Dynamic dimensions: the batch size, and a height or width.
inline constexpr std::int64_t kOnnxBatch = -1, kOnnxFree = -2;

/// A value of a graph. Dimensions may be kOnnxBatch or kOnnxFree.
struct OnnxValue {
  std::string name;
  torch::ScalarType dtype = torch::kFloat;
  std::vector<std::int64_t> shape;
};

/// Sliding windows, one number per spatial dimension; symmetric padding.
struct OnnxWindow {
  std::vector<std::int64_t> kernel, stride, padding, dilation;
};

struct OnnxSampling {
  std::string mode = "bilinear";  // "bilinear", "nearest", "bicubic"
  std::string border = "zeros";   // "zeros", "border", "reflection"
  bool align_corners = false;
};

/// Attribute of an operator: {"axis", 1}.
struct OnnxAttribute {
  std::string name;
  std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>> value;
};

/// An operator by its name in ONNX's Operators.md.
struct OnnxOperator {
  struct Result {
    torch::ScalarType dtype = torch::kFloat;
    std::vector<std::int64_t> shape = {};
  };
  std::string name;  // "TopK"
  std::vector<OnnxAttribute> attributes = {};
  std::vector<Result> results;
  /// The same in LibTorch: inputs -> results.
  std::function<std::vector<torch::Tensor>(const std::vector<torch::Tensor>&)> compute;
};

class OnnxGraph {
 public:
  static constexpr std::int64_t kOpset = 17, kIrVersion = 8;

  /// `description` is the file's doc string.
  explicit OnnxGraph(std::string name, std::string description = "");

  // Inputs and outputs. Notes (shape, range, meaning) are stored in the file. Free dimensions,
  // among an input's last two, are named "height" and "width" in the file.
  OnnxValue input(const std::string& name, torch::ScalarType dtype,
                  const std::vector<std::int64_t>& shape, const std::string& note = "");
  void output(const std::string& name, const OnnxValue& value, const std::string& note = "");
  /// Initializer. `name` is made unique if taken by another tensor; an equal one is shared.
  OnnxValue constant(const torch::Tensor& tensor, const std::string& name);
  /// Prefixes names with "NAME." until end_scope().
  void begin_scope(const std::string& name) { scopes_.push_back(name); }
  void end_scope() { scopes_.pop_back(); }
  void metadata(const std::string& key, const std::string& value) { metadata_[key] = value; }

  /// Any operator, for those without a method; some are in onnx_dynamic.h.
  std::vector<OnnxValue> apply(const OnnxOperator& op, const std::vector<OnnxValue>& inputs);

  // Elementwise; binary ones broadcast.
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
  /// Exact, by Erf, or approximated by Tanh. Composed: Gelu came with opset 20.
  OnnxValue gelu(const OnnxValue& x, bool is_tanh = false);
  OnnxValue leaky_relu(const OnnxValue& x, double slope);
  OnnxValue elu(const OnnxValue& x, double alpha);
  OnnxValue clip(const OnnxValue& x, double low, double high);
  OnnxValue softmax(const OnnxValue& x, std::int64_t axis);
  OnnxValue log_softmax(const OnnxValue& x, std::int64_t axis);
  OnnxValue cast(const OnnxValue& x, torch::ScalarType dtype);

  // Layers. x is [B,C,...]; weights in LibTorch's layout.
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
  /// Over the last dimensions, those of scale and shift (or nullptr).
  OnnxValue layer_normalization(const OnnxValue& x, const OnnxValue& scale, const OnnxValue* shift,
                                double epsilon);
  /// [..,M,K] times [..,K,N].
  OnnxValue matmul(const OnnxValue& a, const OnnxValue& b);

  // Shapes.
  OnnxValue concat(const std::vector<OnnxValue>& parts, std::int64_t axis);
  /// At most one dimension of -1, which is inferred.
  OnnxValue reshape(const OnnxValue& x, const std::vector<std::int64_t>& shape);
  OnnxValue flatten(const OnnxValue& x);  // [B,...] -> [B,rest]
  OnnxValue transpose(const OnnxValue& x, const std::vector<std::int64_t>& order);
  /// x[..., begin:end, ...] along `axis`; `end` may be past the end.
  OnnxValue slice(const OnnxValue& x, std::int64_t axis, std::int64_t begin, std::int64_t end);
  /// Zero padding of H and W of [B,C,H,W].
  OnnxValue pad(const OnnxValue& x, std::int64_t before, std::int64_t after);
  OnnxValue reduce_mean(const OnnxValue& x, std::vector<std::int64_t> axes, bool keeps_sides);
  /// Nearest or bilinear (half-pixel) upsampling of [B,C,H,W] by an integer factor.
  OnnxValue resize(const OnnxValue& x, std::int64_t factor, bool is_bilinear);
  /// Nearest upsampling of [B,C,h,w] to the height and width of `like` [B,D,H,W].
  OnnxValue upsample(const OnnxValue& x, const OnnxValue& like);

  // Spatial transformers.
  /// x [B,C,H,W], grid [B,h,w,2] (x,y) in [-1,1] -> [B,C,h,w].
  OnnxValue grid_sample(const OnnxValue& x, const OnnxValue& grid, const OnnxSampling& sampling);
  /// theta [B,2,3] -> [B,height,width,2]. A constant grid and a product: AffineGrid came with opset
  /// 20, which few runtimes have.
  OnnxValue affine_grid(const OnnxValue& theta, std::int64_t height, std::int64_t width,
                        bool align_corners);

  /// Outputs of the graph, computed by LibTorch on the CPU without gradients. Inputs of other types
  /// or shapes, or values of other shapes than inferred: clew::Error.
  std::vector<torch::Tensor> run(const std::vector<torch::Tensor>& inputs) const;
  /// Serialised model: the same calls give the same bytes. A graph without input or output, an
  /// unused input, more than 2 GiB (protobuf's limit): clew::Error.
  std::string finish() const;

 private:
  using Shape = std::vector<std::int64_t>;
  using Compute = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

  std::vector<OnnxValue> nodes(const std::string& op, const std::vector<OnnxValue>& inputs,
                               const ProtoMessage& attributes,
                               const std::vector<OnnxOperator::Result>& results,
                               decltype(OnnxOperator::compute) compute);
  /// With one result.
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
  /// `sides`: int64 vector, 0 for the same dimension of x.
  OnnxValue reshape_by(const OnnxValue& x, const OnnxValue& sides, Shape shape);
  std::string unique(const std::string& name);
  std::string scoped(const std::string& name) const;
  void check_known(const OnnxValue& value, const std::string& op) const;
  void check_fixed(const OnnxValue& x, const char* op) const;

  struct Edge {
    std::string name, note;
    torch::ScalarType dtype;
    Shape shape;
  };
  struct Step {
    std::vector<std::string> inputs;
    std::vector<OnnxValue> results;
    decltype(OnnxOperator::compute) compute;
  };
  std::string name_, description_;
  std::vector<std::string> scopes_;
  std::map<std::string, std::string> metadata_;
  std::vector<ProtoMessage> nodes_;
  std::vector<Step> steps_;  // one per node
  std::vector<std::pair<std::string, torch::Tensor>> constants_;
  std::vector<Edge> inputs_, outputs_;
  std::map<std::string, Shape> known_;  // of every value
  std::map<std::string, int> counts_;   // of operators, for names
  std::set<std::string> read_;
};

}  // namespace clew::nn
