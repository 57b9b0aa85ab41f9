import ArgumentParser
import Checkpoints
import Conversion

/// What attention or FFN shall have of its own.
struct ComponentArguments: ParsableArguments {
  @Option(
    help: """
      Active fraction of attention alone; 1 leaves attention dense. The FFN has --active then, or \
      its own.
      """)
  var attentionActive: Double?

  @Option(help: "N of attention alone.")
  var attentionSubDimensions: Int?

  @Option(help: "S of attention alone.")
  var attentionShared: Int?

  @Option(help: "K of attention alone.")
  var attentionTopK: Int?

  @Option(help: "Active fraction of the FFN alone; 1 leaves it dense.")
  var ffnActive: Double?

  @Option(help: "N of the FFN alone.")
  var ffnSubDimensions: Int?

  @Option(help: "S of the FFN alone.")
  var ffnShared: Int?

  @Option(help: "K of the FFN alone.")
  var ffnTopK: Int?

  /// The numbers of one component; nil where it has none of its own.
  struct Own {
    let active: Double?
    let subDimensions: Int?
    let shared: Int?
    let topK: Int?

    /// Whether the component's share is given.
    var isGiven: Bool { active != nil || topK != nil }
  }

  subscript(component: MoHDComponent) -> Own {
    switch component {
    case .attention:
      Own(
        active: attentionActive, subDimensions: attentionSubDimensions, shared: attentionShared,
        topK: attentionTopK)
    case .ffn:
      Own(active: ffnActive, subDimensions: ffnSubDimensions, shared: ffnShared, topK: ffnTopK)
    }
  }

  func validate() throws {
    for component in MoHDComponent.allCases {
      let own = self[component]
      if own.active != nil, own.topK != nil {
        throw ValidationError(
          "--\(component)-top-k: sets the active fraction; give it or --\(component)-active")
      }
    }
    try Self.checkFraction("--attention-active", attentionActive)
    try Self.checkFraction("--ffn-active", ffnActive)
  }

  static func checkFraction(_ name: String, _ value: Double?) throws {
    guard let value else { return }
    guard value > 0, value <= 1 else {
      throw ValidationError("\(name): expected a fraction above 0 and at most 1, found \(value)")
    }
  }
}
