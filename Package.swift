// swift-tools-version: 6.2
import PackageDescription

// The house (see README, "The house"): arrows point only downward, never sideways.
// Tests/HouseTests asserts this table from `swift package dump-package`.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name,
    dependencies: dependencies + [
      "Console", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

func library(_ name: String, pkgConfig: String, debian: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([debian])])
}

let package = Package(
  name: "mohd",
  products: [
    .executable(name: "mohd-probe", targets: ["mohd-probe"]),
    .executable(name: "mohd-stats", targets: ["mohd-stats"]),
    .executable(name: "mohd-convert", targets: ["mohd-convert"]),
    .executable(name: "mohd-eval", targets: ["mohd-eval"]),
    // The stream without the tools: for Benchmarks, and for whoever builds on it.
    .library(
      name: "MoHD",
      targets: ["Tensors", "Kernels", "Checkpoints", "Activations", "Models", "Conversion"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
  ],
  targets: [
    // C libraries: a module map and a small header each.
    library("COpenBLAS", pkgConfig: "openblas", debian: "libopenblas-dev"),
    library("CHDF5", pkgConfig: "hdf5-serial", debian: "libhdf5-dev"),
    library("COnig", pkgConfig: "oniguruma", debian: "libonig-dev"),
    library("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),
    library("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
    library("CCrypto", pkgConfig: "libcrypto", debian: "libssl-dev"),
    library("CXXHash", pkgConfig: "libxxhash", debian: "libxxhash-dev"),
    .target(name: "CKernels", path: "Sources/C/CKernels"),

    // Earth.
    room("Tensors"),
    room("Files", ["CCrypto", "CXXHash", "CZlib", "CZstd"]),

    // Ground floor.
    room("Kernels", ["Tensors", "CKernels", "COpenBLAS"]),
    room("Checkpoints", ["Tensors", "Files", "CKernels"]),
    room("Tokenizers", ["Files", "COnig"]),
    room("HDF5", ["Tensors", "Files", "CHDF5"]),

    // Hall.
    room("Activations", ["Tensors"]),

    // First floor.
    room("Models", ["Activations", "Kernels", "Checkpoints", "Tensors"]),
    room("Corpora", ["Activations", "Kernels", "Tokenizers", "Files"]),

    // Second floor.
    room("Capture", ["Activations", "HDF5", "Kernels", "Tensors", "Files"]),

    room("Statistics", ["Activations", "HDF5", "Kernels", "Tensors", "Files"]),
    room("Reporting", ["Files"]),

    // Third floor: results become artefacts.
    room("Findings", ["Statistics", "Reporting", "Activations", "Kernels", "Files"]),

    room(
      "Evaluation",
      [
        "Models", "Corpora", "Checkpoints", "Reporting", "Activations", "Kernels", "Tensors",
        "Files",
      ]),

    .target(
      name: "Conversion",
      dependencies: [
        "Models", "Capture", "Checkpoints", "Activations", "Kernels", "Tensors", "Files",
      ],
      resources: [
        .embedInCode("HuggingFace/configuration_mohd.py"),
        .embedInCode("HuggingFace/modeling_mohd.py"),
      ],
      swiftSettings: settings),

    // Landing: what every tool shares of the terminal.
    .target(
      name: "Console",
      dependencies: [
        "Files", "Kernels", "Checkpoints", "Tokenizers", "Activations", "Corpora", "Capture",
        "Models",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    // Roof: the tools.
    tool(
      "mohd-probe",
      [
        "Capture", "Corpora", "Models", "Checkpoints", "Tokenizers", "HDF5", "Activations",
        "Kernels",
        "Tensors", "Files",
      ]),

    tool(
      "mohd-stats",
      [
        "Findings", "Statistics", "Reporting", "Capture", "Corpora", "Models", "Checkpoints",
        "Tokenizers", "HDF5", "Activations", "Kernels", "Tensors", "Files",
      ]),

    tool(
      "mohd-eval",
      [
        "Evaluation", "Conversion", "Reporting", "Models", "Corpora", "Checkpoints", "Tokenizers",
        "Activations", "Kernels", "Files",
      ]),

    tool(
      "mohd-convert",
      [
        "Conversion", "Capture", "Corpora", "Models", "Checkpoints", "Tokenizers", "Activations",
        "Kernels", "Tensors", "Files",
      ]),

    // Tests: one suite for each source file. Whatever they import is named, or a change of it would
    // leave them as they were built.
    tests("TensorsTests", ["Tensors"]),
    tests("FilesTests", ["Files"]),
    tests("KernelsTests", ["Kernels", "Tensors"]),
    tests("CheckpointsTests", ["Checkpoints", "Files", "Tensors"]),
    tests("TokenizersTests", ["Tokenizers", "Files"]),
    tests("HDF5Tests", ["HDF5", "Files", "Tensors"]),
    tests("ActivationsTests", ["Activations"]),
    tests("ModelsTests", ["Models", "Activations", "Checkpoints", "Files", "Kernels", "Tensors"]),
    tests("CorporaTests", ["Corpora", "Activations", "Kernels", "Files"]),
    tests(
      "ConsoleTests",
      ["Console", "Files", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    tests("CaptureTests", ["Capture", "Activations", "Files", "HDF5", "Kernels", "Tensors"]),
    tests("StatisticsTests", ["Statistics", "Activations", "Files", "Kernels", "Tensors"]),
    tests("ReportingTests", ["Reporting", "Files"]),
    tests(
      "FindingsTests",
      ["Findings", "Statistics", "Reporting", "Activations", "Kernels", "Tensors", "Files"]),
    tests(
      "ConversionTests",
      ["Conversion", "Models", "Checkpoints", "Activations", "Kernels", "Tensors"]),
    tests(
      "EvaluationTests",
      [
        "Evaluation", "Reporting", "Models", "Corpora", "Checkpoints", "Kernels", "Activations",
        "Tensors", "Files",
      ]),
    tests("HouseTests", []),
    tests("CommandLineTests", ["Files"]),
  ]
)
