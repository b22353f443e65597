"use strict";
/* Draws the charts of the page when they come into view. Colours follow the page's, light and dark. */
(() => {
  const embedded = JSON.parse(document.getElementById("charts")?.textContent || "{}"); /* lists of charts by the element they belong to */
  const byId = new Map(Object.values(embedded).flat().map((chart) => [chart.id, chart]));
  const dashes = ["solid", "dash", "dot", "dashdot", "longdash"];
  const symbols = ["circle", "square", "diamond", "triangle-up", "x"];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const palette = () => [...Array(8).keys()].map((i) => colour(`--k${i}`));
  const faint = (hex, alpha) => {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, "$&$&") : hex;
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
  };
  /* Text from the run is data: plotly would read <b> and <a> in it as markup. */
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const wrap = (text, width) => safe(text).replace(new RegExp(`(.{1,${width}})(?:[ ,·]|$)`, "g"), "$1<br>").replace(/<br>$/, "");

  const axis = (title, type, more) => ({
    title: { text: title, standoff: 8 }, type, gridcolor: colour("--line"), zerolinecolor: colour("--soft"),
    linecolor: colour("--line"), automargin: true, tickangle: 0, ...more,
  });

  function layout(x, y, more) {
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: colour("--ink"), size: 12, family: "system-ui, sans-serif" },
      margin: { l: 56, r: 16, t: 12, b: 44 }, xaxis: x, yaxis: y, hovermode: "closest", showlegend: true,
      legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, maxheight: 4000, font: { size: 11 } }, /* all of it: no scroll bar */
      hoverlabel: { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } }, ...more,
    };
  }

  /* A logarithmic axis shows at least a factor of 4, so that small differences do not look large. */
  function logRange(values, references) {
    const positive = values.filter((v) => v > 0);
    if (!positive.length) return undefined;
    let low = Math.log10(Math.min(...positive)), high = Math.log10(Math.max(...positive));
    for (const r of references) {
      if (r.high > 0 && Math.abs(Math.log10(r.high) - (low + high) / 2) < 2.5) { low = Math.min(low, Math.log10(r.low)); high = Math.max(high, Math.log10(r.high)); }
    }
    const least = Math.log10(4), gap = Math.max(0, least - (high - low)) / 2;
    return [low - gap - 0.05, high + gap + 0.05];
  }

  /* Ticks at 1, 2 and 5 of each decade (only 1 over many, more in a short one), with their numbers in full; at most as many as have room. */
  const tickSteps = [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 4, 5, 7], [1, 2, 5], [1, 3], [1]];
  const room = (view) => Math.max(3, Math.floor((view.width || 560) / 62)); /* numbers beside one another */
  function logTicks(range, most = 14) {
    if (!range) return {};
    const wide = range[1] - range[0], decades = [...Array(Math.ceil(range[1]) - Math.floor(range[0]) + 1).keys()].map((i) => 10 ** (i + Math.floor(range[0])));
    const ticks = (steps) => decades.flatMap((decade) => steps.map((step) => step * decade)).filter((v) => Math.log10(v) >= range[0] && Math.log10(v) <= range[1]);
    let level = wide > 2.7 ? 4 : wide > 1.2 ? 2 : wide > 0.7 ? 1 : 0;
    while (level < 4 && ticks(tickSteps[level]).length > most && ticks(tickSteps[level + 1]).length > 1) level++;
    const tickvals = ticks(tickSteps[level]);
    return { tickvals, ticktext: tickvals.map((v) => Number(v.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 }).replace(/,/g, "\u202f")) };
  }

  const thousands = (v) => Math.round(v).toLocaleString("en").replace(/,/g, "\u202f");

  const linearRange = (values) => { const top = Math.max(...values, 0), low = Math.min(...values, 0); return [low * 1.05, top * 1.05 || 1]; };
  const tails = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

  /* References are lines on the value axis, labelled along it. */
  function marks(chart, vertical, range, log) {
    const inside = (v) => !range || ((log ? Math.log10(v) : v) >= range[0] && (log ? Math.log10(v) : v) <= range[1]);
    const shapes = [], annotations = [], left = [], ends = [[], []];
    chart.references.forEach((r) => {
      if (!inside(r.low) || !inside(r.high)) { left.push(r.text); return; }
      const value = vertical ? "x" : "y", other = vertical ? "y" : "x";
      const line = { color: colour("--soft"), width: 1.2, dash: "dash" };
      shapes.push({ type: r.low === r.high ? "line" : "rect", layer: "below", line, fillcolor: faint(colour("--soft"), 0.12),
        [`${value}ref`]: value, [`${other}ref`]: "paper", [`${value}0`]: r.low, [`${value}1`]: r.high, [`${other}0`]: 0, [`${other}1`]: 1 });
      const at = log ? Math.log10(r.high) : r.high;
      /* Labels of lines that are close together: one at each end of them; of more, the note tells. */
      const end = ends.findIndex((taken) => !range || taken.every((one) => Math.abs(one - at) > 0.06 * (range[1] - range[0])));
      if (end < 0) { left.push(r.text); return; }
      ends[end].push(at);
      annotations.push({ [`${value}ref`]: value, [`${other}ref`]: "paper", [value]: at, [other]: end === (vertical ? 0 : 1) ? 0.02 : 0.98,
        text: safe(r.text), showarrow: false, textangle: vertical ? -90 : 0, xanchor: vertical || !end ? "right" : "left", yanchor: vertical && end ? "top" : "bottom",
        font: { size: 10, color: colour("--soft") } });
    });
    return { shapes, annotations, left };
  }

  function distribution(chart, view) {
    const colours = palette(), traces = [], percentiles = view.kind === "percentiles";
    const everything = chart.lines.flatMap((l) => [...l.x, ...(l.low || []), ...(l.high || [])]);
    const range = view.log ? logRange(everything, chart.references) : linearRange(everything);
    const several = new Set(chart.lines.map((l) => l.target)).size > 1;
    const floor = view.log && range ? 10 ** range[0] : -Infinity;
    const shown = (v) => Math.max(v, floor); /* zeros lie on the left edge; the note says how many */
    chart.lines.forEach((line, i) => {
      /* Several targets: a colour each, as everywhere on the page, and a dash a case. */
      const nth = chart.lines.slice(0, i).filter((l) => l.target === line.target).length;
      const shade = colours[(several ? line.target : i) % colours.length], group = `line${i}`;
      const dash = dashes[(several ? nth : Math.floor(i / colours.length)) % dashes.length];
      const keep = line.p.map((p, at) => at).filter((at) => !percentiles || line.p[at] < 1);
      const place = (values) => keep.map((at) => (percentiles ? 1 / (1 - line.p[at]) : shown(values[at])));
      const value = (values) => keep.map((at) => (percentiles ? shown(values[at]) : line.p[at]));
      if (line.low && keep.length) {
        const xs = percentiles ? [...place(line.x), ...place(line.x).reverse()] : [...place(line.low), ...place(line.high).reverse()];
        const ys = percentiles ? [...value(line.low), ...value(line.high).reverse()] : [...value(line.x), ...value(line.x).reverse()];
        traces.push({ x: xs, y: ys, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faint(shade, 0.18), hoverinfo: "skip", showlegend: false, legendgroup: group });
      }
      traces.push({
        x: place(line.x), y: value(line.x), mode: "lines", name: safe(line.name), legendgroup: group,
        line: { color: shade, width: 2, dash, shape: percentiles || line.count > line.p.length ? "linear" : "hv" },
        customdata: keep.map((at) => [line.x[at], line.p[at] * 100]),
        hovertemplate: `%{customdata[1]:.4~g} % at most %{customdata[0]:.4~g} ${safe(chart.unit)}<extra>${wrap(line.name, 42)}<br>${line.deployments} deployments, ${line.count} samples</extra>`,
      });
    });
    const unit = `${chart.unit || "value"}${view.log ? "" : ", from zero"}`, type = view.log ? "log" : "linear";
    const found = marks(chart, !percentiles, range, view.log);
    const share = axis(percentiles ? "percentile" : "share of samples", percentiles ? "log" : "linear",
      percentiles ? { tickvals: tails.map((p) => 1 / (1 - p)), ticktext: tails.map((p) => `${+(p * 100).toFixed(4)}`) } : { range: [0, 1.01], tickformat: ".0%" });
    const measured = axis(unit, type, { range, ...(view.log ? logTicks(range, percentiles ? undefined : room(view)) : {}) });
    const notes = chart.lines.filter((l) => l.zeros > 0 && view.log).map((l) => `${l.name || "all"}: ${+(l.zeros * 100).toFixed(2)} % of the values are 0 and lie on the edge.`);
    if (found.left.length) notes.push(`Without a label in the chart, or outside of it: ${found.left.join("; ")}.`);
    return [traces, layout(percentiles ? share : measured, percentiles ? measured : share, { shapes: found.shapes, annotations: found.annotations }), notes];
  }

  /* Lines of two targets that are of the same case: [first target's, other's]. */
  function pairs(chart) {
    const [first] = chart.lines.map((l) => l.target).sort((a, b) => a - b);
    const rest = (line) => line.name.split(" · ").slice(1).join(" · ");
    return chart.lines.filter((l) => l.target !== first).flatMap((other) => {
      const one = chart.lines.find((l) => l.target === first && rest(l) === rest(other));
      return one ? [[one, other]] : [];
    });
  }

  const at = (line, values, p) => {
    const i = line.p.findIndex((q) => q >= p);
    return values[i < 0 ? values.length - 1 : i];
  };

  /* The second over the first at each percentile. The band is what single deployments allow: the least of one over the most of the other. */
  function percentileRatios(chart, view) {
    const colours = palette(), traces = [], all = [];
    pairs(chart).forEach(([one, other], i) => {
      const ps = other.p.filter((p) => p > 0 && p < 1 && p <= 1 - 3 / Math.min(one.count, other.count) && at(one, one.x, p) > 0);
      if (!ps.length) return;
      const shade = colours[(other.target + (pairs(chart).length > 1 ? i : 0)) % colours.length], x = ps.map((p) => 1 / (1 - p));
      const y = ps.map((p) => at(other, other.x, p) / at(one, one.x, p));
      all.push(...y);
      if (one.low && other.low) {
        const low = ps.map((p) => at(other, other.low, p) / at(one, one.high, p)), high = ps.map((p) => at(other, other.high, p) / Math.max(at(one, one.low, p), 1e-12));
        all.push(...low, ...high);
        traces.push({ x: [...x, ...[...x].reverse()], y: [...low, ...[...high].reverse()], mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faint(shade, 0.18), hoverinfo: "skip", showlegend: false });
      }
      traces.push({ x, y, mode: "lines", name: safe(`${other.name} / ${one.name.split(" · ")[0]}`), line: { color: shade, width: 2, dash: dashes[i % dashes.length] },
        customdata: ps.map((p) => p * 100), hovertemplate: "p%{customdata:.4~g}: %{y:.3~f}×<extra></extra>" });
    });
    const range = view.log ? logRange([...all, 1], []) : linearRange([...all, 1]);
    const one = { type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: 1, y1: 1, line: { color: colour("--soft"), width: 1.5, dash: "dash" } };
    return [traces, layout(axis("percentile", "log", { tickvals: tails.map((p) => 1 / (1 - p)), ticktext: tails.map((p) => `${+(p * 100).toFixed(4)}`) }),
      axis(`ratio${view.log ? "" : ", from zero"}`, view.log ? "log" : "linear", { range, ...(view.log ? logTicks(range) : {}) }), { shapes: [one] }),
    ["The band is what the single deployments allow; the line at 1 is no difference."]];
  }

  function rates(chart, view) {
    const colours = palette(), traces = [], shapes = [], annotations = [], notes = [];
    const values = chart.lines.flatMap((l) => [...l.p50, ...l.p999, ...l.p50_low, ...l.p99_high]);
    const range = view.log ? logRange(values, []) : linearRange(values);
    chart.lines.forEach((line, number) => {
      const several = chart.lines.length > 1;
      [["p50", "solid"], ["p99", "dash"], ["p999", "dot"]].forEach(([name, dash], i) => {
        const shade = colours[(several ? number : i) % colours.length];
        const label = name === "p999" ? "p99.9" : name, low = line[`${name}_low`], high = line[`${name}_high`];
        traces.push({
          x: line.rate, y: line[name], mode: "lines+markers", name: several ? `${safe(line.name)} ${label}` : label,
          line: { color: shade, width: 2, dash },
          marker: { size: 8, color: line.saturated.map((s) => (s ? colour("--paper") : shade)), symbol: symbols[i], line: { color: shade, width: 2 } },
          error_y: low ? { type: "data", symmetric: false, array: high.map((h, at) => h - line[name][at]), arrayminus: low.map((l, at) => line[name][at] - l), color: shade, thickness: 1, width: 3 } : undefined,
          customdata: line.rate.map((_, at) => [line.reached[at] === null ? "not known" : line.reached[at].toPrecision(5), line.saturated[at] ? `${line.saturated[at]} saturated` : "kept up"]),
          hovertemplate: `${label} %{y:.4~g} ${safe(chart.unit)} at %{x:,} /s<br>answered %{customdata[0]} /s, %{customdata[1]}<extra></extra>`,
        });
      });
      for (const who of line.name.includes("probe") ? [] : ["server", "generator"]) {
        const behind = line.rate.filter((_, at) => line.saturated[at] === who).map(thousands);
        if (behind.length) notes.push(`${several ? `${line.name}: ` : ""}the ${who} could not keep up at ${behind.join(", ")}/s (open markers)${who === "generator" ? "; the server's latency is not known there" : ""}.`);
      }
      if (line.knee) {
        shapes.push({ type: "line", xref: "x", yref: "paper", x0: line.knee, x1: line.knee, y0: 0, y1: 1, line: { color: colours[number % colours.length], width: 1.5, dash: "dash" } });
        annotations.push({ xref: "x", yref: "paper", x: line.knee, y: 1, text: `knee ${thousands(line.knee)}/s`, showarrow: false, textangle: -90, xanchor: "right", yanchor: "top", font: { size: 11, color: colour("--soft") } });
      }
    });
    return [traces, layout(axis("offered rate, /s", "linear", { rangemode: "tozero" }), axis(`latency, ${chart.unit}${view.log ? "" : ", from zero"}`, view.log ? "log" : "linear", { range, ...(view.log ? logTicks(range) : {}) }), { shapes, annotations }), notes];
  }

  function draw(figure) {
    const chart = byId.get(figure.id), plot = figure.querySelector(".plot");
    if (!chart || !kinds[chart.type]) return;
    figure.view ||= { kind: chart.percentiles ? "percentiles" : "ecdf", log: true, ...kinds[chart.type].view };
    figure.view.width = plot.clientWidth;
    const [traces, shape, notes] = kinds[chart.type].draw(chart, figure.view);
    const entries = traces.filter((t) => t.showlegend !== false && t.name), longest = Math.max(...entries.map((t) => t.name.length), 1);
    const across = Math.max(1, Math.floor((plot.clientWidth - 90) / (longest * 6.2 + 50))), rows = entries.length < 2 ? 0 : Math.ceil(entries.length / across);
    shape.showlegend = rows > 0;
    const height = (shape.height || 330) + (plot.clientWidth < 480 ? 29 : 21) * rows;
    Plotly.react(plot, traces, { ...shape, height }, { responsive: true, displaylogo: false, displayModeBar: false });
    figure.querySelectorAll(".missing").forEach((old) => old.remove());
    notes.forEach((text) => { const p = document.createElement("p"); p.className = "missing"; p.textContent = text; figure.append(p); });
    controls(figure, chart);
    figure.dataset.drawn = "yes";
    kinds[chart.type].drawn?.(figure, chart, plot);
  }

  function controls(figure, chart) {
    const choices = kinds[chart.type].choices(chart);
    const bar = figure.querySelector(".controls"), active = document.activeElement, at = [...bar.children].indexOf(active);
    bar.replaceChildren(...choices.map(([name, value, text]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.setAttribute("aria-pressed", String(figure.view[name] === value));
      button.addEventListener("click", () => { figure.view[name] = value; draw(figure); });
      return button;
    }));
    if (at >= 0) bar.children[at].focus();
  }

  /* What can be drawn, by a chart's type. Other scripts of the page add theirs. */
  const scales = [["log", true, "logarithmic"], ["log", false, "from zero"]];
  const kinds = {
    rate: { draw: rates, choices: () => scales },
    distribution: {
      draw: (chart, view) => (view.kind === "ratios" ? percentileRatios : distribution)(chart, view),
      choices: (chart) => [["kind", "ecdf", "ECDF"], ["kind", "percentiles", "percentiles"],
        ...(pairs(chart).length ? [["kind", "ratios", "ratio by percentile"]] : []), ...scales],
    },
  };

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  /* A container that is filled when it comes near: from the page's own data (#key), or by a request. */
  function figureOf(chart) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), title = document.createElement("b"), note = document.createElement("span");
    const bar = document.createElement("div"), plot = document.createElement("div");
    figure.className = "chart"; figure.id = chart.id; bar.className = "controls"; plot.className = "plot";
    title.textContent = chart.title; note.textContent = chart.note;
    plot.setAttribute("role", "img"); plot.setAttribute("aria-label", `${chart.title}. The figures are in the tables of this page.`);
    caption.append(title, note); figure.append(caption, bar, plot);
    byId.set(chart.id, chart);
    return figure;
  }

  async function fill(container) {
    const said = (text) => { const p = document.createElement("p"); p.className = "missing"; p.setAttribute("role", "status"); p.textContent = text; container.replaceChildren(p); };
    const source = container.dataset.src;
    let found;
    if (source.startsWith("#")) found = embedded[source.slice(1)] || [];
    else {
      try {
        const answer = await fetch(source), told = await answer.json();
        if (!answer.ok) { said(`The charts cannot be shown: ${told.error?.what || answer.status}`); return; }
        found = told.charts;
      } catch (error) { said(`The charts cannot be shown: ${error.message}`); return; }
    }
    if (!found.length) { said("No charts: each deployment gave a few samples only, or none are stored. The tables have the figures."); return; }
    const open = found.filter((chart) => chart.open !== false), more = found.filter((chart) => chart.open === false);
    container.replaceChildren(...(open.length ? open : more).map(figureOf));
    if (open.length && more.length) {
      const details = document.createElement("details"), summary = document.createElement("summary"), inside = document.createElement("div");
      summary.textContent = `More distributions (${more.length})`; inside.className = "charts"; inside.append(...more.map(figureOf)); details.append(summary, inside);
      container.after(details);
      inside.querySelectorAll(".chart").forEach((figure) => seen.observe(figure));
    }
    container.querySelectorAll(".chart").forEach((figure) => seen.observe(figure));
  }
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { near.unobserve(entry.target); fill(entry.target); }
  }, { rootMargin: "400px" });
  document.querySelectorAll(".charts[data-src]").forEach((container) => near.observe(container));

  window.kxbench = { kinds, byId, draw, colour, palette, faint, safe, axis, layout, logRange, logTicks, room, linearRange, scales, dashes, symbols };
  const figures = [...document.querySelectorAll(".chart")];
  figures.forEach((figure) => seen.observe(figure));
  /* The rest of the open ones while the page is idle, so that they are there when it is scrolled fast. */
  const waiting = figures.filter((figure) => !figure.closest("details"));
  (function next() {
    const figure = waiting.shift();
    if (figure && !figure.dataset.drawn) { seen.unobserve(figure); draw(figure); }
    if (waiting.length) (window.requestIdleCallback || setTimeout)(next, { timeout: 300 });
  })();
  const redraw = () => document.querySelectorAll('.chart[data-drawn="yes"]').forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => document.querySelectorAll(".chart").forEach((figure) => { if (figure.offsetParent) draw(figure); }));
})();
