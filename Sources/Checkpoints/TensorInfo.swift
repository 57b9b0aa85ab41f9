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
