/// A SentencePiece vocabulary (not read yet).
struct SentencePieceModel: Sendable {
  let pieces: TokenTable

  func encode(
    _ text: Span<UInt8>, _ range: Range<Int>, into ids: inout [Int32],
    _ workspace: inout Workspace
  ) {}

  func isControl(_ id: Int32) -> Bool { false }

  func isByte(_ id: Int32) -> Bool { false }

  func update(_ hasher: inout IdentityHasher) {}
}
