/// How much may be in memory at once, whoever sent it: takers wait in line until others give back.
public actor Budget {
  private let limit: Int
  private var taken = 0
  private var waiting: [(amount: Int, continuation: CheckedContinuation<Void, Never>)] = []

  public init(limit: Int) { self.limit = limit }

  /// Waits until `amount` fits; an amount beyond the limit waits until nobody else has any.
  public func take(_ amount: Int) async {
    if waiting.isEmpty && fits(amount) {
      taken += amount
      return
    }
    await withCheckedContinuation { waiting.append((amount, $0)) }
  }

  public func give(_ amount: Int) {
    taken -= amount
    while let first = waiting.first, fits(first.amount) {
      taken += first.amount
      waiting.removeFirst().continuation.resume()
    }
  }

  private func fits(_ amount: Int) -> Bool { taken == 0 || taken + amount <= limit }
}
