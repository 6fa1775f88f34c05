// SPDX-License-Identifier: Apache-2.0
// Rendezvous by c10d's TCPStore, transport by its Gloo. Only data movement; the order of summation
// is ours (processes.cpp).
#include <c10/util/Logging.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <stdexcept>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/train/own_address.h"
#include "clew/train/transport.h"

namespace clew::train {
namespace {

using Group = c10d::ProcessGroupGloo;

// Hint for a store of torchrun's agent, which other versions do not understand.
constexpr const char* kTorchrun =
    "; torchrun must be that of this LibTorch, or run with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1";

/// LibTorch from 2.1 on: a store without libuv, which Debian's build lacks.
template <class Options>
void set_without_libuv(Options& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

/// Silences c10d's warnings during rendezvous, which our error repeats; only for a LibTorch without
/// glog (Debian 13's), and not if TORCH_CPP_LOG_LEVEL is set.
void silence_warnings() {
#ifndef C10_USE_GLOG
  constexpr int kErrors = 2;  // GLOG_ERROR, whose namespace differs
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr)
    FLAGS_caffe2_log_level = std::max<int>(FLAGS_caffe2_log_level, kErrors);
#endif
}

/// First line of a library's message, without its source location.
std::string said(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  std::string text = own != nullptr ? own->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  if (const auto end = text.find("] "); text.starts_with('[') && end != std::string::npos)
    text.erase(0, end + 2);
  return text;
}

/// Interface of GLOO_SOCKET_IFNAME, as in PyTorch, else that of the route to rank 0. PyTorch uses
/// the one of this machine's name, which is often the loopback.
auto make_device(const ProcessPlace& place) {
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  if (interface != nullptr && *interface != '\0') return Group::createDeviceForInterface(interface);
  if (place.address == "localhost") return Group::createDeviceForHostname("127.0.0.1");
  const auto own = own_address_towards(place.address);
  return own.empty() ? Group::createDefaultDevice() : Group::createDeviceForHostname(own);
}

/// Blocks SIGPIPE on this thread and on those it starts, so that writing to a lost process is an
/// error: Gloo writes without MSG_NOSIGNAL.
class NoPipeSignals {
 public:
  NoPipeSignals() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignals() {
    constexpr timespec kNow = {};
    while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &kNow) == SIGPIPE) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignals(const NoPipeSignals&) = delete;
  NoPipeSignals& operator=(const NoPipeSignals&) = delete;

 private:
  sigset_t pipe_, before_;
  bool was_pending_;
};

class GlooTransport : public Transport {
 public:
  GlooTransport(const ProcessPlace& place, const std::function<void(int port)>& on_listening,
                const std::function<void()>& while_waiting)
      : place_(place) {
    const NoPipeSignals guard;
    silence_warnings();
    const std::chrono::milliseconds timeout(static_cast<std::int64_t>(place.timeout_s * 1000));
    c10::intrusive_ptr<c10d::Store> store;
    try {
      c10d::TCPStoreOptions options;
      options.port = static_cast<std::uint16_t>(place.port);
      options.isServer = place.rank == 0 && !place.has_store;
      options.waitWorkers = false;
      options.timeout = timeout;
      set_without_libuv(options);
      auto meeting = c10::make_intrusive<c10d::TCPStore>(place.address, options);
      if (options.isServer && on_listening) on_listening(meeting->getPort());
      store = meeting;
      if (!place.prefix.empty())
        store = c10::make_intrusive<c10d::PrefixStore>(place.prefix, std::move(meeting));
    } catch (const Error&) {
      throw;  // of on_listening
    } catch (const std::exception& error) {
      throw Error(concat("process ", place.rank, " of ", place.size, " cannot meet the others at ",
                         place.address, ":", place.port, ": ", said(error),
                         place.has_store ? kTorchrun : ""));
    }
    try {
      auto options = Group::Options::create(timeout);
      options->devices.push_back(make_device(place));
      meet(*store, timeout, while_waiting);
      group_ = c10::make_intrusive<Group>(store, place.rank, place.size, std::move(options));
    } catch (const Error&) {
      throw;  // of while_waiting
    } catch (const std::exception& error) {
      throw Error(concat("process ", place.rank, " of ", place.size,
                         " does not reach the others: ", said(error),
                         "; MASTER_ADDR must be an address of its machine that all machines reach,"
                         " and GLOO_SOCKET_IFNAME names the interface to use",
                         place.has_store ? kTorchrun : ""));
    }
  }

  void all_gather(const torch::Tensor& part, const torch::Tensor& all) override {
    std::vector<std::vector<torch::Tensor>> outputs{all.chunk(place_.size)};
    std::vector<torch::Tensor> inputs{part};
    wait([&] { return group_->allgather(outputs, inputs); });
  }
  void all_to_all(const torch::Tensor& parts, const torch::Tensor& received) override {
    auto input = parts, output = received;
    std::vector<std::int64_t> equal_parts;
    wait([&] { return group_->alltoall_base(output, input, equal_parts, equal_parts); });
  }
  void broadcast(const torch::Tensor& values) override {
    std::vector<torch::Tensor> tensors{values};
    wait([&] { return group_->broadcast(tensors); });
  }

 private:
  /// Announces this process. With a callback, waits for all here, because Gloo does not return
  /// before its timeout if one is missing.
  void meet(c10d::Store& store, std::chrono::milliseconds timeout,
            const std::function<void()>& while_waiting) const {
    constexpr const char* kHere = "clew.here";
    constexpr std::chrono::milliseconds kPause(10);
    const auto last = std::chrono::steady_clock::now() + timeout;
    auto here = store.add(kHere, 1);
    while (while_waiting && here < place_.size && std::chrono::steady_clock::now() < last) {
      while_waiting();
      std::this_thread::sleep_for(kPause);
      here = store.add(kHere, 0);
    }
    if (while_waiting && here < place_.size)
      throw std::runtime_error(concat("only ", here, " have come"));
  }

  template <class Start>
  void wait(const Start& start) {
    const NoPipeSignals guard;
    try {
      start()->wait();
    } catch (const std::exception& error) {
      throw Error(concat("another process of this training has ended, or was silent for ",
                         place_.timeout_s, " s (seen by process ", place_.rank, " of ", place_.size,
                         ": ", said(error), ")"));
    }
  }

  ProcessPlace place_;
  c10::intrusive_ptr<Group> group_;
};

}  // namespace

std::unique_ptr<Transport> connect(const ProcessPlace& place,
                                   const std::function<void(int port)>& on_listening,
                                   const std::function<void()>& while_waiting) {
  return std::make_unique<GlooTransport>(place, on_listening, while_waiting);
}

}  // namespace clew::train
