import Glibc

/// How many files this process, and those that its shell starts, may have open at once: `ulimit -n`.
/// `Int.max` without a limit.
public func openFileLimit() -> Int {
  var limit = rlimit()
  guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    return .max
  }
  return Int(clamping: limit.rlim_cur)
}
