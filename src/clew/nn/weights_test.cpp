// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/weights.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace weights_test {

namespace fs = std::filesystem;

fs::path fixture(const std::string& name) { return fs::path(CLEW_PTH_FIXTURES) / name; }

torch::Tensor at(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  ADD_FAILURE() << "no " << name;
  return torch::zeros({});
}

struct Weights : testing::Test {
  fs::path folder = fs::temp_directory_path() /
                    ("clew_weights_" +
                     std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  Weights() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Weights() override { fs::remove_all(folder); }
};

/// A small network with buffers, a scalar buffer and a module without bias.
torch::nn::Sequential network(int classes) {
  return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 2, 3).bias(false)),
                               torch::nn::BatchNorm2d(2), torch::nn::Linear(2, classes));
}

TEST_F(Weights, EmptyTensorsComeBack) {
  const NamedTensors written = {{"a", torch::empty({0, 300})},
                                {"b", torch::empty({300, 0, 2}, torch::kInt64)},
                                {"c", torch::ones({2})},
                                {"d", torch::empty({0}, torch::kBool)}};
  for (const char* name : {"w.safetensors", "w.pth"}) {
    write_tensors(folder / name, written);
    const auto read = read_tensors(folder / name);
    ASSERT_EQ(read.size(), written.size()) << name;
    for (std::size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].second.sizes(), written[i].second.sizes()) << name << i;
      EXPECT_TRUE(torch::equal(read[i].second, written[i].second)) << name << i;
    }
  }
  const auto python = read_tensors(fixture("empty.pth"));
  EXPECT_EQ(at(python, "a").sizes(), (torch::IntArrayRef{0, 300}));
  EXPECT_EQ(at(python, "b").sizes(), (torch::IntArrayRef{2, 0, 2}));
  // The bytes of Python's safetensors.torch.save_file.
  const std::string header = R"({"a":{"dtype":"F32","shape":[0,300],"data_offsets":[0,0]}}  )";
  write_file_atomic(folder / "p.safetensors", std::string(1, static_cast<char>(header.size())) +
                                                  std::string(7, '\0') + header);
  EXPECT_EQ(at(read_tensors(folder / "p.safetensors"), "a").sizes(), (torch::IntArrayRef{0, 300}));
}

// The values of plain() in tests/parity/make_pth.py.
TEST(WeightsFixtures, EveryTypeAndLayoutOfEveryForm) {
  for (const char* name : {"zip.pth", "legacy.pth", "protocol_4.pth", "new_torch.pth",
                           "legacy_protocol_3.pth", "legacy_protocol_5.pth"}) {
    SCOPED_TRACE(name);
    const auto tensors = read_tensors(fixture(name));
    ASSERT_EQ(tensors.size(), 16U);
    const auto expect = [&](const char* key, const torch::Tensor& wanted) {
      const auto got = at(tensors, key);
      EXPECT_EQ(got.scalar_type(), wanted.scalar_type()) << key;
      EXPECT_EQ(got.sizes(), wanted.sizes()) << key;
      EXPECT_TRUE(torch::equal(got, wanted)) << key << "\n" << got;
    };
    const auto f32 = torch::kFloat32;
    expect("f32", torch::tensor({-0.5F, -0.25F, 0.F, 0.25F, 0.5F, 0.75F}).view({2, 3}));
    expect("f64", torch::tensor({1e-300, -2.5}, torch::kFloat64));
    expect("f16", torch::tensor({0.5, -1.5, 65504.0}, torch::kFloat64).to(torch::kFloat16));
    expect("bf16", torch::tensor({1.0, -3.0, 1e30}, torch::kFloat64).to(torch::kBFloat16));
    expect("i64", torch::tensor(-(std::int64_t{1} << 40), torch::kInt64));
    expect("i32", torch::tensor({7, -8}, torch::kInt32));
    expect("i16", torch::tensor({-300}, torch::kInt16));
    expect("i8", torch::tensor({-1, 127}, torch::kInt8));
    expect("u8", torch::tensor({0, 255}, torch::kUInt8));
    expect("bool", torch::tensor({1, 0, 1}, torch::kInt32).to(torch::kBool));
    expect("turned", torch::tensor({0, 3, 1, 4, 2, 5}, f32).view({3, 2}));
    expect("base", torch::tensor({0, 1, 2, 3, 4, 5, 6, 7}, f32));
    expect("part", torch::tensor({2, 4, 6}, f32));
    expect("empty", torch::empty({0, 3}));
    expect("spread", torch::tensor({4, 4, 4}, f32));
    expect("parameter", torch::tensor({1, 2}, f32));
    EXPECT_EQ(at(tensors, "turned").strides(), torch::IntArrayRef({1, 3}));
    EXPECT_TRUE(at(tensors, "part").is_alias_of(at(tensors, "base")));
    EXPECT_FALSE(at(tensors, "parameter").requires_grad());
  }
}

TEST(WeightsFixtures, ACheckpointOfPythonLoadsIntoAModule) {
  for (const char* name : {"nested.pth", "nested_legacy.pth"}) {
    torch::nn::Sequential module(torch::nn::Conv2d(1, 2, 3), torch::nn::BatchNorm2d(2));
    const auto report = load_weights(*module, fixture(name), {.part = "model"});
    EXPECT_EQ(report.text(), "7 loaded");
    const auto weight = torch::arange(18, torch::kFloat32).view({2, 1, 3, 3});
    EXPECT_TRUE(torch::equal(at(state_of(*module), "0.weight"), weight));
    EXPECT_TRUE(torch::equal(at(state_of(*module), "1.bias"), torch::tensor({3.F, 4.F})));
  }
}

TEST_F(Weights, StateHasPythonsNamesInPythonsOrder) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_of(*network(3))) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "1.weight", "1.bias", "1.running_mean",
                                             "1.running_var", "1.num_batches_tracked", "2.weight",
                                             "2.bias"}));
}

TEST_F(Weights, RoundTripThroughBothFormats) {
  auto module = network(3);
  for (const char* name : {"w.pth", "w.safetensors"}) {
    save_weights(*module, folder / name);
    auto other = network(3);
    EXPECT_EQ(load_weights(*other, folder / name).text(), "8 loaded");
    const auto wanted = state_of(*module);
    for (const auto& [key, tensor] : state_of(*other))
      EXPECT_TRUE(torch::equal(tensor, at(wanted, key))) << key;
    EXPECT_FALSE(fs::exists(folder / (std::string(name) + ".part")));
  }
  EXPECT_EQ(error_of([&] { save_weights(*module, folder / "w.bin"); }),
            "cannot write '" + (folder / "w.bin").string() +
                "': weights are written to .safetensors or .pth, got '.bin'");
}

TEST_F(Weights, LayoutDoesNotMatterToTheWriter) {
  const auto base = torch::arange(12, torch::kFloat32).view({3, 4});
  write_tensors(folder / "w.pth", {{"turned", base.t()}, {"part", base.narrow(1, 1, 2)}});
  const auto read = read_tensors(folder / "w.pth");
  EXPECT_TRUE(torch::equal(at(read, "turned"), base.t()));
  EXPECT_TRUE(torch::equal(at(read, "part"), base.narrow(1, 1, 2)));
}

TEST_F(Weights, WhatDoesNotFitIsRefusedAndNothingChanges) {
  auto state = state_of(*network(5));
  state.erase(state.begin() + 1);
  state.emplace_back("3.weight", torch::zeros({1}));
  auto module = network(3);
  const auto before = at(state_of(*module), "0.weight").clone();
  EXPECT_EQ(error_of([&] { load_weights(*module, state, "w.pth"); }),
            "w.pth: the weights do not fit the network: 1 missing (1.weight), 1 unexpected "
            "(3.weight), 2 of another shape (2.weight: wanted f32 [3,2], got f32 [5,2], 2.bias: "
            "wanted f32 [3], got f32 [5])");
  EXPECT_TRUE(torch::equal(at(state_of(*module), "0.weight"), before));

  const auto report =
      load_weights(*module, state, "w.pth",
                   {.allows_missing = true, .allows_unexpected = true, .allows_misshapen = true});
  EXPECT_EQ(report.missing, std::vector<std::string>{"1.weight"});
  EXPECT_EQ(report.unexpected, std::vector<std::string>{"3.weight"});
  ASSERT_EQ(report.misshapen.size(), 2U);
  EXPECT_EQ(report.loaded.size(), 5U);
  EXPECT_FALSE(torch::equal(at(state_of(*module), "0.weight"), before));
}

TEST_F(Weights, SkipLeavesTheLastLayerAsItIs) {
  auto module = network(3);
  const auto before = at(state_of(*module), "2.weight").clone();
  const auto report = load_weights(*module, state_of(*network(5)), "w.pth", {.skip = {"2."}});
  EXPECT_EQ(report.text(), "6 loaded, 2 skipped (2.weight, 2.bias)");
  EXPECT_TRUE(torch::equal(at(state_of(*module), "2.weight"), before));
}

TEST_F(Weights, RenameMapsAndDrops) {
  NamedTensors state;
  for (const auto& [name, tensor] : state_of(*network(3)))
    state.emplace_back("module." + name, tensor);
  state.emplace_back("head.weight", torch::zeros({1}));
  auto module = network(3);
  const LoadOptions options = {.rename = [](const std::string& name) {
    return name.starts_with("module.") ? name.substr(7) : "";
  }};
  EXPECT_EQ(load_weights(*module, state, "w.pth", options).loaded.size(), 8U);
  const LoadOptions same = {.rename = [](const std::string&) { return "0.weight"; }};
  EXPECT_EQ(error_of([&] { load_weights(*module, state, "w.pth", same); }),
            "w.pth: two entries are named '0.weight' after renaming");
}

TEST_F(Weights, RealTypesConvertAndWholeNumbersDoNot) {
  torch::nn::Linear module(1, 1);
  load_weights(*module,
               {{"weight", torch::tensor({{0.5}}, torch::kFloat16)},
                {"bias", torch::tensor({1.5}, torch::kFloat64)}},
               "w");
  EXPECT_EQ(module->weight.item<float>(), 0.5F);
  EXPECT_EQ(module->weight.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(module->weight.requires_grad());
  EXPECT_NE(error_of([&] {
              load_weights(
                  *module,
                  {{"weight", torch::ones({1, 1}, torch::kInt64)}, {"bias", torch::ones({1})}},
                  "w");
            }).find("weight: wanted f32 [1,1], got i64 [1,1]"),
            std::string::npos);
}

TEST_F(Weights, AnotherTypeIsCalledOne) {
  torch::nn::Linear module(1, 1);
  const auto of = [&](const torch::Tensor& weight, const torch::Tensor& bias) {
    return error_of([&] { load_weights(*module, {{"weight", weight}, {"bias", bias}}, "w"); });
  };
  const auto whole = torch::ones({1}, torch::kInt64);
  EXPECT_EQ(of(torch::ones({1, 1}), whole),
            "w: the weights do not fit the network: 1 of another type (bias: wanted f32 [1], got "
            "i64 [1])");
  EXPECT_EQ(of(torch::ones({1, 2}), whole),
            "w: the weights do not fit the network: 2 of another shape or type (weight: wanted f32 "
            "[1,1], got f32 [1,2], bias: wanted f32 [1], got i64 [1])");
}

TEST_F(Weights, NumbersThatAreTooLargeAreRefused) {
  torch::nn::Linear module(1, 1);
  const auto before = module->weight.clone();
  const auto of = [&](double value, torch::ScalarType type) {
    return error_of([&] {
      load_weights(*module,
                   {{"weight", torch::ones({1, 1})},
                    {"bias", torch::full({1}, value, torch::kFloat64).to(type)}},
                   "w");
    });
  };
  EXPECT_EQ(of(1e300, torch::kFloat64),
            "w: bias has numbers that are too large: wanted f32 [1], got f64 [1]");
  EXPECT_TRUE(torch::equal(module->weight, before));
  EXPECT_EQ(of(INFINITY, torch::kFloat64), "no error");
  EXPECT_EQ(of(NAN, torch::kFloat64), "no error");
  EXPECT_EQ(of(65504, torch::kFloat16), "no error");
  EXPECT_EQ(module->bias.item<float>(), 65504);
  module->to(torch::kFloat16);
  EXPECT_NE(of(1e30, torch::kFloat32).find("too large: wanted f16 [1], got f32 [1]"),
            std::string::npos);

  torch::nn::BatchNorm1d counter(1);
  auto state = state_of(*counter);
  state.back().second = torch::tensor(7, torch::kInt32);
  load_weights(*counter, state, "w");
  EXPECT_EQ(counter->num_batches_tracked.item<int>(), 7);
}

TEST_F(Weights, WhatWouldFitIsSaid) {
  NamedTensors state = state_of(*network(3)), prefixed;
  for (const auto& [name, tensor] : state) prefixed.emplace_back("module." + name, tensor);
  auto module = network(3);
  const auto of = [&](const NamedTensors& tensors) {
    return error_of([&] { load_weights(*module, tensors, "w"); });
  };
  EXPECT_EQ(
      of(prefixed),
      "w: the weights do not fit the network: 7 missing (0.weight, 1.weight, 1.bias, "
      "1.running_mean, ... (3 more)), 8 unexpected (module.0.weight, module.1.weight, "
      "module.1.bias, module.1.running_mean, ... (4 more)); 7 of the missing are there behind "
      "'module.', which LoadOptions::rename can take away");
  write_tensors(folder / "prefixed.pth", prefixed);
  EXPECT_NE(error_of([&] {
              load_weights(*module, folder / "prefixed.pth");
            }).find("behind 'module.', which LoadOptions::rename can take away"),
            std::string::npos);

  torch::nn::Sequential convolution(torch::nn::Conv2d(1, 2, 3), torch::nn::BatchNorm2d(2));
  EXPECT_NE(
      error_of([&] {
        load_weights(*convolution, fixture("nested.pth"));
      }).find("; 6 of the missing are there behind 'model.': LoadOptions::part can be 'model'"),
      std::string::npos);

  torch::nn::ModuleList outer;
  outer->push_back(network(3).ptr());
  EXPECT_NE(
      error_of([&] { load_weights(*outer, state, "w"); })
          .find("; 7 of the missing are there without '0.', which LoadOptions::rename can put "
                "before them"),
      std::string::npos);
  EXPECT_EQ(of({{"other", torch::ones({1})}}).find("LoadOptions"), std::string::npos);
}

TEST_F(Weights, NamesThatNoFileCanHold) {
  const auto one = torch::ones({1});
  const auto of = [&](const char* file, const NamedTensors& tensors) {
    const auto text = error_of([&] { write_tensors(folder / file, tensors); });
    EXPECT_FALSE(fs::exists(folder / file));
    const auto begin = "cannot write '" + (folder / file).string() + "': ";
    EXPECT_TRUE(text.starts_with(begin)) << text;
    return text.substr(std::min(text.size(), begin.size()));
  };
  for (const char* file : {"w.pth", "w.safetensors"}) {
    EXPECT_EQ(of(file, {{"a", one}, {"a", one}}), "two tensors are named 'a'");
    EXPECT_EQ(of(file, {{"a\xff", one}}), "a tensor's name must be UTF-8, got 'a\\xff'");
    EXPECT_EQ(of(file, {{"c", torch::ones({1}, torch::kComplexFloat)}}),
              "a file of weights cannot hold ComplexFloat");
  }
  EXPECT_EQ(of("w.safetensors", {{"__metadata__", one}}),
            "a safetensors file cannot hold a tensor named '__metadata__'");
  write_tensors(folder / "w.pth", {{"__metadata__", one}});
  EXPECT_EQ(read_tensors(folder / "w.pth").at(0).first, "__metadata__");
}

TEST_F(Weights, NamesOfFilesAreShownOnOneShortLine) {
  torch::nn::Linear module(1, 1);
  const std::string name = "evil\n\x1b[31m" + std::string(3'000'000, 'x');
  for (const char* file : {"w.pth", "w.safetensors"}) {
    write_tensors(folder / file, {{name, torch::ones({1})}});
    const auto text = error_of([&] { load_weights(*module, folder / file); });
    EXPECT_NE(text.find("1 unexpected (evil\\x0a\\x1b[31mxxx"), std::string::npos);
    EXPECT_LT(text.size(), 500U);
  }
  const auto many = torch::ones(std::vector<std::int64_t>(40, 1));
  EXPECT_NE(error_of([&] {
              load_weights(*module, {{"weight", many}, {"bias", torch::ones({1})}}, "w");
            }).find("got f32 [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,...]"),
            std::string::npos);
}

TEST_F(Weights, OrderAndTypesComeBack) {
  const NamedTensors written = {{"z", torch::ones({2}, torch::kHalf)},
                                {"e", torch::empty({0})},
                                {"m", torch::ones({}, torch::kInt64)},
                                {"a", torch::zeros({3, 2}, torch::kBFloat16)}};
  for (const char* file : {"w.safetensors", "w.pth"}) {
    write_tensors(folder / file, written);
    const auto read = read_tensors(folder / file);
    const auto info = weights_info(folder / file);
    EXPECT_EQ(info.format, fs::path(file).extension().string().substr(1));
    ASSERT_EQ(read.size(), 4U);
    ASSERT_EQ(info.tensors.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(read[i].first, written[i].first) << file;
      EXPECT_EQ(info.tensors[i].name, written[i].first) << file;
      EXPECT_EQ(read[i].second.scalar_type(), written[i].second.scalar_type()) << file;
      EXPECT_EQ(info.tensors[i].shape, written[i].second.sizes().vec()) << file;
      EXPECT_TRUE(torch::equal(read[i].second, written[i].second)) << file;
    }
    EXPECT_EQ(info.tensors[0].dtype, "F16");
    EXPECT_EQ(info.tensors[2].count(), 1);
    EXPECT_EQ(info.tensors[3].count(), 6);
    EXPECT_TRUE(info.values.empty());
  }
  EXPECT_TRUE(weights_info(folder / "w.safetensors").metadata.contains("clew.checksum"));
  EXPECT_EQ(weights_info(written).tensors[3].dtype, "BF16");
  const auto nested = weights_info(fixture("nested.pth"));
  EXPECT_FALSE(nested.values.empty());
  EXPECT_LT(weights_info(fixture("nested.pth"), "model").tensors.size(), nested.tensors.size());
}

TEST_F(Weights, OldFilesLackTheBatchCounter) {
  auto state = state_of(*network(3));
  std::erase_if(state, [](const auto& item) { return item.first == "1.num_batches_tracked"; });
  auto module = network(3);
  const auto report = load_weights(*module, state, "w.pth");
  EXPECT_EQ(report.missing, std::vector<std::string>{"1.num_batches_tracked"});
}

TEST_F(Weights, FilesThatHoldNoWeights) {
  write_file_atomic(folder / "a.pth", std::string_view("hello, world"));
  EXPECT_EQ(error_of([&] { read_tensors(folder / "a.pth"); }),
            (folder / "a.pth").string() +
                ": holds no weights: it is neither a safetensors file nor a .pth of torch.save");
  EXPECT_NE(error_of([&] { read_tensors(folder / "none.pth"); }).find("cannot read"),
            std::string::npos);
  write_tensors(folder / "a.safetensors", {{"a", torch::ones({1})}});
  EXPECT_NE(error_of([&] {
              read_tensors(folder / "a.safetensors", "model");
            }).find("a safetensors file has no part 'model'"),
            std::string::npos);
}

}  // namespace weights_test
}  // namespace clew::nn
