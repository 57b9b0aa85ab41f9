/// What is counted as a parameter that one token uses; embeddings and output layer never are.
public enum ActiveParameterCount: String, Sendable, CaseIterable {
  /// The projections as they are stored: of W_q, W_k, W_v, W_gate and W_up the columns of active
  /// sub-dimensions, K · d_e; of W_o and W_down the rows of active ones, K · d/N (all d where
  /// `sparse_side` is `input`; K · d_e where used rows alone are stored). It gives the paper's
  /// Tables 1, 2 and 5. Bases count under `all`.
  case paper
  /// Also whatever else multiplies or is added to a token: norms, biases, router (its bias too), the
  /// energy router's weight norms (D, derived, no parameters of the model), scale, basis, fusion,
  /// biases of inactive sub-dimensions, and both factors of the low-rank path, whole.
  case all
  /// `all` of the dense model with the same shape.
  case dense
}

extension ModelConfiguration {
  /// How many parameters one token uses; a dense model uses all that it has.
  ///
  /// Source: `active_parameters` of configuration_mohd.py.
  ///
  /// - Parameter count: what is counted.
  public func activeParameters(count: ActiveParameterCount) -> Int {
    var total = count == .paper ? 0 : hiddenSize  // the final norm
    for component in MoHDComponent.allCases {
      for layer in 0..<layerCount {
        total += activeParameters(of: component, mohd?[component][layer], count: count)
      }
    }
    return total
  }

  private func activeParameters(
    of component: MoHDComponent, _ settings: SubDimensions?, count: ActiveParameterCount
  ) -> Int {
    // Joined width of the input projections, width of the output projection's input.
    let (width, inner) =
      component == .attention
      ? (queryWidth + 2 * keyValueWidth, queryWidth) : (2 * intermediateSize, intermediateSize)
    let (inputBias, outputBias) =
      component == .attention ? (queryKeyValueBias, attentionOutputBias) : (mlpBias, mlpBias)
    var (activeInputs, activeOutputs) = (hiddenSize, hiddenSize)
    if let settings, count != .dense {
      activeInputs = settings.activeCount * settings.size(hiddenSize: hiddenSize)
      activeOutputs = settings.activeOutputs(hiddenSize: hiddenSize)
    }
    var total = activeInputs * width + activeOutputs * inner
    if count == .paper { return total }
    total += hiddenSize + (inputBias ? width : 0) + (outputBias ? activeOutputs : 0)
    if let settings, count == .all {
      total += settings.extraParameters(hiddenSize: hiddenSize, width: width)
    }
    return total
  }
}

extension SubDimensions {
  /// What MoHD adds to one component for a token.
  ///
  /// - Parameter width: m, the joined width of the input projections.
  fileprivate func extraParameters(hiddenSize: Int, width: Int) -> Int {
    let blockDiagonal = hiddenSize * (hiddenSize / fusionBlockCount)
    let monarch = blockDiagonal + hiddenSize * fusionBlockCount
    let inputWidth = self.width(hiddenSize: hiddenSize)
    let routerCount = router == .energy ? inputWidth : count * hiddenSize + count
    // Where the choice is known before z, nobody needs the inactive rows of a dense basis.
    let isKnown =
      lowRank == 0 && (router == .centroid || sharedCount == activeCount && gate == .unit)
    let basisRows = isKnown ? activeCount * size(hiddenSize: hiddenSize) : inputWidth
    let basisCount =
      switch inputBasis {
      case .none: 0
      case .dense: hiddenSize * basisRows
      case .monarch: monarch
      }
    let fusionCount =
      switch fusion {
      case .none: 0
      case .blockDiagonal: blockDiagonal
      case .monarch: monarch
      }
    let bias = hasInactiveBias ? (count - activeCount) * width : 0
    return routerCount + activeCount + basisCount + fusionCount + bias
      + lowRank * (inputWidth + width)
  }
}
