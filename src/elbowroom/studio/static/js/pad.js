// A sheet to draw a digit on, with the mouse or a finger.

import { h, settled } from "./dom.js";

const SIDE = 280;

/** Calls drawn(dataUrl) when the pen has rested. Bright ink on black, as in the data. */
export function pad(drawn) {
  const canvas = h("canvas.pad", { width: SIDE, height: SIDE, "aria-label": "a sheet to draw on with the mouse" });
  const context = canvas.getContext("2d");
  const done = settled(() => { if (inked) drawn(canvas.toDataURL("image/png")); }, 350);
  let last = null;
  let inked = false;

  function clear() {
    inked = false;
    context.fillStyle = "#000";
    context.fillRect(0, 0, SIDE, SIDE);
  }
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  };
  function stroke(event) {
    inked = true;
    const now = at(event);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...(last ?? now));
    context.lineTo(now[0], now[1] + (last ? 0 : 0.1));
    context.stroke();
    last = now;
  }
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); last = null; stroke(event); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons && last) stroke(event); });
  canvas.addEventListener("pointerup", () => { last = null; done(); });
  clear();
  return { canvas, clear };
}
