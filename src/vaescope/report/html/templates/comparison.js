"use strict";
{ // the table of groups: sorted by the button of a heading, filtered by words
  const table = document.querySelector("table.groups"), body = table.tBodies[0], rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells], field = document.querySelector("#filter"), count = document.querySelector("#shown");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const valueOf = (row, at) => {
    const cell = row.cells[at], text = cell.textContent.trim();
    return cell.dataset.value ?? (text || null);
  };
  const pieces = (text) => String(text).split(/(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)/); // every second one is a number
  function compare(a, b) {
    const [first, second] = [pieces(a), pieces(b)], count = Math.min(first.length, second.length);
    const orders = Array.from({ length: count }, (_, i) => (i % 2 ? first[i] - second[i] : first[i].localeCompare(second[i], "en")));
    return orders.find((order) => order) ?? first.length - second.length;
  }
  heads.forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const values = new Map(rows.map((row) => [row, valueOf(row, at)]));
    const missing = (row) => values.get(row) === null;
    body.append(...[...rows].sort((a, b) => missing(a) - missing(b) || (missing(a) ? 0 : sign * compare(values.get(a), values.get(b)))));
  }));
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); });
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} groups`;
  };
  field.addEventListener("input", filter);
  filter();
}
{ // which columns are shown: at first those that fit; the first to go are levels of chance, then what all rows share
  const table = document.querySelector("table.groups"), box = table.parentElement, chooser = document.getElementById("columns");
  const told = chooser.querySelector("summary"), style = document.head.appendChild(document.createElement("style"));
  const boxes = [...chooser.querySelectorAll("input")], MOST = 6; // scores of a group on a phone, one below the other
  const scores = boxes.slice(3).filter((each) => !each.matches(".beside")), beside = boxes.filter((each) => each.matches(".beside"));
  const draw = () => {
    const hidden = boxes.filter((each) => !each.checked).map((each) => `table.groups tr > :nth-child(${each.value})`);
    style.textContent = hidden.length ? `${hidden.join()} { display: none; }` : "";
    told.textContent = `Columns: ${boxes.length - hidden.length + 3} of ${boxes.length + 3}`;
  };
  const saysOneThing = (each) => new Set([...table.tBodies[0].rows].map((row) => row.cells[each.value - 1].textContent.trim())).size < 2;
  const same = boxes.filter((each, i) => (i === 0 || i === 2) && saysOneThing(each)); // updates, over-pruned
  const isTooMuch = () => matchMedia("(max-width: 42rem)").matches ? [...scores, ...beside].filter((each) => each.checked).length > MOST : box.scrollWidth > box.clientWidth;
  const fit = () => {
    for (const each of boxes) each.checked = true;
    draw();
    for (const each of [...beside.slice().reverse(), ...same, ...scores.slice(1).reverse()]) {
      if (!isTooMuch()) break;
      each.checked = false;
      draw();
    }
  };
  chooser.addEventListener("change", draw);
  chooser.querySelector("[value=fit]").addEventListener("click", fit);
  chooser.querySelector("[value=all]").addEventListener("click", () => { for (const each of boxes) each.checked = true; draw(); });
  fit();
}
{ // any two scores against each other: a dot a seed, and their rank correlation
  const data = JSON.parse(document.getElementById("comparison-data").textContent);
  const [across, up, panel] = ["across", "up", "panel"].map((id) => document.getElementById(id));
  const svg = document.getElementById("dots"), told = document.getElementById("correlation"), named = document.getElementById("names");
  const short = (value) => String(Number(value.toPrecision(4)));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  function ranks(values) { // equal values share the mean of their ranks
    const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]), found = [];
    for (let start = 0, end = 0; start < order.length; start = end) {
      while (end < order.length && values[order[end]] === values[order[start]]) end += 1;
      for (let i = start; i < end; i += 1) found[order[i]] = (start + end + 1) / 2;
    }
    return found;
  }
  function correlation(x, y) { // Pearson's; of ranks it is Spearman's
    const [mx, my] = [mean(x), mean(y)], products = (a, ma, b, mb) => a.reduce((sum, value, i) => sum + (value - ma) * (b[i] - mb), 0);
    return products(x, mx, y, my) / Math.sqrt(products(x, mx, x, mx) * products(y, my, y, my));
  }
  window.rankCorrelation = (x, y) => { // with the 95 % interval of Bonett and Wright 2000
    const r = correlation(ranks(x), ranks(y));
    if (x.length < 5 || !Number.isFinite(r)) return null;
    const half = 1.96 * Math.sqrt((1 + r * r / 2) / (x.length - 3)), z = Math.atanh(Math.max(-1 + 1e-12, Math.min(r, 1 - 1e-12)));
    return { r, low: Math.tanh(z - half), high: Math.tanh(z + half) };
  };

  const make = (name, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const scale = (values, from, to) => {
    const low = Math.min(...values), high = Math.max(...values), room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
    return { low, high, at: (value) => from + ((value - low + room) / (high - low + 2 * room)) * (to - from) };
  };
  function draw() {
    const [i, j] = [Number(across.value), Number(up.value)], dots = [];
    const groups = data.groups.filter((group) => group.panel === panel.value);
    groups.forEach((group, colour) => group.seeds.forEach((seed, n) => {
      const [x, y] = [group.values[i][n], group.values[j][n]];
      if (x !== null && y !== null) dots.push({ x, y, seed, colour: colour % 8, name: group.name });
    }));
    svg.replaceChildren();
    named.replaceChildren();
    if (!dots.length) { told.textContent = "No run has both."; return; }
    const [xs, ys] = [dots.map((dot) => dot.x), dots.map((dot) => dot.y)], x = scale(xs, 60, 630), y = scale(ys, 300, 12);
    svg.append(make("path", { class: "grid", d: "M60 12V300H630" }));
    for (const end of new Set([x.low, x.high])) svg.append(make("text", { x: x.at(end), y: 318, "text-anchor": "middle" }, short(end)));
    for (const end of new Set([y.low, y.high])) svg.append(make("text", { x: 54, y: y.at(end) + 4, "text-anchor": "end" }, short(end)));
    svg.append(make("text", { x: 345, y: 335, "text-anchor": "middle" }, data.scores[i]), make("text", { transform: "translate(12 156) rotate(-90)", "text-anchor": "middle" }, data.scores[j]));
    for (const dot of dots) {
      const circle = make("circle", { class: `dot c${dot.colour}`, cx: x.at(dot.x), cy: y.at(dot.y), r: 4 });
      circle.append(make("title", {}, `${dot.name}, seed ${dot.seed}: ${short(dot.x)}, ${short(dot.y)}`));
      svg.append(circle);
    }
    if (groups.length <= 8) groups.forEach((group, colour) => {
      const entry = document.createElement("li");
      entry.className = `c${colour}`;
      entry.textContent = group.name;
      named.append(entry);
    });
    const found = window.rankCorrelation(xs, ys);
    told.textContent = found
      ? `Spearman's rank correlation ${found.r.toFixed(2)}, 95 % interval ${found.low.toFixed(2)} to ${found.high.toFixed(2)}, of ${xs.length} models.`.replaceAll(" -", " −")
      : `${xs.length} models: a rank correlation is told from five on, of scores that vary.`;
  }
  for (const chosen of [across, up, panel]) chosen.addEventListener("change", draw);
  draw();
}
