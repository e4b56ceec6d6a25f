"""The studio's runs folder: what is told of runs, what may be reached, and what damage does not break."""

import json
import os
import random
import threading

import pytest
from filelock import FileLock
from starlette.testclient import TestClient

import elbowroom as er
from elbowroom.runs import metrics_log
from elbowroom.runs.run import Run, list_runs
from elbowroom.studio.app import create_app
from elbowroom.studio.http.json import RequestError, check_fields
from elbowroom.studio.services import annotations, metrics_summary, run_images
from elbowroom.studio.services.metrics_summary import MAX_PARSED_BYTES, MetricsSummary
from elbowroom.studio.services.run_index import RunIndex


@pytest.fixture(scope="module")
def trained(tmp_path_factory, digits):
    """A run that has been trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elbowroom.workbench.fit.write_final_report", lambda state: None)
        path = tmp_path_factory.mktemp("trained") / "vae"
        return er.fit(*er.recipes.vae(digits.shape, latent=3), digits, epochs=2, out=path, device="cpu").path


@pytest.fixture
def folder(tmp_path, trained):
    """A folder with that run, and a run in a folder below."""
    for name in ("vae", "sweep/vae-0"):
        copied(trained, tmp_path / name)
    return tmp_path


@pytest.fixture
def client(folder):
    with TestClient(create_app(folder), base_url="http://localhost") as client:
        yield client


def copied(source, there):
    import shutil

    shutil.copytree(source, there)
    return there


def listed(client):
    return {one["run"]: one for one in client.get("/api/runs").json()["runs"]}


def many(n, latent=8):
    """Rows as a training of n epochs writes them."""
    draw = random.Random(0)
    for epoch in range(1, n + 1):
        for split in ("train", "validation", "test"):
            about = {
                "step": 10 * epoch,
                "epoch": epoch,
                "split": split,
                "loss": 20 + draw.random(),
                "kl": draw.random(),
            }
            yield about | {"elbo": -about["loss"], "seconds": 0.1 * epoch, "examples_per_second": 100.0}
        yield {"event": "look", "epoch": epoch, "step": 10 * epoch, "nats": [[draw.random() for _ in range(latent)]]}
        if epoch in (3, n // 2):
            said = {
                "title": f"finding {epoch}",
                "severity": "warning",
                "evidence": 'a "split": "validation", "loss": 1',
            }
            yield {"event": "finding", "epoch": epoch, "step": 10 * epoch} | said


def lines(found):
    return "".join(json.dumps(row) + "\n" for row in found).encode()


def test_a_summary_says_what_the_run_itself_says(client, trained):
    summary, run = listed(client)["vae"], Run(trained)
    best = min(run.metrics("validation"), key=lambda row: row["loss"])
    assert summary["best"] == {"split": "validation"} | {key: best[key] for key in ("loss", "elbo", "epoch")}
    assert summary["spark"] == [row["loss"] for row in run.metrics("validation")]
    assert (summary["state"], summary["live"], summary["resumable"]) == ("finished", False, False)
    assert (summary["epoch"], summary["epochs"], summary["step"], summary["steps_total"]) == (2, 2, 20, 20)
    assert summary["arguments"]["latent"] == summary["settings"]["latent"] == 3
    assert client.get(summary["picture"]).content == (trained / "images" / "reconstructions-0002.png").read_bytes()


def test_curves_looks_and_pictures_are_all_that_was_written(client, trained):
    got = client.get("/api/curves", params={"run": ["vae", "sweep/vae-0"]}).json()
    for split in ("train", "validation", "test"):
        written = Run(trained).metrics(split)
        for run in ("vae", "sweep/vae-0"):
            assert got[run][split]["loss"] == [row["loss"] for row in written]
            assert got[run][split]["step"] == [row["step"] for row in written]
    about = client.get("/api/run", params={"run": "vae"}).json()
    seen = [row for row in Run(trained).metrics() if row.get("event") == "look"]
    assert [look["kl"] for look in about["looks"]] == [row["nats"][0] for row in seen]
    assert [one["epoch"] for one in about["images"]["samples"]] == [1, 2]
    assert {one["name"] for one in about["images"]["other"]} == {"curves"}
    assert about["record"]["recipe"] == "vae"


@pytest.mark.parametrize("known", [True, False])
def test_many_rows_are_summed_as_each_row_would_be(known):
    found = list(many(1200))
    one_by_one, at_once = MetricsSummary(), MetricsSummary()
    best = min((r for r in found if r.get("split") == "validation"), key=lambda r: r["loss"])
    for row in found:
        one_by_one.add_lines(lines([row]))
    assert at_once.add_lines(lines(found), (best["step"], best["loss"]) if known else None) == []
    assert at_once.best_rows["validation"] == one_by_one.best_rows["validation"] == best
    assert list(at_once.recent_rows) == list(one_by_one.recent_rows)
    assert [f["title"] for f in at_once.findings] == ["finding 3", "finding 600"]
    spark = at_once.losses["validation"].points()
    losses = [row["loss"] for row in found if row.get("split") == "validation"]
    assert len(spark) == 60
    assert spark[0] == losses[0]
    assert spark[-1] == losses[-1]
    assert set(spark) <= set(losses)


def test_a_best_that_is_another_runs_is_not_believed():
    digest, found = MetricsSummary(), list(many(1200))
    digest.add_lines(lines(found), (50, 3.0))
    assert digest.best_rows["validation"]["loss"] == min(r["loss"] for r in found if r.get("split") == "validation")


def test_rows_written_otherwise_are_read_one_by_one():
    found = [dict(reversed(row.items())) for row in many(400)]
    digest = MetricsSummary()
    digest.add_lines(lines(found))
    assert len(lines(found)) > MAX_PARSED_BYTES
    assert digest.best_rows["validation"]["loss"] == min(r["loss"] for r in found if r.get("split") == "validation")


def test_what_is_kept_of_a_run_does_not_grow():
    digest = MetricsSummary()
    for epoch in range(20_000):
        digest.add_lines(lines([{"step": epoch, "epoch": epoch, "split": "validation", "loss": 1.0}]))
    assert len(digest.losses["validation"]._values) <= 480
    assert len(digest.losses["validation"].points()) == 60
    assert len(digest.recent_rows) == digest.recent_rows.maxlen


def test_thinned_curves_keep_every_peak_of_every_term():
    found = [row for row in many(8000) if "split" in row]
    found[3 * 4321 + 1]["kl"], found[3 * 777 + 1]["elbo"] = 99.0, -99.0
    curve = metrics_summary.thin_curves(found)["validation"]
    assert len(curve["step"]) <= metrics_summary.MAX_CURVE_POINTS
    assert max(curve["kl"]) == 99.0
    assert min(curve["elbo"]) == -99.0
    assert curve["step"] == sorted(curve["step"])
    assert (curve["step"][0], curve["step"][-1]) == (10, 80_000)


def test_following_gives_each_whole_line_once_and_tells_of_a_new_beginning(tmp_path):
    file, following = tmp_path / "metrics.jsonl", metrics_log.JsonlTail(tmp_path / "metrics.jsonl")
    file.write_bytes(b'{"a": 1}\n{"b"')
    assert following.read_new() == (False, [b'{"a": 1}\n'])
    assert following.read_new() == (False, [])
    with file.open("ab") as more:
        more.write(b": 2}\n")
    assert following.read_new() == (False, [b'{"b": 2}\n'])
    (tmp_path / "new").write_bytes(b'{"a": 1}\n')
    os.replace(tmp_path / "new", file)
    assert following.read_new() == (True, [b'{"a": 1}\n'])


DAMAGE = {
    "half written": b'{"recipe": "vae", "argum',
    "empty": b"",
    "binary": bytes(range(256)) * 40,
    "a list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "huge": b" " * (5 << 20),
    "shape": None,
    "arguments": None,
    "sizes": None,
    "callbacks": None,
    "data arguments": None,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_shows_as_such_and_breaks_nothing(client, folder, damage):
    record = json.loads((folder / "vae" / "recipe.json").read_text())
    match damage:
        case "shape":
            record["shape"] = "1, 8, 8"
        case "arguments":
            record["arguments"] = 3
        case "sizes":
            record["data"]["sizes"] = {"train": "all"}
        case "callbacks":
            record["training"]["callbacks"] = [1, None]
        case "data arguments":
            record["data"]["arguments"] = [1]
    (folder / "vae" / "recipe.json").write_bytes(
        json.dumps(record).encode() if DAMAGE[damage] is None else DAMAGE[damage]
    )
    both = listed(client)
    assert both["sweep/vae-0"]["state"] == "finished"
    if damage != "sizes":  # which may be missing
        assert both["vae"]["state"] == "damaged"
        assert "restore it" in both["vae"]["problem"]
        assert "\n" not in both["vae"]["problem"]
        assert client.get("/api/run", params={"run": "vae"}).json()["record"] is None
    assert client.get("/api/run", params={"run": "vae"}).status_code == 200
    assert client.get("/api/curves", params={"run": "vae"}).status_code == 200


ROWS = [
    b'{"step": 30, "epoch": 3, "split": "train", "lo',
    b"\x00\xff\xfe\n",
    b"[1, 2]\n" + b"[" * 50_000 + b"\n",
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": NaN, "elbo": Infinity, "seconds": 1}\n',
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": 1e999}\n',
    b'{"step": 30, "epoch": 3, "split": "validation", "loss": ' + b"9" * 400 + b"}\n",
    b'{"step": -1, "epoch": 1' + b"0" * 400 + b', "split": "validation", "loss": 1}\n',
    b'{"step": 30, "epoch": 3, "split": ["validation"], "loss": "1"}\n',
    b'{"step": 30, "epoch": 3, "split": {"a": 1}, "examples_per_second": "many"}\n',
    b'{"step": 30, "epoch": 3, "event": "finding", "title": {"a": [1]}, "severity": null}\n',
    b'{"step": 30, "epoch": 3, "event": "look", "nats": {"a": 1}}\n',
    b"\n" * 100_000,
    b"x" * 300_000,
]


@pytest.mark.parametrize("damage", range(len(ROWS)))
def test_damaged_rows_are_left_out_and_break_nothing(client, folder, damage):
    before = listed(client)["vae"]
    with (folder / "vae" / "metrics.jsonl").open("ab") as file:
        file.write(ROWS[damage])
    after = listed(client)["vae"]
    assert after["best"] == before["best"]
    assert client.get("/api/run", params={"run": "vae"}).status_code == 200
    assert client.get("/api/curves", params={"run": "vae"}).status_code == 200


def test_a_run_deleted_under_the_studio_is_gone_and_its_neighbours_stay(client, folder):
    import shutil

    assert set(listed(client)) == {"vae", "sweep/vae-0"}
    shutil.rmtree(folder / "vae")
    assert set(listed(client)) == {"sweep/vae-0"}
    for path in ("/api/run", "/api/curves", "/files"):
        answer = client.get(path, params={"run": "vae", "path": "recipe.json"})
        assert answer.status_code == 404
        assert "no run 'vae' here" in answer.json()["error"]


WRONG = ["..", "../trained", "/etc", "vae/..", "vae/../vae", "./vae", "vae/", "", "vae//x", "a\x00b", ".trash/x"]


@pytest.mark.parametrize("run", [*WRONG, "vae\\..", "%2e%2e", "out", "vae/images", "v" * 5000, "\ud800"])
def test_names_that_are_no_run_lead_nowhere(client, folder, run):
    (folder / "out").symlink_to(folder.parent)
    with pytest.raises(RequestError):
        RunIndex(folder).run_path(run)
    if run.isprintable() and "\ud800" not in run:
        assert client.get("/api/run", params={"run": run}).status_code == 404
        assert client.post("/api/run/delete", json={"run": run}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("../sweep/vae-0/recipe.json", "/etc/passwd", "images/../../../x.png", "images", "link.png", "linked/x.png"),
        *("%2e%2e/x.png", "a\x00.png", "model.safetensors", ".lock", "checkpoints/best.safetensors", "pipe.png", ""),
        *("images/link.png", "broken.png", "loop.png"),
    ],
)
def test_files_that_are_elsewhere_or_of_other_kinds_are_not_served(client, folder, path):
    (folder / "secret.png").write_bytes(b"secret")
    (folder / "vae" / "link.png").symlink_to(folder / "secret.png")
    (folder / "vae" / "images" / "link.png").symlink_to(folder / "secret.png")
    (folder / "vae" / "linked").symlink_to(folder)
    (folder / "vae" / "broken.png").symlink_to(folder / "nothing")
    (folder / "vae" / "loop.png").symlink_to(folder / "vae" / "loop.png")
    os.mkfifo(folder / "vae" / "pipe.png")
    answer = client.get("/files", params={"run": "vae", "path": path})
    assert answer.status_code == 404
    assert b"secret\n" not in answer.content
    assert "\n" not in answer.json()["error"]


def test_a_link_out_of_the_folder_is_no_run_and_no_record(folder, trained):
    (folder / "linked").symlink_to(trained)
    (folder / "outside").mkdir()
    (folder / "outside" / "recipe.json").symlink_to(trained / "recipe.json")
    found = {one["run"]: one for one in RunIndex(folder).refresh()}
    assert set(found) == {"vae", "sweep/vae-0", "outside"}
    assert found["outside"]["state"] == "damaged"


def test_files_bring_their_type_and_pages_are_let_near_nothing(client, folder):
    (folder / "vae" / "report.html").write_text("<p>report")
    page = client.get("/files", params={"run": "vae", "path": "report.html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    picture = client.get("/files", params={"run": "vae", "path": "images/samples-0001.png"})
    assert picture.headers["content-type"] == "image/png"
    again = client.get(str(picture.url), headers={"if-none-match": picture.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_names_and_notes_last_and_are_bounded(client, folder):
    assert client.post("/api/run/rename", json={"run": "vae", "name": " the best\t<b>one</b> "}).status_code == 200
    assert client.post("/api/run/note", json={"run": "vae", "note": "two\nlines"}).status_code == 200
    with TestClient(create_app(folder), base_url="http://localhost") as other:
        summary = listed(other)["vae"]
    assert (summary["name"], summary["note"]) == ("the best <b>one</b>", "two\nlines")
    assert client.post("/api/run/rename", json={"run": "vae", "name": ""}).json()["name"] == "vae"
    for asked, words in [({"name": "x" * 81}, "at most 80"), ({"name": "a\x1bb"}, "cannot be seen"), ({}, "missing")]:
        answer = client.post("/api/run/rename", json={"run": "vae"} | asked)
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    assert "at most 4,000" in client.post("/api/run/note", json={"run": "vae", "note": "x" * 5000}).json()["error"]


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"name": 3, "pid": "1", "began": 2}', b"\xff\xfe", b"[" * 90_000])
def test_a_damaged_studio_file_is_as_if_there_were_none(folder, text):
    (folder / "vae" / "studio.json").write_bytes(text)
    assert annotations.read_annotations(folder / "vae") == {}
    found = {one["run"]: one for one in RunIndex(folder).refresh()}
    assert (found["vae"]["name"], found["vae"]["state"]) == ("vae", "finished")


def test_the_trash_holds_a_run_until_it_is_restored(client, folder):
    item = client.post("/api/run/delete", json={"run": "sweep/vae-0"}).json()["item"]
    assert set(listed(client)) == {"vae"}
    assert [run.path.name for run in list_runs(folder)] == ["vae"]
    assert [one["run"] for one in client.get("/api/trash").json()["trash"]] == ["sweep/vae-0"]
    assert client.post("/api/trash/restore", json={"item": item}).json() == {"run": "sweep/vae-0"}
    assert listed(client)["sweep/vae-0"]["state"] == "finished"
    for wrong in ("..", "../vae", "", "nothing", "/etc"):
        assert client.post("/api/trash/restore", json={"item": wrong}).status_code == 404


def test_a_restored_run_takes_nobodys_place(client, folder, trained):
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    copied(trained, folder / "vae")
    assert client.post("/api/trash/restore", json={"item": item}).json() == {"run": "vae-2"}


def test_what_a_run_in_the_trash_says_of_its_place_leads_nowhere(client, folder):
    item = client.post("/api/run/delete", json={"run": "vae"}).json()["item"]
    annotations.write_annotations(folder / ".trash" / item, trashed="../../elsewhere")
    assert client.post("/api/trash/restore", json={"item": item}).status_code == 404
    assert (folder / ".trash" / item).is_dir()


def test_a_run_that_is_trained_is_first_and_cannot_be_deleted(client, folder):
    with FileLock(folder / "sweep" / "vae-0" / ".lock"):
        first = client.get("/api/runs").json()["runs"][0]
        said = (first["run"], first["state"], first["live"], first["pausable"])
        assert said == (
            "sweep/vae-0",
            "training",
            True,
            False,
        )
        answer = client.post("/api/run/delete", json={"run": "sweep/vae-0"})
        assert (answer.status_code, answer.json()["error"]) == (409, "'sweep/vae-0' is being trained: stop it first")
    assert not listed(client)["sweep/vae-0"]["live"]


def test_looking_never_keeps_a_training_from_starting(folder, digits):
    """Many looks at the lock while trainings begin and end."""
    over, held = threading.Event(), RunIndex(folder)

    def look():
        while not over.is_set():
            held.refresh()

    looking = [threading.Thread(target=look) for _ in range(2)]
    for thread in looking:
        thread.start()
    try:
        for n in range(3):
            made = er.recipes.vae(digits.shape, latent=2, hidden=())
            er.fit(*made, digits, steps=1, out=folder / f"new-{n}", watch=())
    finally:
        over.set()
        for thread in looking:
            thread.join()
    assert {one["state"] for one in held.refresh()} == {"finished"}


def test_a_run_in_the_folder_itself_is_called_a_dot(trained):
    held = RunIndex(trained)
    assert [one["run"] for one in held.refresh()] == ["."]
    assert held.run_file(".", "recipe.json") == trained.resolve() / "recipe.json"


def test_a_picture_half_written_is_not_shown(folder):
    held = RunIndex(folder)
    held.refresh()
    with (folder / "vae" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "epoch": 3, "split": "train", "loss": 1.0}\n')
    whole = (folder / "vae" / "images" / "samples-0002.png").read_bytes()
    new = folder / "vae" / run_images.image_file("reconstructions", 3)
    new.write_bytes(whole[:-20])
    held.refresh()
    assert held.summary("vae")["picture"].endswith("0002.png")
    new.write_bytes(whole)
    held.refresh()
    assert held.summary("vae")["picture"].endswith("0003.png")


def test_what_has_not_changed_is_not_read_again(folder, monkeypatch):
    held = RunIndex(folder)
    before = held.refresh()
    monkeypatch.setattr(
        "elbowroom.runs.metrics_log.open_regular_file", lambda path: pytest.fail(f"{path} was read again")
    )
    assert held.refresh() == before


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "the body is a whole number: send an object"),
        ({"n": True}, "the field 'n' is true or false: give a whole number"),
        ({"n": 1, "x": "a"}, "the field 'x' is a text: give a number"),
        ({}, "the field 'n' is missing"),
    ],
)
def test_bodies_are_refused_in_words(given, words):
    with pytest.raises(RequestError, match=words):
        check_fields(given, {"n": int, "x": (float, 0.5)})


def test_time_left_is_that_of_the_pace(folder):
    with FileLock(folder / "vae" / ".lock"):
        record = json.loads((folder / "vae" / "recipe.json").read_text())
        record["training"]["epochs"] = 102
        (folder / "vae" / "recipe.json").write_text(json.dumps(record))
        found = [{"step": 10 * n, "epoch": n, "split": "train", "loss": 1.0, "seconds": 2.0 * n} for n in (1, 2)]
        (folder / "vae" / "metrics.jsonl").write_bytes(lines(found))
        summary = RunIndex(folder).summary("vae")
    assert (summary["steps_total"], summary["step"]) == (1020, 20)
    assert summary["seconds_left"] == pytest.approx(200.0)
