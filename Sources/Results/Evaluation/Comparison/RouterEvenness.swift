import Reporting

/// How evenly a router uses the sub-dimensions that it may choose.
extension RouterResult {
  /// Specialised sub-dimensions' loads.
  var specialisedLoad: [Double] { Array(load.dropFirst(sharedCount)) }

  /// The load of each specialised sub-dimension if all had the same: budgets differ by layer, and
  /// so does it.
  var evenLoad: Double {
    Double(activeCount - sharedCount) / Double(max(subDimensionCount - sharedCount, 1))
  }

  /// The paper calls probabilities of 0.2 to 0.3 healthy for one chosen of five (Fig. 11):
  /// so many times even use.
  static let healthyLoads = 1.0...1.5

  /// Every specialised sub-dimension's load is within the healthy factor of even use, above or below.
  ///
  /// Loads of one router average to even use, so that those of no router but an exactly even one all
  /// lie between 1 and 1.5 times it: what is below even use must be given the same room.
  var isEven: Bool {
    let most = Self.healthyLoads.upperBound
    return specialisedLoad.allSatisfy { $0 <= most * evenLoad && $0 >= evenLoad / most }
  }

  /// Few of the sub-dimensions do all the work.
  var hasCollapsed: Bool {
    guard let loadEntropy else { return false }
    return loadEntropy < EvaluationWarning.leastLoadEntropy
      || 2 * idleCount >= max(1, subDimensionCount - sharedCount)
  }
}

/// Whether a model's routers use what they have.
struct RouterEvenness {
  /// Those that have a choice.
  let routers: [RouterResult]

  init(_ routers: [RouterResult]) { self.routers = routers.filter(\.hasChoice) }

  /// nil where no router has a choice.
  var verdict: Verdict? {
    guard !routers.isEmpty else { return nil }
    let (even, collapsed) = (routers.count(where: \.isEven), routers.count(where: \.hasCollapsed))
    let most = NumberFormat.significant(2).text(RouterResult.healthyLoads.upperBound)
    return Verdict(
      claim: "Routers use their sub-dimensions evenly", source: "Fig. 11",
      measure: "routers whose specialised sub-dimensions all have a load within \(most) times even "
        + "use, above or below",
      paper: .missing("no routers"),
      model: Quantity(Double(even) / Double(routers.count), format: .percent(0)), null: .missing(),
      status: even == routers.count ? .holds : .doesNotHold,
      sentence: "\(even) of \(routers.count) routers do; \(collapsed) collapsed (load entropy "
        + "below \(EvaluationWarning.leastLoadEntropy), or half of the sub-dimensions idle).",
      details: "routers")
  }
}
