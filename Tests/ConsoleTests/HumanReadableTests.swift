import Console
import Testing

@Suite struct HumanReadableTests {
  @Test(
    "bytes have three significant digits",
    arguments: [
      (0, "0 B"), (999, "999 B"), (1000, "0.977 KiB"), (1024, "1.00 KiB"), (1536, "1.50 KiB"),
      (12_897_484, "12.3 MiB"), (1 << 30, "1.00 GiB"), (1023 << 20, "0.999 GiB"),
      (.max, "8.00 EiB"),
    ])
  func bytes(count: Int, text: String) {
    #expect(HumanReadable.bytes(count) == text)
  }

  @Test(
    "thousands are set apart",
    arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
  func count(count: Int, text: String) {
    #expect(HumanReadable.count(count) == text)
  }

  @Test(
    "counts are scaled by thousands",
    arguments: [(999, "999"), (1000, "1.00k"), (123_456, "123k"), (999_600, "1.00M")])
  func scaled(count: Int, text: String) {
    #expect(HumanReadable.scaledCount(count) == text)
  }

  @Test(
    "durations are read aloud, and clocks shown",
    arguments: [
      (0.0, "0.000 s", "00:00"), (0.1234, "0.123 s", "00:00"), (12.34, "12.3 s", "00:12"),
      (59.97, "1 min 00 s", "00:59"), (200, "3 min 20 s", "03:20"), (7500, "2 h 05 min", "2:05:00"),
      (.infinity, "?", "?"), (1e300, "277,777,777,777 h 46 min", "277777777777:46:40"),
    ])
  func durations(seconds: Double, words: String, clock: String) {
    #expect(HumanReadable.duration(seconds) == words)
    #expect(HumanReadable.clock(seconds) == clock)
  }

  @Test(
    "estimates of time are rounded to what they deserve",
    arguments: [
      (0.0, "1 second"), (2.4, "2 seconds"), (12.4, "10 seconds"), (89.0, "90 seconds"),
      (100, "2 minutes"), (1234, "20 minutes"), (5400, "2 hours"), (40_000, "11 hours"),
      (.infinity, "?"),
    ])
  func estimates(seconds: Double, words: String) {
    #expect(HumanReadable.roundDuration(seconds) == words)
  }

  @Test(
    "rates keep three digits",
    arguments: [(0.01234, "0.012"), (30.84, "30.8"), (1234.4, "1234"), (12_345, "12.3k")])
  func rates(rate: Double, text: String) {
    #expect(HumanReadable.rate(rate) == text)
  }
}
