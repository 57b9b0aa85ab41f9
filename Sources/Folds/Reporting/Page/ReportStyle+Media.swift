extension ReportStyle {
  /// Wide screens, narrow ones, and paper.
  static let media = """
    @media (min-width: 68rem) {
      .columns { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 3rem; }
      .contents { position: sticky; top: 1.5rem; align-self: start; max-height: calc(100vh - 3rem); overflow-y: auto; }
    }
    @media (max-width: 40rem) {
      .title, .columns { padding-left: 1rem; padding-right: 1rem; }
      .title { padding-top: 3.25rem; }
      .theme { right: 1rem; }
      .table table { font-size: .8rem; }
      th, td { padding-right: .6rem; }
      pre { padding: 2.6rem .9rem .9rem; font-size: .8rem; }
      figure, .table { padding: .9rem .8rem; margin-left: -.25rem; margin-right: -.25rem; }
      .verdict { padding: .9rem 1rem; }
      .numbers { display: flex; flex-wrap: wrap; }
      .numbers > div { flex: 1 0 28%; }
      .numbers .value { font-size: 1.05rem; }
      .contents ol { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; }
      .contents a { border: 0; padding: .2rem 0; color: var(--accent); }
      .facts { gap: .5rem 1.5rem; }
      h2 { font-size: 1.4rem; }
    }
    @media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
    @media print {
      @page { margin: 16mm 14mm; }
      :root, :root[data-theme="dark"] { --ground: #ffffff; --shadow: none; }
      html { font-size: 13px; }
      .contents, .skip, .theme, .copy, .more, details, .chooser input, .chooser select, .modebar-container { display: none !important; }
      .title, .columns { padding: 0; max-width: none; }
      .columns { display: block; }
      main { padding: 0; }
      main > section { margin-bottom: 1.5rem; }
      .verdicts { grid-template-columns: 1fr 1fr; column-gap: .6rem; }
      .verdict { margin-bottom: .6rem; }
      .verdict, figure, .table, .callout, tr { break-inside: avoid; }
      h2, h3 { break-after: avoid; }
      figure, .table, .commands { padding: .6rem .8rem; margin: .8rem 0 1rem; }
      .scroll { overflow: hidden; background: none; }
      table { font-size: 7.5pt; }
      th, td { padding-right: .6em; overflow-wrap: anywhere; }
      pre .word { white-space: inherit; overflow-wrap: anywhere; }
      tr > :first-child { overflow-wrap: normal; position: static; }
      .status, .callout, .legend svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
    }

    """
}
