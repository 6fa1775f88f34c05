// SPDX-License-Identifier: Apache-2.0
#include "clew/image/jpeg.h"

#include <csetjmp>
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>  // needs size_t and FILE
// clang-format on

namespace clew::image {
namespace {

/// Error handler of libjpeg: errors longjmp, warnings are counted, nothing is printed.
struct JpegErrors {
  jpeg_error_mgr manager;
  std::jmp_buf escape;
};

[[noreturn]] void leave(j_common_ptr jpeg) {
  std::longjmp(reinterpret_cast<JpegErrors*>(jpeg->err)->escape, 1);
}
void count_warning(j_common_ptr jpeg, int level) {
  if (level < 0) ++jpeg->err->num_warnings;
}
void say_nothing(j_common_ptr) {}

/// True if each component had its scans and, for a progressive file, each coefficient its last bit.
bool has_all_scans(const jpeg_decompress_struct& jpeg) {
  for (int c = 0; c < jpeg.num_components; ++c) {
    if (jpeg.comp_info[c].quant_table == nullptr) return false;  // set by its first scan
    if (jpeg.progressive_mode == FALSE) continue;
    for (int k = 0; k < DCTSIZE2; ++k)
      if (jpeg.coef_bits[c][k] != 0) return false;
  }
  return true;
}

}  // namespace

bool jpeg_has_all_data(std::span<const std::uint8_t> file) {
  JpegErrors errors{};
  jpeg_decompress_struct jpeg{};
  jpeg.err = jpeg_std_error(&errors.manager);
  errors.manager.error_exit = leave;
  errors.manager.emit_message = count_warning;
  errors.manager.output_message = say_nothing;
  volatile bool is_whole = false;
  if (setjmp(errors.escape) == 0) {
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_read_header(&jpeg, TRUE);
    jpeg_read_coefficients(&jpeg);
    is_whole = errors.manager.num_warnings == 0 && has_all_scans(jpeg);
  }
  jpeg_destroy_decompress(&jpeg);
  return is_whole;
}

}  // namespace clew::image
