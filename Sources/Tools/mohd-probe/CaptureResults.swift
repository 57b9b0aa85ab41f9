import Capture
import Console
import Files
import Foundation

/// What a finished capture says of itself.
struct CaptureSummaryLine {
  let output: String
  /// Tokens that this process ran.
  let tokens: Int
  /// From the first layer to the last rename, fsync included; loading and tokenising not.
  let seconds: Double
  let bytesWritten: Int
  /// The most memory that no file backs: what the run takes beyond the mapped model.
  let anonymousByteCount: Int
  let plan: CapturePlan
  let wasComplete: Bool

  func print(json: Bool) throws {
    if json {
      try printJSON(
        Summary(
          output: output, tokens: tokens, seconds: seconds,
          tokens_per_second: seconds > 0 ? Double(tokens) / seconds : 0,
          bytes_written: bytesWritten, peak_memory_bytes: peakResidentBytes() ?? 0,
          peak_anonymous_bytes: anonymousByteCount,
          layers: plan.options.layers.count,
          hook_points: plan.options.hookPoints.map(\.rawValue), shards: plan.shards.count,
          was_complete: wasComplete))
      return
    }
    if wasComplete {
      Swift.print("\(output) is complete already: nothing to do.")
      return
    }
    let rate = seconds > 0 ? Double(tokens) / seconds : 0
    Swift.print(
      """
      \(output): \(HumanReadable.count(tokens, "token")) in \(HumanReadable.duration(seconds)) \
      (\(HumanReadable.rate(rate)) tokens/s), \(HumanReadable.bytes(bytesWritten)), \
      peak memory \(HumanReadable.bytes(peakResidentBytes() ?? 0))

      What to do next:
        mohd-probe inspect \(shellPath(output))
        mohd-probe verify \(shellPath(output))
        python3 -c 'import sys, h5py; f = h5py.File(sys.argv[1]); print(f["\
      \(plan.options.hookPoints.first?.rawValue ?? "token_id")"])' \(shellPath(output + "/activations.h5"))
      """)
  }

  private struct Summary: Encodable {
    let output: String
    let tokens: Int
    let seconds: Double
    let tokens_per_second: Double
    let bytes_written: Int
    let peak_memory_bytes: Int
    let peak_anonymous_bytes: Int
    let layers: Int
    let hook_points: [String]
    let shards: Int
    let was_complete: Bool
  }
}

/// What a capture would take.
struct CaptureEstimate {
  let plan: CapturePlan
  let secondsForLayers: Double
  let memoryByteCount: Int
  let weightsByteCount: Int

  func print(json: Bool) throws {
    let size = CaptureSize(plan)
    let peak = memoryByteCount + Self.baseByteCount
    if json {
      try printJSON(
        Estimate(
          tokens: plan.corpus.tokenCount, documents: plan.corpus.documentCount,
          sequences: plan.corpus.sequenceCount, shards: plan.shards.count,
          bytes: size.byteCount, peak_memory_bytes: peak, model_file_bytes: weightsByteCount,
          seconds: secondsForLayers))
      return
    }
    let domains = plan.corpus.domains.map { domain in
      "  \(domain.name): \(HumanReadable.count(domain.tokenCount, "token")) in "
        + "\(HumanReadable.count(domain.documentCount, "document"))\n"
    }
    Swift.print(
      """
      Nothing was written. This capture would take
        tokens       \(HumanReadable.count(plan.corpus.tokenCount)) in \
      \(HumanReadable.count(plan.corpus.sequenceCount, "sequence")) of \
      \(HumanReadable.count(plan.corpus.documentCount, "document"))
        disk         \(HumanReadable.bytes(size.byteCount)) in \(HumanReadable.count(plan.shards.count, "shard")) \
      (\(HumanReadable.bytes(plan.bytesPerToken)) a token)
        peak memory  about \(HumanReadable.bytes(peak)), besides the mapped model of \
      \(HumanReadable.bytes(weightsByteCount))
        time         about \(HumanReadable.duration(secondsForLayers)) \
      (measured on one layer, now)

      \(domains.joined())
      """)
  }

  /// What a process of ours takes before any matrix: code, vocabulary, libraries.
  private static let baseByteCount = 120 << 20

  private struct Estimate: Encodable {
    let tokens: Int
    let documents: Int
    let sequences: Int
    let shards: Int
    let bytes: Int
    let peak_memory_bytes: Int
    let model_file_bytes: Int
    let seconds: Double
  }
}
