import Activations
import Kernels
import Tensors

/// Hands the values of one panel to the sink, if it wants them.
struct Tap: Sendable {
  let sink: any ActivationSink
  let layer: Int
  /// Rows of the batch that the panel covers.
  let rows: Range<Int>
  /// Hook points of this layer that the sink wants: asked once for a layer, not once for a panel.
  let wanted: Set<HookPoint>
  let workspace: Workspace

  /// - Parameter values: [rows.count, width]; columns of a joined matrix are copied together first.
  func callAsFunction(_ hookPoint: HookPoint, _ values: MatrixView) {
    guard wanted.contains(hookPoint) else { return }
    let site = ActivationSite(layer: layer, hookPoint: hookPoint)
    if values.isContiguous {
      values.withSpan { sink.receive($0, rows: rows, at: site) }
    } else {
      let joined = workspace.tapped(rowCount: values.rowCount, columnCount: values.columnCount)
      copy(values, into: joined)
      joined.withSpan { sink.receive($0, rows: rows, at: site) }
    }
  }

  /// - Parameter order: which row of the panel each row of `values` is; nil: the same.
  func callAsFunction(_ hookPoint: HookPoint, _ values: MatrixView, order: IndexList?) {
    guard let order, wanted.contains(hookPoint) else { return self(hookPoint, values) }
    let site = ActivationSite(layer: layer, hookPoint: hookPoint)
    let restored = workspace.tapped(rowCount: values.rowCount, columnCount: values.columnCount)
    SubDimensionKernels.fastest.scatter(values, rows: order, into: restored)
    restored.withSpan { sink.receive($0, rows: rows, at: site) }
  }
}
