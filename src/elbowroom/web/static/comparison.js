"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const number = (v) => {
    const shown = Math.abs(v) >= 10000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(5)));
    return shown.replace("-", "−");
  };
  const element = (tag, text = "", name = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = name;
    return made;
  };

  // A table is sorted within each of its bodies, since figures of two protocols have no order.
  function sortable(table) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        const told = cell.dataset.v ?? "";
        return told === "" ? cell.textContent.trim() : Number(told);
      };
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        const gone = (x === "—") - (y === "—");
        if (gone) return gone;
        const both = typeof x === "number" && typeof y === "number";
        const sign = both ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
        return up ? -sign : sign;
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("under"));
        body.append(...rows.sort(order));
      }
    }));
  }

  // Groups that are brought forward, in every chart under one legend.
  const chosen = new Set();
  function bring(figure, groups) {
    figure.classList.toggle("fades", groups.size > 0);
    for (const line of all(".line, .dots", figure)) {
      const mine = [...line.classList].find((name) => /^g\d+$/.test(name));
      line.classList.toggle("on", mine !== undefined && groups.has(mine.slice(1)));
    }
  }

  // The line nearest to the pointer: its group, and its value there.
  function readable(chart) {
    const told = data.charts[Number(chart.dataset.chart)];
    if (!told.lines.length) return;
    const figure = chart.closest(".overlay");
    const area = chart.querySelector(".area");
    const spot = area.appendChild(element("span", "", "spot"));
    const box = area.appendChild(element("div", "", "reading"));
    let [line, at] = [0, told.lines[0].x.length - 1];
    const hide = () => { spot.hidden = box.hidden = true; bring(figure, chosen); };
    const share = (o, i) => [
      (o.x[i] - told.x[0]) / (told.x[1] - told.x[0]),
      1 - (o.y[i] - told.y[0]) / (told.y[1] - told.y[0]),
    ];
    const show = () => {
      line = clamp(line, 0, told.lines.length - 1);
      const o = told.lines[line];
      at = clamp(at, 0, o.x.length - 1);
      const [left, top] = share(o, at);
      const row = element("div");
      const name = row.appendChild(element("span"));
      name.appendChild(figure.querySelector(`.keys [data-group="${o.group}"] .key`).cloneNode(true));
      name.append(o.name);
      const spread = o.sd[at] === null ? "" : ` ± ${number(Number(o.sd[at].toPrecision(2)))}`;
      row.appendChild(element("b", number(o.y[at]) + spread));
      box.replaceChildren(row, element("div", `${told.axis} ${number(o.x[at])}`));
      spot.hidden = box.hidden = false;
      spot.style.left = `${100 * left}%`;
      spot.style.top = `${100 * clamp(top, 0, 1)}%`;
      const [x, y] = [left * area.clientWidth, clamp(top, 0, 1) * area.clientHeight];
      const flipped = x + 14 + box.offsetWidth > area.clientWidth;
      box.style.left = `${clamp(flipped ? x - 14 - box.offsetWidth : x + 14, -34, Math.max(area.clientWidth - box.offsetWidth, -34))}px`;
      box.style.top = `${y > area.clientHeight / 2 ? y - box.offsetHeight - 12 : y + 12}px`;
      bring(figure, new Set([String(o.group)]));
    };
    const follow = (event) => {
      const place = area.getBoundingClientRect();
      const [px, py] = [event.clientX - place.left, event.clientY - place.top];
      let least = Infinity;
      told.lines.forEach((o, n) => o.x.forEach((_, i) => {
        if (chosen.size && !chosen.has(String(o.group))) return;
        const [left, top] = share(o, i);
        const d = (left * place.width - px) ** 2 + (top * place.height - py) ** 2;
        if (d < least) [least, line, at] = [d, n, i];
      }));
      show();
    };
    hide();
    area.addEventListener("pointermove", follow);
    area.addEventListener("pointerdown", follow);
    area.addEventListener("pointerleave", hide);
    area.addEventListener("blur", hide);
    area.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (event.key === "Escape") hide();
      if (!move) return;
      event.preventDefault();
      if (!box.hidden) [line, at] = [line + move[0], at + move[1]];
      show();
    });
  }

  all("table.figures").forEach(sortable);
  all("[data-chart]").forEach(readable);
  all(".keys button").forEach((button) => button.addEventListener("click", () => {
    const { group } = button.dataset;
    if (!chosen.delete(group)) chosen.add(group);
    button.setAttribute("aria-pressed", String(chosen.has(group)));
    bring(button.closest(".overlay"), chosen);
  }));
})();
