import Tensors

/// How fast this machine multiplies matrices, to hold a program's own speed against.
public enum ProductRate {
  /// Multiply-adds a second of plain products, the same on every worker of a pool at once.
  ///
  /// - Parameters:
  ///   - rows, inputs, outputs: of the products that count.
  ///   - duration: how long to measure.
  public static func measure(
    rows: Int = 256, inputs: Int, outputs: Int, for duration: Duration = .milliseconds(200),
    pool: WorkerPool
  ) -> Double {
    let width = ProductKernels.fastest.tileWidth
    let tiles = (outputs + width - 1) / width
    let columns = (0..<tiles * width).map { Int32($0) }
    let products = (0..<pool.workerCount).map { _ in
      (
        weight: PackedWeight(
          columns: columns, inputCount: inputs,
          storage: Matrix(rowCount: 1, columnCount: tiles * width * inputs).view),
        x: Matrix(rowCount: rows, columnCount: inputs).view,
        y: Matrix(rowCount: rows, columnCount: tiles * width).view,
        scratch: Matrix(rowCount: 1, columnCount: ProductKernels.fastest.scratchCount).view
      )
    }
    let (start, step) = (ContinuousClock.now, 4)
    var (done, elapsed) = (0, Duration.zero)
    repeat {
      pool.forEach(pool.workerCount) { _, worker in
        let own = products[worker]
        for _ in 0..<step {
          own.weight.multiply(own.x, inputs: [0..<inputs], into: own.y, scratch: own.scratch)
        }
      }
      done += step * pool.workerCount
      elapsed = .now - start
    } while elapsed < duration
    return Double(done * rows * inputs * tiles * width) / (elapsed / .seconds(1))
  }
}
