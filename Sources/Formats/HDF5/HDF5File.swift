import CHDF5
import Files
import Glibc

/// An HDF5 file that is open for writing, or for reading.
///
/// Equal calls give equal bytes: object times are off everywhere, and groups keep the order in which
/// their members were made, as netCDF programs expect.
public final class HDF5File: Sendable {
  /// The newest library features that a new file may use.
  public enum Compatibility: Sendable {
    /// Readable by HDF5 1.8.
    case version18
    /// Needs HDF5 1.10: virtual datasets.
    case version110
  }

  public let path: String
  /// The group "/".
  public let root: HDF5Group
  private let handle: HDF5Handle

  private init(path: String, handle: HDF5Handle, root: HDF5Group) {
    self.path = path
    self.handle = handle
    self.root = root
  }

  /// Makes a file, or empties the one that is there.
  public static func create(
    _ path: String, compatibility: Compatibility
  ) throws(HDF5Error) -> HDF5File {
    func failure(_ trace: HDF5Trace) -> HDF5Error {
      .cannotCreate(path: path, reason: trace.reason)
    }
    let creation = HDF5Handle(
      try HDF5Library.check(failure) { H5Pcreate(mohd_h5p_file_create()) })
    _ = try HDF5Library.check(failure) { H5Pset_obj_track_times(creation.id, false) }
    _ = try HDF5Library.check(failure) {
      H5Pset_link_creation_order(creation.id, mohd_h5p_creation_order())
    }
    _ = try HDF5Library.check(failure) {
      H5Pset_attr_creation_order(creation.id, mohd_h5p_creation_order())
    }
    // Attributes stay in the object's header: the library's dense storage fails when an attribute
    // is added to an object that tracks their order.
    _ = try HDF5Library.check(failure) { H5Pset_attr_phase_change(creation.id, 64, 0) }
    let access = try makeAccess(forWriting: true, failure)
    _ = try HDF5Library.check(failure) {
      H5Pset_libver_bounds(
        access.id, H5F_LIBVER_EARLIEST,
        compatibility == .version18 ? H5F_LIBVER_V18 : H5F_LIBVER_V110)
    }
    let file = HDF5Handle(
      try HDF5Library.check(failure) {
        unsafe H5Fcreate(path, mohd_h5f_truncate(), creation.id, access.id)
      }, in: HDF5FileState())
    return HDF5File(path: path, handle: file, root: try openRoot(of: file, path: path))
  }

  /// Opens a file that is there.
  ///
  /// - Parameter forWriting: whether elements of its datasets will be written.
  public static func open(
    _ path: String, forWriting: Bool = false
  ) throws(HDF5Error) -> HDF5File {
    switch Folder.kind(of: path) {
    case .missing: throw .missing(path: path)
    case .file: break
    case .folder, .other: throw .notHDF5(path: path, reason: "not a regular file")
    }
    func failure(_ trace: HDF5Trace) -> HDF5Error { .notHDF5(path: path, reason: trace.reason) }
    let access = try makeAccess(forWriting: forWriting, failure)
    let file = HDF5Handle(
      try HDF5Library.check(failure) {
        unsafe H5Fopen(path, forWriting ? mohd_h5f_read_write() : mohd_h5f_read_only(), access.id)
      },
      in: HDF5FileState())
    return HDF5File(path: path, handle: file, root: try openRoot(of: file, path: path))
  }

  /// Closes the file and everything that is still open in it. What was written is then in the hands
  /// of the operating system; `DurableFile.publish` makes it durable.
  public func close() throws(HDF5Error) {
    do throws(HDF5Error) {
      _ = try HDF5Library.check({ trace in
        .writeFailed(path: path, object: "the file", reason: trace.reason, errno: trace.errno)
      }) { H5Fclose(handle.id) }
    } catch {
      handle.file?.abandon()
      throw error
    }
  }

  /// Gives up a file that was being written, without flushing anything: after a failed write, or when
  /// nobody wants the file any more. Its bytes on the disk are released; removing its name is the
  /// caller's business. What the library holds in memory stays until the process ends.
  ///
  /// - Parameter keepsBytes: whether the file is left as it is.
  public func abandon(keepsBytes: Bool = false) {
    guard let state = handle.file, !state.isAbandoned else { return }
    if !keepsBytes { withDescriptor { _ = ftruncate($0, 0) } }
    state.abandon()
  }

  /// Objects that are open in this file, itself included.
  package var openObjectCount: Int {
    HDF5Library.perform { H5Fget_obj_count(handle.id, mohd_h5f_all_objects()) }
  }

  /// Asks the system to begin writing what it holds of this file, without waiting, so that the
  /// fsync at the end is short. A hint: failure has no consequence.
  public func startWriteBack() {
    withDescriptor { _ = mohd_start_write_back($0) }
  }

  private func withDescriptor(_ body: (Int32) -> Void) {
    HDF5Library.perform {
      var descriptor: UnsafeMutableRawPointer?
      // Safety: for the default driver the handle is a pointer to the file's descriptor.
      guard unsafe H5Fget_vfd_handle(handle.id, mohd_h5p_default(), &descriptor) >= 0,
        let pointer = unsafe descriptor
      else {
        _ = H5Eclear2(hid_t(H5E_DEFAULT))
        return
      }
      body(unsafe pointer.load(as: Int32.self))
    }
  }

  private static func makeAccess(
    forWriting: Bool, _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) -> HDF5Handle {
    let access = HDF5Handle(
      try HDF5Library.check(failure) { H5Pcreate(mohd_h5p_file_access()) })
    _ = try HDF5Library.check(failure) { H5Pset_fclose_degree(access.id, H5F_CLOSE_STRONG) }
    // Who writes takes no lock: runs hold one of their own, some network file systems have none, and
    // a process that is started meanwhile would keep it beyond the close.
    _ = try HDF5Library.check(failure) { H5Pset_file_locking(access.id, !forWriting, true) }
    return access
  }

  private static func openRoot(
    of file: HDF5Handle, path: String
  ) throws(HDF5Error) -> HDF5Group {
    let root = HDF5Handle(
      try HDF5Library.check({ .notHDF5(path: path, reason: $0.reason) }) {
        unsafe H5Gopen2(file.id, "/", mohd_h5p_default())
      }, in: file.file)
    return HDF5Group(path: path, name: "/", handle: root)
  }
}
