// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who builds the tools builds the benchmarks.
let package = Package(
  name: "mohd-benchmarks",
  dependencies: [.package(name: "mohd", path: "..")],
  targets: [
    .executableTarget(
      name: "forward-benchmark",
      dependencies: [.product(name: "MoHD", package: "mohd")],
      swiftSettings: [.swiftLanguageMode(.v6), .strictMemorySafety()])
  ]
)
