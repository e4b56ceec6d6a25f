"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const number = (v) => {
    const text = Math.abs(v) >= 10000 ? Math.round(v).toLocaleString("en") : String(Number(v.toPrecision(5)));
    return text.replace("-", "−");
  };
  const element = (tag, text = "", name = "") => {
    const created = document.createElement(tag);
    created.textContent = text;
    created.className = name;
    return created;
  };

  // Sorts a table by a column, within each of its bodies: metrics of two protocols are not comparable.
  function makeSortable(table) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const isAscending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isAscending ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        const sortValue = cell.dataset.v ?? "";
        return sortValue === "" ? cell.textContent.trim() : Number(sortValue);
      };
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        const missingLast = (x === "—") - (y === "—");
        if (missingLast) return missingLast;
        const areNumbers = typeof x === "number" && typeof y === "number";
        const sign = areNumbers ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
        return isAscending ? -sign : sign;
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("under"));
        body.append(...rows.sort(order));
      }
    }));
  }

  // Groups that are highlighted, in every chart under one legend.
  const chosen = new Set();
  function highlightGroups(figure, groups) {
    figure.classList.toggle("fades", groups.size > 0);
    for (const line of all(".line, .dots", figure)) {
      const group = [...line.classList].find((name) => /^g\d+$/.test(name));
      line.classList.toggle("on", group !== undefined && groups.has(group.slice(1)));
    }
  }

  // Shows group and value of the point nearest to the pointer, or chosen with the arrow keys.
  function addChartReadout(chart) {
    const chartData = data.charts[Number(chart.dataset.chart)];
    if (!chartData.lines.length) return;
    const figure = chart.closest(".overlay");
    const area = chart.querySelector(".area");
    const marker = area.appendChild(element("span", "", "spot"));
    const readout = area.appendChild(element("div", "", "reading"));
    let [lineIndex, pointIndex] = [0, chartData.lines[0].x.length - 1];
    const hide = () => { marker.hidden = readout.hidden = true; highlightGroups(figure, chosen); };
    const position = (line, i) => [
      (line.x[i] - chartData.x[0]) / (chartData.x[1] - chartData.x[0]),
      1 - (line.y[i] - chartData.y[0]) / (chartData.y[1] - chartData.y[0]),
    ];
    const show = () => {
      lineIndex = clamp(lineIndex, 0, chartData.lines.length - 1);
      const line = chartData.lines[lineIndex];
      pointIndex = clamp(pointIndex, 0, line.x.length - 1);
      const [left, top] = position(line, pointIndex);
      const row = element("div");
      const name = row.appendChild(element("span"));
      name.appendChild(figure.querySelector(`.keys [data-group="${line.group}"] .key`).cloneNode(true));
      name.append(line.name);
      const sd = line.sd[pointIndex];
      const spread = sd === null ? "" : ` ± ${number(Number(sd.toPrecision(2)))}`;
      row.appendChild(element("b", number(line.y[pointIndex]) + spread));
      readout.replaceChildren(row, element("div", `${chartData.axis} ${number(line.x[pointIndex])}`));
      marker.hidden = readout.hidden = false;
      marker.style.left = `${100 * left}%`;
      marker.style.top = `${100 * clamp(top, 0, 1)}%`;
      const [x, y] = [left * area.clientWidth, clamp(top, 0, 1) * area.clientHeight];
      const flipped = x + 14 + readout.offsetWidth > area.clientWidth;
      readout.style.left = `${clamp(flipped ? x - 14 - readout.offsetWidth : x + 14, -34, Math.max(area.clientWidth - readout.offsetWidth, -34))}px`;
      readout.style.top = `${y > area.clientHeight / 2 ? y - readout.offsetHeight - 12 : y + 12}px`;
      highlightGroups(figure, new Set([String(line.group)]));
    };
    const follow = (event) => {
      const bounds = area.getBoundingClientRect();
      const [px, py] = [event.clientX - bounds.left, event.clientY - bounds.top];
      let least = Infinity;
      chartData.lines.forEach((line, n) => line.x.forEach((_, i) => {
        if (chosen.size && !chosen.has(String(line.group))) return;
        const [left, top] = position(line, i);
        const squared = (left * bounds.width - px) ** 2 + (top * bounds.height - py) ** 2;
        if (squared < least) [least, lineIndex, pointIndex] = [squared, n, i];
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
      if (!readout.hidden) [lineIndex, pointIndex] = [lineIndex + move[0], pointIndex + move[1]];
      show();
    });
  }

  all("table.figures").forEach(makeSortable);
  all("[data-chart]").forEach(addChartReadout);
  all(".keys button").forEach((button) => button.addEventListener("click", () => {
    const { group } = button.dataset;
    if (!chosen.delete(group)) chosen.add(group);
    button.setAttribute("aria-pressed", String(chosen.has(group)));
    highlightGroups(button.closest(".overlay"), chosen);
  }));
})();
