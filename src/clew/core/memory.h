// SPDX-License-Identifier: Apache-2.0
// Allocator settings of the whole process, so for programs, not for the library.
#pragma once

namespace clew {

/// Keeps freed memory in the process instead of returning it to the kernel. Training reallocates
/// the same large blocks; if glibc unmaps them each time, a quarter of the time goes into page
/// faults. No effect with other C libraries.
void keep_freed_memory();

}  // namespace clew
