// SPDX-License-Identifier: Apache-2.0
// What the allocator is told. A setting of the whole process, so programs call it, never the
// library.
#pragma once

namespace clew {

/// Keeps freed memory in the process instead of handing it back to the kernel. Training frees and
/// takes the same large blocks again and again; where glibc unmaps them each time, a quarter of the
/// time goes into page faults. Does nothing with other C libraries.
void keep_freed_memory();

}  // namespace clew
