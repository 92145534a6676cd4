// swift-tools-version:5.7
// A small peer for Swift over the C library, which pkg-config finds where `sdks/cpp` was installed.

import PackageDescription

let package = Package(
  name: "Headwater",
  platforms: [.macOS(.v12), .iOS(.v15)],
  products: [
    .library(name: "Headwater", targets: ["Headwater"]),
    .library(name: "DittoCompat", targets: ["DittoCompat"]),
  ],
  targets: [
    .systemLibrary(name: "CHeadwater", pkgConfig: "headwater"),
    .target(name: "Headwater", dependencies: ["CHeadwater"]),
    .target(name: "DittoCompat", dependencies: ["Headwater"]),
    .executableTarget(name: "page", dependencies: ["DittoCompat"], path: "Examples/page"),
    .executableTarget(name: "flush", dependencies: ["Headwater"], path: "Examples/flush"),
    .testTarget(name: "HeadwaterTests", dependencies: ["Headwater", "DittoCompat"]),
  ]
)
