import Conversion
import Foundation
import Kernels
import Tensors

/// k-means on rows that compare_kmeans.py hands over: float32, row by row, on standard input.
///
/// Prints one JSON object: seconds of the fit alone, and the inertia.
enum KMeansBenchmark {
  static func run(_ arguments: [String]) throws {
    let numbers = arguments.compactMap { Int($0) }
    guard numbers.count == 4 else { return print("usage: kmeans ROWS COLUMNS CLUSTERS SEED") }
    let (rows, columns) = (numbers[0], numbers[1])
    let bytes = FileHandle.standardInput.readDataToEndOfFile()
    guard bytes.count == 4 * rows * columns else {
      return print("expected \(4 * rows * columns) bytes on standard input, found \(bytes.count)")
    }
    let x = Matrix(rowCount: rows, columnCount: columns)
    let values = [UInt8](bytes)
    for index in 0..<rows * columns {
      let bits = (0..<4).reduce(UInt32(0)) {
        $0 | UInt32(values[4 * index + $1]) << (8 * UInt32($1))
      }
      x.view[index / columns, index % columns] = Float(bitPattern: bits)
    }
    let kmeans = KMeans(clusterCount: numbers[2], seed: UInt64(numbers[3]))
    var inertia = 0.0
    let seconds = time {
      inertia = kmeans.fit(x.view, pool: WorkerPool(workerCount: 2)).inertia
    }
    print("{\"seconds\": \(seconds), \"inertia\": \(inertia)}")
  }
}
