import {
  Plane,
  ChartGroup,
  clamp,
  classColorName,
  colorKey,
  cssColor,
  formatFixed,
  formatMetric,
  h,
  labelColors,
  pageData,
  placeBox,
  pressOnly,
  queryAll,
  rampLegend,
} from "./kit.js";

const data = pageData();

/** Show the latent under the pointer on a decoded plane. */
function addPlaneReadout(plane) {
  const [rows, columns] = [plane.dataset.rows, plane.dataset.columns].map((names) => names.split("|"));
  const [first, second] = [".axis", ".unit"].map((name) => plane.querySelector(name).textContent.split(",")[0]);
  const area = plane.querySelector(".area");
  const box = area.appendChild(h("div.reading", { hidden: true }));
  const cellName = (names, share) => names[clamp(Math.floor(share * names.length), 0, names.length - 1)];
  const followPointer = (event) => {
    const bounds = area.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const names = [cellName(columns, x / bounds.width), cellName(rows, y / bounds.height)];
    box.textContent = `${first} ${names[0]}, ${second} ${names[1]}`;
    box.hidden = false;
    placeBox(box, area, x, y);
  };
  ["pointermove", "pointerdown"].forEach((name) => area.addEventListener(name, followPointer));
  area.addEventListener("pointerleave", () => {
    box.hidden = true;
  });
}

/** The latents as points: projections to choose from, labels to filter by, the example under the pointer. */
function addScatter(figure, scatter) {
  const words = figure.closest("section").querySelector(".words");
  const { colors, range } = labelColors(scatter.index.length, scatter.labels, scatter.classes);
  const chosenClasses = new Set();
  let [view, selected] = [scatter.views[0], -1];
  const plane = new Plane(figure.querySelector(".points"), {
    label: "the latents as points; the arrow keys go from one to the next",
    drawOver: (pen) => selected >= 0 && drawSelection(pen, plane.pointPosition(selected)),
  });
  const card = addCard(plane, scatter);

  const isFaint = (i) => chosenClasses.size > 0 && !chosenClasses.has(scatter.labels[i]);
  const points = () => ({ x: view.x, y: view.y, color: (i) => colors[i], isFaint });
  const showView = (next, isAnimated = true) => {
    view = next;
    select(-1);
    [words.children[0].textContent, words.children[1].textContent] = [view.caption, view.protocol];
    figure.querySelector(".axes-choice").hidden = view !== scatter.views[0];
    plane.setView({ axes: view.axes, points: points(), prior: view.prior }, isAnimated);
  };
  const select = (i, isAnnounced = false) => {
    selected = i;
    plane.draw();
    card.show(i, view);
    if (i >= 0 && isAnnounced) figure.querySelector(".said").textContent = describeExample(scatter, i, view).join(", ");
  };

  listenToPoints(plane, select, () => selected);
  const buttons = queryAll(".views button", figure);
  buttons.forEach((button, i) =>
    button.addEventListener("click", () => {
      pressOnly(buttons, button);
      showView(scatter.views[i]);
    }),
  );
  addAxesChoice(figure.querySelector(".axes-choice"), scatter, showView);
  figure.querySelector(".classes").append(...classButtons(scatter, chosenClasses, () => showView(view, false)));
  if (range) figure.querySelector(".classes").append(...rampLegend(scatter.legend, range));
  showView(view, false);
}

function drawSelection(pen, [x, y]) {
  pen.lineWidth = 2;
  pen.strokeStyle = cssColor("ink");
  pen.beginPath();
  pen.arc(x, y, 7, 0, 2 * Math.PI);
  pen.stroke();
}

/** Select points with the pointer and the arrow keys. */
function listenToPoints(plane, select, selected) {
  const { canvas } = plane;
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") select(plane.pointAt(plane.eventPosition(event), 18));
  });
  canvas.addEventListener("pointerdown", (event) => select(plane.pointAt(plane.eventPosition(event), 30)));
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && select(-1));
  canvas.addEventListener("blur", () => select(-1));
  canvas.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (event.key === "Escape") select(-1);
    if (!direction) return;
    event.preventDefault();
    select(plane.pointTowards(direction, selected()), true);
  });
}

/** The label, the name and the latent of an example, in words. */
function describeExample(scatter, i, view) {
  const split = scatter.split === "all" ? "" : `${scatter.split} `;
  const name = `${split}example ${formatFixed(scatter.index[i], 0)}`;
  const place = `at ${[view.x[i], view.y[i]].map(formatMetric).join(", ")}`;
  if (!scatter.labels) return [name, place];
  return [`label ${scatter.classes[scatter.labels[i]] ?? formatMetric(scatter.labels[i])}`, name, place];
}

/** A card beside the selected point, with its thumbnail. */
function addCard(plane, scatter) {
  const thumbnail = h("canvas");
  const lines = h("p");
  const card = plane.area.appendChild(h("div.card", { hidden: true }, thumbnail, lines));
  const sheet = scatter.sheet ? Object.assign(new Image(), { src: scatter.sheet.source }) : null;
  thumbnail.hidden = !sheet;
  const drawThumbnail = (i) => {
    const { width, height, across } = scatter.sheet;
    Object.assign(thumbnail, { width, height });
    const [left, top] = [(i % across) * width, Math.floor(i / across) * height];
    thumbnail.getContext("2d").drawImage(sheet, left, top, width, height, 0, 0, width, height);
  };
  const show = (i, view) => {
    card.hidden = i < 0;
    if (i < 0) return;
    const rows = describeExample(scatter, i, view);
    lines.replaceChildren(...rows.map((row, n) => h(rows.length > 2 && n === 0 ? "b" : "span", {}, row)));
    if (sheet?.complete) drawThumbnail(i);
    const [x, y] = plane.pointPosition(i);
    const isRight = x + 16 + card.offsetWidth < plane.area.clientWidth;
    const top = Math.min(y - card.offsetHeight / 2, plane.area.clientHeight - card.offsetHeight);
    card.style.left = `${isRight ? x + 16 : Math.max(x - 16 - card.offsetWidth, 0)}px`;
    card.style.top = `${Math.max(top, 0)}px`;
  };
  return { show };
}

/** Selects of the dimensions on both axes, where there are more than two. */
function addAxesChoice(choice, scatter, showView) {
  const { dimensions, views } = scatter;
  if (dimensions.length < 3) return;
  const selects = ["across", "up"].map((name, which) => {
    const options = dimensions.map((dim, i) => new Option(`${dim.name} · ${dim.score}`, i, false, i === which));
    const select = h("select", {}, options);
    choice.append(h("label", {}, name, select));
    return select;
  });
  const change = () => {
    const [a, b] = selects.map((select) => dimensions[Number(select.value)]);
    Object.assign(views[0], { x: a.values, y: b.values, axes: [a.axis, b.axis] });
    showView(views[0]);
  };
  selects.forEach((select) => select.addEventListener("change", change));
}

/** A button for each class that occurs, which brings its points forward. */
function classButtons(scatter, chosen, onChange) {
  const occurring = scatter.classes.map((name, i) => [name, i]).filter(([, i]) => scatter.labels.includes(i));
  return occurring.map(([name, i]) => {
    const button = h("button", { type: "button", "aria-pressed": "false" }, colorKey(classColorName(i)), name);
    button.addEventListener("click", () => {
      if (!chosen.delete(i)) chosen.add(i);
      button.setAttribute("aria-pressed", String(chosen.has(i)));
      onChange();
    });
    return button;
  });
}

/** Draw the charts of a figure; those of a training are read, zoomed and smoothed together. */
function drawFigure(figure) {
  const group = new ChartGroup();
  group.addAll(data.charts, figure);
  const room = figure.closest("#course")?.querySelector(".charts-room");
  if (!room) return;
  room.before(group.toolbar);
  queryAll(".legend > span", figure).forEach((entry) => entry.replaceWith(createToggle(entry, group)));
}

/** A button in place of an entry of the legend, which hides its line and shows it again. */
function createToggle(entry, group) {
  const name = entry.textContent;
  const toggle = () => {
    group.toggle(name);
    button.setAttribute("aria-pressed", String(!group.settings.hidden.includes(name)));
  };
  const button = h("button", { type: "button", "aria-pressed": "true", onclick: toggle }, [...entry.childNodes]);
  return button;
}

/** Copy the command; on pages opened from disk some browsers refuse, and the line is selected, to be copied by hand. */
async function copyCommand(button) {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    if (!document.execCommand("copy")) return void (button.textContent = "selected");
  }
  button.textContent = "copied";
  setTimeout(() => {
    button.textContent = "copy";
  }, 1600);
}

queryAll(".figure").forEach(drawFigure);
queryAll(".solid").forEach(addPlaneReadout);
if (data.latents) addScatter(document.getElementById("latents-figure"), data.latents);
queryAll(".copy").forEach((button) => button.addEventListener("click", () => copyCommand(button)));
