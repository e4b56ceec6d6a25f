// Taking away what one sees: a file, or the lines that make it again.

import { dialog, download, h, tell, trying } from "./dom.js";
import { bytes, post } from "./server.js";

/** Buttons that save the answer to a question in these formats, and one for the lines. */
export function takeaway(path, name, formats, question) {
  const save = (format) => trying(async () => download(await bytes(path, { ...question(), format }), `${name}.${format}`));
  const lines = () => trying(() => copied({ do: name, ...question() }));
  return h("div.row.take", {}, h("span", {}, "Save as"), formats.map((format) => h("button.quiet", { onclick: () => save(format) }, format.toUpperCase())), h("button.quiet", { onclick: lines }, "Copy code"));
}

/** Show the command line and the Python that give the same. */
export async function copied(question) {
  const { command, python } = await post("/api/code", question);
  const block = (title, text) => {
    const copy = async () => {
      await navigator.clipboard.writeText(text);
      tell("Copied");
    };
    return [h("h3", {}, title), h("div.lines", {}, h("pre", { tabIndex: 0 }, text), h("button.quiet", { onclick: () => trying(copy) }, "Copy"))];
  };
  dialog("The same, without this page", command ? block("Command line", command) : null, block("Python", python));
}
