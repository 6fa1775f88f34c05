# SPDX-License-Identifier: Apache-2.0
# Finds LibTorch: Debian's libtorch-dev by default, another one with -DCMAKE_PREFIX_PATH=DIR/share/cmake, or with
# -DCLEW_LIBTORCH=DIR, which asks nothing of that LibTorch's own CMake files: those of a wheel built for CUDA refuse to
# work without the CUDA toolkit, which a build for the CPU does not need. Sets TORCH_LIBRARIES, TORCH_INCLUDE_DIRS.
set(CLEW_LIBTORCH "" CACHE PATH "folder of an unpacked LibTorch, or 'torch' of a wheel; empty: find_package(Torch)")

if(CLEW_LIBTORCH)
  # libtorch.so of a CUDA wheel would pull in all of CUDA, so a build for the CPU does without it.
  set(names torch_cpu c10)
  if(CLEW_CUDA STREQUAL "ON")
    list(APPEND names torch torch_cuda c10_cuda)
  endif()
  set(TORCH_LIBRARIES)
  foreach(name IN LISTS names)
    set(file ${CLEW_LIBTORCH}/lib/lib${name}.so)
    if(NOT EXISTS ${file})
      message(FATAL_ERROR "CLEW_LIBTORCH must be a LibTorch for what CLEW_CUDA=${CLEW_CUDA} asks, but there is no ${file}")
    endif()
    list(APPEND TORCH_LIBRARIES ${file})
  endforeach()
  set(TORCH_INCLUDE_DIRS ${CLEW_LIBTORCH}/include ${CLEW_LIBTORCH}/include/torch/csrc/api/include)
else()
  find_package(Torch REQUIRED)
  if(CLEW_CUDA STREQUAL "ON" AND NOT TORCH_CUDA_LIBRARIES AND NOT TARGET torch_cuda)
    message(FATAL_ERROR "CLEW_CUDA=ON, but the LibTorch at ${TORCH_INSTALL_PREFIX} was built without CUDA")
  endif()
endif()
