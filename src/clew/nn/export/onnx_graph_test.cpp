// SPDX-License-Identifier: Apache-2.0
// Bytes worked out by hand, shapes, and what is refused. What the files compute is tested with
// other programs in tests/parity.
#include "clew/nn/export/onnx_graph.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace onnx_graph_test {

using Shape = std::vector<std::int64_t>;

std::string refusal(const std::function<void(OnnxGraph&)>& build) {
  OnnxGraph graph("g");
  return clew::error_of([&] { build(graph); });
}

OnnxWindow square(std::int64_t kernel, std::int64_t stride = 1, std::int64_t padding = 0) {
  return {{kernel, kernel}, {stride, stride}, {padding, padding}, {1, 1}};
}

TEST(Protobuf, FieldsByHand) {
  EXPECT_EQ(ProtoMessage().integer(1, 150).bytes(), "\x08\x96\x01");  // the format's own example
  EXPECT_EQ(ProtoMessage().integer(1, -1).bytes(), "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
  EXPECT_EQ(ProtoMessage().text(2, "testing").bytes(), "\x12\x07testing");
  EXPECT_EQ(ProtoMessage().message(3, ProtoMessage().integer(1, 150)).bytes(),
            "\x1a\x03\x08\x96\x01");
  EXPECT_EQ(ProtoMessage().real(2, 1.0F).bytes(), std::string("\x15\0\0\x80\x3f", 5));
  EXPECT_EQ(ProtoMessage().integer(20, 7).bytes(), "\xa0\x01\x07");
}

// One Relu: a node, the Identity that names the output, one input and one output.
TEST(OnnxGraph, SmallestModelByHand) {
  OnnxGraph graph("g", "d");
  graph.output("y", graph.relu(graph.input("x", torch::kFloat32, {-1, 2})));
  const std::string relu = "\x0a\x01x\x12\x06Relu_0\x1a\x06Relu_0\x22\x04Relu";
  const std::string identity = "\x0a\x06Relu_0\x12\x01y\x1a\x05y.out\x22\x08Identity";
  const std::string type =
      "\x12\x13\x0a\x11\x08\x01\x12\x0d\x0a\x07\x12\x05"
      "batch\x0a\x02\x08\x02";
  const std::string input = "\x0a\x01x" + type, output = "\x0a\x01y" + type;
  const auto field = [](char key, const std::string& bytes) {
    return std::string(1, key) + static_cast<char>(bytes.size()) + bytes;
  };
  const std::string body = field(0x0a, relu) + field(0x0a, identity) + "\x12\x01g" +
                           field(0x5a, input) + field(0x62, output);
  EXPECT_EQ(graph.finish(),
            "\x08\x08\x12\x04"
            "clew\x32\x01"
            "d" +
                field(0x3a, body) + std::string("\x42\x04\x0a\x00\x10\x11", 6));
}

TEST(OnnxGraph, SameCallsSameBytes) {
  const auto build = [] {
    OnnxGraph graph("g");
    const auto x = graph.input("x", torch::kFloat32, {-1, 1, 4, 4});
    const auto weight = graph.constant(torch::ones({2, 1, 3, 3}), "weight");
    graph.output("y", graph.conv(x, weight, nullptr, square(3)));
    graph.metadata("b", "2");
    graph.metadata("a", "1");
    return graph.finish();
  };
  EXPECT_EQ(build(), build());
}

TEST(OnnxGraph, ShapesAreWorkedOut) {
  OnnxGraph graph("g");
  const auto x = graph.input("x", torch::kFloat32, {-1, 2, 9, 7});
  const auto weight = graph.constant(torch::ones({4, 1, 3, 3}), "w");
  EXPECT_EQ(graph.conv(x, weight, nullptr, square(3, 2, 1), 2).shape, (Shape{-1, 4, 5, 4}));
  const auto up = graph.constant(torch::ones({2, 3, 4, 4}), "up");
  EXPECT_EQ(graph.conv_transpose(x, up, nullptr, square(4, 2, 1)).shape, (Shape{-1, 3, 18, 14}));
  EXPECT_EQ(graph.max_pool(x, square(2, 2)).shape, (Shape{-1, 2, 4, 3}));
  EXPECT_EQ(graph.global_average_pool(x).shape, (Shape{-1, 2, 1, 1}));
  EXPECT_EQ(graph.flatten(x).shape, (Shape{-1, 126}));
  EXPECT_EQ(graph.reshape(x, {-1, 2, 63}).shape, (Shape{-1, 2, 63}));
  EXPECT_EQ(graph.transpose(x, {0, 2, 3, 1}).shape, (Shape{-1, 9, 7, 2}));
  EXPECT_EQ(graph.slice(x, 3, 2, 100).shape, (Shape{-1, 2, 9, 5}));
  EXPECT_EQ(graph.concat({x, x}, 1).shape, (Shape{-1, 4, 9, 7}));
  EXPECT_EQ(graph.reduce_mean(x, {-1, -2}, false).shape, (Shape{-1, 2}));
  EXPECT_EQ(graph.resize(x, 2, true).shape, (Shape{-1, 2, 18, 14}));
  const auto theta = graph.input("theta", torch::kFloat32, {-1, 2, 3});
  const auto grid = graph.affine_grid(theta, 5, 6, false);
  EXPECT_EQ(grid.shape, (Shape{-1, 5, 6, 2}));
  EXPECT_EQ(graph.grid_sample(x, grid, {}).shape, (Shape{-1, 2, 5, 6}));
  const auto row = graph.constant(torch::ones({7}), "row");
  EXPECT_EQ(graph.add(x, row).shape, x.shape);
  EXPECT_EQ(graph.cast(x, torch::kInt64).dtype, torch::kInt64);
  const auto fixed = graph.input("fixed", torch::kFloat32, {4, 6});
  EXPECT_EQ(graph.reshape(fixed, {3, -1}).shape, (Shape{3, 8}));
}

TEST(OnnxGraph, SaysWhatIsWrong) {
  const auto x = [](OnnxGraph& graph) { return graph.input("x", torch::kFloat32, {-1, 2, 9, 7}); };
  const struct {
    std::function<void(OnnxGraph&)> build;
    const char* wanted;
  } cases[] = {
      {[&](auto& g) { g.finish(); }, "needs at least one input and one output"},
      {[&](auto& g) {
         x(g);
         g.output("y", g.constant(torch::ones({1}), "c"));
         g.finish();
       },
       "nothing reads the ONNX input 'x'"},
      {[&](auto& g) { x(g), x(g); }, "an ONNX input needs a name of its own, got 'x'"},
      {[&](auto& g) { g.output("x", x(g)); }, "an ONNX output needs a name of its own, got 'x'"},
      {[&](auto& g) { g.input("z", torch::kFloat32, {0}); }, "sides must be at least 1"},
      {[&](auto& g) {
         g.input("z", torch::kFloat32, {-1, -1});
       },
       "one side at most can be the batch"},
      {[&](auto& g) { g.input("z", torch::kComplexFloat, {1}); }, "cannot hold ComplexFloat"},
      {[&](auto& g) {
         g.relu({"other", torch::kFloat32, {1}});
       },
       "Relu: value 'other' is not of this graph"},
      {[&](auto& g) { g.add(x(g), g.constant(torch::ones({2}), "c")); },
       "Add cannot join [B,2,9,7] and [2]"},
      {[&](auto& g) { g.add(x(g), g.constant(torch::ones({7}, torch::kFloat64), "c")); },
       "Add takes two values of one type, got Float and Double"},
      {[&](auto& g) {
         g.conv(x(g), g.constant(torch::ones({4, 3, 3, 3}), "w"), nullptr, square(3));
       },
       "Conv of [B,2,9,7] in 1 groups with window [3,3] cannot take weights [4,3,3,3]"},
      {[&](auto& g) {
         g.conv(x(g), g.constant(torch::ones({4, 2, 3, 3}, torch::kFloat64), "w"), nullptr,
                square(3));
       },
       "Conv takes values of one type, got Float and Double"},
      {[&](auto& g) {
         const auto bias = g.constant(torch::ones({4}, torch::kFloat64), "b");
         g.conv(x(g), g.constant(torch::ones({4, 2, 3, 3}), "w"), &bias, square(3));
       },
       "Conv takes values of one type, got Float and Double"},
      {[&](auto& g) {
         g.conv_transpose(x(g), g.constant(torch::ones({2, 4, 3, 3}, torch::kFloat64), "w"),
                          nullptr, square(3));
       },
       "ConvTranspose takes values of one type, got Float and Double"},
      {[&](auto& g) {
         g.gemm(g.flatten(x(g)), g.constant(torch::ones({4, 126}, torch::kFloat64), "w"), nullptr);
       },
       "Gemm takes values of one type, got Float and Double"},
      {[&](auto& g) {
         const auto ones = g.constant(torch::ones({2}), "o");
         const auto wide = g.constant(torch::ones({2}, torch::kFloat64), "w");
         g.batch_normalization(x(g), {ones, ones, ones, wide}, 1e-5);
       },
       "BatchNormalization takes values of one type, got Float and Double"},
      {[&](auto& g) {
         const auto image = x(g);
         g.grid_sample(image, g.cast(g.reshape(image, {-1, 9, 7, 2}), torch::kFloat64), {});
       },
       "GridSample takes values of one type, got Float and Double"},
      {[&](auto& g) {
         g.matmul(x(g), g.constant(torch::ones({7, 2}, torch::kFloat64), "w"));
       },
       "MatMul takes values of one type, got Float and Double"},
      {[&](auto& g) { g.max_pool(x(g), square(8)); }, "a window of 8 does not fit into [B,2,9,7]"},
      {[&](auto& g) {
         g.max_pool(x(g), {{2}, {2}, {0}, {1}});
       },
       "of 2 numbers each"},
      {[&](auto& g) { g.max_pool(x(g), square(2, 0)); }, "must be at least 1"},
      {[&](auto& g) {
         g.gemm(x(g), g.constant(torch::ones({4, 7}), "w"), nullptr);
       },
       "Gemm takes a value of 2 sides, got [B,2,9,7]"},
      {[&](auto& g) {
         g.matmul(x(g), g.constant(torch::ones({9, 2}), "w"));
       },
       "MatMul cannot multiply [B,2,9,7] and [9,2]"},
      {[&](auto& g) {
         g.reshape(x(g), {-1, 100});
       },
       "Reshape cannot make [B,100] of [B,2,9,7]"},
      {[&](auto& g) { g.reshape(x(g), {126}); }, "Reshape cannot make [126] of [B,2,9,7]"},
      {[&](auto& g) {
         g.transpose(x(g), {0, 1, 1, 2});
       },
       "cannot take the order [0,1,1,2]"},
      {[&](auto& g) { g.slice(x(g), 1, 2, 3); },
       "Slice 2:3 along axis 1 of [B,2,9,7] holds nothing"},
      {[&](auto& g) { g.softmax(x(g), 4); }, "Softmax of [B,2,9,7] has no axis 4"},
      {[&](auto& g) {
         g.concat({x(g), g.constant(torch::ones({7}), "c")}, 0);
       },
       "Concat cannot join"},
      {[&](auto& g) { g.grid_sample(x(g), x(g), {}); }, "an ONNX input needs a name of its own"},
      {[&](auto& g) {
         const auto image = x(g);
         g.grid_sample(image, g.reshape(image, {-1, 9, 7, 2}), {.mode = "cubic"});
       },
       "GridSample knows no 'cubic'"},
      {[&](auto& g) { g.affine_grid(x(g), 2, 2, false); }, "an affine grid takes [B,2,3]"},
  };
  for (const auto& [build, wanted] : cases)
    EXPECT_NE(refusal(build).find(wanted), std::string::npos) << wanted << "\n" << refusal(build);
}

}  // namespace onnx_graph_test
}  // namespace clew::nn
