// SPDX-License-Identifier: Apache-2.0
#include "clew/data/npy.h"

#include <torch/types.h>

#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {

void write_npy(const std::filesystem::path& path, const torch::Tensor& values) {
  CLEW_CHECK(values.scalar_type() == torch::kFloat32, "values for ", path.string(),
             " must be f32, got ", values.scalar_type());
  std::string shape;
  for (const auto side : values.sizes()) shape += concat(side, ", ");
  std::string head = concat("{'descr': '<f4', 'fortran_order': False, 'shape': (", shape, "), }");
  constexpr std::size_t kFixed = 10, kAlignment = 64;  // magic, version, length
  while ((kFixed + head.size() + 1) % kAlignment != 0) head += ' ';
  head += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(head.size() & 0xFF);
  bytes += static_cast<char>(head.size() >> 8);
  bytes += head;
  const auto plain = values.contiguous();
  bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
  write_file_atomic(path, bytes);
}

}  // namespace clew::data
