import { drawCharts, pageData, queryAll } from "./kit.js";

const data = pageData();

/** Sort a table by a column, within each of its bodies: metrics of two protocols are not comparable. */
function makeSortable(table) {
  const heads = queryAll("thead th", table);
  heads.forEach((head, column) =>
    head.querySelector("button").addEventListener("click", () => {
      const isAscending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isAscending ? "descending" : "ascending");
      const order = rowOrder(column, isAscending ? -1 : 1);
      for (const body of table.tBodies) body.append(...queryAll("tr:not(.under)", body).sort(order));
    }),
  );
}

/** Order rows by a column: numbers by their value, names with their numbers, what is missing last. */
function rowOrder(column, sign) {
  const value = (row) => {
    const { dataset, textContent } = row.cells[column];
    return dataset.v === "" ? textContent.trim() : Number(dataset.v);
  };
  return (a, b) => {
    const [x, y] = [value(a), value(b)];
    const missingLast = (x === "—") - (y === "—");
    if (missingLast) return missingLast;
    const areNumbers = typeof x === "number" && typeof y === "number";
    return sign * (areNumbers ? x - y : String(x).localeCompare(String(y), "en", { numeric: true }));
  };
}

/** Charts under one legend: the lines of a group come forward in all of them, by its key or under the pointer. */
function addOverlay(overlay) {
  const chosen = new Set();
  const isChosen = (line) => chosen.size === 0 || chosen.has(line.group);
  let [charts, forward] = [[], null];
  const bringForward = (group) => {
    if (group === forward) return;
    forward = group;
    charts.forEach((chart) => chart.fade((line) => (group === null ? !isChosen(line) : line.group !== group)));
  };
  const onRead = (readings) => bringForward(readings ? readings[0].line.group : null);
  charts = drawCharts(data.charts, () => ({ nearest: true, isReadable: isChosen, onRead }), overlay);
  queryAll(".keys button", overlay).forEach((button) =>
    button.addEventListener("click", () => {
      const group = Number(button.dataset.group);
      if (!chosen.delete(group)) chosen.add(group);
      button.setAttribute("aria-pressed", String(chosen.has(group)));
      charts.forEach((chart) => chart.fade((line) => !isChosen(line)));
    }),
  );
}

for (const { lines } of data.charts) {
  for (const line of lines) if (!line.silent) line.dash = data.dashes[line.group];
}
queryAll("table.figures").forEach(makeSortable);
queryAll(".overlay").forEach(addOverlay);
