import Activations
import HDF5
import Kernels
import Synchronization

/// The rows of one layer as they will lie in the file: converted, one hook point after the other.
///
/// Workers fill disjoint rows at the same time; when all have come, one thread writes.
final class StagedLayer: Sendable {
  /// Where the rows of one hook point lie: a run of whole chunks of the shard's dataset.
  struct Place {
    let hookPoint: HookPoint
    let width: Int
    /// The first byte in the buffer.
    let start: Int
    /// Rows of one chunk.
    let chunkRowCount: Int
    /// The shard's chunks that hold rows of the batch.
    let chunks: Range<Int>
    /// Rows of the batch before in the first of these chunks.
    let leadingRowCount: Int
    /// Rows of the batch after, or of nobody, in the last one.
    let trailingRowCount: Int

    /// The shard's row that the first row in the buffer is.
    var firstRow: Int { chunks.lowerBound * chunkRowCount }
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
    var batch: BatchPlace?
    var places: [Place] = []
    var arrivals: [Arrival] = []
  }

  /// Room for the largest of these batches.
  init(_ plan: CapturePlan, batches: [BatchPlace]) {
    dataType = plan.options.dataType
    allowsNonFinite = plan.options.allowsNonFinite
    buffer = StagingBuffer(byteCount: Self.byteCount(plan, batches: batches))
    state = Mutex(State())
  }

  /// Bytes that one layer of the largest of these batches takes, whole chunks.
  static func byteCount(_ plan: CapturePlan, batches: [BatchPlace]) -> Int {
    batches.reduce(0) { max($0, places(plan, of: $1).byteCount) }
  }

  /// Where the rows of each hook point lie, for one batch.
  static func places(
    _ plan: CapturePlan, of batch: BatchPlace
  ) -> (places: [Place], byteCount: Int) {
    var places: [Place] = []
    var start = 0
    for hookPoint in plan.options.hookPoints {
      let width = plan.width(hookPoint)
      let rowByteCount = width * plan.options.dataType.byteCount
      let layout = ChunkLayout(
        tokenCount: plan.shards[batch.shard].tokenCount, rowByteCount: rowByteCount)
      let chunks = layout.chunks(of: batch.rows)
      places.append(
        Place(
          hookPoint: hookPoint, width: width, start: start, chunkRowCount: layout.rowCount,
          chunks: chunks,
          leadingRowCount: batch.rows.lowerBound - chunks.lowerBound * layout.rowCount,
          trailingRowCount: chunks.upperBound * layout.rowCount - batch.rows.upperBound))
      start += chunks.count * layout.rowCount * rowByteCount
    }
    return (places, start)
  }

  /// Makes ready for the rows of one layer of a batch.
  func prepare(_ plan: CapturePlan, batch: BatchPlace) {
    let places = Self.places(plan, of: batch).places
    let changed = state.withLock { state in
      let changed = state.batch != batch
      state = State(batch: batch, places: places, arrivals: places.map { _ in Arrival() })
      return changed
    }
    guard changed else { return }
    // What is not written yet, and the padding of the last chunk, reads as NaN. Rows of the batch
    // before are put in by the thread that writes.
    let pattern = HDF5Dataset.missing(dataType.elementType)
    for place in places {
      let rowByteCount = place.width * dataType.byteCount
      let first = place.start + place.leadingRowCount * rowByteCount
      let end = first + batch.tokenCount * rowByteCount
      for padding in [place.start..<first, end..<end + place.trailingRowCount * rowByteCount] {
        buffer.withMutableBytes(padding) { bytes in
          for offset in 0..<bytes.byteCount {
            bytes.storeBytes(
              of: pattern[offset % pattern.count], toByteOffset: offset, as: UInt8.self)
          }
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
    let first = place.start + (place.leadingRowCount + rows.lowerBound) * rowByteCount
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

  /// - Parameter layer: named in errors.
  /// - Throws: `CaptureError` when rows are missing or numbers cannot be stored; the first hook point
  ///   in order is named, whatever arrived first.
  func check(layer: Int) throws(CaptureError) {
    let (batch, places, arrivals) = state.withLock { ($0.batch, $0.places, $0.arrivals) }
    let (firstToken, tokenCount) = (batch?.firstToken ?? 0, batch?.tokenCount ?? 0)
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
