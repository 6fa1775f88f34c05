// SPDX-License-Identifier: Apache-2.0
// Parameter rules: learning rate and weight decay factors, and freezing, by parameter name.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace clew::train {

/// Settings of the parameters that match. Of several matching rules the last one counts.
struct ParameterRule {
  std::string what;  // for errors: "start.freeze = 'features'"
  std::function<bool(const std::string& name)> matches;
  double lr_factor = 1;     // times the learning rate
  double decay_factor = 1;  // times the weight decay
  // No gradient, optimiser state or moving average; not sent between processes; stored once in a
  // run instead of in each checkpoint. A batch norm with frozen weight and bias keeps its
  // statistics, too.
  bool is_frozen = false;
};

/// Matches `module` and everything below it: "features" matches "features.0.weight", not
/// "features2.weight". Empty: matches all names.
std::function<bool(const std::string&)> names_under(std::string module);

/// Resulting settings of one parameter.
struct ParameterSettings {
  double lr_factor = 1, decay_factor = 1;
  bool is_frozen = false;
};
/// Settings by `names`. A rule that matches none, and rules that freeze all: UsageError.
std::vector<ParameterSettings> apply_rules(const std::vector<ParameterRule>& rules,
                                           const std::vector<std::string>& names);

}  // namespace clew::train
