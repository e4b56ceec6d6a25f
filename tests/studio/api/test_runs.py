"""Routes of the runs: curves, snapshots, images and files."""

from elbowroom.runs.run import Run


def test_curves_snapshots_and_images_are_complete(client, trained_run):
    curves = client.get("/api/curves", params={"run": ["vae", "sweep/vae-0"]}).json()
    for split in ("train", "validation", "test"):
        written = Run(trained_run).metrics(split)
        for run in ("vae", "sweep/vae-0"):
            assert curves[run][split]["loss"] == [row["loss"] for row in written]
            assert curves[run][split]["step"] == [row["step"] for row in written]
    response = client.get("/api/run", params={"run": "vae"}).json()
    snapshots = [row for row in Run(trained_run).metrics() if row.get("event") == "look"]
    assert [snapshot["kl"] for snapshot in response["looks"]] == [row["nats"][0] for row in snapshots]
    assert [image["epoch"] for image in response["images"]["samples"]] == [1, 2]
    assert {image["name"] for image in response["images"]["other"]} == {"curves"}
    assert response["record"]["recipe"] == "vae"


def test_files_have_their_content_type_and_pages_are_sandboxed(client, folder):
    (folder / "vae" / "report.html").write_text("<p>report")
    page = client.get("/files", params={"run": "vae", "path": "report.html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("sandbox allow-scripts; default-src 'none'")
    image = client.get("/files", params={"run": "vae", "path": "images/samples-0001.png"})
    assert image.headers["content-type"] == "image/png"
    cached = client.get(str(image.url), headers={"if-none-match": image.headers["etag"]})
    assert (cached.status_code, cached.content) == (304, b"")
