// What is asked of the server, and what it tells by itself.

async function answer(response) {
  if (response.ok) return response;
  let words = `the server answered ${response.status}`;
  try { words = (await response.json()).error ?? words; } catch { /* no words of its own */ }
  const error = new Error(words);
  error.status = response.status;
  throw error;
}

const reach = (address, options) =>
  fetch(address, options).catch((error) => {
    throw error.name === "AbortError" ? error : new Error("the server does not answer: is 'elbowroom studio' still running?");
  });

/** GET as JSON; a value that is an array is given several times. */
export async function get(path, query = {}, signal = undefined) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) for (const one of [value].flat()) words.append(key, one);
  const tail = words.size ? `?${words}` : "";
  return (await answer(await reach(path + tail, { signal }))).json();
}

async function send(path, body, signal) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
  return answer(await reach(path, options));
}

/** POST JSON, for JSON. */
export const post = async (path, body, signal) => (await send(path, body, signal)).json();

/** POST JSON, for bytes. */
export const bytes = async (path, body, signal) => (await send(path, body, signal)).blob();

const socketAddress = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

/** The page's line to the server: it tells of runs that change, and comes back by itself. */
class Live {
  #listeners = new Set();
  #watched = [];
  #socket = null;
  #wait = 500;
  #opened = () => {};

  /** Kept once the line is open, or does not open soon: what is asked after it misses no change. */
  ready = new Promise((resolve) => { this.#opened = resolve; setTimeout(resolve, 1000); });

  constructor() { this.#open(); }

  #open() {
    const socket = (this.#socket = new WebSocket(socketAddress("/ws/live")));
    socket.onopen = () => {
      this.#say(true);
      this.#opened();
      if (this.#wait > 500) this.#give({ type: "again" });
      this.#wait = 500;
      this.watch(this.#watched);
    };
    socket.onmessage = (event) => this.#give(JSON.parse(event.data));
    socket.onclose = () => {
      this.#say(false);
      setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(this.#wait * 2, 8000);
    };
  }

  #say(there) {
    const link = document.getElementById("link");
    link.textContent = there ? "" : "no connection, trying again";
    link.classList.toggle("lost", !there);
  }

  #give(message) { for (const listener of this.#listeners) listener(message); }

  /** Rows and pictures of these runs are wanted. */
  watch(runs) {
    this.#watched = runs;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ watch: runs }));
  }

  /** Call with every message until the returned function is called. */
  hear(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const live = new Live();

/** Codes in, pictures out: only the newest code is on its way, and only the newest picture comes. */
export class Decoder {
  #run;
  #socket = null;
  #number = 0;
  #queued = null;
  #busy = 0;
  #closed = false;

  constructor(run, onpicture, onerror) {
    this.#run = run;
    this.onpicture = onpicture;
    this.onerror = onerror;
    this.#open();
  }

  #open() {
    const socket = (this.#socket = new WebSocket(socketAddress(`/ws/decode?run=${encodeURIComponent(this.#run)}`)));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.#busy = 0; this.#next(); };
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = () => { if (!this.#closed) setTimeout(() => this.#open(), 1000); };
  }

  #take(data) {
    this.#busy = 0;
    if (typeof data === "string") {
      const said = JSON.parse(data);
      if (said.error) this.onerror(said.error);
      else this.onpicture({ values: said.x, id: said.id });
    } else {
      const view = new DataView(data);
      const [channels, height, width] = [4, 6, 8].map((at) => view.getUint16(at, true));
      this.onpicture({ channels, height, width, pixels: new Uint8Array(data, 10), id: view.getUint32(0, true) });
    }
    this.#next();
  }

  /** Decode this code, unless a newer one comes before its turn. */
  ask(z, c = null) {
    this.#queued = { id: ++this.#number, z, c };
    this.#next();
  }

  #next() {
    // A second one may be under way, so that the decoder never waits for the wire; an answer that is lost frees it.
    if (!this.#queued || this.#socket.readyState !== WebSocket.OPEN || performance.now() - this.#busy < 250) return;
    this.#socket.send(JSON.stringify(this.#queued));
    this.#queued = null;
    this.#busy = performance.now();
  }

  close() {
    this.#closed = true;
    this.#socket.close();
  }
}

/** Draw a decoded picture at its own size. */
export function paint(canvas, { channels, height, width, pixels }) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const image = new ImageData(width, height);
  for (let i = 0, n = width * height; i < n; i++) {
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = pixels[i * channels + (channels >= 3 ? k : 0)];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
