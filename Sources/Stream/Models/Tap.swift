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
  /// What an experiment does to this panel.
  var intervention: PanelIntervention?

  /// Lets an experiment change values before anything reads them.
  func edit(_ hookPoint: HookPoint, _ values: MatrixView) {
    intervention?.edit(values, at: hookPoint)
  }

  /// - Parameter values: [rows.count, width]; columns of a joined matrix are copied together first.
  func callAsFunction(_ hookPoint: HookPoint, _ values: MatrixView) {
    guard wanted.contains(hookPoint) else { return }
    if values.isContiguous { return give(values, at: hookPoint) }
    let joined = workspace.tapped(rowCount: values.rowCount, columnCount: values.columnCount)
    copy(values, into: joined)
    give(joined, at: hookPoint)
  }

  /// A sink receives the panels of `ActivationPanel`, whatever the worker's are.
  private func give(_ values: MatrixView, at hookPoint: HookPoint) {
    let site = ActivationSite(layer: layer, hookPoint: hookPoint)
    for part in ActivationPanel.ranges(tokenCount: values.rowCount) {
      let batchRows = rows.lowerBound + part.lowerBound..<rows.lowerBound + part.upperBound
      values.rows(part).withSpan { sink.receive($0, rows: batchRows, at: site) }
    }
  }
}
