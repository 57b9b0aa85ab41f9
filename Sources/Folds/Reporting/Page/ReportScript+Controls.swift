extension ReportScript {
  /// Legends, menus and sortable tables.
  static let controls = #"""
    // A legend of buttons: reachable by keyboard, wraps on phones, says what is hidden.
    const dashes = {
      solid: "", dot: "2 3", dash: "7 4", longdash: "11 4", dashdot: "7 3 2 3",
    };
    const sample = trace => {
      const line = trace.line || {}, marker = trace.marker || {};
      const isLine = trace.type === "scatter" && (trace.mode || "lines").includes("lines");
      const colour = isLine ? line.color : marker.color || line.color;
      const dash = dashes[line.dash] ?? (line.dash || "").replaceAll("px", "").replaceAll(",", " ");
      const hatched = trace.type === "bar" && trace.marker.pattern.shape;
      const isOpen = (marker.symbol || "").endsWith("-open");
      const dot = { circle: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0", square: "M-3.500-3.500h7v7h-7z",
        diamond: "M0-5 5 0 0 5-5 0z", "triangle-up": "M0-4.500 4.500 4h-9z", "triangle-down": "M0 4.500 4.500-4h-9z",
        pentagon: "M0-4.500 4.300-1.400 2.600 3.600h-5.200L-4.300-1.400z", hourglass: "M-3.500-4h7l-7 8h7z",
        cross: "M-1.500-4.500h3v3h3v3h-3v3h-3v-3h-3v-3h3z", x: "M-4-4 4 4M4-4-4 4",
        star: "M0-5 1.500-1.500 5-1.500 2.200.800 3.200 4.500 0 2.200-3.200 4.500-2.200.800-5-1.500-1.500-1.500z" };
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 30 12");
      svg.setAttribute("width", 30);
      svg.setAttribute("height", 12);
      svg.setAttribute("aria-hidden", "true");
      const add = (d, attributes) => {
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", d);
        for (const [key, value] of Object.entries(attributes)) path.setAttribute(key, value);
        svg.append(path);
      };
      if (isLine) {
        add("M1 6H29", { stroke: colour, "stroke-width": Math.max(1.5, line.width), "stroke-dasharray": dash, fill: "none" });
      }
      if (trace.type === "bar" || (trace.type === "box" && trace.q1)) {
        add("M8 1h14v10h-14z", { stroke: colour, fill: hatched ? "none" : colour, "fill-opacity": trace.type === "box" ? 0.25 : 1 });
        const hatches = { "/": "M8 8 15 1M11 11 21 1M18 11 22 7", "-": "M8 4H22M8 8H22",
          x: "M8 8 15 1M11 11 21 1M18 11 22 7M22 8 15 1M19 11 9 1M12 11 8 7" };
        if (hatched) add(hatches[hatched] || hatches["/"], { stroke: colour });
      } else if (!isLine || trace.mode.includes("markers")) {
        add(dot[(marker.symbol || "circle").replace("-open", "")] || dot.circle,
          { transform: "translate(15 6)", stroke: colour, "stroke-width": 1.5, fill: isOpen ? "none" : colour });
      }
      return svg;
    };
    const plain = text => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

    const buildLegend = figure => {
      const entries = figure.spec.data.filter(trace => trace.showlegend && belongs(figure, trace));
      const old = figure.controls.querySelector(".legend");
      if (entries.length < 2) { old?.remove(); return; }
      const key = JSON.stringify([isDark(), entries.map(trace => trace.name)]);
      if (old && old.dataset.key === key) return;
      const legend = make("div", { class: "legend", role: "group", "aria-label": "Shown in this figure", "data-key": key });
      for (const trace of entries) {
        const button = make("button", { type: "button" }, sample(themed(trace)), plain(trace.name));
        const group = trace.legendgroup;
        button.setAttribute("aria-pressed", String(!figure.hidden.has(group)));
        button.title = "Click: show or hide. Double click: show alone.";
        button.addEventListener("click", () => {
          if (!figure.hidden.delete(group)) figure.hidden.add(group);
          update();
        });
        button.addEventListener("dblclick", () => {
          const others = entries.map(entry => entry.legendgroup).filter(name => name !== group);
          const isAlone = others.every(name => figure.hidden.has(name));
          figure.hidden = new Set(isAlone ? [] : others);
          update();
        });
        button.dataset.group = group;
        legend.append(button);
      }
      const update = () => {
        for (const button of legend.children) {
          button.setAttribute("aria-pressed", String(!figure.hidden.has(button.dataset.group)));
        }
        draw(figure);
      };
      if (old) old.replaceWith(legend); else figure.controls.append(legend);
    };

    const buildChooser = figure => {
      const chooser = figure.spec.layout.meta.chooser;
      if (!chooser) return;
      const choose = value => { figure.choice = Number(value); draw(figure); };
      const label = make("label", { class: "chooser" }, chooser.title);
      if (chooser.choices.length > 10) {
        const input = make("input", { type: "range", min: 0, max: chooser.choices.length - 1, step: 1, value: chooser.initial });
        const output = make("output", {}, chooser.choices[chooser.initial]);
        const name = () => {
          output.textContent = chooser.choices[Number(input.value)];
          input.setAttribute("aria-valuetext", output.textContent);
        };
        name();
        input.addEventListener("input", () => { name(); choose(input.value); });
        label.append(input, output);
      } else {
        const select = make("select");
        chooser.choices.forEach((choice, index) => select.append(make("option", { value: index }, choice)));
        select.value = String(chooser.initial);
        select.addEventListener("change", () => choose(select.value));
        label.append(select);
      }
      figure.controls.prepend(label);
    };

    const makeSortable = table => {
      const body = table.tBodies[0];
      [...table.tHead.rows[0].cells].forEach((head, column) => {
        const button = make("button", { type: "button" });
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => {
          const isAscending = head.getAttribute("aria-sort") !== "ascending";
          for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
          head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
          const key = row => {
            const value = row.cells[column].dataset.value;
            return value === undefined ? null : Number(value);
          };
          const text = row => row.cells[column].textContent;
          const order = [...body.rows].sort((a, b) => {
            const x = key(a), y = key(b);
            if (x !== null && y !== null) return isAscending ? x - y : y - x;
            if (x !== y) return x === null ? 1 : -1;
            return isAscending ? text(a).localeCompare(text(b)) : text(b).localeCompare(text(a));
          });
          body.append(...order);
        });
      });
    };

    """#
}
