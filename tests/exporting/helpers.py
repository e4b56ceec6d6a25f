"""Models to export, and a way to run their graphs in JavaScript."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import torch

import elbowroom as er
from elbowroom.exporting.js.compile import compile_graph
from tests.tiny_recipes import make_tiny

INTERPRETER = Path(er.__file__).parent / "exporting" / "js" / "interpreter.js"
NODE = """
import { readFileSync as read } from "node:fs";
const { Interpreter } = await import("data:text/javascript;base64," + read(process.argv[1], "base64"));
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64")).buffer;
const outputs = JSON.parse(read(0, "utf8")).map(({ program, weights, inputs }) => {
  const interpreter = new Interpreter(program, bytes(weights));
  return inputs.map((input) => Array.from(interpreter.run(input)));
});
process.stdout.write(JSON.stringify(outputs));
"""


def build_model(name, shape=(1, 8, 8), likelihood="bernoulli", **more):
    """A model whose every parameter matters: those that are initialized with zeros are moved."""
    model, _ = make_tiny(name, shape, likelihood=likelihood, **more)
    for parameter in model.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def run_interpreter(cases, chromium):
    """The outputs of the interpreter for graphs and inputs: run by node where there is one, else in a browser."""
    if node := shutil.which("node"):
        command = [node, "--input-type=module", "-e", NODE, str(INTERPRETER)]
        result = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True)
        assert not result.stderr
        return json.loads(result.stdout)
    page = chromium().new_page()
    page.add_script_tag(content=INTERPRETER.read_text().replace("export class", "class"))
    return page.evaluate(
        """(cases) => cases.map(({ program, weights, inputs }) => {
            const buffer = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)).buffer;
            const interpreter = new Interpreter(program, buffer);
            return inputs.map((input) => Array.from(interpreter.run(input)));
        })""",
        cases,
    )


def interpreter_case(module, z, given, half=False):
    graph = compile_graph(module, [t[:1] for t in (z, *given)], ["z", "c"][: 1 + len(given)])
    inputs = [
        {name: t[i].flatten().tolist() for name, t in zip(("z", "c"), (z, *given), strict=False)} for i in range(len(z))
    ]
    return {
        "program": graph.to_dict(half),
        "weights": base64.b64encode(graph.weight_bytes(half)).decode(),
        "inputs": inputs,
    }
