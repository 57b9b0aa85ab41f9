import Reporting

/// What routers were fitted to, what they choose by, and which tokens their clusters stand for.
struct RouterMeaningFindings {
  /// Those that choose.
  let routers: [RouterResult]

  var blocks: [Block] {
    guard routers.contains(where: { $0.meaning != nil }) else { return [] }
    return [.table(quality), .table(clusters)]
  }

  private var quality: Table {
    func cell(_ value: Double?) -> Cell { value.map { .number($0) } ?? .missing("not recorded") }
    func bits(_ value: RouterMeaning.Information?) -> [Cell] {
      [cell(value?.bits), cell(value?.permuted)]
    }
    let percent = NumberFormat.percent(1)
    return Table(
      id: "router-quality", title: "How well routers choose, and by what",
      caption: "Recall (beside chance) and kept energy of the outputs are those of held-out "
        + "calibration tokens, from conversion.json: by the best fixed choice, by the router, by the "
        + "best choice for each token. Bits are what the token, its position (by octaves) and its "
        + "domain tell about the choice on this text; beside each, what they seem to tell when "
        + "choices are dealt to tokens at random. Idle: specialised sub-dimensions with less than a "
        + "tenth of even use.",
      columns: [
        Column("component"), Column("chance", format: percent), Column("recall", format: percent),
        Column("kept, static", format: percent), Column("routed", format: percent),
        Column("oracle", format: percent), Column("load entropy", format: .significant(2)),
        Column("idle", format: .integer),
      ]
        + ["token", "position", "domain"].flatMap {
          [
            Column($0, unit: "bits", format: .significant(2)),
            Column("permuted", unit: "bits", format: .significant(2)),
          ]
        },
      rows: routers.map { router in
        let fitted = router.fitted
        return [
          .text("\(router.layer) \(router.component)"), cell(fitted?.chanceRecall),
          cell(fitted?.recall), cell(fitted?.staticEnergy), cell(fitted?.capturedEnergy),
          cell(fitted?.oracleEnergy), cell(router.loadEntropy), .integer(router.idleCount),
        ] + bits(router.meaning?.token) + bits(router.meaning?.position)
          + bits(router.meaning?.domain)
      })
  }

  /// Of the first, the middle and the last layer that choose; the table of files has all.
  private var clusters: Table {
    let layers = Array(Set(routers.map(\.layer))).sorted()
    let shown = Set([layers.first, layers[layers.count / 2], layers.last].compactMap { $0 })
    return Table(
      id: "router-clusters", title: "Which tokens clusters stand for",
      caption:
        "The tokens that have a sub-dimension most often beyond what their number would give, "
        + "with how many times more often than other tokens. All layers: tables/clusters.csv.",
      columns: [
        Column("sub-dimension"), Column("tokens", format: .percent(1)), Column("most typical"),
      ],
      rows: routers.filter { shown.contains($0.layer) }.flatMap { router in
        (router.meaning?.clusters ?? []).map { cluster in
          [
            .text("\(router.layer) \(router.component), \(cluster.subDimension)"),
            .number(cluster.share),
            .text(
              cluster.tokens.map {
                "\(Self.shown($0)) ×\(NumberFormat.significant(2).text($0.lift))"
              }.joined(separator: ", ")),
          ]
        }
      })
  }

  /// Text with what would not be seen made visible.
  private static func shown(_ token: RouterMeaning.Token) -> String {
    guard let text = token.text else { return "#\(token.id)" }
    return "“" + text.replacing("\n", with: "⏎").replacing(" ", with: "␣") + "”"
  }

  static func table(_ routers: [RouterResult]) throws -> TidyTable {
    var table = TidyTable(
      columns: [
        "layer", "component", "sub_dimension", "share", "token_id", "token", "token_share", "lift",
      ])
    for router in routers {
      for cluster in router.meaning?.clusters ?? [] {
        for token in cluster.tokens {
          try table.append([
            .integer(router.layer), .text(router.component), .integer(cluster.subDimension),
            .number(cluster.share), .integer(Int(token.id)), .text(token.text ?? ""),
            .number(token.share), .number(token.lift),
          ])
        }
      }
    }
    return table
  }
}
