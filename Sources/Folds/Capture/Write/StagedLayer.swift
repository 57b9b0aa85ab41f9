import Activations
import HDF5
import Kernels
import Synchronization

/// The rows of one layer as they will lie in the file: converted, one hook point after the other.
///
/// Workers fill disjoint rows at the same time; when all have come, one thread writes.
final class StagedLayer: Sendable {
  /// Where the rows of one hook point lie.
  struct Place {
    let hookPoint: HookPoint
    let width: Int
    /// The first byte in the buffer.
    let start: Int
    let chunks: ChunkLayout
  }

  /// What came, and what was wrong with it.
  private struct Arrival {
    var rowCount = 0
    var nonFinite = Finding()
    var overflow = Finding()
  }

  /// Numbers that cannot be stored, and the first row that has one.
  private struct Finding {
    var count = 0
    var firstRow = Int.max

    mutating func add(_ more: Int, row: Int) {
      guard more > 0 else { return }
      count += more
      firstRow = min(firstRow, row)
    }
  }

  let buffer: StagingBuffer
  private let dataType: CaptureDataType
  private let allowsNonFinite: Bool
  private let state: Mutex<State>

  private struct State {
    var tokenCount = 0
    var places: [Place] = []
    var arrivals: [Arrival] = []
  }

  /// Room for the largest shard of a plan.
  init(_ plan: CapturePlan) {
    dataType = plan.options.dataType
    allowsNonFinite = plan.options.allowsNonFinite
    buffer = StagingBuffer(
      byteCount: plan.shards.reduce(0) {
        max($0, Self.byteCount(plan, tokenCount: $1.tokenCount))
      })
    state = Mutex(State())
  }

  /// Bytes that one layer of a shard takes, padding included.
  static func byteCount(_ plan: CapturePlan, tokenCount: Int) -> Int {
    places(plan, tokenCount: tokenCount).byteCount
  }

  /// Where the rows of each hook point lie, for a shard of `tokenCount` rows.
  static func places(
    _ plan: CapturePlan, tokenCount: Int
  ) -> (places: [Place], byteCount: Int) {
    var places: [Place] = []
    var start = 0
    for hookPoint in plan.options.hookPoints {
      let width = plan.width(hookPoint)
      let rowByteCount = width * plan.options.dataType.byteCount
      let chunks = ChunkLayout(tokenCount: tokenCount, rowByteCount: rowByteCount)
      places.append(Place(hookPoint: hookPoint, width: width, start: start, chunks: chunks))
      start += chunks.paddedRowCount * rowByteCount
    }
    return (places, start)
  }

  /// Makes ready for the rows of one layer of a shard.
  func prepare(_ plan: CapturePlan, tokenCount: Int) {
    let places = Self.places(plan, tokenCount: tokenCount).places
    let changed = state.withLock { state in
      let changed = state.tokenCount != tokenCount
      state = State(
        tokenCount: tokenCount, places: places,
        arrivals: places.map { _ in Arrival() })
      return changed
    }
    guard changed else { return }
    // The padding of each last chunk reads as what was never written: NaN.
    let pattern = HDF5Dataset.notANumber(dataType.elementType)
    for place in places {
      let rowByteCount = place.width * dataType.byteCount
      let padding =
        place.start + tokenCount * rowByteCount..<place.start + place.chunks.paddedRowCount
        * rowByteCount
      buffer.withMutableBytes(padding) { bytes in
        for offset in 0..<bytes.byteCount {
          bytes.storeBytes(
            of: pattern[offset % pattern.count], toByteOffset: offset, as: UInt8.self)
        }
      }
    }
  }

  /// Converts and keeps one panel of rows. Called from any thread.
  func take(_ values: Span<Float>, rows: Range<Int>, at hookPoint: HookPoint) {
    let found = state.withLock { state in
      state.places.firstIndex { $0.hookPoint == hookPoint }.map { ($0, state.places[$0]) }
    }
    guard let (index, place) = found, !rows.isEmpty else { return }
    precondition(values.count == rows.count * place.width, "values must fill the rows")
    let rowByteCount = place.width * dataType.byteCount
    let first = place.start + rows.lowerBound * rowByteCount
    let badCount: Int
    switch dataType {
    case .float16:
      badCount = buffer.withMutableBytes(first..<first + rows.count * rowByteCount) { bytes in
        Elementwise.fastest.convertToFloat16(values, into: &bytes)
      }
    case .float32:
      buffer.store(values, at: first)
      badCount = Elementwise.fastest.countNonFinite(values)
    }
    var nonFinite = Finding()
    var overflow = Finding()
    if badCount > 0 {
      for row in 0..<rows.count {
        var counts = (nonFinite: 0, overflow: 0)
        for index in row * place.width..<(row + 1) * place.width {
          if !values[index].isFinite {
            counts.nonFinite += 1
          } else if dataType == .float16 && Float16(values[index]).isInfinite {
            counts.overflow += 1
          }
        }
        nonFinite.add(counts.nonFinite, row: rows.lowerBound + row)
        overflow.add(counts.overflow, row: rows.lowerBound + row)
      }
    }
    state.withLock { [nonFinite, overflow] state in
      state.arrivals[index].rowCount += rows.count
      state.arrivals[index].nonFinite.add(nonFinite.count, row: nonFinite.firstRow)
      state.arrivals[index].overflow.add(overflow.count, row: overflow.firstRow)
    }
  }

  /// - Parameters:
  ///   - layer: named in errors.
  ///   - firstToken: index in the corpus of the first row.
  /// - Throws: `CaptureError` when rows are missing or numbers cannot be stored; the first hook point
  ///   in order is named, whatever arrived first.
  func check(layer: Int, firstToken: Int) throws(CaptureError) {
    let (places, arrivals, tokenCount) = state.withLock { ($0.places, $0.arrivals, $0.tokenCount) }
    for (place, arrival) in zip(places, arrivals) {
      if arrival.rowCount != tokenCount {
        throw .incompleteLayer(
          layer: layer, hookPoint: place.hookPoint, expected: tokenCount, found: arrival.rowCount)
      }
      if arrival.nonFinite.count > 0 && !allowsNonFinite {
        throw .nonFinite(
          layer: layer, hookPoint: place.hookPoint,
          token: firstToken + arrival.nonFinite.firstRow, count: arrival.nonFinite.count)
      }
      if arrival.overflow.count > 0 {
        throw .overflow(
          layer: layer, hookPoint: place.hookPoint,
          token: firstToken + arrival.overflow.firstRow, count: arrival.overflow.count)
      }
    }
  }

  /// Where everything lies, for the thread that writes.
  var places: [Place] { state.withLock { $0.places } }
}
