import Reporting

/// What the model's own choice of sub-dimensions is worth beside others.
extension AblationVerdicts {
  var random: Verdict? {
    variant(
      .random, claim: "The router's choice matters",
      measure: "routing drawn evenly for each token, shared ones as ever"
    ) { score in
      let start = "Random routing costs \(text(score.ratio)) times the perplexity of the router's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": the routing matters.")
      case .same: (.doesNotHold, start + ": the routing does not matter.")
      case .better: (.doesNotHold, start + ": chance routes better.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var fixed: Verdict? {
    let place = result.text.isSeparate ? "on other text" : "on the same text, which flatters it"
    return variant(
      .fixed, claim: "Choosing for each token beats one choice for all",
      measure: "the specialised sub-dimensions of highest mean energy \(place), for every token"
    ) { score in
      let start = "That static choice has \(text(score.ratio)) times the router's perplexity"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": choosing for each token pays.")
      case .same: (.doesNotHold, start + ": choosing for each token changes nothing.")
      case .better: (.doesNotHold, start + ": the router is worse than not routing at all.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var unshared: Verdict? {
    variant(
      .unshared, claim: "Sharing sub-dimensions between all tokens pays", source: "Table 4",
      measure: "as many active, but none of them is shared: the best of all by score"
    ) { score in
      let start = "With nothing shared, perplexity is \(text(score.ratio)) times the model's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": the router alone leaves out what all tokens need.")
      case .same: (.doesNotHold, start + ": sharing changes nothing.")
      case .better: (.doesNotHold, start + ": the router chooses better without it.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var specialisedOnly: Verdict? {
    variant(
      .specialisedOnly, claim: "Shared sub-dimensions carry what the others cannot",
      measure: "the shared ones left out, and as many specialised ones active, or all of them"
    ) { score in
      let start =
        "With specialised ones only, perplexity is \(text(score.ratio)) times the model's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": nothing takes their place.")
      case .same, .better: (.doesNotHold, start + ": the others do as well.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var sharedOnly: Verdict? {
    variant(
      .sharedOnly, claim: "Specialised sub-dimensions are needed",
      measure: "shared ones only, so fewer are active"
    ) { score in
      let start = "With the shared ones only, perplexity is \(text(score.ratio)) times the model's"
      return switch effect(score.ratio) {
      case .worse: (.holds, start + ": fewer dimensions are not enough.")
      case .same, .better:
        (.doesNotHold, start + ": the specialised ones could be left out.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var oracle: Verdict? {
    variant(
      .oracle, claim: "The router chooses as well as the energies would",
      measure: "the specialised sub-dimensions of highest energy, for each token"
    ) { score in
      let start = "Choosing by energy has \(text(score.ratio)) times the router's perplexity"
      return switch effect(score.ratio) {
      case .better: (.doesNotHold, start + ": a better router could gain that much.")
      case .same: (.holds, start + ": the router has found it.")
      case .worse: (.holds, start + ": the router knows better than the energies.")
      case .unclear: (.undecided, start + Self.unclear)
      }
    }
  }

  var allActive: Verdict? {
    guard let row = result.row(.all) else { return nil }
    let claim = "With all sub-dimensions active the dense model comes back"
    guard let dense = result.dense, let ratio = row.ratioToDense, let score = row.score else {
      return absent(
        claim, measure: "all active, beside the dense model",
        reason: row.reason.map { "There is nothing to compare: \($0)." }
          ?? "No dense model was given.")
    }
    var quantity = ratio.multiplicativeQuantity(.significant(4))
    quantity.unit = "times"
    let holds = ratio.value < Self.recovered && ratio.value > 1 / Self.recovered
    return Verdict(
      claim: claim, measure: "all active, beside the dense model",
      paper: dense.multiplicativeQuantity(.significant(4)),
      model: score.perplexity.multiplicativeQuantity(.significant(4)), null: quantity,
      status: holds ? .holds : .doesNotHold,
      sentence: "All active, perplexity is \(NumberFormat.significant(4).text(ratio.value)) times "
        + "the dense model's: "
        + (holds
          ? "what is lost is lost by leaving dimensions out."
          : "weights, gates or scaling have changed, not only what is left out."),
      details: "routing")
  }
}
