import Glibc

/// Folders: making, listing, and asking how much room is left.
public enum Folder {
  /// What a path names, following symbolic links.
  public enum Kind: Sendable { case missing, file, folder, other }

  /// Looks at `path` without opening it.
  public static func kind(of path: String) -> Kind {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return .missing }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .folder
    case S_IFREG: return .file
    default: return .other
    }
  }

  /// Whether `path` itself is a symbolic link, wherever it leads.
  public static func isSymbolicLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  /// The size in bytes of a regular file, links followed; nil for anything else.
  public static func fileByteCount(_ path: String) -> Int? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// Makes a folder and its parents; an existing folder is fine.
  public static func create(_ path: String) throws(FileError) {
    if kind(of: path) == .folder { return }
    let parent = DurableFile.split(path).folder
    if parent != path && kind(of: parent) == .missing { try create(parent) }
    if unsafe mkdir(path, 0o755) != 0 && errno != EEXIST {
      throw .cannotCreate(path: path, errno: errno)
    }
    guard kind(of: path) == .folder else { throw .notDirectory(path: path) }
  }

  /// The names in a folder except "." and "..", in byte order.
  public static func names(in path: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(path) else {
      switch errno {
      case ENOENT: throw .missing(path: path)
      case ENOTDIR: throw .notDirectory(path: path)
      default: throw .unreadable(path: path, errno: errno)
      }
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      // Safety: readdir ends d_name with a zero inside the entry, and the entry lives until the
      // next call.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { text in
          unsafe String(cString: text)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Bytes that this process may still write to the file system that holds `path`, which must exist.
  public static func availableBytes(at path: String) throws(FileError) -> Int {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
    let (bytes, overflow) = Int(clamping: status.f_bavail)
      .multipliedReportingOverflow(by: Int(clamping: status.f_frsize))
    return overflow ? .max : bytes
  }

  /// Whether this process may create files in the folder `path` (the effective user, so a
  /// read-only mount counts and root's powers do too).
  public static func isWritable(_ path: String) -> Bool {
    unsafe faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0
  }

  /// Gives a complete folder its final name, in place of an empty folder or of nothing.
  public static func publish(_ partial: String, as path: String) throws(FileError) {
    if kind(of: path) == .folder { unsafe rmdir(path) }
    guard unsafe rename(partial, path) == 0 else { throw .writeFailed(path: path, errno: errno) }
    let parent = unsafe open(
      DurableFile.split(path).folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard parent >= 0 else { return }
    fsync(parent)
    close(parent)
  }

  /// Removes one file; a missing one is fine.
  public static func removeFile(_ path: String) throws(FileError) {
    if unsafe unlink(path) != 0 && errno != ENOENT {
      throw .writeFailed(path: path, errno: errno)
    }
  }
}
