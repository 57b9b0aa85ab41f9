/// How a number of tokens is spread over texts.
public enum TokenBudget {
  /// Even parts of a budget: who has less than a part gives what it has, and the rest goes to the
  /// others. The first ones have a token more where parts are not whole.
  ///
  /// - Parameter limits: the most that each can give.
  /// - Returns: what each gives; in all `total`, or all there is.
  public static func shares(of total: Int, limits: [Int]) -> [Int] {
    var shares = limits.map { _ in 0 }
    var open = Array(limits.indices)
    var rest = total
    while !open.isEmpty {
      let (part, extra) = rest.quotientAndRemainder(dividingBy: open.count)
      let wanted = Dictionary(
        uniqueKeysWithValues: open.enumerated().map { ($1, part + ($0 < extra ? 1 : 0)) })
      let short = open.filter { limits[$0] < wanted[$0, default: 0] }
      guard !short.isEmpty else {
        for index in open { shares[index] = wanted[index, default: 0] }
        break
      }
      for index in short {
        shares[index] = limits[index]
        rest -= limits[index]
      }
      open.removeAll { short.contains($0) }
    }
    return shares
  }
}
