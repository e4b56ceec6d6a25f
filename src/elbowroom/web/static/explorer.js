(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const { codes, shape } = data;
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const element = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const number = (v, digits = 3) => String(Number(v.toPrecision(digits))).replace("-", "−");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const floats = (text) => new Float32Array(bytes(text));
  const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
  const pixels = devicePixelRatio || 1;

  // One decoding at a time, and for each purpose only the newest request: dragging never queues up.
  const handlers = {};
  const pending = new Map();
  const weights = bytes(byId("weights").textContent);
  byId("weights").remove();
  let [busy, worker, localDecode] = ["", null, null];
  const decode = (purpose, inputs) => { pending.set(purpose, inputs); decodeNext(); };
  function decodeNext() {
    if (busy || !pending.size) return;
    const [[purpose, inputs]] = pending;
    busy = purpose;
    pending.delete(purpose);
    if (worker) return worker.postMessage(inputs);
    localDecode = localDecode || createInterpreter(data.program, weights);
    setTimeout(() => finish(localDecode(inputs)));
  }
  function finish(x) {
    const purpose = busy;
    busy = "";
    handlers[purpose](x);
    decodeNext();
  }
  // Some browsers give a page from disk no worker: then the page decodes in its own thread.
  function decodeWithoutWorker() {
    if (!worker) return;
    worker = null;
    const purpose = busy;
    busy = "";
    if (purpose && !pending.has(purpose)) pending.set(purpose, lastInputs[purpose]);
    decodeNext();
  }
  const lastInputs = {};
  const requestDecode = (purpose, z, c) => {
    lastInputs[purpose] = c ? { z, c } : { z };
    decode(purpose, lastInputs[purpose]);
  };
  try {
    const source = `${createInterpreter};onmessage=({data:[program,weights]})=>{const run=createInterpreter(program,weights);onmessage=({data})=>postMessage(run(data));};`;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = (event) => finish(event.data);
    worker.onerror = (event) => { event.preventDefault(); decodeWithoutWorker(); };
    worker.postMessage([data.program, weights]);
  } catch { worker = null; }

  // The latent that is shown, and its condition.
  const z = Float32Array.from(codes.pins[0]);
  const c = data.condition ? new Float32Array(data.condition.names.length) : null;
  let plane = codes.planes[0];
  const pins = codes.pins.map((pin) => ({ z: Float32Array.from(pin), c: null }));

  // Draws values as an image of their own size; others as bars or lines.
  function paint(canvas, x, width) {
    const pen = canvas.getContext("2d");
    if (data.picture) {
      const [channels, h, w] = shape;
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
      const image = pen.createImageData(w, h);
      for (let i = 0; i < w * h; i++) {
        for (let k = 0; k < 3; k++) image.data[4 * i + k] = Math.round(255 * clamp(x[channels === 3 ? k * w * h + i : i], 0, 1));
        image.data[4 * i + 3] = 255;
      }
      pen.putImageData(image, 0, 0);
      return;
    }
    const [w, h] = [width, Math.round(width * 0.86)];
    Object.assign(canvas, { width: w * pixels, height: h * pixels });
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, w, h);
    const [low, high] = valueRange(x);
    const toY = (v) => h - 8 - ((v - low) / (high - low)) * (h - 16);
    const rows = shape.length === 2 ? shape[0] : 1;
    const columns = x.length / rows;
    pen.fillStyle = pen.strokeStyle = style("--model");
    if (rows === 1 && columns <= 64) {
      const step = (w - 16) / columns;
      for (let i = 0; i < columns; i++) {
        const [a, b] = [toY(x[i]), toY(clamp(0, low, high))];
        pen.fillRect(8 + i * step + step * 0.1, Math.min(a, b), step * 0.8, Math.max(Math.abs(a - b), 1.5));
      }
    } else {
      pen.lineWidth = 1.5;
      for (let r = 0; r < rows; r++) {
        pen.beginPath();
        for (let i = 0; i < columns; i++) pen.lineTo(8 + (i / (columns - 1)) * (w - 16), toY(x[r * columns + i]));
        pen.stroke();
      }
    }
  }
  // The range only grows: a scale that followed each decoding would hide its changes.
  const scale = [Infinity, -Infinity];
  function valueRange(x) {
    scale[0] = Math.min(scale[0], 0, ...x);
    scale[1] = Math.max(scale[1], 0, ...x);
    return scale[1] > scale[0] ? scale : [0, 1];
  }

  let shown = null;
  handlers.main = (x) => {
    shown = x;
    paint(byId("shown"), x, byId("shown").parentElement.clientWidth);
  };
  function updateReadout() {
    const rest = codes.size > 4 ? `, … (${codes.size})` : "";
    byId("read").textContent = `z = ${Array.from(z.slice(0, codes.size > 4 ? 3 : 4), (v) => number(v)).join(", ")}${rest}`;
  }
  function show() {
    updateReadout();
    dials.forEach((dial) => dial());
    drawPlane();
    requestDecode("main", z.slice(), c && c.slice());
  }

  // A pinned latent keeps its attributes; a class is the same for all.
  function updatePin(pin, i) {
    if (c && (!pin.c || !data.condition.several)) pin.c = c.slice();
    requestDecode(`pin-${i}`, pin.z.slice(), pin.c && pin.c.slice());
  }

  // The condition: buttons of the classes or attributes.
  if (c) {
    const { names, several } = data.condition;
    const group = byId("given");
    group.hidden = false;
    group.setAttribute("aria-label", several ? "attributes" : "class");
    const buttons = names.map((name, i) => {
      const button = group.appendChild(element("button", name));
      button.type = "button";
      button.addEventListener("click", () => {
        stopPlayback();
        if (several) c[i] = 1 - c[i];
        else {
          c.forEach((_, j) => { c[j] = Number(i === j); });
          pins.forEach(updatePin);
        }
        markPressed();
        show();
      });
      return button;
    });
    const markPressed = () => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(c[i] > 0.5)));
    if (!several) c[0] = 1;
    markPressed();
  }

  // Dials of the most active dimensions.
  const dials = codes.dials.map(({ at, name, low, high }) => {
    const row = byId("dials").appendChild(element("label", "", "dial"));
    row.append(element("span", name));
    const input = row.appendChild(Object.assign(element("input"), { type: "range" }));
    const readout = row.appendChild(element("output"));
    Object.assign(input, { min: low, max: high, step: (high - low) / 200 });
    input.addEventListener("input", () => { stopPlayback(); z[at] = Number(input.value); show(); });
    return () => {
      input.value = z[at];
      readout.textContent = z[at].toFixed(2).replace("-", "−");
    };
  });
  const isPartial = codes.size > codes.dials.length;
  byId("dials-caption").textContent = isPartial ? `The ${codes.dials.length} most active of ${codes.size}, in ${codes.unit}.` : `In ${codes.unit}.`;

  // The plane: the projection of a latent on it, and the latent moved within it, its other components kept.
  const projectOnAxis = (axis, latent) => axis.reduce((sum, a, i) => sum + a * (latent[i] - plane.origin[i]), 0);
  const project = (latent) => plane.axes.map((axis) => projectOnAxis(axis, latent));
  function move(to) {
    const from = project(z);
    plane.axes.forEach((axis, k) => axis.forEach((a, i) => { z[i] += a * (to[k] - from[k]); }));
    show();
  }
  const canvas = byId("plane");
  const area = canvas.parentElement;
  const frame = () => {
    const [w, h] = [area.clientWidth, area.clientHeight];
    const [[x0, x1], [y0, y1]] = plane.box;
    const per = Math.max((x1 - x0) / (w - 36), (y1 - y0) / (h - 36)) || 1;
    const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
    return { w, h, per, x0: cx - (w / 2) * per, y1: cy + (h / 2) * per };
  };
  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 2.5, 5, 10].find((m) => size * m >= rough * 0.75);
    const values = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(Number((i * step).toPrecision(12)));
    return values;
  }
  // The color scale of numeric labels: from dark to light, with contrast to the paper at both ends.
  const SCALE_COLORS = [[68, 40, 120], [49, 104, 142], [33, 145, 140], [83, 197, 104], [232, 210, 60]];
  const scaleColor = (share) => {
    const at = clamp(share, 0, 1) * (SCALE_COLORS.length - 1);
    const low = Math.min(Math.floor(at), SCALE_COLORS.length - 2);
    return `rgb(${SCALE_COLORS[low].map((v, i) => Math.round(v + (SCALE_COLORS[low + 1][i] - v) * (at - low))).join(" ")})`;
  };
  const labels = codes.labels;
  const span = labels && !labels.classes.length ? [Math.min(...labels.values), Math.max(...labels.values)] : null;
  const pointColor = (i) => {
    if (!labels) return style("--model");
    return span ? scaleColor((labels.values[i] - span[0]) / (span[1] - span[0] || 1)) : labels.colours[labels.values[i]];
  };

  // The points change with the plane and the size alone: they are drawn once, and copied under what moves.
  const background = document.createElement("canvas");
  function drawBackground() {
    const f = frame();
    for (const one of [background, canvas]) Object.assign(one, { width: Math.round(f.w * pixels), height: Math.round(f.h * pixels) });
    const pen = background.getContext("2d");
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, f.w, f.h);
    const [left, below] = [ticks(f.y1 - f.h * f.per, f.y1, 6), ticks(f.x0, f.x0 + f.w * f.per, f.w > 460 ? 8 : 5)];
    const axisLabels = (values, side, position) => values.map((v) => {
      const label = element("span", number(v));
      label.style[side] = `${position(v)}%`;
      return label;
    });
    area.parentElement.querySelector(".left").replaceChildren(...axisLabels(left, "bottom", (v) => 100 * (1 - (f.y1 - v) / (f.h * f.per))));
    area.parentElement.querySelector(".below").replaceChildren(...axisLabels(below, "left", (v) => (100 * (v - f.x0)) / (f.w * f.per)));
    pen.strokeStyle = style("--grid");
    pen.beginPath();
    for (const v of left) { const y = (f.y1 - v) / f.per; pen.moveTo(0, y); pen.lineTo(f.w, y); }
    for (const v of below) { const x = (v - f.x0) / f.per; pen.moveTo(x, 0); pen.lineTo(x, f.h); }
    pen.stroke();
    if (!plane.points) return;
    const [xs, ys] = plane.points;
    const radius = (xs.length > 1000 ? 2.6 : xs.length > 300 ? 3.4 : 4.4) * (f.w < 420 ? 0.8 : 1);
    pen.lineWidth = 0.7;
    pen.strokeStyle = style("--ring");
    pen.globalAlpha = 0.85;
    xs.forEach((x, i) => {
      pen.fillStyle = pointColor(i);
      pen.beginPath();
      pen.arc((x - f.x0) / f.per, (f.y1 - ys[i]) / f.per, radius, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
    pen.globalAlpha = 1;
  }
  function drawPlane() {
    if (!plane) return;
    const f = frame();
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(background, 0, 0);
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    const at = (latent) => { const [x, y] = project(latent); return [(x - f.x0) / f.per, (f.y1 - y) / f.per]; };
    const [ink, paper] = [style("--ink"), style("--paper")];
    const ends = pins.map((pin) => at(pin.z));
    pen.strokeStyle = ink;
    pen.globalAlpha = 0.55;
    pen.lineWidth = 1.2;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    ends.forEach(([x, y]) => pen.lineTo(x, y));
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
    pen.font = `600 11px ${style("--sans")}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    ends.forEach(([x, y], i) => {
      pen.beginPath();
      pen.arc(x, y, 9, 0, 2 * Math.PI);
      pen.fillStyle = paper;
      pen.fill();
      pen.stroke();
      pen.fillStyle = ink;
      pen.fillText("AB"[i], x, y + 0.5);
    });
    const [x, y] = at(z).map((v, i) => clamp(v, 3, (i ? f.h : f.w) - 3));
    for (const [radius, width, color] of [[13, 6, paper], [13, 3, ink]]) {
      pen.lineWidth = width;
      pen.strokeStyle = color;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
  const CAPTIONS = {
    points: (n) => `Drag anywhere: the latent under the pointer is decoded. Points are posterior means of ${n.toLocaleString("en")} examples.`,
    codebook: " Latents are entries of a codebook: between them nothing was learned.",
    rest: " The other dimensions stay where they are.",
    none: (why) => `Drag anywhere: the latent under the pointer is decoded. No examples are shown: ${why}.`,
  };
  function showPlane(newPlane) {
    plane = newPlane;
    [byId("across").textContent, byId("up").textContent] = plane.names.map((name) => `${name}, ${codes.unit}`);
    const words = plane.points ? CAPTIONS.points(plane.points[0].length) : CAPTIONS.none(byId("caption").dataset.without.replace(/\.$/, "") || "there are none");
    byId("caption").textContent = words + (codes.size > 2 ? CAPTIONS.rest : "") + (codes.quantised ? CAPTIONS.codebook : "");
    drawBackground();
    drawPlane();
  }
  if (plane) {
    const views = document.querySelector(".views");
    const buttons = codes.planes.map((other) => {
      const button = views.appendChild(element("button", other.name));
      button.type = "button";
      button.addEventListener("click", () => { markChosen(other); showPlane(other); });
      return button;
    });
    const markChosen = (one) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(codes.planes[i] === one)));
    markChosen(plane);
    const follow = (event) => {
      const f = frame();
      const box = canvas.getBoundingClientRect();
      const [x, y] = [clamp(event.clientX - box.left, 0, f.w), clamp(event.clientY - box.top, 0, f.h)];
      move([f.x0 + x * f.per, f.y1 - y * f.per]);
    };
    canvas.addEventListener("pointerdown", (event) => { stopPlayback(); canvas.setPointerCapture(event.pointerId); follow(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    canvas.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!direction) return;
      event.preventDefault();
      stopPlayback();
      const f = frame();
      const step = (event.shiftKey ? 60 : 12) * f.per;
      move(project(z).map((v, k) => v + step * direction[k]));
      byId("said").textContent = plane.names.map((name, k) => `${name} ${number(project(z)[k])}`).join(", ");
    });
    new ResizeObserver(() => { drawBackground(); drawPlane(); if (shown) handlers.main(shown); }).observe(area);
  } else {
    byId("map").hidden = true;
    document.body.classList.add("no-map");
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (plane) { drawBackground(); drawPlane(); } if (shown) handlers.main(shown); });
  if (labels && plane && plane.points) {
    const legend = byId("classes");
    labels.classes.forEach((name, i) => {
      if (!labels.values.includes(i)) return;
      const key = legend.appendChild(element("span"));
      key.appendChild(element("i")).style.background = labels.colours[i];
      key.append(name);
    });
    if (span) {
      const ramp = element("i", "", "ramp");
      ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(scaleColor).join(", ")})`;
      legend.append(element("span", `${labels.title} ${number(span[0])}`), ramp, element("span", number(span[1])));
    }
  }

  // Samples from the prior: standard normals are drawn here, those of a learned prior were drawn at export.
  const { prior } = codes;
  const draw = byId("draw");
  draw.hidden = !prior;
  draw.textContent = `draw ${prior && prior.words === "a latent of the data" ? prior.words : "from the prior"}`;
  const stored = prior && !prior.standard ? floats(prior.codes) : null;
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  draw.addEventListener("click", () => {
    stopPlayback();
    if (prior.standard) z.forEach((_, i) => { z[i] = normal(); });
    else {
      const condition = prior.each > 1 ? Math.max(c.indexOf(1), 0) : 0;
      const which = Math.floor((Math.random() * prior.n) / prior.each) * prior.each + condition;
      z.set(stored.subarray(which * codes.size, (which + 1) * codes.size));
    }
    show();
  });
  byId("middle").addEventListener("click", () => { stopPlayback(); z.set(codes.centre); show(); });

  byId("save").addEventListener("click", () => {
    if (!shown) return;
    const from = byId("shown");
    const factor = data.picture ? Math.max(1, Math.round(512 / Math.max(from.width, from.height))) : 1;
    const large = Object.assign(document.createElement("canvas"), { width: from.width * factor, height: from.height * factor });
    const pen = large.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(from, 0, 0, large.width, large.height);
    large.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${data.name}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });

  // Two pinned latents, and linear interpolation between them.
  const slider = byId("way");
  const play = byId("play");
  let frameRequest = 0;
  function stopPlayback() {
    cancelAnimationFrame(frameRequest);
    frameRequest = 0;
    play.textContent = "play";
    play.setAttribute("aria-pressed", "false");
  }
  function interpolate(t) {
    slider.value = t;
    const [a, b] = pins;
    z.forEach((_, i) => { z[i] = a.z[i] + t * (b.z[i] - a.z[i]); });
    if (c && data.condition.several) c.forEach((_, i) => { c[i] = a.c[i] + t * (b.c[i] - a.c[i]); });
    show();
  }
  pins.forEach((pin, i) => {
    const button = byId(`pin-${i}`);
    const small = button.querySelector("canvas");
    handlers[`pin-${i}`] = (x) => paint(small, x, 62);
    button.addEventListener("click", () => {
      stopPlayback();
      Object.assign(pin, { z: z.slice(), c: c && c.slice() });
      updatePin(pin, i);
      slider.value = i;
      drawPlane();
    });
    updatePin(pin, i);
  });
  slider.addEventListener("input", () => { stopPlayback(); interpolate(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (frameRequest) return stopPlayback();
    play.textContent = "pause";
    play.setAttribute("aria-pressed", "true");
    const duration = reducedMotion.matches ? 12000 : 3600;
    let [before, t] = [performance.now(), Number(slider.value)];
    const step = (now) => {
      t = (t + (now - before) / duration) % 2;
      before = now;
      interpolate(t <= 1 ? t : 2 - t);
      frameRequest = requestAnimationFrame(step);
    };
    frameRequest = requestAnimationFrame(step);
  });

  // Check against torch: latents that were decoded at export are decoded again.
  let [remaining, maxDifference] = [data.check.length, 0];
  data.check.forEach(({ inputs, x }, i) => {
    const expected = floats(x);
    handlers[`check-${i}`] = (output) => {
      maxDifference = output.reduce((m, v, j) => Math.max(m, Math.abs(v - expected[j])), maxDifference);
      remaining -= 1;
      if (remaining) return;
      byId("check").textContent = `Checked just now against PyTorch on ${data.check.length} latents: the largest difference is ${maxDifference.toExponential(1)}.`;
      document.body.dataset.checked = maxDifference;
    };
  });
  if (plane) showPlane(plane);
  show();
  data.check.forEach(({ inputs }, i) => requestDecode(`check-${i}`, floats(inputs.z), inputs.c && floats(inputs.c)));
})();
