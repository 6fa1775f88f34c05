// SPDX-License-Identifier: Apache-2.0
#include "clew/image/png.h"

#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "clew/core/error.h"

namespace clew::image {
namespace {

/// State of a reader, outside of the frame that libpng's longjmp leaves without destructors.
struct PngReader {
  std::span<const std::uint8_t> file;
  std::size_t position = 0;
  char error[200] = {};
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<std::uint8_t> bytes;
  std::vector<png_bytep> rows;
  int width = 0, height = 0, channels = 0, depth = 8;  // as read

  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader.file.size() - reader.position) png_error(png, "it ends too early");
  std::memcpy(to, reader.file.data() + reader.position, count);
  reader.position += count;
}
[[noreturn]] void leave(png_structp png, png_const_charp text) {
  auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader.error, sizeof reader.error, "%s", text);
  png_longjmp(png, 1);
}
void say_nothing(png_structp, png_const_charp) {}

/// False on a libpng error.
bool read(PngReader& reader, bool is_stored) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  auto* const png = reader.png;
  auto* const info = reader.info;
  png_set_read_fn(png, &reader, read_bytes);
  png_read_info(png, info);
  if (is_stored) {
    png_set_packing(png);  // one byte per pixel below 8 bits
  } else {
    png_set_expand(png);  // palettes, grey below 8 bits, a transparent colour
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 255, PNG_FILLER_AFTER);
  }
  (void)png_set_interlace_handling(png);
  png_read_update_info(png, info);
  reader.width = static_cast<int>(png_get_image_width(png, info));
  reader.height = static_cast<int>(png_get_image_height(png, info));
  reader.channels = png_get_channels(png, info);
  reader.depth = png_get_bit_depth(png, info);
  const auto row = png_get_rowbytes(png, info);
  reader.bytes.resize(row * static_cast<std::size_t>(reader.height));
  reader.rows.resize(static_cast<std::size_t>(reader.height));
  for (std::size_t y = 0; y < reader.rows.size(); ++y)
    reader.rows[y] = reader.bytes.data() + y * row;
  png_read_image(png, reader.rows.data());
  return true;
}

/// Reads `file` into `reader`.
void decode(PngReader& reader, std::span<const std::uint8_t> file, const std::string& name,
            bool is_stored) {
  reader.file = file;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, leave, say_nothing);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  CLEW_CHECK(reader.info != nullptr, name, ": libpng cannot start");
  CLEW_CHECK(read(reader, is_stored), name, ": the image is damaged: ", reader.error);
}

/// The same for a writer.
struct PngWriter {
  std::vector<std::uint8_t> file;
  char error[200] = {};
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<png_color> palette;
  std::vector<png_bytep> rows;

  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

void write_bytes(png_structp png, png_bytep from, std::size_t count) {
  auto& writer = *static_cast<PngWriter*>(png_get_io_ptr(png));
  writer.file.insert(writer.file.end(), from, from + count);
}
void flush_nothing(png_structp) {}
[[noreturn]] void leave_writing(png_structp png, png_const_charp text) {
  auto& writer = *static_cast<PngWriter*>(png_get_error_ptr(png));
  std::snprintf(writer.error, sizeof writer.error, "%s", text);
  png_longjmp(png, 1);
}

/// False on a libpng error.
bool write(PngWriter& writer, int width, int height) {
  if (setjmp(png_jmpbuf(writer.png)) != 0) return false;
  auto* const png = writer.png;
  png_set_write_fn(png, &writer, write_bytes, flush_nothing);
  png_set_IHDR(png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               8, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  png_set_PLTE(png, writer.info, writer.palette.data(), static_cast<int>(writer.palette.size()));
  png_write_info(png, writer.info);
  png_write_image(png, writer.rows.data());
  png_write_end(png, nullptr);
  return true;
}

}  // namespace

std::vector<std::uint8_t> encode_png_palette(int width, int height,
                                             std::span<const std::uint8_t> indices,
                                             std::span<const Colour> palette) {
  PngWriter writer;
  for (const Colour& colour : palette) writer.palette.push_back({colour.r, colour.g, colour.b});
  for (int y = 0; y < height; ++y) {
    // libpng takes a mutable pointer but only reads.
    writer.rows.push_back(const_cast<png_bytep>(indices.data()) +
                          static_cast<std::size_t>(y) * static_cast<std::size_t>(width));
  }
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, leave_writing, say_nothing);
  if (writer.png != nullptr) writer.info = png_create_info_struct(writer.png);
  CLEW_CHECK(writer.info != nullptr, "libpng cannot start");
  CLEW_CHECK(write(writer, width, height), "cannot write a PNG: ", writer.error);
  return std::move(writer.file);
}

PngColours decode_png_rgba(std::span<const std::uint8_t> file, const std::string& name) {
  PngReader reader;
  decode(reader, file, name, false);
  return {.width = reader.width, .height = reader.height, .pixels = std::move(reader.bytes)};
}

PngSamples decode_png_stored(std::span<const std::uint8_t> file, const std::string& name) {
  PngReader reader;
  decode(reader, file, name, true);
  PngSamples samples{.width = reader.width, .height = reader.height, .channels = reader.channels};
  const bool is_wide = reader.depth == 16;  // high byte first
  const auto count = reader.bytes.size() / (is_wide ? 2 : 1);
  samples.values.resize(count);
  const auto* from = reader.bytes.data();
  for (std::size_t i = 0; i < count; ++i) {
    samples.values[i] =
        is_wide ? static_cast<std::uint16_t>(from[2 * i] << 8 | from[2 * i + 1]) : from[i];
  }
  return samples;
}

}  // namespace clew::image
