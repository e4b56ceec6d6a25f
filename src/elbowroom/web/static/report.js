"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const number = (v) => {
    const shown = Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(4)));
    return shown.replace("-", "−");
  };
  const element = (tag, text = "", name = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = name;
    return made;
  };

  // Values of charts, read off under the pointer or with the arrow keys.
  function readable(chart) {
    const told = data.charts[Number(chart.dataset.chart)];
    const area = chart.querySelector(".area");
    if (!told.lines.length) return;
    const longest = told.lines.reduce((a, b) => (b.x.length > a.x.length ? b : a)).x;
    const rule = area.appendChild(element("span", "", "rule"));
    const box = area.appendChild(element("div", "", "reading"));
    let at = longest.length - 1;
    const hide = () => { rule.hidden = box.hidden = true; };
    const nearest = (xs, v) => xs.reduce((best, x, i) => (Math.abs(x - v) < Math.abs(xs[best] - v) ? i : best), 0);
    const show = (i) => {
      at = clamp(i, 0, longest.length - 1);
      const x = longest[at];
      const share = (x - told.x[0]) / (told.x[1] - told.x[0]);
      box.replaceChildren(element("b", `${told.axis} ${number(x)}`));
      for (const line of told.lines) {
        const row = box.appendChild(element("div"));
        const name = row.appendChild(element("span"));
        const key = name.appendChild(element("i", "", `key ${line.role}`));
        if (line.role.startsWith("#")) key.style.borderColor = line.role;
        name.append(line.name);
        row.appendChild(element("b", number(line.y[nearest(line.x, x)])));
      }
      rule.hidden = box.hidden = false;
      rule.style.left = `${100 * share}%`;
      const left = share * area.clientWidth;
      const flipped = left + 14 + box.offsetWidth > area.clientWidth;
      box.style.left = `${clamp(flipped ? left - 14 - box.offsetWidth : left + 14, -30, Math.max(area.clientWidth - box.offsetWidth, -30))}px`;
    };
    hide();
    const follow = (event) => {
      const place = area.getBoundingClientRect();
      const share = (event.clientX - place.left) / place.width;
      show(nearest(longest, told.x[0] + share * (told.x[1] - told.x[0])));
    };
    area.addEventListener("pointermove", follow);
    area.addEventListener("pointerdown", follow);
    area.addEventListener("pointerleave", hide);
    area.addEventListener("blur", hide);
    area.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide();
      if (!move) return;
      event.preventDefault();
      show(box.hidden ? at : at + move);
    });
  }

  // The code under the pointer, on a decoded plane.
  function locatable(solid) {
    const [rows, columns] = [solid.dataset.rows, solid.dataset.columns].map((names) => names.split("|"));
    const area = solid.querySelector(".area");
    const [first, second] = [".axis", ".unit"].map((name) => solid.querySelector(name).textContent.split(",")[0]);
    const box = area.appendChild(element("div", "", "reading"));
    box.hidden = true;
    const follow = (event) => {
      const place = area.getBoundingClientRect();
      const at = (v, n) => clamp(Math.floor(v * n), 0, n - 1);
      const [x, y] = [event.clientX - place.left, event.clientY - place.top];
      box.textContent = `${first} ${columns[at(x / place.width, columns.length)]}, ${second} ${rows[at(y / place.height, rows.length)]}`;
      box.hidden = false;
      box.style.left = `${clamp(x + 14, 0, place.width - box.offsetWidth)}px`;
      box.style.top = `${clamp(y - 40, 0, place.height)}px`;
    };
    area.addEventListener("pointermove", follow);
    area.addEventListener("pointerdown", follow);
    area.addEventListener("pointerleave", () => { box.hidden = true; });
  }

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
    const mixed = VALUES[low].map((v, i) => Math.round(v + (VALUES[low + 1][i] - v) * (at - low)));
    return `rgb(${mixed.join(" ")})`;
  };

  // Codes as points; the example under the pointer.
  function codes(figure, told) {
    const canvas = figure.querySelector(".area > canvas");
    const area = figure.querySelector(".area");
    const card = figure.querySelector(".card");
    const thumbnail = card.querySelector("canvas");
    const words = figure.closest("section").querySelector(".words");
    const n = told.index.length;
    const pen = canvas.getContext("2d");
    const calm = matchMedia("(prefers-reduced-motion: reduce)");
    const only = new Set();
    const sheet = told.sheet ? new Image() : null;
    let view = told.views[0];
    let places = null;
    let chosen = -1;
    let running = 0;
    if (sheet) sheet.src = told.sheet.source;

    const classes = told.classes || [];
    const values = told.labels && !classes.length ? [Math.min(...told.labels), Math.max(...told.labels)] : null;
    const colours = told.index.map((_, i) => {
      if (!told.labels) return null;
      if (values) return onScale((told.labels[i] - values[0]) / (values[1] - values[0] || 1));
      return told.colours[told.labels[i]];
    });
    const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    // The same scale on both axes, since both have the same unit.
    function frame() {
      const [w, h] = [area.clientWidth, area.clientHeight];
      const span = (v) => [Math.min(...v), Math.max(...v)];
      const [x, y] = [span(view.x), span(view.y)];
      const per = Math.max((x[1] - x[0]) / (w - 28), (y[1] - y[0]) / (h - 28)) || 1;
      const [cx, cy] = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
      return { w, h, x: [cx - (w / 2) * per, cx + (w / 2) * per], y: [cy - (h / 2) * per, cy + (h / 2) * per] };
    }

    const marks = (f) => {
      const left = ticks(f.y[0], f.y[1], 6).map((v) => ({ v, at: (v - f.y[0]) / (f.y[1] - f.y[0]) }));
      const below = ticks(f.x[0], f.x[1], f.w > 500 ? 8 : 5).map((v) => ({ v, at: (v - f.x[0]) / (f.x[1] - f.x[0]) }));
      return { left, below };
    };

    function axes(f) {
      const { left, below } = marks(f);
      const written = (list, side) => list.map(({ v, at }) => {
        const span = element("span", number(v));
        span.style[side] = `${100 * at}%`;
        return span;
      });
      figure.querySelector(".left").replaceChildren(...written(left, "bottom"));
      figure.querySelector(".below").replaceChildren(...written(below, "left"));
      figure.querySelector("[data-x]").textContent = view.axes[0];
      figure.querySelector("[data-y]").textContent = view.axes[1];
    }

    const targets = (f) => told.index.map((_, i) => [
      ((view.x[i] - f.x[0]) / (f.x[1] - f.x[0])) * f.w,
      (1 - (view.y[i] - f.y[0]) / (f.y[1] - f.y[0])) * f.h,
    ]);

    const out = (i) => only.size > 0 && !only.has(told.labels[i]);

    function draw(f) {
      const scale = devicePixelRatio || 1;
      if (canvas.width !== Math.round(f.w * scale) || canvas.height !== Math.round(f.h * scale)) {
        canvas.width = Math.round(f.w * scale);
        canvas.height = Math.round(f.h * scale);
      }
      pen.setTransform(scale, 0, 0, scale, 0, 0);
      pen.clearRect(0, 0, f.w, f.h);
      pen.strokeStyle = style("--grid");
      pen.lineWidth = 1;
      pen.beginPath();
      const { left, below } = marks(f);
      for (const { at } of left) { pen.moveTo(0, (1 - at) * f.h); pen.lineTo(f.w, (1 - at) * f.h); }
      for (const { at } of below) { pen.moveTo(at * f.w, 0); pen.lineTo(at * f.w, f.h); }
      pen.stroke();
      const radius = (n > 1000 ? 3 : n > 300 ? 3.8 : 4.6) * (f.w < 420 ? 0.8 : 1);
      const [paper, idle, model] = [style("--paper"), style("--idle"), style("--model")];
      const order = told.index.map((_, i) => i).sort((a, b) => out(b) - out(a));
      pen.lineWidth = 0.7;
      pen.strokeStyle = style("--ring") || paper;
      for (const i of order) {
        pen.globalAlpha = out(i) ? 0.4 : 0.92;
        pen.fillStyle = out(i) ? idle : colours[i] || model;
        pen.beginPath();
        pen.arc(places[i][0], places[i][1], out(i) ? radius * 0.7 : radius, 0, 2 * Math.PI);
        pen.fill();
        pen.stroke();
      }
      pen.globalAlpha = 1;
      if (chosen >= 0) {
        pen.lineWidth = 2;
        pen.strokeStyle = style("--ink");
        pen.beginPath();
        pen.arc(places[chosen][0], places[chosen][1], radius + 3, 0, 2 * Math.PI);
        pen.stroke();
      }
    }

    function settle(moving) {
      cancelAnimationFrame(running);
      const f = frame();
      const [from, to] = [places, targets(f)];
      axes(f);
      if (!moving || !from || calm.matches) { places = to; draw(f); return; }
      const begun = performance.now();
      const step = (now) => {
        const t = clamp((now - begun) / 650, 0, 1);
        const eased = 1 - (1 - t) ** 3;
        places = to.map(([x, y], i) => [from[i][0] + (x - from[i][0]) * eased, from[i][1] + (y - from[i][1]) * eased]);
        draw(f);
        if (t < 1) running = requestAnimationFrame(step);
      };
      running = requestAnimationFrame(step);
    }

    const labelled = (i) => {
      if (!told.labels) return "";
      return `label ${classes.length ? classes[told.labels[i]] : number(told.labels[i])}`;
    };

    function choose(i, aloud) {
      chosen = i;
      card.hidden = i < 0;
      draw(frame());
      if (i < 0) return;
      const name = `${told.split} example ${told.index[i].toLocaleString("en")}`;
      const where = [view.x[i], view.y[i]].map(number).join(", ");
      const lines = card.querySelector("p");
      const label = told.labels ? [element("b", labelled(i)), element("br")] : [];
      lines.replaceChildren(...label, name, element("br"), `at ${where}`);
      thumbnail.hidden = !sheet;
      if (sheet && sheet.complete) {
        const { width, height, across } = told.sheet;
        thumbnail.width = width;
        thumbnail.height = height;
        const to = thumbnail.getContext("2d");
        to.drawImage(sheet, (i % across) * width, Math.floor(i / across) * height, width, height, 0, 0, width, height);
        thumbnail.style.imageRendering = "pixelated";
      }
      const [x, y] = places[i];
      const right = x + 16 + card.offsetWidth < area.clientWidth;
      card.style.left = `${right ? x + 16 : Math.max(x - 16 - card.offsetWidth, 0)}px`;
      card.style.top = `${clamp(y - card.offsetHeight / 2, 0, Math.max(area.clientHeight - card.offsetHeight, 0))}px`;
      if (aloud) figure.querySelector(".said").textContent = `${labelled(i)}, ${name}, at ${where}`;
    }

    function under(event, reach) {
      const place = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - place.left, event.clientY - place.top];
      let [best, least] = [-1, reach * reach];
      places.forEach(([a, b], i) => {
        const d = (a - x) ** 2 + (b - y) ** 2;
        if (d < least && !out(i)) [best, least] = [i, d];
      });
      return best;
    }
    canvas.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") choose(under(event, 18)); });
    canvas.addEventListener("pointerdown", (event) => choose(under(event, 30)));
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") choose(-1); });
    canvas.addEventListener("blur", () => choose(-1));
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") choose(-1);
      if (!way) return;
      event.preventDefault();
      const [x, y] = chosen >= 0 ? places[chosen] : [area.clientWidth / 2, area.clientHeight / 2];
      let [best, least] = [chosen, Infinity];
      places.forEach(([a, b], i) => {
        const ahead = (a - x) * way[0] + (b - y) * way[1];
        const aside = Math.abs((a - x) * way[1]) + Math.abs((b - y) * way[0]);
        if (i !== chosen && !out(i) && ahead > 0.01 && ahead + 3 * aside < least) [best, least] = [i, ahead + 3 * aside];
      });
      choose(best, true);
    });

    const buttons = all(".views button", figure);
    const choice = figure.querySelector(".axes-choice");
    const turn = (next) => {
      view = next;
      choose(-1);
      const [caption, protocol] = words.children;
      caption.textContent = view.caption;
      protocol.textContent = view.protocol;
      choice.hidden = view !== told.views[0];
      settle(true);
    };
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      buttons.forEach((other, j) => other.setAttribute("aria-pressed", String(i === j)));
      turn(told.views[i]);
    }));
    if (told.dimensions.length > 2) {
      const selects = ["across", "up"].map((name, which) => {
        const label = choice.appendChild(element("label", name));
        const select = label.appendChild(element("select"));
        told.dimensions.forEach((dim, i) => select.add(new Option(`${dim.name} · ${dim.tells}`, i, false, i === which)));
        return select;
      });
      const caption = told.views[0].caption;
      selects.forEach((select) => select.addEventListener("change", () => {
        const [a, b] = selects.map((s) => told.dimensions[Number(s.value)]);
        Object.assign(told.views[0], { x: a.values, y: b.values, axes: [a.axis, b.axis], caption });
        turn(told.views[0]);
      }));
    }

    const legend = figure.querySelector(".classes");
    classes.forEach((name, i) => {
      if (!told.labels.includes(i)) return;
      const button = legend.appendChild(element("button"));
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.appendChild(element("i")).style.background = told.colours[i];
      button.append(name);
      button.addEventListener("click", () => {
        if (!only.delete(i)) only.add(i);
        button.setAttribute("aria-pressed", String(only.has(i)));
        choose(-1);
      });
    });
    if (values) {
      const ramp = element("i", "", "ramp");
      ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(onScale).join(", ")})`;
      legend.append(element("span", `${told.legend} ${number(values[0])}`), ramp, element("span", number(values[1])));
    }

    new ResizeObserver(() => { settle(false); if (chosen >= 0) choose(chosen); }).observe(area);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(frame()));
  }

  all("[data-chart]").forEach(readable);
  all(".solid").forEach(locatable);
  if (data.codes) codes(document.getElementById("codes-figure"), data.codes);

  all(".copy").forEach((button) => button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // From disk, some browsers keep the clipboard to themselves: leave the line selected, to be copied by hand.
      getSelection().selectAllChildren(code);
      if (!document.execCommand("copy")) { button.textContent = "selected"; return; }
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1600);
  }));
})();
