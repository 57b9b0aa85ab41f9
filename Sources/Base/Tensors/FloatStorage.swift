import Glibc

/// A page-aligned block of Float32 numbers, zero at first, freed with its last reference.
///
/// Blocks of 2 MiB or more ask for huge pages: fresh memory is otherwise several times slower to
/// touch for the first time.
@safe package final class FloatStorage: @unchecked Sendable {
  // Safety of `@unchecked Sendable`: the pointer never changes; who writes which element when is
  // the contract of `MatrixView`.
  package let count: Int
  package let base: UnsafeMutablePointer<Float>
  private let byteCount: Int

  package init(count: Int) {
    precondition(count >= 0, "a block has no negative size")
    self.count = count
    self.byteCount = max(count * MemoryLayout<Float>.stride, 1)
    let mapped = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let pointer = unsafe mapped, unsafe pointer != MAP_FAILED else {
      preconditionFailure("out of memory: \(byteCount) bytes for a matrix")
    }
    if byteCount >= 2 << 20 { unsafe madvise(pointer, byteCount, MADV_HUGEPAGE) }
    unsafe base = unsafe pointer.bindMemory(to: Float.self, capacity: count)
  }

  deinit { unsafe munmap(base, byteCount) }
}
