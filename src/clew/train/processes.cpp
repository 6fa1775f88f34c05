// SPDX-License-Identifier: Apache-2.0
#include "clew/train/processes.h"

#include <c10/util/Exception.h>
#include <torch/types.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/train/transport.h"

namespace clew::train {
namespace {

constexpr int kMaxProcesses = 4096;

int number(const char* name, const std::string& text, int min, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    throw UsageError(concat("the environment variable ", name, " must be in ", min, "..", max,
                            ", got '", text, "'"));
  }
  return value;
}

/// Launchers without torchrun's variables, with theirs for rank and size.
struct Launcher {
  const char *name, *rank, *size;
};
constexpr Launcher kLaunchers[] = {
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},  // srun's size; sbatch sets a rank, too
    {"MPI", "PMI_RANK", "PMI_SIZE"},                    // MPICH, Intel MPI
};

enum class Kind : std::uint8_t { kMessage, kError, kUsageError };

/// Result of `make`, or the text of its exception.
struct Outcome {
  Kind kind = Kind::kMessage;
  std::string message;
  std::exception_ptr fault;
};

Outcome outcome_of(const std::function<std::string()>& make) {
  try {
    return {.message = make()};
  } catch (const std::exception& error) {
    const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
    return {dynamic_cast<const UsageError*>(&error) != nullptr ? Kind::kUsageError : Kind::kError,
            torch_error != nullptr ? torch_error->what_without_backtrace() : error.what(),
            std::current_exception()};
  }
}

/// First message of each process: contains short messages, long ones follow.
struct Head {
  std::uint64_t length = 0;
  Kind kind = Kind::kMessage;
  bool is_stop_wanted = false;
  char message[1008] = {};
};
static_assert(sizeof(Head) == 1024);

torch::Tensor bytes(std::int64_t count) { return torch::zeros({count}, torch::kUInt8); }

}  // namespace

ProcessPlace place_from_environment(const std::function<const char*(const char*)>& get) {
  const auto read = [&](const char* name) -> std::string {
    const char* value = get(name);
    return value == nullptr ? "" : value;
  };
  const Launcher* launcher = nullptr;
  for (const auto& known : kLaunchers) {
    if (launcher == nullptr && !read(known.rank).empty() && !read(known.size).empty())
      launcher = &known;
  }
  const char *rank_name = "RANK", *size_name = "WORLD_SIZE";
  if (launcher != nullptr && read(rank_name).empty()) rank_name = launcher->rank;
  if (launcher != nullptr && read(size_name).empty()) size_name = launcher->size;
  const std::string rank = read(rank_name), size = read(size_name);
  ProcessPlace place;
  if (rank.empty() && size.empty()) {  // an address alone is for something else
    // A batch script itself has a rank, but runs once.
    if (const auto tasks = read("SLURM_NTASKS"); !read("SLURM_PROCID").empty() && tasks > "1") {
      log(LogLevel::kWarning, concat("Slurm has ", tasks,
                                     " tasks here, of which srun starts the processes: this one, "
                                     "started without it, trains alone"));
    }
    return place;
  }
  if (!size.empty()) place.size = number(size_name, size, 1, kMaxProcesses);
  if (!size.empty() && place.size == 1) return place;
  std::string set, missing;
  for (const char* name : {rank_name, size_name, "MASTER_ADDR", "MASTER_PORT"}) {
    auto& list = read(name).empty() ? missing : set;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  if (!missing.empty()) {
    throw UsageError(
        launcher == nullptr
            ? concat("training in several processes takes the environment variables RANK, "
                     "WORLD_SIZE, MASTER_ADDR and MASTER_PORT, got only ",
                     set)
            : concat(
                  launcher->name, " has started ", place.size,
                  " processes, which train together with MASTER_ADDR and MASTER_PORT (a free one "
                  "on the machine of rank 0) in their environment, each alone with WORLD_SIZE=1;"
                  " got only ",
                  set));
  }
  place.rank = number(rank_name, rank, 0, place.size - 1);
  place.address = read("MASTER_ADDR");
  place.port = number("MASTER_PORT", read("MASTER_PORT"), 1, 65535);
  // torchrun's agent hosts the store, with a key prefix per attempt.
  place.has_store = read("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (place.has_store) place.prefix = "/worker/attempt_" + read("TORCHELASTIC_RESTART_COUNT");
  return place;
}

ProcessPlace place_from_environment() {
  return place_from_environment([](const char* name) { return std::getenv(name); });
}

/// Connection to the others, and its buffers.
class Processes::Link {
 public:
  Link(const ProcessPlace& place, const std::function<void(int port)>& on_listening,
       const std::function<void()>& while_waiting)
      : size_(place.size), transport_(connect(place, on_listening, while_waiting)) {}

  std::vector<Head> exchange(const Head& mine) {
    const auto part = bytes(sizeof(Head)), all = bytes(size_ * std::int64_t{sizeof(Head)});
    std::memcpy(part.data_ptr(), &mine, sizeof(Head));
    transport_->all_gather(part, all);
    std::vector<Head> heads(static_cast<std::size_t>(size_));
    std::memcpy(heads.data(), all.data_ptr(), heads.size() * sizeof(Head));
    return heads;
  }
  /// Gathers `message` of every process, of at most `longest` bytes; sizes are in `heads`.
  std::vector<std::string> exchange(const std::string& message, const std::vector<Head>& heads,
                                    std::uint64_t longest) {
    const auto part = bytes(static_cast<std::int64_t>(longest)),
               all = bytes(size_ * static_cast<std::int64_t>(longest));
    std::memcpy(part.data_ptr(), message.data(), message.size());
    transport_->all_gather(part, all);
    std::vector<std::string> texts;
    const auto* begin = static_cast<const char*>(all.data_ptr());
    for (std::size_t i = 0; i < heads.size(); ++i)
      texts.emplace_back(begin + i * longest, heads[i].length);
    return texts;
  }
  std::string broadcast(std::string message, std::uint64_t length) {
    message.resize(length);
    transport_->broadcast(
        torch::from_blob(message.data(), {static_cast<std::int64_t>(length)}, torch::kUInt8));
    return message;
  }
  /// All-reduce: each process sums its part of the numbers, then an all-gather of the parts.
  void sum(const torch::Tensor& values) {
    const std::int64_t count = values.size(0), share = (count + size_ - 1) / size_;
    if (!outgoing_.defined() || outgoing_.size(0) != share * size_) {
      outgoing_ = torch::zeros({share * size_}, torch::kFloat32);
      incoming_ = torch::zeros({share * size_}, torch::kFloat32);
    }
    outgoing_.narrow(0, 0, count).copy_(values);
    transport_->all_to_all(outgoing_, incoming_);
    const auto parts = incoming_.chunk(size_);
    sum_in_pairs(parts);
    transport_->all_gather(parts[0], outgoing_);
    values.copy_(outgoing_.narrow(0, 0, count));
  }

 private:
  int size_;
  std::unique_ptr<Transport> transport_;
  torch::Tensor outgoing_, incoming_;  // [N*n] f32
};

Processes::Processes() = default;
Processes::Processes(const ProcessPlace& place, const std::function<void(int port)>& on_listening,
                     const std::function<void()>& while_waiting)
    : rank_(place.rank), size_(place.size) {
  CLEW_CHECK(size_ >= 1 && rank_ >= 0 && rank_ < size_, "a process's rank must be in 0..",
             size_ - 1, ", got ", rank_);
  if (size_ > 1) link_ = std::make_unique<Link>(place, on_listening, while_waiting);
}
Processes::~Processes() = default;

std::vector<std::string> Processes::gather(const std::function<std::string()>& make) {
  if (link_ == nullptr) return {make()};
  is_lost_ = true;  // until success
  const auto outcome = outcome_of(make);
  if (outcome.fault && is_known_)
    std::rethrow_exception(outcome.fault);  // passed on by a call within `make`
  Head mine{
      .length = outcome.message.size(), .kind = outcome.kind, .is_stop_wanted = is_stop_wanted_};
  std::memcpy(mine.message, outcome.message.data(),
              std::min(outcome.message.size(), sizeof mine.message));
  const auto heads = link_->exchange(mine);
  std::uint64_t longest = 0;
  for (const auto& head : heads) {
    is_stopping_ = is_stopping_ || head.is_stop_wanted;
    longest = std::max(longest, head.length);
  }
  std::vector<std::string> texts;
  if (longest > sizeof mine.message) {
    texts = link_->exchange(outcome.message, heads, longest);
  } else {
    for (const auto& head : heads) texts.emplace_back(head.message, head.length);
  }
  is_known_ =
      std::ranges::any_of(heads, [](const Head& head) { return head.kind != Kind::kMessage; });
  if (outcome.fault) std::rethrow_exception(outcome.fault);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const auto text = concat("process ", i, ": ", texts[i]);
    if (heads[i].kind == Kind::kUsageError) throw UsageError(text);
    if (heads[i].kind == Kind::kError) throw Error(text);
  }
  is_lost_ = false;
  return texts;
}

std::string Processes::from_first(const std::function<std::string()>& make) {
  if (link_ == nullptr) return make();
  std::string message;
  const auto told = gather([&] {
    if (is_first()) message = make();
    return std::to_string(message.size());
  });
  const auto length = std::stoull(told[0]);
  is_lost_ = true;
  if (length > 0) message = link_->broadcast(std::move(message), length);
  is_lost_ = false;
  return message;
}

void Processes::sum(const torch::Tensor& values) {
  CLEW_CHECK(values.dim() == 1 && values.scalar_type() == torch::kFloat32 && values.is_contiguous(),
             "values must be [P] f32 and contiguous, got ", values.sizes(), " ",
             values.scalar_type(), " (Processes::sum)");
  if (link_ == nullptr) return;
  is_lost_ = true;
  const auto host = values.cpu();  // no copy on the CPU
  link_->sum(host);
  if (!values.is_cpu()) values.copy_(host);
  is_lost_ = false;
}

void Processes::tell_failure(const std::exception& failure) noexcept {
  if (link_ == nullptr || is_lost_) return;
  try {
    const auto* usage_error = dynamic_cast<const UsageError*>(&failure);
    const auto* torch_error = dynamic_cast<const c10::Error*>(&failure);
    (void)gather([&]() -> std::string {
      if (usage_error != nullptr) throw UsageError(*usage_error);
      throw Error(torch_error != nullptr ? torch_error->what_without_backtrace() : failure.what());
    });
  } catch (const std::exception&) {
    // Its own failure, or no process is left.
  }
}

void Processes::ask_to_stop() {
  is_stop_wanted_ = true;
  if (link_ == nullptr) is_stopping_ = true;
}

void sum_in_pairs(std::span<const torch::Tensor> parts) {
  for (std::size_t stride = 1; stride < parts.size(); stride *= 2)
    for (std::size_t i = 0; i + stride < parts.size(); i += 2 * stride)
      parts[i].add_(parts[i + stride]);
}

}  // namespace clew::train
