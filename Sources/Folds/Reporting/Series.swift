/// What a series is, which decides how it looks: in every figure of every report a null is a grey
/// broken line, the paper is the same purple diamond, and the n-th category has the n-th colour.
public enum SeriesRole: Codable, Sendable, Hashable {
  /// The measured thing when there is one.
  case observed
  /// The n-th of several measured things: domains, hook points, models.
  case category(Int)
  /// The null that belongs to the n-th category: its colour, thin and broken.
  case nullOfCategory(Int)
  /// What chance gives.
  case null(NullKind)
  /// The measured thing seen another way (another basis, another definition).
  case alternative
  /// A number that the paper prints.
  case paper
  /// One of many ordered things (layers), at this position in 0…1.
  case ordered(Double)
  /// A thin grey line of reference.
  case reference
}

/// The nulls that a figure may tell apart by their dashes.
public enum NullKind: String, Codable, Sendable, CaseIterable {
  case gaussian, perDimensionGaussian, shuffled, randomBasis, independent, staticScale
}

/// Positions along the horizontal axis.
public enum Coordinates: Codable, Sendable, Hashable {
  case numbers([Double])
  case categories([String])

  /// How many there are.
  public var count: Int {
    switch self {
    case .numbers(let values): values.count
    case .categories(let names): names.count
    }
  }
}

/// A lower and an upper limit for each point; NaN where there is none.
public struct Band: Codable, Sendable, Hashable {
  public var lower: [Double]
  public var upper: [Double]

  public init(lower: [Double], upper: [Double]) {
    self.lower = lower
    self.upper = upper
  }
}

/// A box plot's five numbers, computed elsewhere.
public struct FiveNumbers: Codable, Sendable, Hashable {
  public var low: Double
  public var lowerQuartile: Double
  public var median: Double
  public var upperQuartile: Double
  public var high: Double

  public init(
    low: Double, lowerQuartile: Double, median: Double, upperQuartile: Double, high: Double
  ) {
    self.low = low
    self.lowerQuartile = lowerQuartile
    self.median = median
    self.upperQuartile = upperQuartile
    self.high = high
  }
}

/// A matrix of colours.
public struct HeatMap: Codable, Sendable, Hashable {
  public enum Scale: Codable, Sendable, Hashable {
    /// From little to much.
    case sequential
    /// Around a middle that means something.
    case diverging(middle: Double)
  }
  /// Labels of the rows, drawn from the top.
  public var rows: [String]
  public var columns: [String]
  /// [rows][columns]; NaN leaves a gap.
  public var values: [[Double]]
  public var scale: Scale
  /// Title of the colour bar.
  public var title: String
  public var format: NumberFormat
  /// The colours' range; taken from the values when absent.
  public var low: Double?
  public var high: Double?
  /// Writes each value into its cell.
  public var showsValues: Bool

  public init(
    rows: [String], columns: [String], values: [[Double]], scale: Scale = .sequential,
    title: String, format: NumberFormat = .significant(3), low: Double? = nil,
    high: Double? = nil, showsValues: Bool = false
  ) {
    self.rows = rows
    self.columns = columns
    self.values = values
    self.scale = scale
    self.title = title
    self.format = format
    self.low = low
    self.high = high
    self.showsValues = showsValues
  }
}

/// Which way a step goes first from one point to the next.
public enum StepDirection: String, Codable, Sendable {
  case horizontalFirst = "hv"
  case verticalFirst = "vh"
}

/// How a series is drawn.
public enum Mark: Codable, Sendable, Hashable {
  case line(x: Coordinates, y: [Double], band: Band? = nil, showsPoints: Bool = false)
  case step(x: Coordinates, y: [Double], direction: StepDirection = .horizontalFirst)
  /// Points, with whiskers where they have an interval.
  case scatter(x: Coordinates, y: [Double], labels: [String] = [], interval: Band? = nil)
  case bar(x: Coordinates, y: [Double], interval: Band? = nil)
  case box(x: [String], values: [FiveNumbers])
  /// Every observation as a point, spread sideways within its category.
  case strip(x: [String], y: [Double])
  case heatMap(HeatMap)
}

/// One named thing in a figure.
public struct Series: Codable, Sendable, Hashable {
  /// Stands in the legend; series of the same name are shown and hidden together.
  public var name: String
  public var role: SeriesRole
  public var mark: Mark
  /// The figure's choice to which this series belongs; it is always shown when absent.
  public var choice: Int?
  /// Writes the labels of a scatter beside its points; they are hover texts otherwise.
  public var showsLabels: Bool

  public init(
    _ name: String, role: SeriesRole, mark: Mark, choice: Int? = nil, showsLabels: Bool = false
  ) {
    self.name = name
    self.role = role
    self.mark = mark
    self.choice = choice
    self.showsLabels = showsLabels
  }
}
