"use strict";
// The live decoder of a run's page: a slider a latent, steps along local principal directions.

// Shows a member's decoder in an empty element, from one of its images on; gives which it stands at.
function moveThrough(live, root, first) {
  const [channels, height, width] = live.shape;
  const weights = live.weights ? weightsOf(live) : null;
  const STEP = 0.25, SETTLED = 150, PNG = "data:image/png;base64,";  // SETTLED: milliseconds
  let image = first, code = live.codes[image].slice(), direction = 0, waiting = false, changes = 0;
  let local = [];  // principal directions at the code, each a vector over all latents and what it does

  function made(tag, attributes, ...children) {
    const svg = ["svg", "line", "path", "circle"].includes(tag);
    const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  // images -----------------------------------------------------------------------------------
  const tiles = channels === 1 || channels === 3 ? 1 : Math.min(channels, 4);
  const canvas = made("canvas", { class: "pixels", width, height: height * tiles, role: "img", "aria-label": "decoded image" });
  const told = made("figcaption", {}, "decoded");
  const given = made("img", { class: "pixels", alt: "the image itself" });

  function paint(values) {
    const context = canvas.getContext("2d"), pixels = context.createImageData(width, height * tiles);
    const area = height * width;
    for (let i = 0; i < area * tiles; i++)
      for (let c = 0; c < 3; c++)
        pixels.data[4 * i + c] = Math.round(255 * Math.min(1, Math.max(0, values[channels === 3 ? c * area + i : i])));
    for (let i = 3; i < pixels.data.length; i += 4) pixels.data[i] = 255;
    context.putImageData(pixels, 0, 0);
  }

  function show() {
    sliders.forEach((each, i) => each.place(code[live.sliders[i]]));
    if (waiting) return;
    waiting = true;
    setTimeout(() => {  // once for all that happens meanwhile
      waiting = false;
      if (!weights) return sum();
      const start = performance.now(), { values } = decode(live.layers, weights, code);
      paint(values);
      told.textContent = `decoded here, in ${Math.round(performance.now() - start)} ms`;
      turn(values);
    }, 0);
  }

  // a network that does not run here: images decoded beforehand, of several latents the sum of their changes
  const sheets = (live.starts || []).map(() => null);
  async function pixelsOf(content) {
    const picture = new Image();
    picture.src = PNG + content;
    await picture.decode();
    const context = made("canvas", { width: picture.width, height: picture.height }).getContext("2d");
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, picture.width, picture.height);
  }
  async function sum() {
    const number = image, start = live.starts[number];
    sheets[number] ??= await Promise.all([pixelsOf(start.plain), pixelsOf(start.moved)]);
    if (number !== image) return;
    const [plain, sheet] = sheets[number], wide = plain.width, tall = plain.height;
    const pixels = Float32Array.from(plain.data), moved = live.sliders.filter((j) => code[j] !== live.codes[number][j]);
    for (const j of moved) {
      const across = nearest(j, code[j]) * wide, down = live.sliders.indexOf(j) * tall;
      for (let r = 0; r < tall; r++)
        for (let k = 0; k < 4 * wide; k++)
          pixels[4 * r * wide + k] += sheet.data[4 * ((down + r) * sheet.width + across) + k] - plain.data[4 * r * wide + k];
    }
    canvas.getContext("2d").putImageData(new ImageData(Uint8ClampedArray.from(pixels), wide, tall), 0, 0);
    told.textContent = moved.length > 1 ? `the sum of ${moved.length} changes that were decoded beforehand, one by one`
      : moved.length ? `decoded beforehand: z${moved[0]} = ${code[moved[0]].toFixed(1)}, the others as encoded`
      : "decoded beforehand: the image's code";
  }
  function nearest(j, value) {
    const share = value / live.reach[j];
    return live.shares.reduce((best, each, k) => (Math.abs(each - share) < Math.abs(live.shares[best] - share) ? k : best), 0);
  }

  // sliders ----------------------------------------------------------------------------------
  function slider(j) {
    const reach = live.reach[j], step = weights ? reach / 30 : (2 * reach) / (live.shares.length - 1);
    const input = made("input", { type: "range", min: -reach, max: reach, step: "any", "aria-label": live.names[j] });
    const number = made("output", {}), band = made("i", {}), arrow = made("svg", { viewBox: "-30 -7 60 14", width: 60, height: 14, "aria-hidden": "true" });
    input.addEventListener("input", () => {
      code[j] = weights ? Number(input.value) : reach * live.shares[nearest(j, Number(input.value))];
      show();
    });
    input.addEventListener("keydown", (event) => {
      const sign = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (!sign) return;
      event.preventDefault();
      input.value = Number(input.value) + sign * step;
      input.dispatchEvent(new Event("input"));
    });
    return {
      node: made("div", { class: "slider" }, made("label", {}, live.names[j]), made("div", { class: "track" }, band, input), number, arrow),
      place(value) {
        input.value = value;
        number.textContent = value.toFixed(2).replace(/^-0\.00$/, "0.00").replace("-", "−");
      },
      mark() {  // where the posterior of the image lies, two standard deviations to each side
        if (!live.sigmas) return;
        const share = (value) => 50 * (1 + Math.max(-1, Math.min(1, value / reach)));
        const middle = live.codes[image][j], spread = 2 * live.sigmas[image][j];
        band.style.left = `${share(middle - spread)}%`;
        band.style.width = `${Math.max(1, share(middle + spread) - share(middle - spread))}%`;
      },
      point() {
        const part = 26 * local[direction].vector[j], head = 4 * Math.sign(part);
        arrow.replaceChildren(made("line", { x1: 0, x2: 0, y1: -7, y2: 7, class: "axis" }));
        if (Math.abs(part) > 1.5) arrow.append(made("path", { class: "arrow", d: `M0 0H${part}m${-head} -3l${head} 3l${-head} 3` }));
      },
    };
  }
  const sliders = live.sliders.map(slider);

  // local principal directions -----------------------------------------------------------------
  const where = made("p", {}), panel = made("div", { class: "directions" }, where);

  function have(found, text) {
    local = found;
    where.textContent = text;
    panel.classList.remove("outdated");
    directions.forEach((each) => each.draw());
    sliders.forEach((each) => each.point());
  }
  // Those of the decoder at the code, a decode at a time once the code stands still, so that the page stays quick.
  function turn(values) {
    const mine = ++changes, at = code.slice(), columns = [];
    if (at.every((value, j) => value === live.codes[image][j])) return have(atImage(), "At the image's code, the strongest first:");
    panel.classList.add("outdated");
    function next() {
      if (mine !== changes || !canvas.isConnected) return;
      columns.push(columnAt(live.layers, weights, at, live.sliders[columns.length], values));
      if (columns.length < live.sliders.length) { setTimeout(next, 0); return; }
      have(singularVectors(columns).map(({ value, vector }) => {
        const largest = vector.reduce((best, entry) => (Math.abs(entry) > Math.abs(best) ? entry : best), 0), spread = at.map(() => 0);
        live.sliders.forEach((j, i) => { spread[j] = vector[i] * (Math.sign(largest) || 1); });
        return { value, vector: spread };
      }), "At this code, the strongest first:");
    }
    setTimeout(next, SETTLED);
  }
  function atImage() {
    return live.directions[image].map((vector, k) => ({ vector, value: live.stretches[image][k] }));
  }
  function along(k) {
    const minus = made("button", { type: "button", "aria-label": `a step back along direction ${k + 1}` }, "−");
    const plus = made("button", { type: "button", "aria-label": `a step along direction ${k + 1}` }, "+");
    const drawing = made("svg", { viewBox: "-3 -37 43 40", width: 43, height: 40, role: "img" }), text = made("span", {});
    const choose = () => {
      direction = k;
      directions.forEach((each, i) => each.node.classList.toggle("chosen", i === k));
      sliders.forEach((each) => each.point());
    };
    const step = (sign) => () => {
      choose();
      code = code.map((value, j) => value + sign * STEP * local[k].vector[j]);
      show();
    };
    minus.addEventListener("click", step(-1));
    plus.addEventListener("click", step(1));
    const buttons = weights ? [minus, plus] : [];
    const node = made("div", { class: "direction" }, drawing, text, ...buttons);
    node.addEventListener("pointerenter", choose);
    node.addEventListener("focusin", choose);
    return {
      node, choose,
      draw() {
        const parts = local[k].vector.map(Math.abs), j = parts.indexOf(Math.max(...parts));
        const angle = Math.acos(Math.min(1, parts[j])), x = 34 * Math.cos(angle), y = -34 * Math.sin(angle);
        drawing.replaceChildren(
          made("line", { x1: 0, y1: 0, x2: 36, y2: 0, class: "axis" }),
          made("path", { d: `M14 0A14 14 0 0 0 ${14 * Math.cos(angle)} ${-14 * Math.sin(angle)}`, class: "arc" }),
          made("line", { x1: 0, y1: 0, x2: x, y2: y, class: "arrow" }), made("circle", { cx: x, cy: y, r: 2.5, class: "head" }));
        text.textContent = `${k + 1}: ${Math.round((180 * angle) / Math.PI)}° from z${j}`;
        node.title = `Along this direction the image changes by ${local[k].value.toPrecision(3)} per unit`;
      },
    };
  }
  const directions = live.directions[0].map((_, k) => along(k));
  panel.append(...directions.map((each) => each.node));

  // images to start from -----------------------------------------------------------------------
  function start(number) {
    image = number;
    code = live.codes[image].slice();
    given.src = PNG + live.images[image];
    thumbnails.forEach((node, i) => node.setAttribute("aria-pressed", String(i === image)));
    sliders.forEach((each) => each.mark());
    changes++;
    have(atImage(), "At the image's code, the strongest first:");
    directions[0].choose();
    show();
  }
  const thumbnails = live.images.slice(0, weights ? live.images.length : live.starts.length).map((content, number) => {
    const picture = made("img", { class: "pixels", alt: "" });
    picture.src = PNG + content;
    const node = made("button", { type: "button", "aria-label": `start from image ${number + 1}` }, picture);
    node.addEventListener("click", () => start(number));
    return node;
  });
  const back = made("button", { type: "button" }, "back to the image's code");
  back.addEventListener("click", () => start(image));

  root.append(
    made("div", { class: "seen" },
      made("div", { class: "pair" }, made("figure", {}, given, made("figcaption", {}, "given")), made("figure", {}, canvas, told)),
      made("div", { class: "thumbnails" }, ...thumbnails), back),
    made("div", { class: "sliders" }, ...sliders.map((each) => each.node)), panel);
  start(image);
  return () => image;
}

{
  const { members } = JSON.parse(document.getElementById("live-data").textContent);
  const root = document.getElementById("live"), note = document.getElementById("live-note");
  const chooser = document.getElementById("live-seed");
  let standing = () => 0;
  const show = (member) => {
    const images = (member.starts || member.images).length;
    root.replaceChildren();
    note.textContent = member.note;
    standing = moveThrough(member, root, Math.min(standing(), images - 1));
  };
  chooser?.addEventListener("change", () => show(members[chooser.selectedIndex]));
  show(members[0]);
}
