"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const queryAll = (selector, root = document) => [...root.querySelectorAll(selector)];
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const formatNumber = (v) => {
    const text = Math.abs(v) >= 1000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(4)));
    return text.replace("-", "−");
  };
  const element = (tag, text = "", className = "") => {
    const node = document.createElement(tag);
    node.textContent = text;
    node.className = className;
    return node;
  };

  // Shows the values of a chart under the pointer, or stepped through with the arrow keys.
  function addChartReadout(chart) {
    const values = data.charts[Number(chart.dataset.chart)];
    const area = chart.querySelector(".area");
    if (!values.lines.length) return;
    const longest = values.lines.reduce((a, b) => (b.x.length > a.x.length ? b : a)).x;
    const rule = area.appendChild(element("span", "", "rule"));
    const box = area.appendChild(element("div", "", "reading"));
    let current = longest.length - 1;
    const hide = () => { rule.hidden = box.hidden = true; };
    const nearest = (xs, v) => xs.reduce((best, x, i) => (Math.abs(x - v) < Math.abs(xs[best] - v) ? i : best), 0);
    const show = (i) => {
      current = clamp(i, 0, longest.length - 1);
      const x = longest[current];
      const fraction = (x - values.x[0]) / (values.x[1] - values.x[0]);
      box.replaceChildren(element("b", `${values.axis} ${formatNumber(x)}`));
      for (const line of values.lines) {
        const row = box.appendChild(element("div"));
        const name = row.appendChild(element("span"));
        const key = name.appendChild(element("i", "", `key ${line.role}`));
        if (line.role.startsWith("#")) key.style.borderColor = line.role;
        name.append(line.name);
        row.appendChild(element("b", formatNumber(line.y[nearest(line.x, x)])));
      }
      rule.hidden = box.hidden = false;
      rule.style.left = `${100 * fraction}%`;
      const left = fraction * area.clientWidth;
      const isFlipped = left + 14 + box.offsetWidth > area.clientWidth;
      const boxLeft = isFlipped ? left - 14 - box.offsetWidth : left + 14;
      box.style.left = `${clamp(boxLeft, -30, Math.max(area.clientWidth - box.offsetWidth, -30))}px`;
    };
    hide();
    const followPointer = (event) => {
      const bounds = area.getBoundingClientRect();
      const fraction = (event.clientX - bounds.left) / bounds.width;
      show(nearest(longest, values.x[0] + fraction * (values.x[1] - values.x[0])));
    };
    area.addEventListener("pointermove", followPointer);
    area.addEventListener("pointerdown", followPointer);
    area.addEventListener("pointerleave", hide);
    area.addEventListener("blur", hide);
    area.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") hide();
      if (!move) return;
      event.preventDefault();
      show(box.hidden ? current : current + move);
    });
  }

  // Shows the latent under the pointer on a decoded plane.
  function addPlaneReadout(plane) {
    const [rows, columns] = [plane.dataset.rows, plane.dataset.columns].map((names) => names.split("|"));
    const area = plane.querySelector(".area");
    const [first, second] = [".axis", ".unit"].map((name) => plane.querySelector(name).textContent.split(",")[0]);
    const box = area.appendChild(element("div", "", "reading"));
    box.hidden = true;
    const followPointer = (event) => {
      const bounds = area.getBoundingClientRect();
      const cellIndex = (v, n) => clamp(Math.floor(v * n), 0, n - 1);
      const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
      const column = columns[cellIndex(x / bounds.width, columns.length)];
      const row = rows[cellIndex(y / bounds.height, rows.length)];
      box.textContent = `${first} ${column}, ${second} ${row}`;
      box.hidden = false;
      box.style.left = `${clamp(x + 14, 0, bounds.width - box.offsetWidth)}px`;
      box.style.top = `${clamp(y - 40, 0, bounds.height)}px`;
    };
    area.addEventListener("pointermove", followPointer);
    area.addEventListener("pointerdown", followPointer);
    area.addEventListener("pointerleave", () => { box.hidden = true; });
  }

  // Round numbers within a range, about `n` of them.
  function roundTicks(low, high, n) {
    const rough = (high - low) / n;
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 2.5, 5, 10].find((m) => size * m >= rough * 0.75);
    const values = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) values.push(Number((i * step).toPrecision(12)));
    return values;
  }

  // A color scale for labels that are numbers: from dark to light, in contrast to the page at both ends.
  const SCALE = [[68, 40, 120], [49, 104, 142], [33, 145, 140], [83, 197, 104], [232, 210, 60]];
  const scaleColor = (fraction) => {
    const position = clamp(fraction, 0, 1) * (SCALE.length - 1);
    const low = Math.min(Math.floor(position), SCALE.length - 2);
    const rgb = SCALE[low].map((v, i) => Math.round(v + (SCALE[low + 1][i] - v) * (position - low)));
    return `rgb(${rgb.join(" ")})`;
  };

  // A scatter plot of latents: projections to choose from, labels to filter by, the example under the pointer.
  function addScatter(figure, scatter) {
    const canvas = figure.querySelector(".area > canvas");
    const area = figure.querySelector(".area");
    const card = figure.querySelector(".card");
    const thumbnail = card.querySelector("canvas");
    const words = figure.closest("section").querySelector(".words");
    const nPoints = scatter.index.length;
    const context = canvas.getContext("2d");
    const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    const shownClasses = new Set();
    const sheet = scatter.sheet ? new Image() : null;
    let view = scatter.views[0];
    let positions = null;
    let selected = -1;
    let animation = 0;
    if (sheet) sheet.src = scatter.sheet.source;

    const classes = scatter.classes || [];
    const range = (v) => [Math.min(...v), Math.max(...v)];
    const labelRange = scatter.labels && !classes.length ? range(scatter.labels) : null;
    const colors = scatter.index.map((_, i) => {
      if (!scatter.labels) return null;
      if (labelRange) return scaleColor((scatter.labels[i] - labelRange[0]) / (labelRange[1] - labelRange[0] || 1));
      return scatter.colours[scatter.labels[i]];
    });
    const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

    // Limits of the axes, on the same scale since both have the same unit.
    function axisLimits() {
      const [w, h] = [area.clientWidth, area.clientHeight];
      const [x, y] = [range(view.x), range(view.y)];
      const unitsPerPixel = Math.max((x[1] - x[0]) / (w - 28), (y[1] - y[0]) / (h - 28)) || 1;
      const [cx, cy] = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
      const [rx, ry] = [(w / 2) * unitsPerPixel, (h / 2) * unitsPerPixel];
      return { w, h, x: [cx - rx, cx + rx], y: [cy - ry, cy + ry] };
    }

    const axisTicks = (f) => {
      const ticks = ([low, high], n) => roundTicks(low, high, n).map((v) => ({ v, at: (v - low) / (high - low) }));
      return { left: ticks(f.y, 6), below: ticks(f.x, f.w > 500 ? 8 : 5) };
    };

    function drawAxes(f) {
      const { left, below } = axisTicks(f);
      const tickLabels = (list, side) => list.map(({ v, at }) => {
        const span = element("span", formatNumber(v));
        span.style[side] = `${100 * at}%`;
        return span;
      });
      figure.querySelector(".left").replaceChildren(...tickLabels(left, "bottom"));
      figure.querySelector(".below").replaceChildren(...tickLabels(below, "left"));
      figure.querySelector("[data-x]").textContent = view.axes[0];
      figure.querySelector("[data-y]").textContent = view.axes[1];
    }

    const screenPositions = (f) => scatter.index.map((_, i) => [
      ((view.x[i] - f.x[0]) / (f.x[1] - f.x[0])) * f.w,
      (1 - (view.y[i] - f.y[0]) / (f.y[1] - f.y[0])) * f.h,
    ]);

    const isFilteredOut = (i) => shownClasses.size > 0 && !shownClasses.has(scatter.labels[i]);

    function draw(f) {
      const scale = devicePixelRatio || 1;
      if (canvas.width !== Math.round(f.w * scale) || canvas.height !== Math.round(f.h * scale)) {
        canvas.width = Math.round(f.w * scale);
        canvas.height = Math.round(f.h * scale);
      }
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, f.w, f.h);
      context.strokeStyle = style("--grid");
      context.lineWidth = 1;
      context.beginPath();
      const { left, below } = axisTicks(f);
      for (const { at } of left) { context.moveTo(0, (1 - at) * f.h); context.lineTo(f.w, (1 - at) * f.h); }
      for (const { at } of below) { context.moveTo(at * f.w, 0); context.lineTo(at * f.w, f.h); }
      context.stroke();
      const radius = (nPoints > 1000 ? 3 : nPoints > 300 ? 3.8 : 4.6) * (f.w < 420 ? 0.8 : 1);
      const [paper, idle, model] = [style("--paper"), style("--idle"), style("--model")];
      const order = scatter.index.map((_, i) => i).sort((a, b) => isFilteredOut(b) - isFilteredOut(a));
      context.lineWidth = 0.7;
      context.strokeStyle = style("--ring") || paper;
      for (const i of order) {
        context.globalAlpha = isFilteredOut(i) ? 0.4 : 0.92;
        context.fillStyle = isFilteredOut(i) ? idle : colors[i] || model;
        context.beginPath();
        context.arc(positions[i][0], positions[i][1], isFilteredOut(i) ? radius * 0.7 : radius, 0, 2 * Math.PI);
        context.fill();
        context.stroke();
      }
      context.globalAlpha = 1;
      if (selected >= 0) {
        context.lineWidth = 2;
        context.strokeStyle = style("--ink");
        context.beginPath();
        context.arc(positions[selected][0], positions[selected][1], radius + 3, 0, 2 * Math.PI);
        context.stroke();
      }
    }

    function updateLayout(isAnimated) {
      cancelAnimationFrame(animation);
      const f = axisLimits();
      const [from, to] = [positions, screenPositions(f)];
      drawAxes(f);
      if (!isAnimated || !from || reducedMotion.matches) { positions = to; draw(f); return; }
      const start = performance.now();
      const step = (now) => {
        const t = clamp((now - start) / 650, 0, 1);
        const eased = 1 - (1 - t) ** 3;
        positions = to.map((end, i) => end.map((v, axis) => from[i][axis] + (v - from[i][axis]) * eased));
        draw(f);
        if (t < 1) animation = requestAnimationFrame(step);
      };
      animation = requestAnimationFrame(step);
    }

    const labelText = (i) => {
      if (!scatter.labels) return "";
      return `label ${classes.length ? classes[scatter.labels[i]] : formatNumber(scatter.labels[i])}`;
    };

    function selectExample(i, isAnnounced = false) {
      selected = i;
      card.hidden = i < 0;
      draw(axisLimits());
      if (i < 0) return;
      const name = `${scatter.split} example ${scatter.index[i].toLocaleString("en")}`;
      const coordinates = [view.x[i], view.y[i]].map(formatNumber).join(", ");
      const lines = card.querySelector("p");
      const label = scatter.labels ? [element("b", labelText(i)), element("br")] : [];
      lines.replaceChildren(...label, name, element("br"), `at ${coordinates}`);
      thumbnail.hidden = !sheet;
      if (sheet && sheet.complete) {
        const { width, height, across } = scatter.sheet;
        thumbnail.width = width;
        thumbnail.height = height;
        const target = thumbnail.getContext("2d");
        const [left, top] = [(i % across) * width, Math.floor(i / across) * height];
        target.drawImage(sheet, left, top, width, height, 0, 0, width, height);
        thumbnail.style.imageRendering = "pixelated";
      }
      const [x, y] = positions[i];
      const right = x + 16 + card.offsetWidth < area.clientWidth;
      card.style.left = `${right ? x + 16 : Math.max(x - 16 - card.offsetWidth, 0)}px`;
      card.style.top = `${clamp(y - card.offsetHeight / 2, 0, Math.max(area.clientHeight - card.offsetHeight, 0))}px`;
      if (isAnnounced) figure.querySelector(".said").textContent = `${labelText(i)}, ${name}, at ${coordinates}`;
    }

    // Index of the point nearest to the pointer within `reach` pixels, or -1.
    function pointAt(event, reach) {
      const bounds = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
      let [best, least] = [-1, reach * reach];
      positions.forEach(([a, b], i) => {
        const d = (a - x) ** 2 + (b - y) ** 2;
        if (d < least && !isFilteredOut(i)) [best, least] = [i, d];
      });
      return best;
    }
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") selectExample(pointAt(event, 18));
    });
    canvas.addEventListener("pointerdown", (event) => selectExample(pointAt(event, 30)));
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") selectExample(-1); });
    canvas.addEventListener("blur", () => selectExample(-1));
    canvas.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "Escape") selectExample(-1);
      if (!direction) return;
      event.preventDefault();
      const [x, y] = selected >= 0 ? positions[selected] : [area.clientWidth / 2, area.clientHeight / 2];
      let [best, least] = [selected, Infinity];
      positions.forEach(([a, b], i) => {
        const ahead = (a - x) * direction[0] + (b - y) * direction[1];
        const aside = Math.abs((a - x) * direction[1]) + Math.abs((b - y) * direction[0]);
        const cost = ahead + 3 * aside;
        if (i !== selected && !isFilteredOut(i) && ahead > 0.01 && cost < least) [best, least] = [i, cost];
      });
      selectExample(best, true);
    });

    const buttons = queryAll(".views button", figure);
    const choice = figure.querySelector(".axes-choice");
    const showView = (next) => {
      view = next;
      selectExample(-1);
      const [caption, protocol] = words.children;
      caption.textContent = view.caption;
      protocol.textContent = view.protocol;
      choice.hidden = view !== scatter.views[0];
      updateLayout(true);
    };
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      buttons.forEach((other, j) => other.setAttribute("aria-pressed", String(i === j)));
      showView(scatter.views[i]);
    }));
    if (scatter.dimensions.length > 2) {
      const selects = ["across", "up"].map((name, which) => {
        const label = choice.appendChild(element("label", name));
        const select = label.appendChild(element("select"));
        scatter.dimensions.forEach((dim, i) => {
          select.add(new Option(`${dim.name} · ${dim.score}`, i, false, i === which));
        });
        return select;
      });
      const caption = scatter.views[0].caption;
      selects.forEach((select) => select.addEventListener("change", () => {
        const [a, b] = selects.map((s) => scatter.dimensions[Number(s.value)]);
        Object.assign(scatter.views[0], { x: a.values, y: b.values, axes: [a.axis, b.axis], caption });
        showView(scatter.views[0]);
      }));
    }

    const legend = figure.querySelector(".classes");
    classes.forEach((name, i) => {
      if (!scatter.labels.includes(i)) return;
      const button = legend.appendChild(element("button"));
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.appendChild(element("i")).style.background = scatter.colours[i];
      button.append(name);
      button.addEventListener("click", () => {
        if (!shownClasses.delete(i)) shownClasses.add(i);
        button.setAttribute("aria-pressed", String(shownClasses.has(i)));
        selectExample(-1);
      });
    });
    if (labelRange) {
      const ramp = element("i", "", "ramp");
      ramp.style.background = `linear-gradient(90deg, ${[0, 0.25, 0.5, 0.75, 1].map(scaleColor).join(", ")})`;
      const [low, high] = labelRange.map(formatNumber);
      legend.append(element("span", `${scatter.legend} ${low}`), ramp, element("span", high));
    }

    new ResizeObserver(() => { updateLayout(false); if (selected >= 0) selectExample(selected); }).observe(area);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(axisLimits()));
  }

  queryAll("[data-chart]").forEach(addChartReadout);
  queryAll(".solid").forEach(addPlaneReadout);
  if (data.latents) addScatter(document.getElementById("latents-figure"), data.latents);

  queryAll(".copy").forEach((button) => button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // On pages opened from disk some browsers refuse the clipboard: leave the line selected, to be copied by hand.
      getSelection().selectAllChildren(code);
      if (!document.execCommand("copy")) { button.textContent = "selected"; return; }
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1600);
  }));
})();
