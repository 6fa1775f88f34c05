// SPDX-License-Identifier: Apache-2.0
// Reading of JSON as a stream, of which parts become trees. Private to readers of files; without LibTorch.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/error.h"

namespace clew::data {

/// Receiver of a stream's events, for nlohmann's sax_parse. `name`: the file's, for errors.
class JsonStream : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonStream(std::string name) : name_(std::move(name)) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return true; }  // not of JSON
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(std::size_t) override { return start(nlohmann::json::object()); }
  bool start_array(std::size_t) override { return start(nlohmann::json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t byte, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    constexpr int kTooLarge = 406;  // of nlohmann's errors
    CLEW_CHECK(error.id != kTooLarge, name_, ": holds a number that is too large");
    const bool is_nan = !token.empty() && (token.back() == 'N' || token.back() == 'I');
    throw Error(concat(name_, ": is not JSON from its byte ", byte, " on",
                       is_nan ? ", where JSON has neither NaN nor Infinity" : ""));
  }

 protected:
  static constexpr int kDeepest = 64;  // nested values

  virtual bool add(nlohmann::json value) = 0;    // a value that holds no others
  virtual bool start(nlohmann::json value) = 0;  // an empty object or list
  virtual bool end() = 0;

  /// Adds a value to the innermost open one.
  nlohmann::json& place(nlohmann::json value) {
    auto& parent = *open_.back();
    if (!parent.is_array()) return parent[key_] = std::move(value);
    parent.push_back(std::move(value));
    return parent.back();
  }

  std::string name_;
  std::string key_;                    // of the next value of an object
  nlohmann::json element_;             // tree that is built
  std::vector<nlohmann::json*> open_;  // its objects and lists that are not at their end
};

}  // namespace clew::data
