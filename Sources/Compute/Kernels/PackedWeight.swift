import CKernels
import Tensors

/// A weight [outputs, inputs], packed once for products over some of its inputs and outputs.
///
/// A matrix library packs weights for every product, and wants rows, inputs and outputs to be
/// consecutive. Mixtures multiply few rows by each choice of inputs, or for each choice of outputs:
/// here rows are gathered as they are read, runs of inputs are summed in one go, and results are
/// written where they belong.
public final class PackedWeight: Sendable {
  /// Outputs are packed in tiles of so many: [tile, input, output of the tile].
  public let tileWidth: Int
  public let tileCount: Int
  public let inputCount: Int
  private let columns: [Int32]
  private let isPlain: [UInt8]
  private let columnBound: Int
  private let kernels: ProductKernels
  private let packed: MatrixView

  /// Room for a weight that is not packed yet.
  ///
  /// - Parameters:
  ///   - columns: the column of a product that each packed output is; −1: none, at the end of a
  ///     tile only. Whole tiles.
  ///   - inputCount: inputs that are packed.
  ///   - storage: at least columns.count · inputCount elements, contiguous.
  public init(
    columns: [Int32], inputCount: Int, storage: MatrixView,
    kernels: ProductKernels = .fastest
  ) {
    tileWidth = kernels.tileWidth
    precondition(columns.count % kernels.tileWidth == 0, "tiles must be whole")
    tileCount = columns.count / kernels.tileWidth
    self.inputCount = inputCount
    self.columns = columns
    self.kernels = kernels
    packed = storage.reshaped(rowCount: 1, columnCount: columns.count * inputCount)
    columnBound = Int(columns.max() ?? -1) + 1
    let width = kernels.tileWidth
    isPlain = (0..<tileCount).map { tile in
      let first = columns[tile * width]
      return (0..<width).allSatisfy { columns[tile * width + $0] == first + Int32($0) } ? 1 : 0
    }
  }

  /// Packs the outputs of one tile; different tiles may be packed at once.
  ///
  /// - Parameters:
  ///   - rows: what the weight has for them, [outputs of the tile, width].
  ///   - places: which input of the packed weight each of the `width` is, −1: none; nil: itself.
  public func pack(_ rows: MatrixView, asTile tile: Int, places: [Int32]? = nil) {
    precondition(
      tile >= 0 && tile < tileCount && rows.rowCount <= tileWidth
        && (places?.count ?? inputCount) == rows.columnCount
        && (places ?? []).allSatisfy { $0 < inputCount }, "a tile's weights do not fit")
    unsafe (places ?? []).withUnsafeBufferPointer { list in
      // Safety: the tile lies in `packed`, as the counts above say.
      unsafe kernels.table.pointee.pack(
        rows.base, rows.stride, rows.rowCount, rows.columnCount,
        places == nil ? nil : list.baseAddress,
        packed.base + tile * tileWidth * inputCount)
    }
    extendLifetime((rows, packed))
  }

  /// Packs the outputs of one tile that are columns of a matrix: w[c, p] = matrix[rows[p], columns[c]].
  ///
  /// - Parameters:
  ///   - matrix: [any, outputs].
  ///   - rows: what each packed input is; nil: itself.
  ///   - columns: what the tile's outputs are, as many as it has or fewer.
  public func pack(
    columns: [Int32], of matrix: MatrixView, rows: IndexList? = nil, asTile tile: Int
  ) {
    precondition(tile >= 0 && tile < tileCount && columns.count <= tileWidth)
    let size = tileWidth * inputCount
    let room = packed.columns(tile * size..<(tile + 1) * size)
      .reshaped(rowCount: inputCount, columnCount: tileWidth)
    if columns.count < tileWidth { clear(room.columns(columns.count..<tileWidth)) }
    guard let first = columns.first, inputCount > 0 else { return }
    let to = room.columns(0..<columns.count)
    if columns.indices.allSatisfy({ columns[$0] == first + Int32($0) }) {
      let from = matrix.columns(Int(first)..<Int(first) + columns.count)
      SubDimensionKernels.fastest.gather(from, rows: rows, into: to)
    } else {
      SubDimensionKernels.fastest.gather(
        matrix, rows: rows, columns: IndexList(columns), into: to)
    }
  }

  /// y[r, c] ← Σ_p x[inputs[p], r] w[c, p]: a sum over rows of x, as derivatives by weights are.
  ///
  /// - Parameters:
  ///   - x: [any, rows of y].
  ///   - inputs: the row of x that each packed input is; nil: itself.
  ///   - y: [rows, outputs].
  ///   - adding: add to what y holds instead.
  ///   - scratch: at least `scratchCount` elements, contiguous.
  public func multiply(
    transposing x: MatrixView, inputs: IndexList? = nil, into y: MatrixView, adding: Bool,
    scratch: MatrixView
  ) {
    precondition(
      x.columnCount == y.rowCount && columnBound <= y.columnCount
        && inputs.map { $0.count == inputCount && $0.bound <= x.rowCount }
          ?? (inputCount == x.rowCount)
        && scratch.isContiguous && scratch.rowCount * scratch.columnCount >= kernels.scratchCount,
      "shapes of a packed product must agree")
    guard y.rowCount > 0, tileCount > 0 else { return }
    let runs = [mohd_run(start: 0, count: inputCount)]
    unsafe IndexList.with(inputs, nil) { inputs, _ in
      unsafe runs.withUnsafeBufferPointer { runs in
        unsafe columns.withUnsafeBufferPointer { columns in
          unsafe isPlain.withUnsafeBufferPointer { isPlain in
            // Safety: every index was checked above against what it indexes.
            var product = unsafe mohd_product(
              x: x.base, x_stride: x.stride, rows: nil, row_count: y.rowCount, turned: true,
              inputs: inputs, runs: runs.baseAddress, run_count: 1, packed: packed.base,
              tile_stride: tileWidth * inputCount, tiles: nil, tile_count: tileCount,
              columns: columns.baseAddress, is_plain: isPlain.baseAddress, y: y.base,
              y_stride: y.stride, adding: adding, scratch: scratch.base)
            unsafe kernels.table.pointee.multiply(&product)
          }
        }
      }
    }
    extendLifetime((x, y, packed))
    extendLifetime(scratch)
  }

  /// y[r, c] ← Σ_p x[r, p] w[c, p] for some rows r, the inputs p of some runs, and the columns c of
  /// some tiles; other elements of y stay as they are.
  ///
  /// - Parameters:
  ///   - x: [tokens, at least the last input].
  ///   - rows: rows of x and of y, none twice; nil: all.
  ///   - inputs: runs of packed inputs.
  ///   - tiles: tiles of outputs, none twice; nil: all.
  ///   - y: [tokens, outputs].
  ///   - adding: add to what y holds instead.
  ///   - scratch: at least `scratchCount` elements, contiguous.
  /// - Complexity: 2 · rows · inputs · outputs floating-point operations, on one thread.
  public func multiply(
    _ x: MatrixView, rows: IndexList? = nil, inputs: [Range<Int>], tiles: IndexList? = nil,
    into y: MatrixView, adding: Bool = false, scratch: MatrixView
  ) {
    precondition(
      inputs.allSatisfy { $0.upperBound <= min(inputCount, x.columnCount) && $0.lowerBound >= 0 }
        && (rows.map { $0.bound <= min(x.rowCount, y.rowCount) } ?? (x.rowCount == y.rowCount))
        && (tiles?.bound ?? 0) <= tileCount && columnBound <= y.columnCount
        && scratch.isContiguous && scratch.rowCount * scratch.columnCount >= kernels.scratchCount,
      "shapes of a packed product must agree")
    let runs = inputs.map { mohd_run(start: $0.lowerBound, count: $0.count) }
    let rowCount = rows?.count ?? x.rowCount
    let chosenCount = tiles?.count ?? tileCount
    guard rowCount > 0, chosenCount > 0 else { return }
    unsafe IndexList.with(rows, tiles) { rows, tiles in
      unsafe runs.withUnsafeBufferPointer { runs in
        unsafe columns.withUnsafeBufferPointer { columns in
          unsafe isPlain.withUnsafeBufferPointer { isPlain in
            // Safety: every index was checked above against what it indexes.
            var product = unsafe mohd_product(
              x: x.base, x_stride: x.stride, rows: rows, row_count: rowCount, turned: false,
              inputs: nil, runs: runs.baseAddress, run_count: runs.count, packed: packed.base,
              tile_stride: tileWidth * inputCount, tiles: tiles,
              tile_count: chosenCount, columns: columns.baseAddress,
              is_plain: isPlain.baseAddress, y: y.base, y_stride: y.stride, adding: adding,
              scratch: scratch.base)
            unsafe kernels.table.pointee.multiply(&product)
          }
        }
      }
    }
    extendLifetime((x, y, packed))
    extendLifetime(scratch)
  }
}

/// One variant of the products of packed weights.
@safe public struct ProductKernels: Sendable {
  // Safety: a table of function pointers in static storage, never changed.
  fileprivate nonisolated(unsafe) let table: UnsafePointer<mohd_products>

  /// Every variant that this processor runs, the one that any processor runs first.
  public static let variants = (0...mohd_products_best_variant()).map {
    unsafe ProductKernels(table: mohd_products_variant($0))
  }

  /// The fastest variant that this processor runs.
  public static let fastest = unsafe ProductKernels(
    table: mohd_products_variant(mohd_products_best_variant()))

  /// Outputs in a tile.
  public var tileWidth: Int { unsafe Int(table.pointee.tile_width) }

  /// Elements of scratch that a product needs.
  public var scratchCount: Int { unsafe Int(table.pointee.scratch_count) }
}
