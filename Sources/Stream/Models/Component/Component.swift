import Checkpoints
import Kernels
import Tensors

/// One component of a layer, attention or FFN, as it reads hidden dimensions and writes them, and the
/// way back through both: what stands between a norm and the residual stream, without what happens to
/// heads or to gate and up in between.
///
/// All methods work on the rows of one panel; panels run at the same time. Weights are packed before:
/// `packForward` before the first panel is read, `packBackward` before the first goes back.
protocol Component: Sendable {
  var tensors: ComponentTensors { get }
  var input: HiddenProjection { get }
  var output: HiddenProjection { get }

  /// The input side: routes, and projects what is active (Eqs. 6, 11, 12, 14).
  ///
  /// - Parameters:
  ///   - a: the component's normalised input, [tokens, hidden].
  ///   - y: receives the joined projections, [tokens, m].
  func read(
    _ a: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch)

  /// The output side: W_o or W_down, gates and α, fusion (Eqs. 9, 10, 16).
  ///
  /// - Parameters:
  ///   - inner: what the output projection reads, [tokens, inner].
  ///   - y: receives the component's output, [tokens, hidden].
  func write(
    _ inner: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch)

  /// Backward through `write`.
  ///
  /// - Parameters:
  ///   - dy: the derivative by the component's output, [tokens, hidden].
  ///   - dInner: receives that by what the output projection read.
  func writeBackward(
    _ dy: MatrixView, into dInner: MatrixView, tape: ComponentTape, rows: GradientRows,
    penalty: RouterPenalty, scratch: ComponentScratch)

  /// Backward through `read`, after `writeBackward` of the same rows.
  ///
  /// - Parameters:
  ///   - dy: the derivative by the joined projections, [tokens, m].
  ///   - a: the component's normalised input, [tokens, hidden].
  ///   - da: receives the derivative by it.
  func readBackward(
    _ dy: MatrixView, _ a: MatrixView, into da: MatrixView, tape: ComponentTape,
    rows: GradientRows, penalty: RouterPenalty, scratch: ComponentScratch)

  /// The derivatives by the two projections, once all rows of a batch have been through both.
  ///
  /// - Parameters:
  ///   - dy: the derivative by the component's output, [tokens, hidden].
  ///   - inner: what the output projection read, [tokens, inner].
  ///   - dProjections, a: see `readBackward`, of the whole batch.
  ///   - tape, rows: of the whole batch.
  func projectionSums(
    dy: MatrixView, inner: MatrixView, dProjections: MatrixView, a: MatrixView,
    tape: ComponentTape, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProjectionSum]

  /// The derivatives by the other matrices.
  func products(
    dProjections: MatrixView, a: MatrixView, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProductSum]
}

extension Component {
  func packForward(_ pool: WorkerPool) {
    input.packToWide(pool)
    output.packToHidden(pool)
  }

  func packBackward(_ pool: WorkerPool) {
    output.packToWide(pool)
    input.packToHidden(pool)
  }
}

/// What one component computed for a batch that its backward needs.
struct ComponentTape: Sendable {
  /// Scores, active sets, gates and α; nil: dense.
  let routing: Routing?
  /// log Σ exp of the router's logits, [tokens, 1], where the z-loss wants it.
  let logSums: MatrixView?
  /// What the output projection gave, before gates and fusion, [tokens, rows of W_out], where there
  /// are any.
  let written: MatrixView?

  func rows(_ range: Range<Int>) -> ComponentTape {
    ComponentTape(
      routing: routing?.rows(range), logSums: logSums?.rows(range), written: written?.rows(range))
  }
}

/// What the losses beside the cross entropy ask of a router: functions of the whole step's tokens.
struct RouterPenalty: Sendable {
  /// f of Eq. 13: the share of tokens whose largest gate is i, 0 where the loss does not look: [1, N].
  let shares: MatrixView
  /// β over the number of tokens.
  let balance: Float
  /// The z-loss's weight over the number of tokens.
  let z: Float
}

/// The dense component: y = W a + b.
struct DenseComponent: Component {
  let tensors: ComponentTensors
  let input: HiddenProjection
  let output: HiddenProjection

  init(_ tensors: ComponentTensors, room: ProductRoom) {
    self.tensors = tensors
    (input, output) = tensors.projections(input: nil, output: nil, room: room)
  }

  func read(
    _ a: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch
  ) {
    input.multiplyToWide(a, nil, into: y, scratch.product)
    if let bias = tensors.inputBias { Elementwise.fastest.addBias(bias, to: y) }
  }

  func write(
    _ inner: MatrixView, into y: MatrixView, tape: ComponentTape, scratch: ComponentScratch
  ) {
    output.multiplyToHidden(inner, nil, into: y, scratch.product)
    if let bias = tensors.outputBias { Elementwise.fastest.addBias(bias, to: y) }
  }

  func writeBackward(
    _ dy: MatrixView, into dInner: MatrixView, tape: ComponentTape, rows: GradientRows,
    penalty: RouterPenalty, scratch: ComponentScratch
  ) {
    output.multiplyToWide(dy, nil, into: dInner, scratch.product)
    if let bias = tensors.outputBias { rows.add(dy, .outputBias, width: bias.columnCount) }
  }

  func readBackward(
    _ dy: MatrixView, _ a: MatrixView, into da: MatrixView, tape: ComponentTape,
    rows: GradientRows, penalty: RouterPenalty, scratch: ComponentScratch
  ) {
    input.multiplyToHidden(dy, nil, into: da, scratch.product)
    if let bias = tensors.inputBias { rows.add(dy, .inputBias, width: bias.columnCount) }
  }

  func projectionSums(
    dy: MatrixView, inner: MatrixView, dProjections: MatrixView, a: MatrixView,
    tape: ComponentTape, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProjectionSum] {
    [
      ProjectionSum(
        projection: input, hidden: a, wide: dProjections, routing: nil, target: gradients.input),
      ProjectionSum(
        projection: output, hidden: dy, wide: inner, routing: nil, target: gradients.output),
    ]
  }

  func products(
    dProjections: MatrixView, a: MatrixView, rows: GradientRows, into gradients: ComponentTensors
  ) -> [ProductSum] { [] }
}
