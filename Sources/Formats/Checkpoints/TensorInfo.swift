/// What a file says about one of its tensors.
public struct TensorInfo: Sendable, Equatable {
  /// The name in the file.
  public let name: String
  /// Sides, outermost first (GGUF stores them the other way round; this is turned already).
  public let shape: [Int]
  public let elementType: ElementType
  /// Bytes in the file, without padding.
  public var byteCount: Int { bytes.count }
  /// Where the bytes lie in their file, counted from the file's start.
  package let bytes: Range<Int>

  package init(name: String, shape: [Int], elementType: ElementType, bytes: Range<Int>) {
    self.name = name
    self.shape = shape
    self.elementType = elementType
    self.bytes = bytes
  }

  /// Number of elements. Parsers have checked that the product fits.
  public var elementCount: Int { shape.reduce(1, *) }
}

/// Files with more tensors are refused: the largest model that can be configured here has 78,000, and
/// a file of nothing but names must not fill the memory.
package let tensorCountLimit = 100_000

/// A name from a file as it may stand in a message: short, and without control characters.
func printable(_ name: String) -> String {
  let limit = 120
  var text = ""
  for scalar in name.unicodeScalars.prefix(limit) {
    let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
    text.unicodeScalars.append(isControl ? "\u{fffd}" : scalar)
  }
  return name.unicodeScalars.dropFirst(limit).isEmpty ? text : text + "…"
}

/// The product of all sides, or nil when one is negative or it does not fit.
package func checkedProduct(_ shape: [Int]) -> Int? {
  var product = 1
  for side in shape {
    guard side >= 0 else { return nil }
    let (next, overflow) = product.multipliedReportingOverflow(by: side)
    if overflow { return nil }
    product = next
  }
  return product
}
