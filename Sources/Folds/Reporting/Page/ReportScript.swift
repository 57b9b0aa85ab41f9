/// The page's program: draws the figures in the reader's theme and width, builds their legends and
/// menus from native controls, and sorts tables. Without Plotly only the last part has work.
enum ReportScript {
  static let text = page + drawing + controls + start

  private static let page = #"""
    (() => {
    "use strict";
    const root = document.documentElement;
    const wanted = new URLSearchParams(location.search).get("theme");
    if (wanted === "dark" || wanted === "light") root.dataset.theme = wanted;
    const prefersDark = matchMedia("(prefers-color-scheme: dark)");
    const isTouch = matchMedia("(pointer: coarse)").matches;
    let isPrinting = false;
    const isDark = () =>
      !isPrinting && (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
    const json = id => {
      const element = document.getElementById(id);
      return element ? JSON.parse(element.textContent) : null;
    };
    const make = (name, attributes = {}, ...children) => {
      const element = document.createElement(name);
      for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
      element.append(...children);
      return element;
    };

    """#

  private static let drawing = #"""
    // Colours: each text of the light theme has one in the dark theme.
    const darkColours = json("dark-colours") || {};
    const themed = value => {
      if (typeof value === "string") return isDark() ? darkColours[value] ?? value : value;
      if (Array.isArray(value)) {
        // Long rows of numbers hold no colours; a stop of a colour scale, [0.5, "#…"], does.
        const isNumeric = typeof value[0] === "number" && typeof value[1] !== "string";
        return isNumeric ? value : value.map(themed);
      }
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, themed(part)]));
    };

    const figures = [...document.querySelectorAll("figure[data-figure]")].map(element => {
      const spec = json("data-" + element.dataset.figure);
      const chooser = spec.layout.meta.chooser;
      return {
        element, spec, canvas: element.querySelector(".canvas"),
        controls: element.querySelector(".controls"),
        choice: chooser ? chooser.initial : null, hidden: new Set(), drawn: false,
      };
    });
    const belongs = (figure, trace) =>
      trace.meta?.choice === undefined || trace.meta.choice === figure.choice;

    const wrapped = (text, length) => text.split(" ").reduce((lines, word) => {
      const last = lines.length - 1;
      if (last >= 0 && (lines[last] + " " + word).length <= length) lines[last] += " " + word;
      else lines.push(word);
      return lines;
    }, []).join("<br>");

    // The file is arranged for one width; a page has any.
    const arrange = (figure, width) => {
      const layout = themed(figure.spec.layout);
      const meta = layout.meta;
      const isNarrow = width < 560;
      delete layout.title;
      delete layout.updatemenus;
      Object.assign(layout, {
        showlegend: false, width, autosize: false, paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)", dragmode: isTouch ? false : "zoom",
        modebar: { bgcolor: "rgba(0,0,0,0)", color: layout.font.color, activecolor: layout.font.color },
      });
      layout.font.size = isNarrow ? 11 : 12;
      if (meta.kind === "flow") {
        layout.margin = { l: 4, r: isNarrow ? 56 : 72, t: 8, b: 52 };
        const inner = width - layout.margin.l - layout.margin.r;
        const map = isNarrow ? 72 : 150;
        layout.xaxis.domain = [0, map / inner];
        layout.xaxis2.domain = [Math.min(0.7, (map + (isNarrow ? 100 : 130)) / inner), 1];
        layout.height = meta.height;
        if (isNarrow) {
          const [low, high] = layout.xaxis2.range;
          if (high - low > 1.6) layout.xaxis2.dtick = 2;
          layout.xaxis2.title.text = wrapped(layout.xaxis2.title.text, 20);
          layout.margin.b += 16;
          layout.height += 16;
        }
        return layout;
      }
      const columns = width < 640 ? 1 : meta.columns;
      const rows = Math.ceil(meta.count / columns);
      // Names of lines stand right of the plot where that leaves enough of it, else above.
      const beside = isNarrow ? 0 : meta.labelWidth || 0;
      const shifts = {};
      for (const note of isNarrow ? layout.annotations : []) {
        if (note.yanchor !== "middle") continue;
        const yref = note.yref + " domain";
        shifts[yref] = (shifts[yref] ?? -9) + 13;
        const place = { yref, y: 1, xanchor: "right", yanchor: "bottom", xshift: 0, yshift: shifts[yref] };
        Object.assign(note, place, { text: "\u2504 " + note.text });
      }
      const raised = Math.max(0, ...Object.values(shifts).map(shift => shift - 4));
      const hasTitles = layout.annotations.some(note => note.yshift === 4);
      const top = (hasTitles ? 30 : 14) + raised, bottom = 54, gapX = 84;
      const cell = isNarrow ? Math.min(meta.height, Math.max(250, width * 0.82)) : meta.height;
      layout.margin = { l: isNarrow ? 48 : 62, r: Math.max(12, beside), t: top, b: bottom };
      const innerX = width - layout.margin.l - layout.margin.r;
      const sizeX = (innerX - gapX * (columns - 1)) / columns;
      const axes = Array.from({ length: meta.count }, (_, index) => "axis" + (index === 0 ? "" : index + 1));
      // Names too long to stand side by side: on a narrow screen each is written, upright.
      let upright = 0;
      for (const axis of isNarrow ? axes.map(name => layout["x" + name]) : []) {
        // Numbers, of which some are enough.
        if (axis.type !== "category" || axis.tickangle === 0) { axis.nticks = 7; continue; }
        const lengths = (axis.categoryarray || []).map(name => name.length * layout.font.size * 0.55);
        const longest = Math.max(0, ...lengths);
        if (longest * lengths.length <= sizeX) continue;
        Object.assign(axis, { tickangle: -90, dtick: 1 });
        upright = Math.max(upright, Math.min(180, longest));
      }
      // Such axes have no title below them.
      const below = Math.max(0, upright - 30);
      const gapY = (hasTitles ? 104 : 84) + below;
      layout.height = rows * (cell + below) + (rows > 1 ? 20 : 0);
      layout.margin.b += below;
      const innerY = layout.height - top - layout.margin.b;
      const sizeY = (innerY - gapY * (rows - 1)) / rows;
      axes.forEach((name, index) => {
        const left = (index % columns) * (sizeX + gapX);
        const low = innerY - Math.floor(index / columns) * (sizeY + gapY) - sizeY;
        layout["x" + name].domain = [left / innerX, Math.min(1, (left + sizeX) / innerX)];
        layout["y" + name].domain = [Math.max(0, low / innerY), Math.min(1, (low + sizeY) / innerY)];
      });
      if (isNarrow && layout.coloraxis) {
        const y = 1 + (hasTitles ? 28 : 8) / innerY;
        Object.assign(layout.coloraxis.colorbar, { orientation: "h", y, yanchor: "bottom", thickness: 10 });
        layout.coloraxis.colorbar.title.side = "top";
        layout.margin.t += 56;
        layout.height += 56;
      }
      return layout;
    };

    const config = {
      displaylogo: false, responsive: false, showTips: false, displayModeBar: isTouch ? false : "hover",
      // Named one by one: others would send the figure to a server.
      modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    };
    const draw = async figure => {
      const width = isPrinting ? 660 : Math.floor(figure.canvas.clientWidth);
      const namesPoints = width >= 560 || figure.spec.layout.meta.kind === "flow";
      const data = themed(figure.spec.data).map((trace, index) => ({
        ...trace,
        // No room for names of points; touching one shows its name.
        ...(namesPoints || trace.mode !== "markers+text" ? {} : { mode: "markers" }),
        visible: belongs(figure, trace) && !figure.hidden.has(figure.spec.data[index].legendgroup),
      }));
      if (!figure.drawn) figure.canvas.textContent = "";
      await Plotly.react(figure.canvas, data, arrange(figure, width), config);
      figure.canvas.style.minHeight = "";
      figure.drawn = true;
      figure.width = width;
      figure.element.dataset.drawn = "true";
      buildLegend(figure);
    };
    const redraw = () => Promise.all(figures.filter(figure => figure.drawn).map(draw));

    """#

  private static let start = #"""
    for (const table of document.querySelectorAll("table[data-sortable]")) makeSortable(table);

    for (const block of document.querySelectorAll(".commands")) {
      const button = make("button", { type: "button", class: "copy" }, "Copy");
      button.addEventListener("click", async () => {
        const code = block.querySelector("code");
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(code);
          button.textContent = "Selected";
        }
      });
      block.append(button);
    }

    const themes = ["auto", "light", "dark"];
    const themeButton = make("button", { type: "button", class: "theme" });
    const showTheme = () => { themeButton.textContent = "Theme: " + (root.dataset.theme || "auto"); };
    showTheme();
    themeButton.addEventListener("click", () => {
      const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
      if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
      showTheme();
      redraw();
    });
    document.querySelector("header.title").append(themeButton);
    prefersDark.addEventListener("change", redraw);

    const links = new Map([...document.querySelectorAll(".contents a")].map(link => [link.hash.slice(1), link]));
    const visible = new Set();
    const watcher = new IntersectionObserver(entries => {
      for (const entry of entries) visible[entry.isIntersecting ? "add" : "delete"](entry.target.id);
      let isFirst = true;
      for (const [id, link] of links) {
        if (isFirst && visible.has(id)) { link.setAttribute("aria-current", "true"); isFirst = false; }
        else link.removeAttribute("aria-current");
      }
    }, { rootMargin: "-15% 0px -55% 0px" });
    for (const id of links.keys()) {
      const section = document.getElementById(id);
      if (section) watcher.observe(section);
    }

    addEventListener("beforeprint", () => { isPrinting = true; redraw(); });
    addEventListener("afterprint", () => { isPrinting = false; redraw(); });
    let resizing = 0;
    addEventListener("resize", () => {
      clearTimeout(resizing);
      resizing = setTimeout(() => {
        for (const figure of figures) {
          if (figure.drawn && figure.width !== Math.floor(figure.canvas.clientWidth)) draw(figure);
        }
      }, 120);
    });

    // Those in sight first, then the rest in order, one at a time, so that reading can begin.
    const drawAll = async () => {
      const isInSight = figure => {
        const box = figure.element.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
      };
      while (true) {
        const waiting = figures.filter(figure => !figure.drawn);
        if (waiting.length === 0) break;
        const next = waiting.find(isInSight) || waiting[0];
        if (!next.controls.firstChild) buildChooser(next);
        await draw(next);
        await new Promise(resolve => setTimeout(resolve));
      }
      root.dataset.ready = "true";
    };
    drawAll();
    })();

    """#
}
