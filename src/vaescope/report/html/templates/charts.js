"use strict";
// Values of a chart's lines at the step under the pointer, or at one chosen by arrow keys.
// On a phone the labels at the right make room for a legend below.
const narrow = window.matchMedia("(max-width: 42rem)");
for (const svg of document.querySelectorAll("svg[data-chart]")) {
  const chart = JSON.parse(svg.dataset.chart), [left, right] = chart.frame, [low, high] = chart.ends;
  const named = [...svg.querySelectorAll(".name")].map((label) => [label.getAttribute("class"), label.textContent]);
  const legend = document.createElement("ul");
  let whole = chart.frame[2];
  legend.className = "legend";
  legend.append(...named.map(([kind, text]) => Object.assign(document.createElement("li"), { className: kind, textContent: text })));
  svg.parentNode.append(legend);
  function fit() {
    whole = narrow.matches ? right + 22 : chart.frame[2];
    svg.setAttribute("viewBox", `0 0 ${whole} ${svg.viewBox.baseVal.height}`);
  }
  narrow.addEventListener("change", fit);
  fit();
  const steps = [...new Set(chart.lines.flatMap((line) => line.steps))].sort((a, b) => a - b);
  const rule = svg.querySelector(".rule"), box = document.createElement("div");
  box.className = "values";
  box.hidden = true;
  svg.parentNode.append(box);
  let at = steps.length - 1;

  const nearest = (list, step) => list.reduce((best, value, i) => (Math.abs(value - step) < Math.abs(list[best] - step) ? i : best), 0);
  function show() {
    const step = steps[at], x = high > low ? left + ((step - low) / (high - low)) * (right - left) : (left + right) / 2;
    rule.setAttribute("transform", `translate(${x} 0)`);
    rule.setAttribute("visibility", "visible");
    box.replaceChildren(chart.steps === "updates" ? `after ${step.toLocaleString("en")} updates` : `${chart.steps} ${step}`);
    for (const line of chart.lines) {
      const i = nearest(line.steps, step), entry = document.createElement("div");
      entry.className = `c${line.colour}`;
      entry.textContent = `${line.name} ${line.values[i]}`;
      box.append(entry);
    }
    const wide = svg.getBoundingClientRect().width;
    box.hidden = false;
    box.style.left = `${Math.max(0, Math.min((x / whole) * wide + 10, wide - box.offsetWidth))}px`;
  }
  function hide() {
    box.hidden = true;
    rule.setAttribute("visibility", "hidden");
  }
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect(), x = ((event.clientX - frame.left) / frame.width) * whole;
    at = nearest(steps, low + ((x - left) / (right - left)) * (high - low));
    show();
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    at = Math.max(0, Math.min(steps.length - 1, at + move));
    show();
  });
}
