// SPDX-License-Identifier: Apache-2.0
// Bytes by hand, shapes, errors. Computation is tested with other programs in tests/parity.
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
      {[&](auto& g) { g.reduce_mean(x(g), {}, true); }, "ReduceMean takes at least one axis"},
      {[&](auto& g) { g.group_normalization(x(g), 3, {}, 1e-5); },
       "GroupNormalization of [B,2,9,7] cannot have 3 groups"},
      {[&](auto& g) { g.group_normalization(x(g), 2, {g.constant(torch::ones({2}), "s")}, 1e-5); },
       "GroupNormalization takes scale and shift, or none"},
      {[&](auto& g) {
         const auto wide = g.constant(torch::ones({3}), "s");
         g.group_normalization(x(g), 2, {wide, wide}, 1e-5);
       },
       "GroupNormalization of [B,2,9,7] cannot take [3]"},
      {[&](auto& g) {
         g.layer_normalization(x(g), g.constant(torch::ones({9}), "s"), nullptr, 1e-5);
       },
       "LayerNormalization of [B,2,9,7] cannot take [9]"},
  };
  for (const auto& [build, wanted] : cases)
    EXPECT_NE(refusal(build).find(wanted), std::string::npos) << wanted << "\n" << refusal(build);
}

using Build = std::function<OnnxValue(OnnxGraph&, const OnnxValue&)>;
using torch::Tensor;

TEST(OnnxGraph, EveryOperatorComputesWhatLibTorchDoes) {
  torch::manual_seed(1);
  const auto x = torch::rand({3, 4, 6, 5}) + 0.1;
  const auto other = torch::rand({4, 1, 5}) + 0.5;
  const auto by = [&](OnnxGraph& g) { return g.constant(other, "other"); };
  const auto weight = torch::randn({2, 2, 3, 3}), up = torch::randn({4, 1, 2, 2}),
             bias = torch::randn({2});
  const auto table = torch::randn({5, 7});
  const auto statistics = torch::rand({4}) + 0.1;
  const auto grid = torch::rand({1, 2, 3, 2}) * 2 - 1;
  const auto affine = torch::tensor({1.F, 0.2F, 0.F, 0.1F, 1.F, 0.3F}).view({1, 2, 3});
  const std::vector<std::pair<Build, Tensor>> cases = {
      {[&](auto& g, auto& v) { return g.add(v, by(g)); }, x + other},
      {[&](auto& g, auto& v) { return g.sub(v, by(g)); }, x - other},
      {[&](auto& g, auto& v) { return g.mul(v, by(g)); }, x * other},
      {[&](auto& g, auto& v) { return g.div(v, by(g)); }, x / other},
      {[&](auto& g, auto& v) { return g.max(v, by(g)); }, torch::maximum(x, other)},
      {[&](auto& g, auto& v) { return g.min(v, by(g)); }, torch::minimum(x, other)},
      {[&](auto& g, auto& v) { return g.relu(g.sub(v, by(g))); }, (x - other).relu()},
      {[](auto& g, auto& v) { return g.sigmoid(v); }, x.sigmoid()},
      {[](auto& g, auto& v) { return g.tanh(v); }, x.tanh()},
      {[](auto& g, auto& v) { return g.exp(v); }, x.exp()},
      {[](auto& g, auto& v) { return g.log(v); }, x.log()},
      {[](auto& g, auto& v) { return g.sqrt(v); }, x.sqrt()},
      {[](auto& g, auto& v) { return g.neg(v); }, -x},
      {[](auto& g, auto& v) { return g.erf(v); }, x.erf()},
      {[&](auto& g, auto& v) { return g.abs(g.sub(v, by(g))); }, (x - other).abs()},
      {[](auto& g, auto& v) { return g.identity(v); }, x},
      {[&](auto& g, auto& v) { return g.hard_sigmoid(g.sub(v, by(g))); },
       torch::hardsigmoid(x - other)},
      {[&](auto& g, auto& v) { return g.hard_swish(g.sub(v, by(g))); },
       torch::hardswish(x - other)},
      {[](auto& g, auto& v) { return g.silu(v); }, torch::silu(x)},
      {[](auto& g, auto& v) { return g.gelu(v); }, torch::gelu(x)},
      {[](auto& g, auto& v) { return g.gelu(v, true); }, torch::gelu(x, "tanh")},
      {[&](auto& g, auto& v) { return g.leaky_relu(g.sub(v, by(g)), 0.3); },
       torch::leaky_relu(x - other, 0.3)},
      {[&](auto& g, auto& v) { return g.elu(g.sub(v, by(g)), 0.7); }, torch::elu(x - other, 0.7)},
      {[](auto& g, auto& v) { return g.clip(v, 0.3, 0.6); }, x.clamp(0.3, 0.6)},
      {[](auto& g, auto& v) { return g.softmax(v, 1); }, x.softmax(1)},
      {[](auto& g, auto& v) { return g.log_softmax(v, -1); }, x.log_softmax(-1)},
      {[](auto& g, auto& v) { return g.cast(v, torch::kFloat64); }, x.to(torch::kFloat64)},
      {[&](auto& g, auto& v) {
         const auto b = g.constant(bias, "b");
         return g.conv(v, g.constant(weight, "w"), &b, {{3, 3}, {2, 1}, {1, 0}, {1, 2}}, 2);
       },
       torch::conv2d(x, weight, bias, {2, 1}, {1, 0}, {1, 2}, 2)},
      {[&](auto& g, auto& v) {
         return g.conv_transpose(v, g.constant(up, "w"), nullptr, {{2, 2}, {2, 3}, {1, 0}, {1, 1}},
                                 2);
       },
       torch::conv_transpose2d(x, up, {}, {2, 3}, {1, 0}, 0, 2)},
      {[](auto& g, auto& v) { return g.max_pool(v, square(3, 2, 1)); },
       torch::max_pool2d(x, 3, 2, 1)},
      {[](auto& g, auto& v) {
         return g.max_pool(g.reshape(v, {-1, 4, 30}), {{3}, {2}, {1}, {2}});
       },
       torch::max_pool1d(x.flatten(2), 3, 2, 1, 2)},
      {[](auto& g, auto& v) { return g.average_pool(v, square(3, 2, 1), false); },
       torch::avg_pool2d(x, 3, 2, 1, false, false)},
      {[](auto& g, auto& v) {
         return g.average_pool(g.reshape(v, {-1, 4, 30}), {{3}, {2}, {1}, {1}});
       },
       torch::avg_pool1d(x.flatten(2), 3, 2, 1)},
      {[](auto& g, auto& v) {
         return g.average_pool(g.reshape(v, {-1, 4, 6, 5, 1}),
                               {{2, 2, 1}, {2, 1, 1}, {0, 0, 0}, {1, 1, 1}});
       },
       torch::avg_pool3d(x.unsqueeze(4), {2, 2, 1}, {2, 1, 1})},
      {[](auto& g, auto& v) { return g.global_average_pool(v); }, x.mean({2, 3}, true)},
      {[&](auto& g, auto& v) {
         return g.gemm(g.reduce_mean(v, {1, 2}, false), g.constant(table.t(), "w"), nullptr);
       },
       torch::matmul(x.mean({1, 2}), table)},
      {[&](auto& g, auto& v) {
         const auto s = g.constant(statistics, "s");
         return g.batch_normalization(v, {s, s, s, s}, 0.01);
       },
       torch::batch_norm(x, statistics, statistics, statistics, statistics, false, 0, 0.01, false)},
      {[&](auto& g, auto& v) {
         const auto s = g.constant(statistics, "s");
         return g.group_normalization(v, 2, {s, s}, 0.01);
       },
       torch::group_norm(x, 2, statistics, statistics, 0.01)},
      {[&](auto& g, auto& v) {
         return g.layer_normalization(v, g.constant(other[0][0], "s"), nullptr, 0.01);
       },
       torch::layer_norm(x, {5}, other[0][0], {}, 0.01)},
      {[&](auto& g, auto& v) { return g.matmul(v, g.constant(table, "t")); },
       torch::matmul(x, table)},
      {[](auto& g, auto& v) {
         return g.concat({v, v}, 2);
       },
       torch::cat({x, x}, 2)},
      {[](auto& g, auto& v) {
         return g.reshape(v, {-1, 8, 15});
       },
       x.view({3, 8, 15})},
      {[](auto& g, auto& v) { return g.flatten(v); }, x.flatten(1)},
      {[](auto& g, auto& v) {
         return g.transpose(v, {0, 3, 1, 2});
       },
       x.permute({0, 3, 1, 2})},
      {[](auto& g, auto& v) { return g.slice(v, -1, 1, 100); }, x.slice(3, 1)},
      {[](auto& g, auto& v) { return g.reduce_mean(v, {-1}, true); }, x.mean({3}, true)},
      {[](auto& g, auto& v) { return g.resize(v, 2, true); },
       torch::upsample_bilinear2d(x, Shape{12, 10}, false)},
      {[](auto& g, auto& v) { return g.resize(v, 3, false); },
       torch::upsample_nearest2d(x, Shape{18, 15})},
      {[](auto& g, auto& v) { return g.upsample(v, g.resize(v, 2, false)); },
       torch::upsample_nearest2d(x, Shape{12, 10})},
      {[&](auto& g, auto& v) {
         const auto places =
             g.add(g.constant(grid, "grid"), g.reduce_mean(g.sub(v, v), {1, 2, 3}, true));
         return g.grid_sample(v, places,
                              {.mode = "bicubic", .border = "reflection", .align_corners = true});
       },
       torch::grid_sampler(x, grid.expand({3, 2, 3, 2}), 2, 2, true)},
      {[&](auto& g, auto& v) {
         const auto zero = g.reshape(g.reduce_mean(g.sub(v, v), {1, 2, 3}, true), {-1, 1, 1});
         return g.affine_grid(g.add(zero, g.constant(affine, "theta")), 4, 3, false);
       },
       torch::affine_grid_generator(affine.expand({3, 2, 3}), {3, 1, 4, 3}, false)},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    OnnxGraph graph("g");
    const auto& [build, wanted] = cases[i];
    const auto value = build(graph, graph.input("x", torch::kFloat32, {-1, 4, 6, 5}));
    graph.output("y", value);
    const auto got = graph.run({x}).at(0);
    EXPECT_EQ(got.sizes(), wanted.sizes()) << value.name;
    EXPECT_EQ(got.dtype(), wanted.dtype()) << value.name;
    EXPECT_TRUE(torch::allclose(got, wanted, 1e-5, 1e-6)) << value.name;
  }
}

TEST(OnnxGraph, RunKeepsTheWeightsOfTheFile) {
  OnnxGraph graph("g");
  const auto weight = torch::ones({2});
  const auto x = graph.input("x", torch::kFloat32, {-1, 2}),
             y = graph.input("y", torch::kInt64, {3});
  graph.output("sum", graph.add(x, graph.constant(weight, "w")));
  graph.output("same", y);
  weight.fill_(7);
  const auto numbers = torch::tensor({4, 5, 6}, torch::kInt64);
  const auto got = graph.run({torch::zeros({5, 2}), numbers});
  EXPECT_TRUE(torch::equal(got.at(0), torch::ones({5, 2})));
  EXPECT_TRUE(torch::equal(got.at(1), numbers));
  const auto refused = [&](const std::vector<Tensor>& inputs) {
    return clew::error_of([&] { graph.run(inputs); });
  };
  EXPECT_EQ(refused({numbers}), "the ONNX graph takes 2 inputs, got 1");
  EXPECT_EQ(refused({torch::zeros({5, 3}), numbers}),
            "value 'x' of the ONNX graph must be Float [B,2], got Float [5,3]");
  EXPECT_EQ(refused({torch::zeros({5, 2}), torch::zeros({3})}),
            "value 'y' of the ONNX graph must be Long [3], got Float [3]");
}

TEST(OnnxGraph, FreeSidesStayUnknown) {
  OnnxGraph graph("g");
  const auto x = graph.input("x", torch::kFloat32, {-1, 2, -2, -2});
  const auto weight = graph.constant(torch::ones({4, 2, 3, 3}), "w");
  const auto up = graph.constant(torch::ones({2, 3, 4, 4}), "up");
  const Shape wide = {-1, 4, -2, -2};
  EXPECT_EQ(graph.conv(x, weight, nullptr, square(3, 2, 1)).shape, wide);
  EXPECT_EQ(graph.conv_transpose(x, up, nullptr, square(4, 2, 1)).shape, (Shape{-1, 3, -2, -2}));
  EXPECT_EQ(graph.max_pool(x, square(2, 2)).shape, x.shape);
  EXPECT_EQ(graph.resize(x, 2, true).shape, x.shape);
  EXPECT_EQ(graph.upsample(x, x).shape, x.shape);
  EXPECT_EQ(graph.concat({x, x}, 1).shape, wide);
  EXPECT_EQ(graph.concat({x, x}, 2).shape, x.shape);
  EXPECT_EQ(graph.global_average_pool(x).shape, (Shape{-1, 2, 1, 1}));
  EXPECT_EQ(graph.reduce_mean(x, {2, 3}, false).shape, (Shape{-1, 2}));
  EXPECT_EQ(graph.add(x, graph.global_average_pool(x)).shape, x.shape);
  EXPECT_EQ(graph.slice(x, 1, 0, 1).shape, (Shape{-1, 1, -2, -2}));
  const auto grid = graph.input("grid", torch::kFloat32, {-1, 5, 6, 2});
  EXPECT_EQ(graph.grid_sample(x, grid, {}).shape, (Shape{-1, 2, 5, 6}));
  EXPECT_EQ(graph.group_normalization(x, 2, {}, 1e-5).shape, x.shape);
  const auto refused = [&](const std::function<void()>& call) { return clew::error_of(call); };
  const std::string needs =
      " needs a fixed size, got [B,2,?,?]; give the input's height and width as numbers";
  graph.begin_scope("head");
  EXPECT_EQ(refused([&] { graph.flatten(x); }), "cannot export to ONNX: head.Flatten" + needs);
  EXPECT_EQ(refused([&] {
              graph.reshape(x, {-1, 6});
            }),
            "cannot export to ONNX: head.Reshape" + needs);
  EXPECT_EQ(refused([&] { graph.slice(x, 2, 0, 3); }), "cannot export to ONNX: head.Slice" + needs);
  EXPECT_EQ(refused([&] { graph.add(x, graph.constant(torch::ones({3}), "c")); }),
            "Add cannot join [B,2,?,?] and [3]");
  EXPECT_EQ(refused([&] {
              graph.input("odd", torch::kFloat32, {-2, 3, 4});
            }),
            "ONNX input 'odd': only the last two sides can be free, got [?,3,4]");
}

// Sides that are equal for no input: known only when the graph runs.
TEST(OnnxGraph, RunNamesTheNodeThatFails) {
  OnnxGraph graph("g");
  const auto x = graph.input("x", torch::kFloat32, {-1, 2, -2, -2});
  graph.output("y", graph.add(x, graph.max_pool(x, square(2, 2))));
  const auto got = clew::error_of([&] { graph.run({torch::ones({1, 2, 8, 8})}); });
  EXPECT_EQ(got.rfind("'Add_0' of the ONNX graph cannot be computed: ", 0), 0U) << got;
}

}  // namespace onnx_graph_test
}  // namespace clew::nn
