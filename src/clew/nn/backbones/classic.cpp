// SPDX-License-Identifier: Apache-2.0
// AlexNet (Krizhevsky 2014, one tower), ZF (Zeiler and Fergus 2014, arXiv 1311.2901, as Ren et al. 2015 use it: strides
// that divide 16, normalisation within channels), VGG-16 (Simonyan and Zisserman 2014), ResNets (He et al. 2015;
// the stride of a bottleneck is in its 3x3 convolution), as torchvision has them but for ZF.
#include "clew/core/error.h"
#include "clew/nn/backbones/builder.h"

namespace clew::nn {

void build_alexnet(BackboneBuilder& build) {
  auto& net = build.net;
  auto x = net.input();
  int place = 0;
  const auto convolve = [&](std::int64_t out, std::int64_t kernel, std::int64_t stride,
                            std::int64_t padding) {
    x = net.convolution(
        concat("features.", place), x,
        {.out = out, .kernel = kernel, .stride = stride, .padding = padding, .has_bias = true});
    x = net.activation(x, Activation::kRelu);
    place += 2;
  };
  const auto pool = [&] {
    x = net.max_pool(x, 3, 2);
    ++place;
  };
  convolve(64, 11, 4, 2);
  build.map("conv1", x);
  pool();
  convolve(192, 5, 1, 2);
  build.map("conv2", x);
  pool();
  convolve(384, 3, 1, -1);
  convolve(256, 3, 1, -1);
  convolve(256, 3, 1, -1);
  build.map("conv5", x);
  pool();
  build.map("pool5", x);
  x = net.flatten(net.average_pool(x, 6));
  const double p = build.dropout_or(0.5);
  x = net.linear("classifier.1", net.dropout(x, p), 4096);
  x = net.activation(x, Activation::kRelu);
  x = net.linear("classifier.4", net.dropout(x, p), 4096);
  x = net.activation(x, Activation::kRelu);
  build.classify("classifier.6", x);
}

void build_zf(BackboneBuilder& build) {
  auto& net = build.net;
  auto x = net.input();
  int place = 0;
  const auto convolve = [&](std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    x = net.convolution(concat("features.", place), x,
                        {.out = out, .kernel = kernel, .stride = stride, .has_bias = true});
    x = net.activation(x, Activation::kRelu);
    place += 2;
  };
  int stage = 1;
  for (const auto& [out, kernel] : {std::pair{96, 7}, std::pair{256, 5}}) {
    convolve(out, kernel, 2);
    build.map(concat("conv", stage), x);
    x = net.max_pool(net.response_norm(x), 3, 2, 1);
    place += 2;
    build.map(concat("pool", stage++), x);
  }
  convolve(384, 3, 1);
  convolve(384, 3, 1);
  convolve(256, 3, 1);
  build.map("conv5", x);
  x = net.max_pool(x, 3, 2);
  x = net.flatten(net.average_pool(x, 6));
  const double p = build.dropout_or(0.5);
  x = net.activation(net.linear("classifier.0", x, 4096), Activation::kRelu);
  x = net.linear("classifier.3", net.dropout(x, p), 4096);
  x = net.activation(x, Activation::kRelu);
  build.classify("classifier.6", x, p);
}

void build_vgg16(BackboneBuilder& build, bool has_batch_norm) {
  auto& net = build.net;
  auto x = net.input();
  int place = 0, stage = 1;
  for (const auto& [convolutions, out] : {std::pair{2, 64}, std::pair{2, 128}, std::pair{3, 256},
                                          std::pair{3, 512}, std::pair{3, 512}}) {
    for (int i = 0; i < convolutions; ++i) {
      x = net.convolution(concat("features.", place++), x,
                          {.out = out, .kernel = 3, .has_bias = true});
      if (has_batch_norm) x = net.batch_norm(concat("features.", place++), x);
      x = net.activation(x, Activation::kRelu);
      ++place;
    }
    build.map(concat("conv", stage), x);
    x = net.max_pool(x, 2, 2);
    ++place;
    build.map(concat("pool", stage++), x);
  }
  x = net.flatten(net.average_pool(x, 7));
  const double p = build.dropout_or(0.5);
  x = net.activation(net.linear("classifier.0", x, 4096), Activation::kRelu);
  x = net.linear("classifier.3", net.dropout(x, p), 4096);
  x = net.activation(x, Activation::kRelu);
  build.classify("classifier.6", x, p);
}

void build_resnet(BackboneBuilder& build, const std::vector<int>& blocks, bool has_bottlenecks) {
  auto& net = build.net;
  auto x = net.convolution("conv1", net.input(), {.out = 64, .kernel = 7, .stride = 2});
  x = net.activation(net.batch_norm("bn1", x), Activation::kRelu);
  build.map("conv1", x);
  x = net.max_pool(x, 3, 2, 1);
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const std::int64_t width = std::int64_t{64} << stage, out = has_bottlenecks ? 4 * width : width;
    for (int i = 0; i < blocks[stage]; ++i) {
      const auto path = concat("layer", stage + 1, ".", i, ".");
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      const auto before = x;
      const auto convolve = [&](int number, std::int64_t channels, std::int64_t kernel,
                                std::int64_t step) {
        x = net.convolution(concat(path, "conv", number), x,
                            {.out = channels, .kernel = kernel, .stride = step});
        x = net.batch_norm(concat(path, "bn", number), x);
      };
      if (has_bottlenecks) {
        convolve(1, width, 1, 1);
        x = net.activation(x, Activation::kRelu);
        convolve(2, width, 3, stride);
        x = net.activation(x, Activation::kRelu);
        convolve(3, out, 1, 1);
      } else {
        convolve(1, width, 3, stride);
        x = net.activation(x, Activation::kRelu);
        convolve(2, width, 3, 1);
      }
      auto shortcut = before;
      if (stride != 1 || net.channels(before) != out) {
        shortcut = net.convolution(path + "downsample.0", before,
                                   {.out = out, .kernel = 1, .stride = stride});
        shortcut = net.batch_norm(path + "downsample.1", shortcut);
      }
      x = net.activation(net.add(x, shortcut), Activation::kRelu);
    }
    build.map(concat("layer", stage + 1), x);
  }
  build.classify("fc", net.flatten(net.average_pool(x, 1)));
}

}  // namespace clew::nn
