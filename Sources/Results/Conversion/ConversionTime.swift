import Activations
import Checkpoints
import Kernels

/// How long a conversion will take, from how long one layer takes now.
///
/// Everything is counted in multiplications and put at the speed of the forward pass, but the bases,
/// which are timed: eigenvectors come at a speed of their own. It is meant to be right within a
/// factor of two; what else runs on the machine decides as much.
public struct ConversionTime: Sendable {
  /// To load one layer's weights, and for one token through one layer, in seconds.
  let loading: Double
  let perToken: Double
  let recipe: ConversionRecipe
  let configuration: ModelConfiguration
  let workerCount: Int

  /// - Parameters:
  ///   - loading: to read and widen the weights of one layer of the dense model.
  ///   - perToken: for one token to go through it, with all workers busy.
  public init(_ converter: Converter, loading: Double, perToken: Double) {
    (self.loading, self.perToken) = (loading, perToken)
    recipe = converter.recipe
    configuration = converter.checkpoint.configuration
    workerCount = converter.pool.workerCount
  }

  /// - Parameter text: to train on.
  /// - Returns: seconds of the whole conversion.
  public func seconds(_ source: CalibrationSource, text: DistillationText?) -> Double {
    let tokens = source.batch.tokenCount
    var sum = surveys(tokenCount: tokens) + writing
    if case .text = source {
      sum += Double(ComponentFit.needsRows(recipe) ? 2 : 1) * layers * pass(tokens)
    }
    if recipe.grouping == .subspaces {
      sum += subspaces(tokenCount: tokens)
    } else if ComponentFit.needsRows(recipe) {
      sum += fits(tokenCount: tokens)
    }
    if recipe.outputWeights == .fisher {
      sum += fisher(tokenCount: OutputFisher.tokenCount(of: source.batch))
    }
    if recipe.isSequential { sum += recovery(tokenCount: tokens) }
    if let settings = recipe.distillation, let text {
      sum += training(
        text.tokenCount, heldOut: text.heldOutTokenCount,
        stepCount: Double(text.tokenCount) / Double(max(settings.stepTokenCount, 1)))
    }
    return sum
  }

  // MARK: - The parts

  private var layers: Double { Double(configuration.layerCount) }
  private var hidden: Double { Double(configuration.hiddenSize) }
  private func width(_ component: MoHDComponent) -> Double {
    Double(configuration.projectionWidth(component))
  }

  /// Seconds for all tokens through one layer.
  private func pass(_ tokenCount: Int) -> Double { loading + perToken * Double(tokenCount) }

  /// Seconds for so many multiplications on all workers.
  private func products(_ count: Double) -> Double {
    perToken * count / (Double(configuration.activeParameters(count: .dense)) / layers)
  }

  /// The two components of a layer, each on a worker of its own where there are two.
  private func components(_ seconds: (MoHDComponent) -> Double) -> Double {
    let each = MoHDComponent.allCases.map(seconds)
    return workerCount > 1 ? each.max() ?? 0 : each.reduce(0, +)
  }

  /// Moments, the basis, and rows and weights in it.
  private func surveys(tokenCount: Int) -> Double {
    let tokens = Double(tokenCount)
    let basis = basis
    return layers
      * components { component in
        Double(workerCount) * products(2 * hidden * hidden * (tokens + width(component))) + basis
      }
  }

  /// Routers and compensation look at all rows again, each step at the outputs of those held out.
  private func fits(tokenCount: Int) -> Double {
    let tokens = Double(tokenCount)
    let heldOut = tokens / Double(CalibrationSplit.heldOutEvery)
    let steps = Double(2 + 2 * recipe.compensation.count)
    return layers
      * components { component in
        Double(workerCount)
          * products(hidden * (2 * hidden * tokens + steps * width(component) * heldOut))
      }
  }

  /// Starts and turns of clustering, then what the router and the last fits see of all tokens.
  private func subspaces(tokenCount: Int) -> Double {
    let all = Double(tokenCount)
    let seen = Double(min(tokenCount, SubspaceClustering.turnTokenCount))
    let turns = Double(SubspaceClustering.startCount + SubspaceClustering.roundLimit)
    let fits = Double(SubspaceFit.roundCount + 1)
    return layers
      * components { component in
        let counts = recipe[component]
        let clusters = Double(counts.subDimensionCount - counts.sharedCount)
        let size = Double(recipe.uniformSteps(component, hiddenSize: configuration.hiddenSize))
        let left = hidden - Double(counts.sharedCount) * size
        let turn = left * left + left * clusters * size
        let eigenvectors = clusters * left * left * left * Self.doubleCost
        return Double(workerCount)
          * products(
            turns * (seen * turn + eigenvectors)
              + fits * (all * (2 * turn + hidden * hidden) + eigenvectors))
      }
  }

  /// There, there again with a tape, and back; the head and its derivative.
  private func fisher(tokenCount: Int) -> Double {
    3 * layers * pass(tokenCount) + 2 * head(tokenCount)
  }

  private func head(_ tokenCount: Int) -> Double {
    products(Double(configuration.vocabularySize) * hidden * Double(tokenCount))
  }

  /// The dense layer once, the converted one before and after each of two fits, which are ridge
  /// regressions with one solution for each penalty.
  private func recovery(tokenCount: Int) -> Double {
    let tokens = Double(tokenCount)
    let heldOut = tokens / Double(CalibrationSplit.heldOutEvery)
    let trials = Double(SequentialRecovery.penalties.count)
    let fits = MoHDComponent.allCases.reduce(0.0) { sum, component in
      sum + 3 * hidden * hidden * tokens + (trials + 2) * hidden * width(component) * heldOut
        + trials * hidden * hidden * (hidden / 6 + width(component)) * Self.doubleCost
    }
    return layers * (4 * pass(tokenCount) + Double(workerCount) * products(fits))
  }

  /// Both models there, a tape, and back by inputs and by weights; then Adam.
  private func training(_ tokenCount: Int, heldOut: Int, stepCount: Double) -> Double {
    let trained = MoHDComponent.allCases.reduce(0.0) {
      $0 + hidden * (width($1) + (recipe.basis == .identity ? 0 : hidden))
    }
    return layers * (5 * perToken * Double(tokenCount) + 4 * perToken * Double(heldOut))
      + 4 * head(tokenCount) + 4 * head(heldOut) + layers * loading * stepCount
      + stepCount * layers * trained * Self.stepBytes / Self.bytesPerSecond
  }

  private var writing: Double {
    let bases = recipe.basis == .identity ? 0 : 2 * layers * hidden * hidden
    let weights = Double(configuration.activeParameters(count: .dense))
    // Once to the shelf between the passes, once to the folder.
    return 2 * 4 * (weights + bases) / Self.bytesPerSecond
  }

  /// One component's basis, timed on a smaller matrix: its work grows with the cube of the order.
  private var basis: Double {
    guard let strategy = recipe.basis.strategy else { return 0 }
    let order = min(configuration.hiddenSize, Self.timedOrder)
    var moments = DoubleMatrix(rowCount: order, columnCount: order)
    for row in 0..<order {
      for column in 0..<order {
        // Positive definite, with eigenvalues that are all different.
        moments[row, column] = 1 / Double(1 + abs(row - column)) + (row == column ? 0.1 : 0)
      }
    }
    let took = ContinuousClock().measure {
      _ = strategy.basis(covariance: moments, weightMoments: moments)
    }
    let scale = hidden / Double(order)
    return took / .seconds(1) * scale * scale * scale
  }

  /// Large enough for its speed to be that of large matrices, small enough for a fraction of a second.
  private static let timedOrder = 256
  /// A product in Double beside one in Float: half as many numbers in a register.
  private static let doubleCost = 2.0
  /// Weight, gradient and two moments, read and written.
  private static let stepBytes = 28.0
  /// Of memory and of a disk's cache, roughly; small beside the rest.
  private static let bytesPerSecond = 1e9
}
