// SPDX-License-Identifier: Apache-2.0
#include "clew/train/rules.h"

#include <algorithm>
#include <utility>

#include "clew/core/error.h"

namespace clew::train {

std::function<bool(const std::string&)> names_under(std::string module) {
  return [module = std::move(module)](const std::string& name) {
    return module.empty() || name == module || name.starts_with(module + '.');
  };
}

std::vector<ParameterSettings> apply_rules(const std::vector<ParameterRule>& rules,
                                           const std::vector<std::string>& names) {
  std::vector<ParameterSettings> all(names.size());
  for (const auto& rule : rules) {
    bool is_used = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!rule.matches(names[i])) continue;
      is_used = true;
      all[i] = {.lr_factor = rule.lr_factor,
                .decay_factor = rule.decay_factor,
                .is_frozen = rule.is_frozen};
    }
    if (!is_used) {
      throw UsageError(concat(rule.what, " matches no parameter of the network, whose first is ",
                              names.empty() ? std::string("missing") : names[0],
                              " and whose last is ",
                              names.empty() ? std::string("missing") : names.back()));
    }
  }
  if (!all.empty() &&
      std::ranges::all_of(all, [](const auto& settings) { return settings.is_frozen; }))
    throw UsageError(concat(rules.back().what, " leaves no parameter that learns"));
  return all;
}

}  // namespace clew::train
