import Evaluation
import Testing

@Suite("Rolling windows are lm-evaluation-harness's")
struct ScoringWindowTests {
  private func windows(_ count: Int, _ length: Int) -> [ScoringWindow] {
    ScoringWindow.rolling(document: 0, tokens: 100..<100 + count, length: length, prefix: 7)
  }

  @Test("A short document is one window that begins with the prefix")
  func short() {
    #expect(
      windows(3, 4) == [
        ScoringWindow(document: 0, index: 0, prefix: 7, inputs: 100..<102, targets: 100..<103)
      ])
    #expect(windows(4, 4).count == 1)
    #expect(windows(0, 4).isEmpty)
  }

  @Test("Full windows see one token of context, the last is filled up from the left")
  func long() {
    // get_rolling_token_windows(range(10), prefix, 4, 1): ([p,0,1,2], [0..3]), ([3..6], [4..7]),
    // ([5..8], [8, 9]), whose context make_disjoint_window keeps.
    #expect(
      windows(10, 4) == [
        ScoringWindow(document: 0, index: 0, prefix: 7, inputs: 100..<103, targets: 100..<104),
        ScoringWindow(document: 0, index: 1, prefix: nil, inputs: 103..<107, targets: 104..<108),
        ScoringWindow(document: 0, index: 2, prefix: nil, inputs: 105..<109, targets: 108..<110),
      ])
  }

  @Test(
    "Every token is scored once, and no window is longer than allowed", arguments: 1...40,
    [1, 2, 3, 7, 40])
  func cover(count: Int, length: Int) {
    let windows = windows(count, length)
    #expect(windows.flatMap { Array($0.targets) } == Array(100..<100 + count))
    for window in windows {
      #expect(window.tokenCount <= length)
      #expect(window.inputs.upperBound == window.targets.upperBound - 1)
      #expect(window.inputs.lowerBound < window.targets.lowerBound || window.prefix != nil)
    }
  }
}
