import Activations
import HDF5

/// The axes and attributes that a shard and the virtual file share.
struct CaptureAxes {
  let layer: HDF5Dataset
  let token: HDF5Dataset
  private let features: [FeatureSpace: HDF5Dataset]

  /// Names of the arrays that have one number for each token, with what they mean.
  static let tokenArrays: [(name: String, meaning: String)] = [
    ("token_id", "vocabulary id of the token"),
    ("document", "index of the document in corpus order"),
    ("sequence", "index of the sequence within its document"),
    ("position", "position of the token within its sequence"),
    ("domain", "index of the document's domain; its attribute domains names them"),
  ]

  /// Makes the axes. The caller fills or maps `token`.
  init(_ plan: CapturePlan, in root: HDF5Group, token: HDF5Dataset) throws(HDF5Error) {
    layer = try root.createDataset("layer", type: .int32, shape: [plan.options.layers.count])
    try layer.write(plan.options.layers.map { Int32(clamping: $0) })
    try layer.becomeScale(named: "layer")
    try layer.setAttribute("long_name", .string("index of the block, from 0"))
    self.token = token
    try token.becomeScale(named: "token")
    try token.setAttribute("long_name", .string("index of the token in the corpus"))
    var features: [FeatureSpace: HDF5Dataset] = [:]
    for (space, width) in plan.spaces {
      features[space] = try root.createDimension(space.rawValue, count: width)
    }
    self.features = features
  }

  /// Names the axes of an array with one number for each token, and says what it is.
  func describe(_ array: HDF5Dataset, meaning: String, plan: CapturePlan) throws(HDF5Error) {
    try array.attachScales([token])
    try array.setAttribute("long_name", .string(meaning))
    guard array.name == "/domain", !plan.corpus.domains.isEmpty else { return }
    let names = plan.corpus.domains.map(\.name)
    try array.setAttribute("domains", .strings(names))
    // CF's way to say the same, in which names have no blanks.
    try array.setAttribute("flag_values", .int32s(names.indices.map { Int32(clamping: $0) }))
    try array.setAttribute(
      "flag_meanings",
      .string(names.map { $0.split(separator: " ").joined(separator: "_") }.joined(separator: " ")))
  }

  /// Names the axes of a hook point's dataset, and says what it is.
  func describe(_ dataset: HDF5Dataset, hookPoint: HookPoint) throws(HDF5Error) {
    guard let feature = features[hookPoint.space] else { return }
    try dataset.attachScales([layer, token, feature])
    try dataset.setAttribute("long_name", .string(hookPoint.longName))
    try dataset.setAttribute("units", .string("1"))
    try dataset.setAttribute("transformer_lens_name", .string(hookPoint.transformerLensName))
    try dataset.setAttribute("transformers_name", .string(hookPoint.transformersName))
  }

  /// Says of a whole file where it comes from.
  static func describe(
    _ root: HDF5Group, plan: CapturePlan, planText: String
  ) throws(HDF5Error) {
    try root.setAttribute("Conventions", .string("CF-1.10"))
    try root.setAttribute("title", .string("Activations of a \(plan.model.architecture) model"))
    try root.setAttribute("source", .string(plan.tool))
    try root.setAttribute("mohd_schema_version", .int32s([Int32(clamping: plan.schemaVersion)]))
    try root.setAttribute("model_architecture", .string(plan.model.architecture))
    try root.setAttribute("model_sha256", .string(plan.model.sha256))
    try root.setAttribute("tokenizer_sha256", .string(plan.tokenizer.sha256))
    try root.setAttribute("corpus_sha256", .string(plan.corpus.sha256))
    try root.setAttribute("mohd_plan", .string(planText))
  }
}
