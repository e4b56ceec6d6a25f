"""What a figure costs: one file."""

from tests.contracts.package_copy import run_with_files

FIGURE = '''
"""Figure of the lengths of the latents."""

from __future__ import annotations

from elbowroom.plotting.figure import Bars, FigureSpec
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView


@register_figure("lengths", "the length of each latent", "Lengths of the latents", "data")
def lengths_figure(view: RunView) -> FigureSpec:
    """Return a bar chart of the Euclidean norm of the first latents."""
    lengths = view.latents[:5].norm(dim=1).tolist()
    bars = Bars("lengths", lengths, [str(i) for i in range(5)], "example", "length", frozenset())
    return FigureSpec("Lengths of the latents", "The norm of each.", view.describe_examples(5), [bars])
'''

FILES = {"plotting/lengths.py": FIGURE}


def test_a_figure_in_a_new_file_is_drawn_listed_and_in_the_report(tmp_path):
    listed, drawn, page = run_with_files(
        tmp_path,
        FILES,
        """
        data = er.load_data("digits")
        run = er.fit(*er.recipes.vae(data.shape, latent=2), data, steps=2, out="run", device="cpu")
        """,
        "print(output_of('plot', '--help'))",
        "print(output_of('plot', 'lengths', 'run', '--out', 'lengths.svg', '--examples', '20'))",
        """
        page = run.path / "report.html"
        print('id="lengths"' in page.read_text(), "Lengths of the latents" in page.read_text())
        """,
    )
    assert "lengths the length of each latent; needs data" in listed
    assert drawn == "lengths.svg"
    assert page == "True True"
