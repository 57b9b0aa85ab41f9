// swift-tools-version: 6.2
import PackageDescription

// The house: one folder a floor, one folder in it a room, which is a target. The table is written from
// the ground up; a room may stand on rooms of lower floors, and on its own floor's landing (Activations,
// Console). Tests/HouseTests holds this table, and every `import` line, to that.

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

func room(
  _ floor: String, _ name: String, _ dependencies: [Target.Dependency] = [],
  resources: [Resource] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(floor)/\(name)",
    resources: resources, swiftSettings: settings)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name,
    dependencies: dependencies + [
      "Console", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    path: "Sources/Tools/\(name)", swiftSettings: settings)
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
    .executable(name: "mohd-train", targets: ["mohd-train"]),
    .executable(name: "mohd-eval", targets: ["mohd-eval"]),
    // Tokens, capture, statistics and conversion without the tools: `import MoHD`. Its rooms are named
    // too, for Benchmarks, which imports them one by one.
    .library(
      name: "MoHD",
      targets: [
        "MoHD", "Tensors", "Kernels", "Checkpoints", "Activations", "Models", "Conversion",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/swhitty/FlyingFox", exact: "0.27.1"),
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

    // Base.
    room("Base", "Tensors"),
    room("Base", "Files", ["CCrypto", "CXXHash", "CZlib", "CZstd"]),

    // Formats.
    room("Formats", "Checkpoints", ["Tensors", "Files", "CKernels"]),
    room("Formats", "Tokenizers", ["Files", "COnig"]),
    room("Formats", "HDF5", ["Tensors", "Files", "CHDF5"]),

    // Compute.
    room("Compute", "Kernels", ["Tensors", "CKernels", "COpenBLAS"]),

    // Stream; its landing first.
    room("Stream", "Activations", ["Tensors"]),

    room("Stream", "Models", ["Activations", "Kernels", "Checkpoints", "Tensors"]),
    room("Stream", "Corpora", ["Activations", "Kernels", "Tokenizers", "Files"]),

    // Folds of the stream.
    room("Folds", "Capture", ["Activations", "HDF5", "Kernels", "Tensors", "Files"]),

    room("Folds", "Statistics", ["Activations", "HDF5", "Kernels", "Tensors", "Files"]),
    room(
      "Folds", "Learning", ["Models", "Activations", "Checkpoints", "Kernels", "Tensors", "Files"]),
    room("Folds", "Reporting", ["Files"]),

    // Results.
    room(
      "Results", "Evaluation",
      [
        "Models", "Corpora", "Checkpoints", "Reporting", "Activations", "Kernels", "Tensors",
        "Files",
      ]),

    room(
      "Results", "Conversion",
      [
        "Models", "Capture", "Checkpoints", "Activations", "Kernels", "Tensors", "Files",
      ],
      resources: [
        .embedInCode("HuggingFace/configuration_mohd.py"),
        .embedInCode("HuggingFace/modeling_mohd.py"),
      ]),

    room(
      "Results", "Serving",
      [
        "Models", "Checkpoints", "Tokenizers", "Activations", "Kernels", "Tensors", "Files",
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ]),

    room(
      "Results", "Training",
      [
        "Learning", "Reporting", "Models", "Checkpoints", "Activations", "Kernels", "Tensors",
        "Files",
      ],
      resources: [
        .embedInCode("Cluster/train.py"),
        .embedInCode("Cluster/step_text.py"),
        .embedInCode("Cluster/step_losses.py"),
        .embedInCode("Cluster/train.sbatch"),
      ]),

    // Pages: results become reports.
    room("Pages", "Findings", ["Statistics", "Reporting", "Activations", "Kernels", "Files"]),

    // The library under one name, and its articles.
    room(
      "Pages", "MoHD",
      [
        "Activations", "Capture", "Checkpoints", "Conversion", "Corpora", "Files", "Kernels",
        "Models", "Statistics", "Tensors", "Tokenizers",
      ]),

    // Tools: parse, call, print. Their landing is what they share of the terminal.
    room(
      "Tools", "Console",
      [
        "Files", "Kernels", "Checkpoints", "Tokenizers", "Activations", "Corpora", "Capture",
        "Models",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

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
        "Evaluation", "Conversion", "Serving", "Reporting", "Models", "Corpora", "Checkpoints",
        "Tokenizers",
        "Activations", "Kernels", "Files",
      ]),

    tool(
      "mohd-convert",
      [
        "Conversion", "Capture", "Corpora", "Models", "Checkpoints", "Tokenizers", "Activations",
        "Kernels", "Tensors", "Files",
      ]),

    tool(
      "mohd-train",
      [
        "Training", "Conversion", "Learning", "Reporting", "Corpora", "Models", "Checkpoints",
        "Tokenizers", "Kernels", "Files",
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
      [
        "Console", "Activations", "Files",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    tests("CaptureTests", ["Capture", "Activations", "Files", "HDF5", "Kernels", "Tensors"]),
    tests("StatisticsTests", ["Statistics", "Activations", "Files", "Kernels", "Tensors"]),
    tests(
      "LearningTests",
      ["Learning", "Models", "Activations", "Checkpoints", "Kernels", "Tensors", "Files"]),
    tests("ReportingTests", ["Reporting", "Files"]),
    tests(
      "FindingsTests",
      ["Findings", "Statistics", "Reporting", "Activations", "Kernels", "Tensors", "Files"]),
    tests(
      "ConversionTests",
      ["Conversion", "Models", "Checkpoints", "Activations", "Kernels", "Tensors", "Files"]),
    tests(
      "TrainingTests",
      ["Training", "Learning", "Reporting", "Models", "Checkpoints", "Kernels", "Files"]),
    tests(
      "EvaluationTests",
      [
        "Evaluation", "Reporting", "Models", "Corpora", "Checkpoints", "Kernels", "Activations",
        "Tensors", "Files",
      ]),
    tests(
      "ServingTests",
      [
        "Serving", "Models", "Checkpoints", "Tokenizers", "Activations", "Kernels", "Tensors",
        "Files", .product(name: "FlyingSocks", package: "FlyingFox"),
      ]),
    tests("ExampleTests", ["MoHD"]),
    tests("HouseTests", []),
    tests("CommandLineTests", ["Kernels", "Files"]),
  ]
)
