// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <unistd.h>

#include <atomic>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "clew/core/error.h"
#include "terminal.h"

namespace clew::app {
namespace {

std::atomic<int> last_interrupt{0};
std::atomic<bool> is_second_the_end{true};

constexpr auto& kSignals = InterruptWatch::kSignals;
std::array<bool, kSignals.size()> was_ignored{};  // at the program's start

#ifndef CLEW_SANITIZED
// Before any library's initialisation, since UCX, loaded by LibTorch's MPI on Debian 13, handles
// SIGHUP.
void see_ignored_signals() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction now {};
    was_ignored[i] = ::sigaction(kSignals[i], nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
  }
}
[[gnu::section(".preinit_array"), gnu::used]] void (*const at_start)() = see_ignored_signals;
#endif

}  // namespace

ProgressLine::ProgressLine() : is_rewritten_(can_rewrite()) {}
ProgressLine::~ProgressLine() { end(); }

void ProgressLine::show(const std::string& text, bool is_milestone) {
  if (!is_rewritten_) {
    if (is_milestone) say(text);
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!is_milestone && now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  show_open_line(text);
}

void ProgressLine::end() { end_open_line(); }

void CountLine::show(std::int64_t done, std::int64_t total, const std::string& name) {
  const auto now = std::chrono::steady_clock::now();
  if (first_ < 0 || name != name_) {
    start_ = now, name_ = name, first_ = last_ = done;
    is_ended_ = false;
  }
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const bool has_total = total >= 0;
  // Without a total milestones are powers of two.
  const auto tenth = [=](std::int64_t count) {
    if (!has_total)
      return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(count)));
    return total > 0 ? count * 10 / total : 10;
  };
  const bool is_end = has_total && done >= total && !is_ended_ && !name.empty();
  const bool is_milestone = is_end || (seconds > 2 && tenth(done) != tenth(last_));
  last_ = done, is_ended_ = is_ended_ || is_end;
  if (!is_milestone && (done < total || !has_total) &&
      now - shown_ < std::chrono::milliseconds(100))
    return;
  shown_ = now;

  const auto text_of = [](std::int64_t count) { return count_text(static_cast<double>(count)); };
  std::string text = name.empty() ? "" : name + ": ";
  text += unit_.empty()
              ? concat(total > 0 ? 100 * done / total : 100, " %")
              : concat(text_of(done), has_total ? " of " + text_of(total) : "", " ", unit_);
  if (seconds > 0.5 && done > first_ && (done < total || !has_total)) {
    const double rate = static_cast<double>(done - first_) / seconds;
    if (!unit_.empty()) text += concat(", ", count_text(rate), " ", unit_, "/s");
    if (has_total)
      text += concat(", ", duration_text(static_cast<double>(total - done) / rate), " left");
  }
  line_.show(text, is_milestone);
}

std::string duration_text(double seconds) {
  char text[48];
  const auto whole = static_cast<long long>(std::llround(std::fmin(seconds, 1e12)));
  if (whole < 60) {
    std::snprintf(text, sizeof text, "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld min %lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
  }
  return text;
}

std::string count_text(double count) {
  char text[32];
  if (count < 1e4) {
    std::snprintf(text, sizeof text, "%.0f", count);
  } else if (count < 1e6) {
    std::snprintf(text, sizeof text, "%.1f k", count / 1e3);
  } else {
    std::snprintf(text, sizeof text, "%.2f M", count / 1e6);
  }
  return text;
}

InterruptWatch::InterruptWatch() {
  last_interrupt = 0;
  // torchrun forwards a Ctrl-C that the terminal has already sent, and kills remaining processes
  // itself.
  is_second_the_end = std::getenv("TORCHELASTIC_RUN_ID") == nullptr;
  struct sigaction action {};
  action.sa_flags = SA_RESTART;
  const auto stop = [](int number) {
    // A closed terminal sends SIGHUP more than once: by the kernel and by its shell.
    const bool is_second = last_interrupt.exchange(number) == number && number != SIGHUP;
    if (is_second && is_second_the_end) _exit(128 + number);
  };
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    if (before_[i].sa_handler == SIG_IGN) continue;
    action.sa_handler = was_ignored[i] ? SIG_IGN : stop;
    ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptWatch::~InterruptWatch() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    // The second SIGHUP of a terminal may arrive while the program ends.
    if (kSignals[i] == SIGHUP && last_interrupt == SIGHUP) before_[i].sa_handler = SIG_IGN;
    ::sigaction(kSignals[i], &before_[i], nullptr);
  }
}

bool InterruptWatch::was_interrupted() const { return last_interrupt != 0; }

}  // namespace clew::app
