// SPDX-License-Identifier: Apache-2.0
// One interface to oneDNN 2 (Debian 12) and 3 (Debian 13). Part of plan.cpp.
#pragma once

#include <dnnl.hpp>

namespace clew::nn::onednn {

using dnnl::algorithm, dnnl::memory, dnnl::primitive_attr;
using Desc = memory::desc;
using Dims = memory::dims;

inline const dnnl::engine& engine() {
  static const dnnl::engine kCpu(dnnl::engine::kind::cpu, 0);
  return kCpu;
}

/// A sliding window; dilation 0: none.
struct Window {
  Dims strides, dilations, before, after, kernel{};
};

#if DNNL_VERSION_MAJOR >= 3

using Pooling = dnnl::pooling_forward;

inline void append_eltwise(dnnl::post_ops& ops, algorithm kind, float alpha, float beta) {
  ops.append_eltwise(kind, alpha, beta);
}
inline dnnl::convolution_forward::primitive_desc convolution(algorithm kind, const Desc& x,
                                                             const Desc& weight, const Desc& bias,
                                                             const Desc& y, const Window& window,
                                                             const primitive_attr& attributes) {
  return {engine(),
          dnnl::prop_kind::forward_inference,
          kind,
          x,
          weight,
          bias,
          y,
          window.strides,
          window.dilations,
          window.before,
          window.after,
          attributes};
}
inline Pooling::primitive_desc pooling(algorithm kind, const Desc& x, const Desc& y,
                                       const Window& window, const primitive_attr& attributes) {
  return {engine(),
          dnnl::prop_kind::forward_inference,
          kind,
          x,
          y,
          window.strides,
          window.kernel,
          window.dilations,
          window.before,
          window.after,
          attributes};
}
inline dnnl::inner_product_forward::primitive_desc linear(const Desc& x, const Desc& weight,
                                                          const Desc& bias, const Desc& y,
                                                          const primitive_attr& attributes) {
  return {engine(), dnnl::prop_kind::forward_inference, x, weight, bias, y, attributes};
}
inline dnnl::binary::primitive_desc binary(algorithm kind, const Desc& a, const Desc& b,
                                           const Desc& y, const primitive_attr& attributes) {
  return {engine(), kind, a, b, y, attributes};
}
inline dnnl::eltwise_forward::primitive_desc eltwise(algorithm kind, const Desc& x, float alpha,
                                                     float beta, const primitive_attr& attributes) {
  return {engine(), dnnl::prop_kind::forward_inference, kind, x, x, alpha, beta, attributes};
}
/// `x` and the result have one format.
inline dnnl::lrn_forward::primitive_desc response_norm(const Desc& x, std::int64_t side,
                                                       float alpha, float beta,
                                                       const primitive_attr& attributes) {
  return {engine(),
          dnnl::prop_kind::forward_inference,
          algorithm::lrn_within_channel,
          x,
          x,
          side,
          alpha,
          beta,
          1.0F,
          attributes};
}
inline dnnl::resampling_forward::primitive_desc resampling(algorithm kind, const Desc& x,
                                                           const Desc& y,
                                                           const primitive_attr& attributes) {
  return {engine(), dnnl::prop_kind::forward_inference, kind, x, y, attributes};
}

#else

using Pooling = dnnl::pooling_v2_forward;

inline void append_eltwise(dnnl::post_ops& ops, algorithm kind, float alpha, float beta) {
  ops.append_eltwise(1, kind, alpha, beta);
}
inline dnnl::convolution_forward::primitive_desc convolution(algorithm kind, const Desc& x,
                                                             const Desc& weight, const Desc& bias,
                                                             const Desc& y, const Window& window,
                                                             const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, kind, x, weight, bias, y, window.strides,
           window.dilations, window.before, window.after},
          attributes,
          engine()};
}
inline Pooling::primitive_desc pooling(algorithm kind, const Desc& x, const Desc& y,
                                       const Window& window, const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, kind, x, y, window.strides, window.kernel,
           window.dilations, window.before, window.after},
          attributes,
          engine()};
}
inline dnnl::inner_product_forward::primitive_desc linear(const Desc& x, const Desc& weight,
                                                          const Desc& bias, const Desc& y,
                                                          const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, x, weight, bias, y}, attributes, engine()};
}
inline dnnl::binary::primitive_desc binary(algorithm kind, const Desc& a, const Desc& b,
                                           const Desc& y, const primitive_attr& attributes) {
  return {{kind, a, b, y}, attributes, engine()};
}
inline dnnl::eltwise_forward::primitive_desc eltwise(algorithm kind, const Desc& x, float alpha,
                                                     float beta, const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, kind, x, alpha, beta}, attributes, engine()};
}
inline dnnl::lrn_forward::primitive_desc response_norm(const Desc& x, std::int64_t side,
                                                       float alpha, float beta,
                                                       const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, algorithm::lrn_within_channel, x, side, alpha, beta,
           1.0F},
          attributes,
          engine()};
}
inline dnnl::resampling_forward::primitive_desc resampling(algorithm kind, const Desc& x,
                                                           const Desc& y,
                                                           const primitive_attr& attributes) {
  return {{dnnl::prop_kind::forward_inference, kind, x, y}, attributes, engine()};
}

#endif

}  // namespace clew::nn::onednn
