// SPDX-License-Identifier: Apache-2.0
#include "clew/core/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string_view>
#include <thread>

#include "clew/core/error.h"

namespace clew {
namespace {

/// Text after "NAME :" in /proc/cpuinfo; empty for none.
std::string cpuinfo(std::string_view name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with(name) && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

/// The container's CPU quota in cores; 0: unlimited.
double container_quota() {
  double quota = 0, period = 0;
  if (std::ifstream("/sys/fs/cgroup/cpu.max") >> quota >> period && period > 0) {
    return quota / period;
  }
  return 0;
}

int usable_cores(int cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  int usable = cores;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0) usable = CPU_COUNT(&set);
  const double quota = container_quota();
  if (quota > 0) usable = std::min(usable, static_cast<int>(std::ceil(quota)));
  return std::max(usable, 1);
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.cpu = cpuinfo("model name");
  if (machine.cpu.empty()) machine.cpu = "unknown";
  const std::string flags = cpuinfo("flags") + ' ';
  machine.has_avx512 = flags.find(" avx512f ") != std::string::npos;
  machine.has_bf16_dot = flags.find(" avx512_bf16 ") != std::string::npos;
  machine.cores = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (const long online = ::sysconf(_SC_NPROCESSORS_ONLN); online > 0) {
    machine.cores = static_cast<int>(online);
  }
  machine.usable_cores = usable_cores(machine.cores);
  const double pages = static_cast<double>(::sysconf(_SC_PHYS_PAGES));
  machine.memory_gib =
      std::max(0.0, pages * static_cast<double>(::sysconf(_SC_PAGESIZE)) * 0x1p-30);
  if (utsname names{}; ::uname(&names) == 0)
    machine.system = concat(names.sysname, ' ', names.release);
#if defined(__clang__)
  machine.compiler =
      concat("clang++ ", __clang_major__, '.', __clang_minor__, '.', __clang_patchlevel__);
#elif defined(__GNUC__)
  machine.compiler = concat("g++ ", __GNUC__, '.', __GNUC_MINOR__, '.', __GNUC_PATCHLEVEL__);
#endif
#ifndef NDEBUG
  machine.is_optimised = false;
#endif
  return machine;
}

}  // namespace clew
