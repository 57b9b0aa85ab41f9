import Foundation
import Learning
import Testing

@Suite("Spikes")
struct SpikeWindowTests {
  @Test("A loss is a spike above six deviations of a full window, and does not enter it")
  func window() throws {
    var window = SpikeWindow()
    var spikes = [window.take(1000)]
    window = SpikeWindow()
    for step in 0..<SpikeWindow.count { spikes.append(window.take(step % 2 == 0 ? 3.9 : 4.1)) }
    // The deviation is 0.1004 of 128 losses.
    spikes.append(window.take(4.59))
    #expect(!spikes.contains(true))
    let isSpike = window.take(4.9)
    #expect(isSpike && !window.losses.contains(4.9) && window.losses.count == SpikeWindow.count)
    let isLow = window.take(2)
    #expect(!isLow)
    let stored = try JSONDecoder().decode(
      SpikeWindow.self, from: JSONEncoder().encode(window))
    #expect(stored == window)
  }
}
