# SPDX-License-Identifier: Apache-2.0
# Finds LibTorch: Debian's libtorch-dev by default, any other with -DCMAKE_PREFIX_PATH=.../torch/share/cmake.
find_package(Torch REQUIRED)
if(CLEW_CUDA STREQUAL "ON" AND NOT TORCH_CUDA_LIBRARIES AND NOT TARGET torch_cuda)
  message(FATAL_ERROR "CLEW_CUDA=ON, but the LibTorch at ${TORCH_INSTALL_PREFIX} was built without CUDA")
endif()
