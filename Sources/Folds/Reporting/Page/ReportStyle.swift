/// The page's style sheet. Text has a contrast of at least 4.5 on its ground in both themes.
package enum ReportStyle {
  /// The whole style sheet.
  package static let text = base + verdicts + blocks + media

  private static let base = """
    :root {
      color-scheme: light;
      --ground: #f7f6f3; --surface: #ffffff; --text: #24292f; --muted: #59616b; --line: #dcdcd6;
      --accent: #0b5ba6; --code: #efeee9; --shadow: 0 1px 2px rgba(30, 30, 20, .07);
      --edge: rgba(30, 30, 20, .2);
      --good: #17663a; --good-ground: #e3f3e8; --bad: #a3261c; --bad-ground: #fbe9e6;
      --chance: #744f00; --chance-ground: #fbf0d3; --none: #505862; --none-ground: #ecedef;
      --serif: ui-serif, Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Georgia,
        "Liberation Serif", serif;
      --mono: ui-monospace, "SF Mono", "Cascadia Code", Consolas, "Liberation Mono", monospace;
    }
    :root[data-theme="dark"] { \(dark) }
    @media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { \(dark) } }
    * { box-sizing: border-box; }
    html { scroll-behavior: smooth; scroll-padding-top: 1.25rem; -webkit-text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--ground); color: var(--text);
      font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
      overflow-wrap: break-word;
    }
    a { color: var(--accent); text-underline-offset: .18em; text-decoration-thickness: .06em; }
    a:hover { text-decoration-thickness: .14em; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
    main:focus { outline: none; }
    h1, h2, h3 { font-family: var(--serif); line-height: 1.2; text-wrap: balance; margin: 0; }
    h1 { font-size: clamp(1.7rem, 1.3rem + 1.8vw, 2.6rem); letter-spacing: -.012em; }
    h2 { font-size: 1.6rem; margin-bottom: .75rem; }
    h3 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
    p { margin: 0 0 1rem; max-width: 44rem; }
    ul { max-width: 44rem; padding-left: 1.25rem; }
    code { font: .9em var(--mono); background: var(--code); padding: .08em .3em; border-radius: 4px; }
    .skip {
      position: absolute; left: -99rem; top: .5rem; padding: .5rem 1rem; background: var(--surface);
      z-index: 2;
    }
    .skip:focus { left: .5rem; }
    .title, .columns { max-width: 82rem; margin: 0 auto; padding: 0 1.5rem; }
    .title { padding-top: 2.75rem; padding-bottom: 1.75rem; position: relative; }
    .subtitle { font-size: 1.1rem; color: var(--muted); margin: .6rem 0 0; max-width: 48rem; }
    .facts { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1.25rem 0 0; }
    .facts dt { color: var(--muted); font-size: .8rem; }
    .facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
    .theme {
      position: absolute; top: 1rem; right: 1.5rem; font: inherit; font-size: .8rem;
      color: var(--muted); background: none; border: 1px solid var(--line); border-radius: 99px;
      padding: .15rem .7rem; cursor: pointer;
    }
    .contents { font-size: .9rem; margin-bottom: 2rem; }
    .contents-title { margin: 0 0 .4rem; color: var(--muted); font-size: .8rem; font-weight: 600; }
    .contents ol { list-style: none; margin: 0; padding: 0; }
    .contents a {
      display: block; padding: .22rem 0 .22rem .75rem; border-left: 2px solid var(--line);
      color: var(--muted); text-decoration: none; line-height: 1.35;
    }
    .contents a:hover { color: var(--text); }
    .contents a[aria-current] {
      color: var(--text); border-left-color: var(--accent); font-weight: 600;
    }
    main { min-width: 0; padding-bottom: 5rem; }
    main > section { padding-top: .5rem; margin-bottom: 3.5rem; }

    """

  private static let dark = """
    color-scheme: dark; --ground: #12151a; --surface: #1b1f24; --text: #e6e9ed; --muted: #a7b0ba; \
    --line: #343b43; --accent: #7fc1fb; --code: #262c33; --shadow: none; --edge: rgba(255, 255, 255, .2); --good: #7edba2; \
    --good-ground: #15301f; --bad: #ffa59b; --bad-ground: #3b1a17; --chance: #f0c95f; \
    --chance-ground: #352b0e; --none: #b4bcc6; --none-ground: #2a3037;
    """

  private static let verdicts = """
    .tally { display: flex; flex-wrap: wrap; gap: .5rem; list-style: none; padding: 0; margin: 0 0 1.25rem; max-width: none; }
    .status {
      display: inline-flex; align-items: center; gap: .35rem; padding: .14rem .65rem .14rem .5rem;
      border-radius: 99px; font-size: .85rem; font-weight: 600; line-height: 1.5; white-space: nowrap;
    }
    .status svg { flex: none; }
    [data-status="holds"] { --tone: var(--good); --tone-ground: var(--good-ground); }
    [data-status="does_not_hold"] { --tone: var(--bad); --tone-ground: var(--bad-ground); }
    [data-status="explained_by_chance"] { --tone: var(--chance); --tone-ground: var(--chance-ground); }
    [data-status="undecided"] { --tone: var(--chance); --tone-ground: var(--chance-ground); }
    [data-status="not_measured"] { --tone: var(--none); --tone-ground: var(--none-ground); }
    .status { color: var(--tone); background: var(--tone-ground); }
    .verdicts { display: grid; column-gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); }
    .verdict {
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
      padding: 1rem 1.15rem 1.05rem; margin-bottom: 1rem; box-shadow: var(--shadow);
      display: grid; grid-template-columns: minmax(0, 1fr); grid-row: span 5; grid-template-rows: subgrid;
    }
    .verdict > h3 { grid-row: 2; }
    .verdict > .measure { grid-row: 3; }
    .verdict > .numbers { grid-row: 4; }
    .verdict > .sentence { grid-row: 5; }
    .verdict .top { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; margin: 0 0 .6rem; }
    .verdict .source { color: var(--muted); font-size: .8rem; }
    .verdict h3 { font-size: 1.12rem; line-height: 1.3; margin: 0 0 .45rem; text-wrap: pretty; }
    .verdict .measure { color: var(--muted); font-size: .85rem; line-height: 1.45; margin: 0 0 .6rem; }
    .numbers {
      display: grid; grid-template-columns: repeat(3, minmax(min-content, 1fr)); margin: 0 0 .75rem;
      border-top: 1px solid var(--line); border-bottom: 1px solid var(--line);
      font-variant-numeric: tabular-nums;
    }
    .numbers > div { padding: .45rem .5rem .5rem 0; }
    .numbers > div + div { padding-left: .7rem; border-left: 1px solid var(--line); }
    .numbers dt { color: var(--muted); font-size: .78rem; }
    .numbers dd { margin: 0; display: flex; flex-direction: column; }
    .numbers .value { font-size: 1.18rem; line-height: 1.35; white-space: nowrap; }
    .numbers .model .value { font-weight: 700; }
    .numbers .interval, .numbers .note { color: var(--muted); font-size: .74rem; line-height: 1.35; }
    .verdict .sentence { font-size: .93rem; line-height: 1.5; margin: 0; }
    .more { white-space: nowrap; }

    """

  private static let blocks = """
    .callout {
      border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 8px;
      background: var(--surface); padding: .8rem 1.1rem; margin: 0 0 1.5rem; max-width: 46rem;
    }
    .callout[data-kind="warning"] { border-left-color: var(--chance); background: var(--chance-ground); }
    .callout p { margin: 0; }
    .callout-title { font-weight: 600; }
    .callout .kind { color: var(--accent); margin-right: .35em; }
    .callout[data-kind="warning"] .kind { color: var(--chance); }
    figure, .table, .commands {
      background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
      box-shadow: var(--shadow); margin: 1.5rem 0 2rem; padding: 1rem 1.15rem;
    }
    figcaption, caption, .caption { text-align: left; font-size: .93rem; line-height: 1.5; color: var(--muted); }
    figcaption, .caption { max-width: 50rem; margin-bottom: .75rem; }
    figcaption strong, .caption strong { color: var(--text); }
    caption { padding-bottom: .5rem; }
    .controls { display: flex; flex-wrap: wrap; gap: .4rem 1.25rem; align-items: center; margin: 0 0 .35rem; }
    .chooser { display: inline-flex; flex-wrap: wrap; max-width: 100%; align-items: center; gap: .5rem; font-size: .88rem; font-weight: 600; }
    .chooser select, .chooser input { font: inherit; font-weight: 400; }
    .chooser select {
      color: var(--text); background: var(--surface); border: 1px solid var(--line);
      border-radius: 6px; padding: .2rem .5rem;
    }
    .chooser input { accent-color: var(--accent); width: 11rem; }
    .chooser output { min-width: 2.5em; font-variant-numeric: tabular-nums; }
    .legend { display: flex; flex-wrap: wrap; gap: .05rem .3rem; margin-left: -.4rem; }
    .legend button {
      display: inline-flex; align-items: center; gap: .4rem; font: inherit; font-size: .84rem;
      line-height: 1.4; color: var(--text); background: none; border: 0; border-radius: 6px;
      padding: .22rem .45rem; cursor: pointer; text-align: left;
    }
    .legend button:hover { background: var(--code); }
    .legend button[aria-pressed="false"] { color: var(--muted); text-decoration: line-through; }
    .legend button[aria-pressed="false"] svg { opacity: .3; }
    .canvas { width: 100%; overflow: hidden; }
    .canvas .js-plotly-plot .plotly, .canvas .main-svg { max-width: none; }
    .canvas .modebar { opacity: 0; }
    .canvas:hover .modebar, .canvas:focus-within .modebar { opacity: 1; }
    @media (hover: none) { .canvas .modebar { display: none; } }
    .alternative { color: var(--muted); }
    details { margin-top: .6rem; font-size: .88rem; }
    summary { cursor: pointer; color: var(--muted); width: fit-content; }
    summary:hover { color: var(--text); }
    details p { margin: .5rem 0; }
    /* Shadows at the edges that hide columns: covers of the ground scroll away from over them. */
    .scroll {
      overflow-x: auto; max-width: 100%; position: relative;
      background:
        linear-gradient(to right, var(--surface) 40%, transparent) left / 3rem 100%,
        linear-gradient(to left, var(--surface) 40%, transparent) right / 3rem 100%,
        linear-gradient(to right, var(--edge), transparent) left / 1.1rem 100%,
        linear-gradient(to left, var(--edge), transparent) right / 1.1rem 100%, var(--surface);
      background-repeat: no-repeat; background-attachment: local, local, scroll, scroll, scroll;
    }
    .scroll + .scroll { margin-top: 1rem; }
    details .scroll { max-height: 24rem; overflow: auto; }
    table { border-collapse: separate; border-spacing: 0; font-size: .9rem; font-variant-numeric: tabular-nums; }
    details table { font-size: .82rem; }
    th, td { padding: .34rem .85rem .34rem 0; text-align: left; vertical-align: top; }
    /* Lines above rows: the sticky cell of the next row would cover one below. */
    tbody tr > * { border-top: 1px solid var(--line); }
    tbody tr:first-child > * { border-top-width: 2px; }
    tbody:first-child > tr:first-child > * { border-top: 0; }
    tbody th { font-weight: 400; }
    thead th { font-weight: 600; vertical-align: bottom; line-height: 1.3; }
    th.number, td.number { text-align: right; }
    td.number, tbody th.number { white-space: nowrap; }
    tbody tr:hover > * { background: color-mix(in srgb, var(--accent) 7%, transparent); }
    [data-sortable] tr > :first-child { position: sticky; left: 0; background: var(--surface); }
    .unit { font-weight: 400; color: var(--muted); white-space: nowrap; }
    .missing { color: var(--muted); }
    .missing sup { font-size: .75em; line-height: 0; margin-left: .1em; }
    .reasons { color: var(--muted); font-size: .82rem; list-style: none; padding: 0; margin: .6rem 0 0; }
    .pairs th { color: var(--muted); white-space: nowrap; }
    .pairs td { overflow-wrap: anywhere; font: .88em/1.7 var(--mono); }
    th button { all: unset; cursor: pointer; }
    th button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    th button::after { content: "\\2195"; color: var(--muted); font-weight: 400; position: absolute; padding-left: .2em; opacity: 0; }
    th button:hover::after, th button:focus-visible::after, th[aria-sort] button::after { opacity: 1; }
    th[aria-sort="ascending"] button::after { content: "\\2191"; color: var(--text); }
    th[aria-sort="descending"] button::after { content: "\\2193"; color: var(--text); }
    .commands { position: relative; padding: 0; }
    pre {
      margin: 0; padding: 1rem 5.5rem 1rem 1.15rem; font-size: .88rem; line-height: 1.6;
      white-space: pre-wrap; overflow-wrap: normal; overflow-x: auto;
    }
    pre .word { white-space: nowrap; }
    pre code { background: none; padding: 0; font-size: inherit; }
    pre .command { display: block; padding-left: 1.5rem; text-indent: -1.5rem; }
    .copy {
      position: absolute; top: .6rem; right: .6rem; font: inherit; font-size: .8rem; cursor: pointer;
      color: var(--muted); background: var(--surface); border: 1px solid var(--line);
      border-radius: 6px; padding: .1rem .6rem;
    }

    """
}
