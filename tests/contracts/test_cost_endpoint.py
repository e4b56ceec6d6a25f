"""What a view of the studio costs: a service, an endpoint and a script, each one file."""

from tests.contracts.package_copy import run_with_files

SERVICE = '''
"""Norms of latents."""

from elbowroom.studio.services.loaded_model import LoadedModel


def latent_norms(loaded: LoadedModel, n: int) -> list[float]:
    """Return the Euclidean norms of the latents of n examples."""
    return loaded.encode_split(None, n)[2].norm(dim=1).tolist()
'''

ENDPOINT = '''
"""Endpoint of the norms of latents."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elbowroom.studio.api import snippets
from elbowroom.studio.api.endpoint import ModelRequest, RunFields, Snippets, endpoint
from elbowroom.studio.services.latent_norms import latent_norms


class NormsFields(RunFields):
    """The fields of a request for norms."""

    n: Annotated[int, Meta(ge=1, le=100, description="number of examples")] = 10


class Norms(msgspec.Struct):
    """Norms of latents."""

    norms: Annotated[list[float], Meta(description="(n,)")]


async def norms_snippets(request: ModelRequest[NormsFields]) -> Snippets:
    """Return the program that draws as many latents and prints their norms."""
    lines = [f"print(model.draw_prior({request.fields.n}).norm(dim=1))"]
    return None, snippets.format_python(request.loaded, lines)


@endpoint("/api/norms", "GET", example={"n": 4}, snippets=norms_snippets)
async def get_norms(request: ModelRequest[NormsFields]) -> Norms:
    """The norms of latents of held-out examples."""
    queue = request.studio.store.slow_queue
    return Norms(await request.submit(queue, lambda: latent_norms(request.loaded, request.fields.n)))
'''

VIEW = """
import { getJson } from "../api.js";
import { registerView, setTitle } from "../main.js";

registerView({ name: "norms", tab: "Norms", order: 90, open: openNorms });

async function openNorms(container, [run]) {
  const { norms } = await getJson(`/api/norms?run=${run}`);
  setTitle("Norms");
  container.replaceChildren(norms.map((norm) => norm.toFixed(2)).join(", "));
}
"""

FILES = {
    "studio/services/latent_norms.py": SERVICE,
    "studio/api/latent_norms.py": ENDPOINT,
    "studio/static/js/views/norms.js": VIEW,
}


def test_a_view_of_three_new_files_is_served_described_and_repeated(tmp_path):
    answer, error, described, page, snippet, script = run_with_files(
        tmp_path,
        FILES,
        """
        import elbowroom as er
        from starlette.testclient import TestClient
        from elbowroom.studio.app import create_app

        data = er.load_data("digits")
        er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out="runs/vae", device="cpu")
        client = TestClient(create_app("runs"), base_url="http://localhost")
        """,
        "print(len(client.get('/api/norms', params={'run': 'vae', 'n': 3}).json()['norms']))",
        "print(client.get('/api/norms', params={'run': 'vae', 'n': 'x'}).json()['error'])",
        """
        operation = client.get("/api/openapi.json").json()["paths"]["/api/norms"]["get"]
        print(operation["summary"], [parameter["name"] for parameter in operation["parameters"]])
        """,
        "print('GET /api/norms' in client.get('/api').text)",
        "print(client.post('/api/code', json={'do': 'norms', 'run': 'vae', 'n': 3}).json()['python'].splitlines()[-1])",
        """
        path = "/static/js/views/norms.js"
        print(f'src="{path}"' in client.get("/").text, client.get(path).status_code)
        """,
    )
    assert answer == "3"
    assert error == "the field 'n' is 'x': expected an integer from 1 to 100"
    assert described == "The norms of latents of held-out examples. ['run', 'n']"
    assert page == "True"
    assert snippet == "print(model.draw_prior(3).norm(dim=1))"
    assert script == "True 200"
