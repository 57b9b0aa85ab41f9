/// A number and what it counts, in the singular for one: "1 file", "2 files".
///
/// - Parameter noun: a word whose plural ends in s.
public func counted(_ count: Int, _ noun: String) -> String {
  "\(count) \(noun)\(count == 1 ? "" : "s")"
}
