import Checkpoints
import Files
import Synchronization
import Tensors

/// Keeps surveys on disk between the passes: those of all layers are as large as the model.
final class SurveyShelf {
  private let file: ScratchFile
  private var end = 0
  private var places: [String: Place] = [:]

  private struct Place {
    let basis: (offset: Int, rows: Int, columns: Int)?
    let weights: (offset: Int, rows: Int, columns: Int)
    let order: [Int]
    let lengths: [Double]
    let losses: [Double]
    let cost: Double
  }

  init(folder: String) throws(FileError) { file = try ScratchFile(folder: folder) }

  func keep(_ survey: ComponentSurvey, layer: Int, component: MoHDComponent) throws(FileError) {
    var basis: (Int, Int, Int)?
    if let matrix = survey.basis { basis = try write(matrix) }
    places[key(layer, component)] = Place(
      basis: basis, weights: try write(survey.weights), order: survey.order,
      lengths: survey.lengths,
      losses: survey.losses, cost: survey.cost)
  }

  /// - Precondition: it was kept.
  func take(layer: Int, component: MoHDComponent) throws -> ComponentSurvey {
    guard let place = places[key(layer, component)] else {
      preconditionFailure("a survey is taken after it was kept")
    }
    return ComponentSurvey(
      basis: try place.basis.map { try read($0) }, weights: try read(place.weights),
      order: place.order, lengths: place.lengths, losses: place.losses, cost: place.cost)
  }

  private func key(_ layer: Int, _ component: MoHDComponent) -> String {
    "\(layer).\(component.rawValue)"
  }

  private func write(_ matrix: SharedMatrix) throws(FileError) -> (Int, Int, Int) {
    let place = (end, matrix.view.rowCount, matrix.view.columnCount)
    try matrix.view.withSpan { (numbers) throws(FileError) in try file.write(numbers, at: end) }
    end += 4 * matrix.view.rowCount * matrix.view.columnCount
    return place
  }

  private func read(_ place: (offset: Int, rows: Int, columns: Int)) throws -> SharedMatrix {
    let matrix = SharedMatrix(rowCount: place.rows, columnCount: place.columns)
    try matrix.view.withMutableSpan { (numbers) throws(FileError) in
      try file.read(into: &numbers, at: place.offset)
    }
    return matrix
  }
}

/// What the workers of a layer found.
final class Outcomes: Sendable {
  private let values = Mutex<[MoHDComponent: Result<ComponentSurvey, ConversionError>]>([:])

  func set(_ value: Result<ComponentSurvey, ConversionError>, _ component: MoHDComponent) {
    values.withLock { $0[component] = value }
  }

  func get(_ component: MoHDComponent) -> Result<ComponentSurvey, ConversionError>? {
    values.withLock { $0[component] }
  }
}

/// What the workers of a layer made.
final class Results: Sendable {
  private let values = Mutex<[MoHDComponent: ConvertedComponent]>([:])

  func set(_ value: ConvertedComponent, _ component: MoHDComponent) {
    values.withLock { $0[component] = value }
  }

  var all: [MoHDComponent: ConvertedComponent] { values.withLock { $0 } }
}
