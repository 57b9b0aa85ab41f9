import CKernels
import Tensors

/// The steps of training that neither `GradientKernels` nor a linear-algebra library has, on one
/// thread: derivatives by small weights are sums over tokens, and are added to what is there.
///
/// d_y stands for the loss's derivative by y.
@safe public struct TrainingKernels: Sendable {
  // Safety: a table of function pointers in static storage, never changed.
  private nonisolated(unsafe) let table: UnsafePointer<mohd_training>

  /// The fastest variant that this processor runs.
  public static let fastest = unsafe TrainingKernels(table: mohd_training())

  /// The variant that every processor of this architecture runs.
  public static let baseline = unsafe TrainingKernels(table: mohd_training_baseline())

  /// Backward through y = gain · x / √(mean(x²) + ε).
  ///
  /// - Parameters:
  ///   - x, dy, dx: [tokens, width]; `dx` is added to.
  ///   - gain, dGain: [1, width]; `dGain` is added to.
  public func rmsNorm(
    _ x: MatrixView, gain: MatrixView, epsilon: Float, dy: MatrixView, addingTo dx: MatrixView,
    _ dGain: MatrixView
  ) {
    check(x, dy)
    check(x, dx)
    check(gain, dGain)
    precondition(gain.rowCount == 1 && gain.columnCount == x.columnCount)
    unsafe table.pointee.rms_norm(
      x.base, x.stride, gain.base, epsilon, dy.base, dy.stride, dx.base, dx.stride, dGain.base,
      x.rowCount, x.columnCount)
    extendLifetime((x, gain, dy))
    extendLifetime((dx, dGain))
  }

  /// y = SiLU(gate) · up once more, and its derivatives; all are [tokens, intermediate].
  public func swiGLU(
    gate: MatrixView, up: MatrixView, dy: MatrixView, y: MatrixView, dGate: MatrixView,
    dUp: MatrixView
  ) {
    for each in [up, dy, y, dGate, dUp] { check(gate, each) }
    unsafe table.pointee.swiglu(
      gate.base, gate.stride, up.base, up.stride, dy.base, dy.stride, y.base, y.stride, dGate.base,
      dGate.stride, dUp.base, dUp.stride, gate.rowCount, gate.columnCount)
    extendLifetime((gate, up, dy))
    extendLifetime((y, dGate, dUp))
  }

  /// weight · (softmax(row) − 1 at `target`) in the place of the row: the derivative of weight times
  /// the cross entropy by the logits.
  ///
  /// - Parameters:
  ///   - row: [1, vocabulary].
  ///   - logSumExp: of the row.
  public func crossEntropy(_ row: MatrixView, target: Int, logSumExp: Double, weight: Float) {
    precondition(row.rowCount == 1)
    unsafe table.pointee.weighed_softmax(row.base, logSumExp, weight, row.columnCount)
    row[0, target] -= weight
    extendLifetime(row)
  }

  /// sums += Σ over rows; x [rows, width], sums [1, width].
  public func addRows(of x: MatrixView, to sums: MatrixView) {
    precondition(sums.rowCount == 1 && sums.columnCount == x.columnCount)
    unsafe table.pointee.add_rows(x.base, x.stride, sums.base, x.rowCount, x.columnCount)
    extendLifetime((x, sums))
  }

  /// sums[r, i] += Σ_{j in i} x[r, j] · y[r, j].
  ///
  /// - Parameters:
  ///   - x, y: [tokens, width].
  ///   - order: the entries of sub-dimension 0, then of 1, …: [width]; nil: as they are.
  ///   - sums: [tokens, N].
  public func addProducts(
    _ x: MatrixView, _ y: MatrixView, order: IndexList?, to sums: MatrixView
  ) {
    check(x, y)
    precondition(sums.rowCount == x.rowCount && x.columnCount % sums.columnCount == 0)
    precondition(order.map { $0.count == x.columnCount && $0.bound <= x.columnCount } ?? true)
    unsafe IndexList.with(order, nil) { order, _ in
      unsafe table.pointee.add_products(
        x.base, x.stride, y.base, y.stride, order, sums.base, sums.stride, x.rowCount,
        sums.columnCount, x.columnCount / sums.columnCount)
    }
    extendLifetime((x, y, sums))
  }

  /// y[r, c] += x[r, c] · weights[r, member[c]].
  ///
  /// - Parameters:
  ///   - x, y: [tokens, width].
  ///   - member: the sub-dimension of each entry, [width].
  ///   - weights: [tokens, N].
  public func addWeighed(
    _ x: MatrixView, member: IndexList, weights: MatrixView, to y: MatrixView
  ) {
    check(x, y)
    precondition(
      member.count == x.columnCount && member.bound <= weights.columnCount
        && weights.rowCount == x.rowCount)
    unsafe IndexList.with(member, nil) { member, _ in
      guard let member = unsafe member else { return }
      unsafe table.pointee.add_weighed(
        x.base, x.stride, member, weights.base, weights.stride, y.base, y.stride, x.rowCount,
        x.columnCount)
    }
    extendLifetime((x, y, weights))
  }

  /// Backward through `SubDimensionKernels.monarchLeft`.
  ///
  /// - Parameters:
  ///   - x, dy, dx: [tokens, hidden]; `dx` is overwritten, and is none of the others.
  ///   - left, dLeft: [blocks · blocks, block size], L_{p,h,g} in row h · blocks + g, column p;
  ///     `dLeft` is added to.
  public func monarchLeft(
    _ x: MatrixView, left: MatrixView, blockCount: Int, dy: MatrixView, into dx: MatrixView,
    addingTo dLeft: MatrixView
  ) {
    check(x, dy)
    check(x, dx)
    check(left, dLeft)
    precondition(
      left.rowCount == blockCount * blockCount && left.isContiguous && dLeft.isContiguous
        && x.columnCount == blockCount * left.columnCount)
    unsafe table.pointee.monarch_left(
      x.base, x.stride, left.base, dy.base, dy.stride, dx.base, dx.stride, dLeft.base, x.rowCount,
      blockCount, left.columnCount)
    extendLifetime((x, left, dy))
    extendLifetime((dx, dLeft))
  }

  /// Backward through the weights α g of Eq. 10 and the balance loss of Eq. 13, where gates are the
  /// scores of what is active. With G = Σ g and f the shares:
  ///
  ///     d_g_i = α d_i + α'(G) Σ_j g_j d_j + balance · (f_i − Σ_j f_j g_j / G) / G      on active i
  ///
  /// - Parameters:
  ///   - gates, active: [tokens, N], contiguous.
  ///   - alpha: [tokens, 1]; 1 where G = 0.
  ///   - power: α is `factor` · G (1), `factor` / G (−1), or constant (0).
  ///   - shares: f, [1, N]; 0 where the balance loss does not look.
  ///   - balance: β over the number of tokens.
  ///   - d: the derivative by α g_i, [tokens, N]; that by g_i on return.
  public func gates(
    _ gates: MatrixView, active: MatrixView, alpha: MatrixView, power: Int, factor: Float,
    shares: MatrixView, balance: Float, d: MatrixView
  ) {
    check(gates, active)
    check(gates, d)
    precondition(
      gates.isContiguous && active.isContiguous && d.isContiguous && alpha.isContiguous
        && alpha.rowCount == d.rowCount && shares.columnCount == d.columnCount)
    unsafe table.pointee.gates(
      gates.base, active.base, alpha.base, d.base, d.rowCount, d.columnCount, power, factor,
      shares.base, balance)
    extendLifetime((gates, active, alpha))
    extendLifetime((shares, d))
  }

  /// The derivative by l of s = softmax(l), in the place of that by s; both [tokens, N].
  public func softmax(_ s: MatrixView, d: MatrixView) {
    check(s, d)
    unsafe table.pointee.softmax(s.base, s.stride, d.base, d.stride, s.rowCount, s.columnCount)
    extendLifetime((s, d))
  }

  /// One step of AdamW (arXiv 1711.05101, Algorithm 2, decay times rate as PyTorch has it), in place.
  ///
  /// - Parameters:
  ///   - weights, firstMoment, secondMoment, gradient: [1, count].
  ///   - step: from 1.
  ///   - factor: what gradients are multiplied by first: the clip.
  public func adamW(
    _ weights: MatrixView, firstMoment: MatrixView, secondMoment: MatrixView,
    gradient: MatrixView, settings: Adam, step: AdamStep, rate: Double, decay: Double,
    factor: Float
  ) {
    for each in [firstMoment, secondMoment, gradient] { check(weights, each) }
    precondition(weights.rowCount == 1)
    unsafe table.pointee.adamw(
      weights.base, firstMoment.base, secondMoment.base, gradient.base, weights.columnCount,
      factor, Float(rate * step.firstDebias), Float(1 - rate * decay), settings.beta1,
      settings.beta2, Float(step.secondDebias), settings.epsilon)
    extendLifetime((weights, firstMoment, secondMoment))
    extendLifetime(gradient)
  }

  private func check(_ a: MatrixView, _ b: MatrixView) {
    precondition(a.rowCount == b.rowCount && a.columnCount == b.columnCount, "shapes must agree")
  }
}

/// 1 / (1 − βᵗ) of Adam's two moments at step t, from 1.
public struct AdamStep: Sendable {
  public let firstDebias: Double
  public let secondDebias: Double

  public init(_ step: Int, _ settings: Adam) {
    precondition(step >= 1, "steps count from 1")
    func debias(_ beta: Float) -> Double {
      // The betas are meant in decimals: 0.9, not the Float next to it.
      var power = 1.0
      for _ in 0..<step { power *= (Double(beta) * 1e6).rounded() / 1e6 }
      return 1 / (1 - power)
    }
    (firstDebias, secondDebias) = (debias(settings.beta1), debias(settings.beta2))
  }
}
