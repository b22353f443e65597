"use strict";
/* What the dashboard's pages add to charts.js: trends, ratios, progress of a run, the filter of long lists. */
(() => {
  const { kinds, byId, draw, colour, palette, faint, safe, axis, layout, logRange, logTicks, room, linearRange, scales, symbols } = window.kxbench;

  /* Every figure's caption is said in full, and so is what a chart says in colour: shapes and words as well. */
  for (const figure of document.querySelectorAll(".chart")) {
    const chart = byId.get(figure.id), note = figure.querySelector("figcaption span");
    if (chart && note && !note.textContent) note.textContent = chart.note;
  }

  /* plotly knows no time zones: it is given, and gives, UTC as the tables have it. */
  const utc = (milliseconds) => new Date(milliseconds).toISOString().slice(0, -1);
  const fromUtc = (text) => Date.parse(String(text).length > 10 ? `${String(text).replace(" ", "T")}Z` : text);

  /* Change points as upright lines in the colour of their verdict; one label for those that are too close together for their own. */
  function changeLines(chart, inOrder, view) {
    const times = chart.lines.flatMap((line) => line.t), last = inOrder ? Math.max(...chart.lines.map((line) => line.t.length)) : Math.max(...times), first = inOrder ? 0 : Math.min(...times);
    const [low, high] = view.range && !inOrder ? view.range.map(fromUtc) : view.range || [first, last];
    const found = chart.changes.flatMap((change) => {
      const line = chart.lines.find((l) => l.machine === change.machine), i = line ? line.t.findIndex((t) => t >= change.t) : -1;
      const at = inOrder ? i + 0.5 : change.t;
      return i < 0 || at < low || at > high ? [] : [{ ...change, at }];
    }).sort((one, other) => one.at - other.at);
    const groups = [];
    for (const change of found) {
      const group = groups.at(-1);
      if (group && change.at - group[0].at < ((high - low) * 26) / Math.max(200, view.width || 0)) group.push(change);
      else groups.push([change]);
    }
    const shade = { better: colour("--good"), worse: colour("--bad") }, place = (at) => (inOrder ? at : utc(at));
    return {
      shapes: found.map((change) => ({ type: "line", xref: "x", yref: "paper", x0: place(change.at), x1: place(change.at), y0: 0, y1: 1, line: { color: shade[change.verdict] || colour("--soft"), width: 2, dash: "dash" } })),
      annotations: groups.map((group) => ({ xref: "x", yref: "paper", x: place(group[0].at), y: 0.02, text: `${safe(group[0].text)} ${group[0].verdict === "same" ? "changed" : group[0].verdict}` + (group.length > 1 ? `, and ${group.length - 1} more` : ""), showarrow: false, textangle: -90,
        xanchor: "right", yanchor: "bottom", font: { size: 11, color: colour("--ink") } })),
    };
  }

  /* Trends: each machine a line with its interval; dots are single deployments; change points are upright lines. */
  function trend(chart, view) {
    const colours = palette(), traces = [], notes = [], inOrder = view.x === "order";
    const every = chart.lines.flatMap((l) => [...l.y, ...l.low, ...l.high, ...l.dots.map((d) => d[1])]).filter((v) => v !== null);
    const range = view.log ? logRange(chart.ratio ? [...every, 1] : every, []) : linearRange(chart.ratio ? [...every, 1] : every);
    const place = (line, i) => (inOrder ? i + 1 : utc(line.t[i]));
    chart.lines.forEach((line, number) => {
      const shade = colours[number % colours.length], name = safe(line.name), group = `m${number}`, xs = line.t.map((_, i) => place(line, i));
      const known = xs.map((_, i) => i).filter((i) => line.low[i] !== null && line.high[i] !== null);
      if (known.length > 1) {
        traces.push({ x: [...known.map((i) => xs[i]), ...[...known].reverse().map((i) => xs[i])], y: [...known.map((i) => line.low[i]), ...[...known].reverse().map((i) => line.high[i])],
          mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: faint(shade, 0.2), hoverinfo: "skip", showlegend: false, legendgroup: group });
      }
      if (line.dots.length && !inOrder) {
        traces.push({ x: line.dots.map((d) => utc(d[0])), y: line.dots.map((d) => d[1]), mode: "markers", marker: { size: 4, color: faint(shade, 0.45) }, hoverinfo: "skip", showlegend: false, legendgroup: group });
      }
      const few = line.t.length <= 120;
      traces.push({ x: xs, y: line.y, mode: few ? "lines+markers" : "lines", name, legendgroup: group, line: { color: shade, width: 2 }, marker: { size: 7, color: shade, symbol: symbols[number % symbols.length] },
        error_y: few ? { type: "data", symmetric: false, array: line.y.map((y, i) => (line.high[i] === null ? 0 : line.high[i] - y)), arrayminus: line.y.map((y, i) => (line.low[i] === null ? 0 : y - line.low[i])), color: shade, thickness: 1, width: 3 } : undefined,
        customdata: line.t.map((_, i) => [safe(line.run[i]), safe(line.commit[i] || "no commit"), line.low[i] === null ? "no interval" : `${line.low[i]} to ${line.high[i]}`]),
        hovertemplate: `%{y:.4~g} ${safe(chart.unit)} (%{customdata[2]})<br>run %{customdata[0]}<br>commit %{customdata[1]}<extra>${line.together > 1 ? `median of ${line.together} runs` : ""}</extra>` });
      if (line.together > 1) notes.push(`${line.name}: ${line.count} runs, ${line.together} drawn as one: their median, and a band from the least to the most. Zoom in to see each.`);
    });
    const { shapes, annotations } = changeLines(chart, inOrder, view);
    if (chart.ratio) shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: 1, y1: 1, line: { color: colour("--soft"), width: 1.5, dash: "dot" } });
    const title = chart.ratio ? "ratio" : chart.unit || "value";
    const across = axis(inOrder ? "run, in order" : "time, UTC", inOrder ? "linear" : "date", { rangeslider: { visible: chart.lines.some((l) => l.count > 20), thickness: 0.08 }, ...(view.range ? { range: view.range } : {}) });
    const shape = layout(across, axis(`${title}${view.log ? "" : ", from zero"}`, view.log ? "log" : "linear", { range, fixedrange: true, ...(view.log ? logTicks(range) : {}) }), { shapes, annotations, height: 420, dragmode: "zoom" });
    return [traces, shape, notes];
  }

  const spans = [["span", "all", "all"], ["span", "100", "last 100 runs"], ["span", "30", "last 30 runs"]];

  /* Zooming in asks for the runs inside, each of its own. */
  function zoomable(figure, chart, plot) {
    const view = figure.view;
    const apply = async (since, until) => {
      if (!figure.dataset.zoom || !chart.lines.some((l) => l.together > 1) && !chart.zoomed) return;
      const limits = since === null ? "" : `&since=${since / 1000}&until=${until / 1000}`;
      const answer = await fetch(`${figure.dataset.zoom}${limits}`);
      if (!answer.ok) return;
      const [found] = (await answer.json()).charts;
      if (!found.lines.length) return;
      byId.set(figure.id, { ...found, zoomed: since !== null });
      draw(figure);
    };
    if (view.span !== view.shown) {
      view.shown = view.span;
      const newest = Math.max(...chart.lines.map((l) => l.t.at(-1)));
      if (view.span === "all") { view.range = undefined; apply(null, null); draw(figure); }
      else {
        const line = chart.lines[0], shownEach = line.together, index = Math.max(0, line.t.length - Math.ceil(Number(view.span) / shownEach));
        const since = line.t[index];
        view.range = view.x === "order" ? [index + 0.5, line.t.length + 0.5] : [utc(since - (newest - since) * 0.02), utc(newest + (newest - since) * 0.02)];
        draw(figure);
        apply(since, newest);
      }
    }
    if (figure.listening) return;
    figure.listening = true;
    let waiting;
    plot.on("plotly_relayout", (change) => {
      const low = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0], high = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
      if (view.x === "order" || (low === undefined && !change["xaxis.autorange"])) return;
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (low === undefined) { view.range = undefined; apply(null, null); }
        else { view.range = [low, high]; apply(fromUtc(low), fromUtc(high)); }
      }, 250);
    });
  }
  kinds.trend = { draw: trend, drawn: zoomable, view: { log: false, x: "time", span: "all", shown: "all" }, choices: (chart) => [["x", "time", "by time"], ["x", "order", "by run"], ...(chart.lines.some((l) => l.count > 30) ? spans : []), ...scales] };

  /* Ratios with their intervals, one a row. */
  function ratios(chart, view) {
    const order = [...chart.rows].reverse(), shades = { better: colour("--good"), worse: colour("--bad"), same: colour("--soft"), unjudged: colour("--soft") };
    const marks = { better: "triangle-up", worse: "triangle-down", same: "circle", unjudged: "circle-open" };
    const narrow = view.width < 560; /* two short lines instead of one; names are told apart at both ends */
    const short = (text, most) => safe(text.length > most ? `${text.slice(0, Math.ceil(most / 2))}…${text.slice(-Math.floor(most / 2))}` : text);
    const label = ({ name }) => {
      const [what, ...rest] = name.split(" · ");
      return narrow ? [what, rest.join(" · ")].filter(Boolean).map((text) => short(text, 24)).join("<br>") : short(name, 72);
    };
    const names = order.map((row, i) => i);
    const traces = ["better", "worse", "same", "unjudged"].map((verdict) => {
      const rows = order.map((row, i) => [row, i]).filter(([row]) => row.verdict === verdict);
      const words = { same: "no difference found", unjudged: "not judged" }[verdict] || verdict;
      return { x: rows.map(([r]) => r.ratio), y: rows.map(([, i]) => i), mode: "markers", name: words, marker: { size: 9, color: shades[verdict], symbol: marks[verdict] },
        error_x: { type: "data", symmetric: false, array: rows.map(([r]) => (r.high === null ? 0 : r.high - r.ratio)), arrayminus: rows.map(([r]) => (r.low === null ? 0 : r.ratio - r.low)), color: shades[verdict], thickness: 1.5, width: 3 },
        customdata: rows.map(([r]) => [safe(r.name), safe(r.text)]), hovertemplate: "%{customdata[0]}<br>%{customdata[1]}<extra></extra>" };
    }).filter((t) => t.x.length);
    const every = chart.rows.flatMap((r) => [r.ratio, r.low, r.high]).filter((v) => v !== null && v > 0);
    const range = view.log ? logRange([...every, 1], []) : linearRange([...every, 1]);
    const one = { type: "line", xref: "x", x0: 1, x1: 1, yref: "paper", y0: 0, y1: 1, line: { color: colour("--soft"), width: 1.5, dash: "dash" } };
    const x = axis(`ratio${view.log ? "" : ", from zero"}`, view.log ? "log" : "linear", { range, side: "top", ...(view.log ? logTicks(range, narrow ? 4 : room(view) / 2) : {}) });
    const y = axis("", "linear", { tickvals: names, ticktext: order.map(label), range: [-0.7, order.length - 0.3], automargin: true, tickfont: { size: narrow ? 10 : 11 }, zeroline: false });
    const top = layout(x, y, {}).legend; /* above the rows: there may be many */
    return [traces, layout(x, y, { shapes: [one], height: 130 + (narrow ? 31 : 21) * order.length, margin: { l: 56, r: 16, t: 84, b: 12 }, legend: { ...top, y: 1, yanchor: "top" } }), []];
  }
  kinds.ratios = { draw: ratios, choices: () => scales };
  document.querySelectorAll(".chart:not([data-drawn])").forEach((figure) => { if (["trend", "ratios"].includes(byId.get(figure.id)?.type)) draw(figure); });

  /* Change points of many runs take a while: the page that has them is fetched, and its part taken over. */
  for (const section of document.querySelectorAll("[data-later]")) {
    (async () => {
      try {
        const answer = await fetch(section.dataset.later);
        if (!answer.ok) return;
        const whole = new DOMParser().parseFromString(await answer.text(), "text/html");
        section.replaceWith(whole.querySelector("#changes").closest("section"));
        for (const found of Object.values(JSON.parse(whole.getElementById("charts").textContent)).flat()) {
          const shown = byId.get(found.id), figure = document.getElementById(found.id);
          if (shown) { byId.set(found.id, { ...shown, changes: found.changes }); draw(figure); }
        }
      } catch (error) { section.querySelector("[role=status]").textContent = `Change points cannot be shown: ${error.message}`; }
    })();
  }

  /* A run that goes on: its bar and words, until it ends; then the page with its figures. */
  for (const box of document.querySelectorAll("[data-progress]")) {
    const bar = box.querySelector("progress"), told = box.querySelector(".told");
    let etag = "", failures = 0;
    const ask = async () => {
      try {
        const answer = await fetch(box.dataset.progress, { headers: etag ? { "If-None-Match": etag } : {} });
        if (answer.ok) {
          const found = await answer.json();
          etag = answer.headers.get("etag") || "";
          bar.max = found.planned || 1;
          bar.value = found.done;
          if (told.textContent !== found.words) told.textContent = found.words;
          if (found.state !== "running") { told.textContent = `${found.words}. The run has ended: ${found.state}.`; setTimeout(() => location.reload(), 1500); return; }
        }
        failures = 0;
      } catch { failures += 1; if (failures === 3) told.textContent = "The dashboard does not answer any more."; }
      setTimeout(ask, document.hidden ? 15000 : Math.min(2000 * (failures + 1), 15000));
    };
    setTimeout(ask, 500);
  }

  /* Long lists: every word must be somewhere in the row. */
  for (const input of document.querySelectorAll("[data-filter]")) {
    const rows = [...document.querySelectorAll(input.dataset.filter)], said = input.closest(".filter").querySelector(".found");
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); shown += !row.hidden; });
      document.querySelectorAll("#series section").forEach((section) => { section.hidden = ![...section.querySelectorAll("tbody tr")].some((row) => !row.hidden); });
      said.textContent = words.length ? `${shown} of ${rows.length}` : "";
      history.replaceState(null, "", words.length ? `#find=${encodeURIComponent(input.value)}` : location.pathname + location.search);
    };
    if (location.hash.startsWith("#find=")) { input.value = decodeURIComponent(location.hash.slice(6)); apply(); }
    input.addEventListener("input", apply);
  }
})();
