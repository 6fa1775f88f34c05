// SPDX-License-Identifier: Apache-2.0
// Plain structs in and out of TOML. A struct lists its fields once:
//
//   struct TrainConfig {
//     double lr = 5e-4;
//     std::string agent = "nav";
//     OptimConfig optim;
//     template <class V> void fields(V& v) {
//       v("lr", lr, {.min = 0, .max = 1, .help = "learning rate"});
//       v("agent", agent, {.choices = {"ff", "lstm", "nav"}, .help = "network"});
//       v.group("optim", optim);
//     }
//   };
//
// and parsing, range checks, key=value overrides, dump, diff and help come from that list.
// Field types: bool, int, std::int64_t, std::uint64_t, float, double, std::string, and std::vector of those.
#pragma once
