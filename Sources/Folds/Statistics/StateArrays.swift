import Activations
import Files

/// One named array of a stored state.
public struct StateArray: Sendable, Equatable {
  /// A path such as `layer_00003/attention_input/domain_00000/sums`, or with `all_domains`.
  public let name: String
  public let shape: [Int]
  /// Row by row.
  public let values: [Int64]

  public init(name: String, shape: [Int], values: [Int64]) {
    self.name = name
    self.shape = shape
    self.values = values
  }
}

/// A state as a line of JSON and named integer arrays: what `state.h5` holds.
///
/// Equal states give equal headers and arrays, in a fixed order.
extension StatisticsState {
  static let schemaName = "mohd-statistics-state/2"

  private struct Header: Codable {
    var schema: String
    var options: StatisticsOptions
    var sequenceLength: Int
    var layers: [Int]
    var widths: [String: Int]
    var domains: [String: DomainCounts]
    var windowLayer: Int
  }

  /// What is not an array.
  public var header: String {
    let header = Header(
      schema: Self.schemaName, options: options, sequenceLength: sequenceLength, layers: layers,
      widths: Dictionary(uniqueKeysWithValues: widths.map { ($0.key.rawValue, $0.value) }),
      domains: domains, windowLayer: windowLayer)
    let bytes = (try? JSONText.encode(header)) ?? []
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Everything else.
  public var arrays: [StateArray] {
    var result: [StateArray] = []
    for layer in layers {
      for point in HookPoint.allCases where widths[point] != nil {
        for (index, domain) in domainNames(of: point).enumerated() {
          let site = Site(layer: layer, hookPoint: point, domain: domain)
          let folder = Self.folder(layer, point, domain.map { _ in index })
          for (name, shape, values) in (sites[site] ?? SiteState(width: widths[point] ?? 0)).stored
          {
            result.append(StateArray(name: "\(folder)/\(name)", shape: shape, values: values))
          }
        }
      }
    }
    for point in HookPoint.allCases {
      guard let window = windows[point] else { continue }
      let values =
        [Int64(bitPattern: window.documentKey), Int64(window.sequence), Int64(window.position)]
        + window.magnitudes.map { Int64($0.bitPattern) }
      result.append(
        StateArray(name: "window/\(point.rawValue)", shape: [values.count], values: values))
    }
    return result
  }

  /// - Parameter path: names the file in errors.
  /// - Throws: `StatisticsError.damagedState`, or `JSONError` from the header.
  public init(header text: String, arrays: [StateArray], path: String) throws {
    func damaged(_ reason: String) -> StatisticsError { .damagedState(path: path, reason: reason) }
    let header = try JSONText.decode(Header.self, from: Array(text.utf8), path: path)
    guard header.schema == Self.schemaName else { throw damaged("schema \(header.schema)") }
    var widths: [HookPoint: Int] = [:]
    for (name, width) in header.widths {
      guard let point = HookPoint(rawValue: name) else { throw damaged("hook point \(name)") }
      guard width >= 1, width <= 1 << 20 else { throw damaged("width \(width) of \(name)") }
      widths[point] = width
    }
    guard header.layers == Array(Set(header.layers)).sorted(), header.sequenceLength >= 0,
      !header.domains.isEmpty,
      header.domains.values.allSatisfy({
        [$0.tokenCount, $0.sequenceCount, $0.documentCount].allSatisfy {
          (0...1 << 48).contains($0)
        }
      })
    else { throw damaged("counts that no report has") }
    var named: [String: StateArray] = [:]
    for array in arrays {
      guard named.updateValue(array, forKey: array.name) == nil else {
        throw damaged("\(array.name) twice")
      }
    }
    var sites: [Site: SiteState] = [:]
    for layer in header.layers {
      for (point, width) in widths {
        let names = Self.domainNames(of: point, widths: widths, domains: header.domains)
        for (index, domain) in names.enumerated() {
          let folder = Self.folder(layer, point, domain.map { _ in index })
          let state = SiteState(width: width) { name in
            named["\(folder)/\(name)"].flatMap {
              $0.shape.reduce(1, { $0 &* $1 }) == $0.values.count ? $0.values : nil
            }
          }
          guard let state else { throw damaged(folder) }
          sites[Site(layer: layer, hookPoint: point, domain: domain)] = state
        }
      }
    }
    var windows: [HookPoint: FiveTokensWindow] = [:]
    for (point, width) in widths {
      guard let values = named["window/\(point.rawValue)"]?.values else { continue }
      guard values.count == 3 + 5 * width, values[1] >= 0, values[2] >= 0,
        values[3...].allSatisfy({ (0..<0x7f80_0000).contains($0) })
      else { throw damaged("window/\(point.rawValue)") }
      windows[point] = FiveTokensWindow(
        documentKey: UInt64(bitPattern: values[0]), sequence: Int(values[1]),
        position: Int(values[2]), magnitudes: values[3...].map { Float(bitPattern: UInt32($0)) })
    }
    self.init(
      options: header.options, sequenceLength: header.sequenceLength, layers: header.layers,
      widths: widths, domains: header.domains, sites: sites, windows: windows,
      windowLayer: header.windowLayer)
  }

  /// The names of all arrays that a state with this header may have.
  static func arrayNames(header text: String, path: String) throws -> [String] {
    let header = try JSONText.decode(Header.self, from: Array(text.utf8), path: path)
    let points = HookPoint.allCases.filter { header.widths[$0.rawValue] != nil }
    let widths = Dictionary(uniqueKeysWithValues: points.map { ($0, 0) })
    guard header.layers.count * points.count * header.domains.count <= 1 << 20 else {
      throw StatisticsError.damagedState(path: path, reason: "counts that no report has")
    }
    var names: [String] = []
    for layer in header.layers {
      for point in points {
        let domains = domainNames(of: point, widths: widths, domains: header.domains)
        for (index, domain) in domains.enumerated() {
          let folder = folder(layer, point, domain.map { _ in index })
          names += SiteState.arrayNames.map { "\(folder)/\($0)" }
        }
      }
    }
    return names + points.map { "window/\($0.rawValue)" }
  }

  private static func folder(_ layer: Int, _ point: HookPoint, _ domain: Int?) -> String {
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    return "layer_\(padded(layer))/\(point.rawValue)/"
      + (domain.map { "domain_\(padded($0))" } ?? "all_domains")
  }
}

extension SiteState {
  static let arrayNames = SiteState(width: 0).stored.map(\.name)

  /// Names, shapes and values of the arrays that hold this state.
  var stored: [(name: String, shape: [Int], values: [Int64])] {
    func flat(_ name: String, _ values: [Int64]) -> (String, [Int], [Int64]) {
      (name, [values.count], values)
    }
    func stacked(_ name: String, _ rows: [[Int64]]) -> (String, [Int], [Int64]) {
      (name, [rows.count, rows.first?.count ?? 0], Array(rows.joined()))
    }
    return [
      flat("counts", [nonFiniteCount, longTail.tokenCount, Int64(magnitude.maximum)]),
      flat("windows", windowCounts),
      flat("long_tail_squared", longTail.squared.stored),
      flat("long_tail_absolute", longTail.absolute.stored),
      flat("long_tail_documents", longTail.documents.stored),
      flat("sparsity_below", sparsity.below),
      flat("magnitude_sums", magnitude.sums.stored),
      flat("magnitude_magnitudes", magnitude.magnitudes.stored),
      flat("magnitude_squares", magnitude.squares.stored),
      flat("magnitude_powers", magnitude.powers.stored),
      stacked("shared_windows", shared.map(\.windows)),
      stacked("shared_dimensions", shared.map(\.dimensions)),
      stacked("five_tokens", fiveTokens.map(\.inExactly)),
    ]
  }

  /// - Parameter array: the values of the array with this name; nil when there is none.
  /// - Returns: nil when an array is missing or is not what `stored` writes.
  init?(width: Int, array: (String) -> [Int64]?) {
    let setCount = SharedDimensions.oneSweep.count
    let windowSize = SharedDimensions.noCounts.count
    let padded = (width + 63) / 64 * 64
    let fiveSize = Grids.fiveTokenCount + 1
    guard let counts = array("counts"), counts.count == 3,
      counts.allSatisfy({ (0...1 << 56).contains($0) }),
      counts[2] < 0x7f80_0000, let windows = array("windows"), windows.count == windowSize,
      windows.allSatisfy({ (0...1 << 40).contains($0) }), counts[1] <= windows[1],
      let longTail = LongTailState(
        squared: array("long_tail_squared"), absolute: array("long_tail_absolute"),
        tokenCount: counts[1], documents: array("long_tail_documents")),
      let sparsity = array("sparsity_below").flatMap({ SparsityState(stored: $0) }),
      let magnitude = MagnitudeState(
        width: width, sums: array("magnitude_sums"), magnitudes: array("magnitude_magnitudes"),
        squares: array("magnitude_squares"), powers: array("magnitude_powers"),
        maximum: Int32(counts[2])),
      let sharedWindows = array("shared_windows"), sharedWindows.count == setCount * windowSize,
      let dimensions = array("shared_dimensions"), dimensions.count == setCount * padded,
      let fives = array("five_tokens"), fives.count == Grids.tenths.count * fiveSize
    else { return nil }
    var shared: [SharedState] = []
    for set in 0..<setCount {
      guard
        let state = SharedState(
          windows: Array(sharedWindows[set * windowSize..<(set + 1) * windowSize]),
          dimensions: Array(dimensions[set * padded..<(set + 1) * padded]), width: width)
      else { return nil }
      shared.append(state)
    }
    var fiveTokens: [FiveTokensState] = []
    for set in Grids.tenths.indices {
      guard let state = FiveTokensState(stored: Array(fives[set * fiveSize..<(set + 1) * fiveSize]))
      else { return nil }
      fiveTokens.append(state)
    }
    self.init(
      width: width, nonFiniteCount: counts[0], windowCounts: windows, longTail: longTail,
      sparsity: sparsity, magnitude: magnitude, shared: shared, fiveTokens: fiveTokens)
  }
}

extension LongTailState {
  init?(squared: [Int64]?, absolute: [Int64]?, tokenCount: Int64, documents: [Int64]?) {
    let size = Grids.fractions.count
    guard let squared = squared.flatMap({ ExactSums(stored: $0, count: size) }),
      let absolute = absolute.flatMap({ ExactSums(stored: $0, count: size) }),
      let documents = documents.flatMap({ DocumentSums(stored: $0, valueCount: 2 * size) })
    else { return nil }
    self.init(
      squared: squared, absolute: absolute, tokenCount: tokenCount, documents: documents)
  }
}

extension MagnitudeState {
  init?(
    width: Int, sums: [Int64]?, magnitudes: [Int64]?, squares: [Int64]?, powers: [Int64]?,
    maximum: Int32
  ) {
    guard let sums = sums.flatMap({ ExactSums(stored: $0, count: width) }),
      let magnitudes = magnitudes.flatMap({ ExactSums(stored: $0, count: width) }),
      let squares = squares.flatMap({ ExactSums(stored: $0, count: width) }),
      let powers = powers.flatMap({ ExactSums(stored: $0, count: 3) })
    else { return nil }
    self.init(
      sums: sums, magnitudes: magnitudes, squares: squares, powers: powers, maximum: maximum)
  }
}
