"""What a metric costs: one file."""

from tests.contracts.package_copy import run_with_files

SUITE = '''
"""The suite ``sizes``: how long latents are."""

from __future__ import annotations

import torch

from elbowroom.evaluation.metric import Metric, mean_metric
from elbowroom.evaluation.registry import EvalContext, suite


@suite("sizes", "how long the posterior means are")
def metrics(context: EvalContext) -> dict[str, Metric]:
    """Measure the mean Euclidean norm of the posterior means."""
    batches = context.eval_split.batches(context.batch_size)
    norms = torch.cat([context.model.encode(batch.x, batch.y).flatten(1).norm(dim=1) for batch in batches])
    return {"latent_norm": mean_metric(norms, "units of the latent", "norm of the posterior mean")}
'''

FILES = {"evaluation/suites/sizes.py": SUITE}


def test_a_metric_in_a_new_file_is_listed_measured_kept_and_shown_everywhere(tmp_path):
    help_, printed, kept, runs, report, compared, order, field = run_with_files(
        tmp_path,
        FILES,
        """
        data = er.load_data("digits")
        for seed in (1, 2):
            model = er.recipes.vae(data.shape, latent=2)
            er.fit(*model, data, steps=2, out=f"runs/{seed}", device="cpu", lr=seed / 1e4)
        """,
        "print(output_of('evaluate', '--help'))",
        "print(*(output_of('evaluate', f'runs/{seed}', '--metrics', 'sizes') for seed in (1, 2)))",
        "print(json.load(open('runs/1/evaluation.json'))[0]['metrics']['latent_norm']['unit'])",
        "print(output_of('runs', 'runs', '--metric', 'latent_norm'))",
        "print(output_of('report', 'runs/1'), 'latent norm' in open('runs/1/report.html').read())",
        "print(output_of('compare', 'runs', '--sort', 'latent_norm', '--csv').split()[0])",
        """
        def means(sort):
            return [group.metrics["latent_norm"].mean for group in er.compare("runs", sort=sort).groups]

        print(means("latent_norm") == means("-latent_norm")[::-1] == sorted(means("")))
        """,
        """
        from pathlib import Path
        from elbowroom.studio.services.run_summary import RunWatcher

        watcher = RunWatcher(Path("runs/1"), "1")
        watcher.poll()
        print(watcher.summary["evaluations"][0]["metrics"][0]["name"])
        """,
    )
    assert "sizes how long the posterior means are" in help_
    assert "latent norm" in printed
    assert kept == "units of the latent"
    assert "latent norm" in runs
    assert report == "runs/1/report.html True"
    assert "latent_norm" in compared
    assert order == "True"
    assert field == "latent norm"
