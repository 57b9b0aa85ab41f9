import CKernels
import COpenBLAS
import Glibc

/// Which of its kernels OpenBLAS took for this processor.
///
/// OpenBLAS chooses by the processor's model number. One that is newer than the library is unknown to
/// it, and then it takes kernels of twenty years ago: 0.3.21 (Debian 12) runs at a quarter of the speed
/// on a Xeon of 2023. The environment variable OPENBLAS_CORETYPE names others, and is read once,
/// before `main`.
public enum BLASCore {
  /// OpenBLAS's name of them, such as "Haswell".
  public static var name: String {
    // Safety: OpenBLAS returns a string that it keeps for ever, terminated by a zero.
    unsafe openblas_get_corename().map { unsafe String(cString: $0) } ?? "unknown"
  }

  /// The value of OPENBLAS_CORETYPE that would serve this processor better; nil when there is none, or
  /// when the user has chosen.
  public static var better: String? {
    // Safety: the string lives while it is compared.
    guard unsafe getenv(variable) == nil else { return nil }
    return better(than: name, instructions: Int(mohd_elementwise_best_variant()))
  }

  private static let variable = "OPENBLAS_CORETYPE"

  /// - Parameter instructions: 0: older than AVX2 with FMA, or another architecture; 1: these;
  ///   2: AVX-512 as servers have it.
  package static func better(than name: String, instructions: Int) -> String? {
    let modern = ["haswell", "zen", "excavator", "skylakex", "cooperlake", "sapphirerapids"]
    guard instructions > 0, !modern.contains(name.lowercased()) else { return nil }
    return instructions > 1 ? "SKYLAKEX" : "HASWELL"
  }

  /// Starts this program again, once, with kernels that suit the processor, where OpenBLAS did not find
  /// them itself. To be called first in `main`. Where the system does not allow it, the program goes on
  /// as it is.
  public static func restartIfSlow() {
    guard let better else { return }
    _ = unsafe setenv(variable, better, 1)
    // Safety: nobody else reads the environment yet. `unsafeArgv` is the process's own argument list,
    // terminated by nil; execv replaces the process, or returns and has changed nothing.
    _ = unsafe execv("/proc/self/exe", CommandLine.unsafeArgv)
    _ = unsafe unsetenv(variable)
  }
}
