import CHDF5

/// What groups and datasets share: a name, a place, and attributes.
public class HDF5Object {
  // Subclasses add constants only: they are `@unchecked Sendable` for want of a way to say so of a
  // class with subclasses.

  /// The file that holds it.
  public let path: String
  /// Its absolute name within the file.
  public let name: String
  let handle: HDF5Handle

  init(path: String, name: String, handle: HDF5Handle) {
    self.path = path
    self.name = name
    self.handle = handle
  }

  func writeFailure(_ what: String = "") -> (HDF5Trace) -> HDF5Error {
    { [path, name] trace in
      .writeFailed(path: path, object: name + what, reason: trace.reason, errno: trace.errno)
    }
  }

  func readFailure(_ what: String = "") -> (HDF5Trace) -> HDF5Error {
    { [path, name] trace in
      .readFailed(path: path, object: name + what, reason: trace.reason)
    }
  }
}

/// A group: a folder of datasets.
public final class HDF5Group: HDF5Object, @unchecked Sendable {
  /// The absolute name of a member.
  func memberName(_ member: String) -> String {
    name == "/" ? "/" + member : name + "/" + member
  }

  /// Makes a group within this one.
  public func createGroup(_ member: String) throws(HDF5Error) -> HDF5Group {
    let failure = writeFailure("/" + member)
    let creation = HDF5Handle(
      try HDF5Library.check(failure) { H5Pcreate(mohd_h5p_group_create()) })
    _ = try HDF5Library.check(failure) { H5Pset_obj_track_times(creation.id, false) }
    _ = try HDF5Library.check(failure) {
      H5Pset_link_creation_order(creation.id, mohd_h5p_creation_order())
    }
    _ = try HDF5Library.check(failure) {
      H5Pset_attr_creation_order(creation.id, mohd_h5p_creation_order())
    }
    _ = try HDF5Library.check(failure) { H5Pset_attr_phase_change(creation.id, 64, 0) }
    let group = try HDF5Library.check(failure) {
      unsafe H5Gcreate2(
        handle.id, member, mohd_h5p_default(), creation.id, mohd_h5p_default())
    }
    return HDF5Group(
      path: path, name: memberName(member), handle: HDF5Handle(group, in: handle.file))
  }

  /// Opens a group within this one.
  public func openGroup(_ member: String) throws(HDF5Error) -> HDF5Group {
    try requireHardLink(member)
    let group = try HDF5Library.check(readFailure("/" + member)) {
      unsafe H5Gopen2(handle.id, member, mohd_h5p_default())
    }
    return HDF5Group(
      path: path, name: memberName(member), handle: HDF5Handle(group, in: handle.file))
  }

  /// Whether there is a member of this name.
  public func contains(_ member: String) -> Bool {
    HDF5Library.perform {
      let found = unsafe H5Lexists(handle.id, member, mohd_h5p_default()) > 0
      _ = H5Eclear2(hid_t(H5E_DEFAULT))
      return found
    }
  }

  /// - Throws: `missingObject` without such a member, `storedElsewhere` for a link that could lead
  ///   out of the file.
  func requireHardLink(_ member: String) throws(HDF5Error) {
    guard contains(member) else {
      throw .missingObject(path: path, object: memberName(member))
    }
    var information = H5L_info_t()
    _ = try HDF5Library.check(readFailure("/" + member)) {
      unsafe H5Lget_info(handle.id, member, &information, mohd_h5p_default())
    }
    guard information.type == H5L_TYPE_HARD else {
      throw .storedElsewhere(path: path, object: memberName(member))
    }
  }
}
