// SPDX-License-Identifier: Apache-2.0
#include "settings_bench.h"

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/machine.h"
#include "clew/ops/precision.h"
#include "peer.h"

namespace clew::bench {

std::vector<std::string> core_types() {
  const Machine machine = this_machine();
  std::vector<std::string> names;
  if (machine.has_avx512) names.emplace_back("SkylakeX");
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0) names.emplace_back("Haswell");
  names.emplace_back("Prescott");
#endif
  return names;
}

Json settings_rows(const std::vector<std::string>& command, const std::string& key) {
  std::vector<std::string> precisions{"fp32"};
  if (ops::has_bf16(ops::Products::kKernels)) precisions.emplace_back("bf16");
  Json rows = Json::array();
  const auto add = [&](const std::string& precision, const std::string& core, bool has_one_thread) {
    std::vector<std::string> words, all = command;
    if (!core.empty()) words.push_back("OPENBLAS_CORETYPE=" + core);
    if (has_one_thread) words.emplace_back("OPENBLAS_NUM_THREADS=1");
    if (!precision.empty()) {
      std::erase_if(all, [](const auto& word) { return word.starts_with("train.precision="); });
      all.push_back("train.precision=" + precision);
    }
    log(LogLevel::kInfo, concat("measuring ", precision, ' ', core, has_one_thread ? " 1" : ""));
    const Json answer = run_json(words, all);
    CLEW_CHECK(
        answer.contains("rows") && !answer["rows"].empty() && answer["rows"][0].contains(key),
        "the benchmark ended with an error; what it said stands above");
    const Json& row = answer["rows"][0];
    rows.push_back({{"settings", precision.empty() ? "default" : "by hand"},
                    {"precision", row["precision"]},
                    {"core_type", core.empty() ? "the BLAS chooses" : core},
                    {"blas_threads", has_one_thread ? "1" : "the BLAS chooses"},
                    {key, row[key]}});
  };
  add("", "", false);
  for (const auto& precision : precisions) {
    for (const bool has_one_thread : {true, false}) {
      add(precision, "", has_one_thread);
      for (const auto& core : core_types()) add(precision, core, has_one_thread);
    }
  }
  add("", "", false);
  const double usual = (rows.front()[key].get<double>() + rows.back()[key].get<double>()) / 2;
  for (auto& row : rows) row["of_default"] = row[key].get<double>() / usual;
  return rows;
}

}  // namespace clew::bench
