(() => {
  const by = (id) => document.getElementById(id);
  const data = JSON.parse(by("data").textContent);
  const { codes, shape } = data;
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const element = (tag, text = "", name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const number = (v, digits = 3) => String(Number(v.toPrecision(digits))).replace("-", "−");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const floats = (text) => new Float32Array(bytes(text));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const pixels = devicePixelRatio || 1;

  // One decoding at a time, and of several that wait for one purpose the newest: dragging never queues up.
  const answers = {};
  const waiting = new Map();
  const weights = bytes(by("weights").textContent);
  by("weights").remove();
  let [busy, worker, own] = ["", null, null];
  const decode = (purpose, inputs) => { waiting.set(purpose, inputs); next(); };
  function next() {
    if (busy || !waiting.size) return;
    const [[purpose, inputs]] = waiting;
    busy = purpose;
    waiting.delete(purpose);
    if (worker) return worker.postMessage(inputs);
    own = own || decoder(data.program, weights);
    setTimeout(() => done(own(inputs)));
  }
  function done(x) {
    const purpose = busy;
    busy = "";
    answers[purpose](x);
    next();
  }
  // Where a browser gives a page from disk no worker, the page decodes by itself.
  function alone() {
    if (!worker) return;
    worker = null;
    const purpose = busy;
    busy = "";
    if (purpose && !waiting.has(purpose)) waiting.set(purpose, last[purpose]);
    next();
  }
  const last = {};
  const ask = (purpose, code, c) => {
    last[purpose] = c ? { z: code, c } : { z: code };
    decode(purpose, last[purpose]);
  };
  try {
    const source = `${decoder};onmessage=({data:[program,weights]})=>{const run=decoder(program,weights);onmessage=({data})=>postMessage(run(data));};`;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = (event) => done(event.data);
    worker.onerror = (event) => { event.preventDefault(); alone(); };
    worker.postMessage([data.program, weights]);
  } catch { worker = null; }

  // What is looked at: a code, and what it is given.
  const z = Float32Array.from(codes.pins[0]);
  const c = data.condition ? new Float32Array(data.condition.names.length) : null;
  let plane = codes.planes[0];
  const pins = codes.pins.map((code) => ({ z: Float32Array.from(code), c: null }));

  // Numbers as a picture of their own size, or as bars and lines where they are none.
  function paint(canvas, x, wide) {
    const pen = canvas.getContext("2d");
    if (data.picture) {
      const [channels, h, w] = shape;
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
      const picture = pen.createImageData(w, h);
      for (let i = 0; i < w * h; i++) {
        for (let k = 0; k < 3; k++) picture.data[4 * i + k] = Math.round(255 * clamp(x[channels === 3 ? k * w * h + i : i], 0, 1));
        picture.data[4 * i + 3] = 255;
      }
      pen.putImageData(picture, 0, 0);
      return;
    }
    const [w, h] = [wide, Math.round(wide * 0.86)];
    Object.assign(canvas, { width: w * pixels, height: h * pixels });
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, w, h);
    const [low, high] = reach(x);
    const up = (v) => h - 8 - ((v - low) / (high - low)) * (h - 16);
    const rows = shape.length === 2 ? shape[0] : 1;
    const many = x.length / rows;
    pen.fillStyle = pen.strokeStyle = style("--model");
    if (rows === 1 && many <= 64) {
      const step = (w - 16) / many;
      for (let i = 0; i < many; i++) {
        const [a, b] = [up(x[i]), up(clamp(0, low, high))];
        pen.fillRect(8 + i * step + step * 0.1, Math.min(a, b), step * 0.8, Math.max(Math.abs(a - b), 1.5));
      }
    } else {
      pen.lineWidth = 1.5;
      for (let r = 0; r < rows; r++) {
        pen.beginPath();
        for (let i = 0; i < many; i++) pen.lineTo(8 + (i / (many - 1)) * (w - 16), up(x[r * many + i]));
        pen.stroke();
      }
    }
  }
  // The scale only grows, so that what moves is seen to move.
  const scale = [Infinity, -Infinity];
  function reach(x) {
    scale[0] = Math.min(scale[0], 0, ...x);
    scale[1] = Math.max(scale[1], 0, ...x);
    return scale[1] > scale[0] ? scale : [0, 1];
  }

  let seen = null;
  answers.main = (x) => {
    seen = x;
    paint(by("shown"), x, by("shown").parentElement.clientWidth);
  };
  function told() {
    const many = codes.size > 4 ? `, … (${codes.size})` : "";
    by("read").textContent = `z = ${Array.from(z.slice(0, codes.size > 4 ? 3 : 4), (v) => number(v)).join(", ")}${many}`;
  }
  function show() {
    told();
    dials.forEach((dial) => dial());
    drawn();
    ask("main", z.slice(), c && c.slice());
  }

  // A pinned code keeps its attributes; a class is one for all.
  function thumb(pin, i) {
    if (c && (!pin.c || !data.condition.several)) pin.c = c.slice();
    ask(`pin-${i}`, pin.z.slice(), pin.c && pin.c.slice());
  }

  // What the decoder is given beside the code.
  if (c) {
    const { names, several } = data.condition;
    const group = by("given");
    group.hidden = false;
    group.setAttribute("aria-label", several ? "attributes" : "class");
    const buttons = names.map((name, i) => {
      const button = group.appendChild(element("button", name));
      button.type = "button";
      button.addEventListener("click", () => {
        stop();
        if (several) c[i] = 1 - c[i];
        else {
          c.forEach((_, j) => { c[j] = Number(i === j); });
          pins.forEach(thumb);
        }
        pressed();
        show();
      });
      return button;
    });
    const pressed = () => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(c[i] > 0.5)));
    if (!several) c[0] = 1;
    pressed();
  }

  // Dials of the most active dimensions.
  const dials = codes.dials.map(({ at, name, low, high }) => {
    const row = by("dials").appendChild(element("label", "", "dial"));
    row.append(element("span", name));
    const input = row.appendChild(Object.assign(element("input"), { type: "range" }));
    const shown = row.appendChild(element("output"));
    Object.assign(input, { min: low, max: high, step: (high - low) / 200 });
    input.addEventListener("input", () => { stop(); z[at] = Number(input.value); show(); });
    return () => {
      input.value = z[at];
      shown.textContent = z[at].toFixed(2).replace("-", "−");
    };
  });
  const some = codes.size > codes.dials.length;
  by("dials-caption").textContent = some ? `The ${codes.dials.length} most active of ${codes.size}, in ${codes.unit}.` : `In ${codes.unit}.`;

  // The plane: where a code lies on it, and the code moved so that it lies elsewhere, the rest of it kept.
  const along = (axis, code) => axis.reduce((sum, a, i) => sum + a * (code[i] - plane.origin[i]), 0);
  const placed = (code) => plane.axes.map((axis) => along(axis, code));
  function move(to) {
    const from = placed(z);
    plane.axes.forEach((axis, k) => axis.forEach((a, i) => { z[i] += a * (to[k] - from[k]); }));
    show();
  }
  const canvas = by("plane");
  const area = canvas.parentElement;
  const frame = () => {
    const [w, h] = [area.clientWidth, area.clientHeight];
    const [[x0, x1], [y0, y1]] = plane.box;
    const per = Math.max((x1 - x0) / (w - 36), (y1 - y0) / (h - 36)) || 1;
    const [cx, cy] = [(x0 + x1) / 2, (y0 + y1) / 2];
    return { w, h, per, x0: cx - (w / 2) * per, y1: cy + (h / 2) * per };
  };
  function ticks(low, high, about) {
    const rough = (high - low) / about;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 2.5, 5, 10].find((m) => size * m >= rough * 0.75);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toPrecision(12)));
    return found;
  }
  // From dark to light, and clear of the paper at both ends: for labels that are values.
  const VALUES = [[68, 40, 120], [49, 104, 142], [33, 145, 140], [83, 197, 104], [232, 210, 60]];
  const onScale = (share) => {
    const at = clamp(share, 0, 1) * (VALUES.length - 1);
    const low = Math.min(Math.floor(at), VALUES.length - 2);
    return `rgb(${VALUES[low].map((v, i) => Math.round(v + (VALUES[low + 1][i] - v) * (at - low))).join(" ")})`;
  };
  const labels = codes.labels;
  const span = labels && !labels.classes.length ? [Math.min(...labels.values), Math.max(...labels.values)] : null;
  const colour = (i) => {
    if (!labels) return style("--model");
    return span ? onScale((labels.values[i] - span[0]) / (span[1] - span[0] || 1)) : labels.colours[labels.values[i]];
  };

  // The points change with the plane and the size alone: they are drawn once, and copied under what moves.
  const under = document.createElement("canvas");
  function ground() {
    const f = frame();
    for (const made of [under, canvas]) Object.assign(made, { width: Math.round(f.w * pixels), height: Math.round(f.h * pixels) });
    const pen = under.getContext("2d");
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    pen.clearRect(0, 0, f.w, f.h);
    const [left, below] = [ticks(f.y1 - f.h * f.per, f.y1, 6), ticks(f.x0, f.x0 + f.w * f.per, f.w > 460 ? 8 : 5)];
    const written = (values, side, at) => values.map((v) => {
      const made = element("span", number(v));
      made.style[side] = `${at(v)}%`;
      return made;
    });
    area.parentElement.querySelector(".left").replaceChildren(...written(left, "bottom", (v) => 100 * (1 - (f.y1 - v) / (f.h * f.per))));
    area.parentElement.querySelector(".below").replaceChildren(...written(below, "left", (v) => (100 * (v - f.x0)) / (f.w * f.per)));
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
      pen.fillStyle = colour(i);
      pen.beginPath();
      pen.arc((x - f.x0) / f.per, (f.y1 - ys[i]) / f.per, radius, 0, 2 * Math.PI);
      pen.fill();
      pen.stroke();
    });
    pen.globalAlpha = 1;
  }
  function drawn() {
    if (!plane) return;
    const f = frame();
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(under, 0, 0);
    pen.setTransform(pixels, 0, 0, pixels, 0, 0);
    const at = (code) => { const [x, y] = placed(code); return [(x - f.x0) / f.per, (f.y1 - y) / f.per]; };
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
    for (const [radius, width, with_] of [[13, 6, paper], [13, 3, ink]]) {
      pen.lineWidth = width;
      pen.strokeStyle = with_;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.stroke();
    }
  }
  const CAPTIONS = {
    points: (n) => `Drag anywhere: the code under the pointer is decoded. Points are posterior means of ${n.toLocaleString("en")} examples.`,
    book: " Codes are choices from a codebook: between them nothing was learned.",
    rest: " The other dimensions stay where they are.",
    none: (why) => `Drag anywhere: the code under the pointer is decoded. No examples are shown: ${why}.`,
  };
  function turn(to) {
    plane = to;
    [by("across").textContent, by("up").textContent] = plane.names.map((name) => `${name}, ${codes.unit}`);
    const words = plane.points ? CAPTIONS.points(plane.points[0].length) : CAPTIONS.none(by("caption").dataset.without.replace(/\.$/, "") || "there are none");
    by("caption").textContent = words + (codes.size > 2 ? CAPTIONS.rest : "") + (codes.quantised ? CAPTIONS.book : "");
    ground();
    drawn();
  }
  if (plane) {
    const views = document.querySelector(".views");
    const buttons = codes.planes.map((other) => {
      const button = views.appendChild(element("button", other.name));
      button.type = "button";
      button.addEventListener("click", () => { chosen(other); turn(other); });
      return button;
    });
    const chosen = (one) => buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(codes.planes[i] === one)));
    chosen(plane);
    const follow = (event) => {
      const f = frame();
      const box = canvas.getBoundingClientRect();
      const [x, y] = [clamp(event.clientX - box.left, 0, f.w), clamp(event.clientY - box.top, 0, f.h)];
      move([f.x0 + x * f.per, f.y1 - y * f.per]);
    };
    canvas.addEventListener("pointerdown", (event) => { stop(); canvas.setPointerCapture(event.pointerId); follow(event); });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) follow(event); });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      stop();
      const f = frame();
      const step = (event.shiftKey ? 60 : 12) * f.per;
      move(placed(z).map((v, k) => v + step * way[k]));
      by("said").textContent = plane.names.map((name, k) => `${name} ${number(placed(z)[k])}`).join(", ");
    });
    new ResizeObserver(() => { ground(); drawn(); if (seen) answers.main(seen); }).observe(area);
  } else {
    by("map").hidden = true;
    document.body.classList.add("no-map");
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (plane) { ground(); drawn(); } if (seen) answers.main(seen); });
  if (labels && plane && plane.points) {
    const legend = by("classes");
    labels.classes.forEach((name, i) => {
      if (!labels.values.includes(i)) return;
      const key = legend.appendChild(element("span"));
      key.appendChild(element("i")).style.background = labels.colours[i];
      key.append(name);
    });
    if (span) {
      const ramp = element("i", "", "ramp");
      ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(onScale).join(", ")})`;
      legend.append(element("span", `${labels.title} ${number(span[0])}`), ramp, element("span", number(span[1])));
    }
  }

  // Codes from the prior: standard normals are drawn here, of a learned prior those that were drawn at export.
  const { prior } = codes;
  const draw = by("draw");
  draw.hidden = !prior;
  draw.textContent = `draw ${prior && prior.words === "a code of the data" ? prior.words : "from the prior"}`;
  const stored = prior && !prior.standard ? floats(prior.codes) : null;
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  draw.addEventListener("click", () => {
    stop();
    if (prior.standard) z.forEach((_, i) => { z[i] = normal(); });
    else {
      const given = prior.each > 1 ? Math.max(c.indexOf(1), 0) : 0;
      const which = Math.floor((Math.random() * prior.n) / prior.each) * prior.each + given;
      z.set(stored.subarray(which * codes.size, (which + 1) * codes.size));
    }
    show();
  });
  by("middle").addEventListener("click", () => { stop(); z.set(codes.centre); show(); });

  by("save").addEventListener("click", () => {
    if (!seen) return;
    const from = by("shown");
    const times = data.picture ? Math.max(1, Math.round(512 / Math.max(from.width, from.height))) : 1;
    const large = Object.assign(document.createElement("canvas"), { width: from.width * times, height: from.height * times });
    const pen = large.getContext("2d");
    pen.imageSmoothingEnabled = false;
    pen.drawImage(from, 0, 0, large.width, large.height);
    large.toBlob((blob) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${data.name}.png` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });

  // Two codes held fast, and the straight way between them.
  const way = by("way");
  const play = by("play");
  let running = 0;
  function stop() {
    cancelAnimationFrame(running);
    running = 0;
    play.textContent = "play";
    play.setAttribute("aria-pressed", "false");
  }
  function walk(t) {
    way.value = t;
    const [a, b] = pins;
    z.forEach((_, i) => { z[i] = a.z[i] + t * (b.z[i] - a.z[i]); });
    if (c && data.condition.several) c.forEach((_, i) => { c[i] = a.c[i] + t * (b.c[i] - a.c[i]); });
    show();
  }
  pins.forEach((pin, i) => {
    const button = by(`pin-${i}`);
    const small = button.querySelector("canvas");
    answers[`pin-${i}`] = (x) => paint(small, x, 62);
    button.addEventListener("click", () => {
      stop();
      Object.assign(pin, { z: z.slice(), c: c && c.slice() });
      thumb(pin, i);
      way.value = i;
      drawn();
    });
    thumb(pin, i);
  });
  way.addEventListener("input", () => { stop(); walk(Number(way.value)); });
  play.addEventListener("click", () => {
    if (running) return stop();
    play.textContent = "pause";
    play.setAttribute("aria-pressed", "true");
    const lasts = calm.matches ? 12000 : 3600;
    let [before, along_] = [performance.now(), Number(way.value)];
    const step = (now) => {
      along_ = (along_ + (now - before) / lasts) % 2;
      before = now;
      walk(along_ <= 1 ? along_ : 2 - along_);
      running = requestAnimationFrame(step);
    };
    running = requestAnimationFrame(step);
  });

  // The page against torch: codes that were decoded at export, decoded again.
  let [left, most] = [data.check.length, 0];
  data.check.forEach(({ inputs, x }, i) => {
    const wanted = floats(x);
    answers[`check-${i}`] = (found) => {
      most = found.reduce((m, v, j) => Math.max(m, Math.abs(v - wanted[j])), most);
      left -= 1;
      if (left) return;
      by("check").textContent = `Checked just now against PyTorch on ${data.check.length} codes: the largest difference is ${most.toExponential(1)}.`;
      document.body.dataset.checked = most;
    };
  });
  if (plane) turn(plane);
  show();
  data.check.forEach(({ inputs }, i) => ask(`check-${i}`, floats(inputs.z), inputs.c && floats(inputs.c)));
})();
