// SPDX-License-Identifier: Apache-2.0
// Parameter rules: which parameters learn at a rate of their own, and which not at all.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace clew::train {

/// What some parameters have of their own. Of several rules for a parameter the last one counts.
struct ParameterRule {
  std::string what;  // the rule, for errors: "start.freeze = 'features'"
  std::function<bool(const std::string& name)> matches;
  double lr_factor = 1;     // times the learning rate
  double decay_factor = 1;  // times the weight decay
  // No gradient, no optimiser state, no moving average; not sent between processes, and once in a run
  // instead of in each checkpoint. A batch norm whose weight and bias are frozen keeps its statistics, too.
  bool is_frozen = false;
};

/// Matches `module` itself and everything below it: "features" the name "features.0.weight", but
/// not "features2.weight". An empty one matches all names.
std::function<bool(const std::string&)> names_under(std::string module);

/// What rules say of one parameter.
struct ParameterSettings {
  double lr_factor = 1, decay_factor = 1;
  bool is_frozen = false;
};
/// Of each of `names`, in order. A rule that matches none, and rules that freeze all: UsageError.
std::vector<ParameterSettings> apply_rules(const std::vector<ParameterRule>& rules,
                                           const std::vector<std::string>& names);

}  // namespace clew::train
