// SPDX-License-Identifier: Apache-2.0
// Builds without c10d's Gloo: connecting is an error.
#include "clew/core/error.h"
#include "clew/train/transport.h"

namespace clew::train {

std::unique_ptr<Transport> connect(const ProcessPlace& place,
                                   const std::function<void(int port)>& /*on_listening*/,
                                   const std::function<void()>& /*while_waiting*/) {
  throw Error(concat("this clew was built without c10d's Gloo and trains in one process, got ",
                     place.size,
                     "; install libgloo-dev, or a LibTorch that has it, and build again"));
}

}  // namespace clew::train
