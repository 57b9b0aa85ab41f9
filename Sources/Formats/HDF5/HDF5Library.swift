import CHDF5
import Files
import Foundation
import Synchronization

/// The C library behind one lock: each call checked, its error stack drained on the same thread.
///
/// HDF5 keeps global state, and not every build of it is thread-safe; the lock costs nothing
/// beside a call. It is recursive because an object may be closed inside another call.
enum HDF5Library {
  private static let lock = NSRecursiveLock()

  /// Run once, before anything else of the library.
  private static let started: Bool = {
    // Everything is closed explicitly. At exit the library would try once more to flush a file
    // that a full disk has cut short, and complain on standard error.
    _ = H5dont_atexit()
    _ = H5open()
    // No plug-ins: a file must not choose code for us to load.
    _ = H5PLset_loading_state(0)
    return true
  }()

  /// Runs `body` while no other thread is inside the library.
  static func perform<Result, Failure: Error>(
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    lock.lock()
    defer { lock.unlock() }
    _ = started
    // Printing is a setting of each thread's own error stack.
    _ = H5Eset_auto2(hid_t(H5E_DEFAULT), nil, nil)
    return try body()
  }

  /// Makes one call; a negative result becomes the error that `failure` builds.
  static func check<Result: SignedInteger>(
    _ failure: (HDF5Trace) -> HDF5Error, _ call: () -> Result
  ) throws(HDF5Error) -> Result {
    try perform { () throws(HDF5Error) in
      let result = call()
      guard result >= 0 else { throw failure(HDF5Trace.drain()) }
      return result
    }
  }
}

/// What the library says about a failed call.
struct HDF5Trace {
  /// The innermost message, without the parts that name times, addresses and flags.
  let reason: String
  /// The system's error number, where the innermost message holds one.
  let errno: Int32?

  /// Takes and clears the calling thread's error stack.
  static func drain() -> HDF5Trace {
    final class Messages { var texts: [String] = [] }
    let messages = Messages()
    // Safety: the callback runs inside H5Ewalk2 only, while `messages` lives; texts are copied.
    unsafe _ = H5Ewalk2(
      hid_t(H5E_DEFAULT), H5E_WALK_UPWARD,
      { _, entry, context in
        if let entry = unsafe entry, let text = unsafe entry.pointee.desc,
          let context = unsafe context
        {
          let messages = unsafe Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue()
          messages.texts.append(unsafe String(cString: text))
        }
        return 0
      }, Unmanaged.passUnretained(messages).toOpaque())
    extendLifetime(messages)
    _ = H5Eclear2(hid_t(H5E_DEFAULT))
    return HDF5Trace(innermost: messages.texts.first ?? "no reason given")
  }

  /// Reads messages such as "unable to open file: name = 'x', errno = 2, error message = …".
  init(innermost text: String) {
    let number = text.firstRange(of: "errno = ").flatMap { range in
      Int32(text[range.upperBound...].prefix { $0.isNumber })
    }
    self.errno = number
    if let number {
      reason = systemMessage(number)
    } else {
      reason = String(text.prefix { $0 != "\n" })
    }
  }
}

/// Whether the library may still be asked to close what belongs to a file.
///
/// When a write has failed, HDF5 1.10 cannot close the file: it frees parts of it, fails to flush the
/// rest, and crashes when it meets what it freed. Such a file is left alone until the process ends.
final class HDF5FileState: Sendable {
  private let abandoned = Mutex(false)

  var isAbandoned: Bool { abandoned.withLock { $0 } }

  func abandon() { abandoned.withLock { $0 = true } }
}

/// Owns one identifier of the library and gives it back with its last reference.
final class HDF5Handle: Sendable {
  let id: hid_t
  /// The file that the object lies in, for objects that lie in one.
  let file: HDF5FileState?

  init(_ id: hid_t, in file: HDF5FileState? = nil) {
    self.id = id
    self.file = file
  }

  deinit {
    if file?.isAbandoned == true { return }
    HDF5Library.perform {
      // The file may have been closed first, and everything in it then.
      if H5Iis_valid(id) > 0 { _ = H5Idec_ref(id) }
    }
  }
}
