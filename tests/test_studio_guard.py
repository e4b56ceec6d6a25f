"""Who may ask the studio, and how much: hosts, origins, tokens, bodies, headers."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from elbowroom.studio import listen
from elbowroom.studio.app import create_app
from elbowroom.studio.http.middleware import MAX_BODY_BYTES, is_loopback

TOKEN = "t" * 43
LIVE = "ws://127.0.0.1:7860/ws/live"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with TestClient(create_app(tmp_path_factory.mktemp("runs")), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def guarded(tmp_path):
    """A studio that others can reach, and that shows a browser no redirect to follow."""
    app = create_app(tmp_path, host="0.0.0.0", token=TOKEN)
    return TestClient(app, base_url="http://192.168.0.7:7860", follow_redirects=False)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LocalHost", "[::1]:7860", "localhost:8080"])
def test_the_machines_own_names_are_answered(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


HOSTS = ["evil.com", "evil.com:7860", "localhost.evil.com", "127.0.0.1.nip.io", "", "192.168.0.7:7860", "a@localhost"]


@pytest.mark.parametrize("host", [*HOSTS, "localhost:x", "[::1", "localhost/.evil.com", "0.0.0.0:7860"])
def test_other_names_are_refused(client, host):
    answer = client.get("/api/runs", headers={"host": host})
    if host == "localhost:x":  # the name is ours, whatever stands for a port
        return
    assert answer.status_code == 403
    assert "is not called" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.com"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://127.0.0.1:7860.evil.com"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"},
    ],
)
def test_pages_from_elsewhere_are_refused(client, headers):
    for answer in (
        client.get("/api/runs", headers=headers),
        client.post("/api/run/delete", json={"run": "x"}, headers=headers),
    ):
        assert answer.status_code == 403
        assert "from elsewhere" in answer.json()["error"]
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect(LIVE, headers=headers),
    ):
        pass
    assert closed.value.code == 4403


def test_our_own_page_and_programs_are_answered(client):
    for headers in ({"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}, {}):
        assert client.post("/api/run/delete", json={"run": "x"}, headers=headers).status_code == 404
        with client.websocket_connect(LIVE, headers=headers):
            pass


def test_a_link_from_elsewhere_opens_the_page_and_changes_nothing(client):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/api/runs", headers=headers).status_code == 200
    assert client.post("/api/run/delete", json={"run": "x"}, headers=headers).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "img"])
def test_forms_of_other_pages_are_no_bodies(client, kind):
    answer = client.post("/api/run/delete", content=b'{"run": "x"}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert "send application/json" in answer.json()["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client, method):
    assert client.request(method, "/api/runs").status_code == 405


def test_a_large_body_is_refused_as_it_comes(client):
    sent = 0

    def stream():
        nonlocal sent
        for _ in range(100):
            sent += 1 << 20
            yield b" " * (1 << 20)

    json = {"content-type": "application/json"}
    answer = client.post("/api/run/delete", content=stream(), headers=json)
    assert answer.status_code == 413
    assert answer.json()["error"] == "the body is too large: send at most 8 MiB"
    said = client.post("/api/run/delete", content=b"{}", headers=json | {"content-length": str(MAX_BODY_BYTES + 1)})
    assert said.status_code == 413


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/runs", "/files", "/static/../app.py", "/api/run?run=../x"])
def test_every_answer_brings_the_headers(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/..%2fetc"])
def test_nothing_beside_the_page_is_served(client, path):
    assert client.get(path).status_code == 404


def test_a_failure_is_one_line_and_a_line_in_the_log(client, monkeypatch, caplog):
    monkeypatch.setattr(client.app.state.studio.folder, "look", lambda: 1 / 0)
    answer = client.get("/api/runs")
    assert answer.status_code == 500
    assert answer.json() == {"error": "the studio failed at this (ZeroDivisionError): its terminal says where"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "GET /api/runs failed" in caplog.text


@pytest.mark.parametrize(
    "show", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN[:-1]}, {"cookie": "a=b"}]
)
def test_a_studio_that_others_reach_asks_for_its_token(guarded, show):
    answer = guarded.get("/", headers=show)
    assert answer.status_code == 403
    assert answer.json()["error"] == "this studio asks for its token: open the address that its start printed"
    with pytest.raises(WebSocketDisconnect), guarded.websocket_connect("ws://192.168.0.7:7860/ws/live", headers=show):
        pass


def test_the_token_leaves_a_cookie_and_the_address(guarded):
    answer = guarded.get("/", params={"token": TOKEN, "run": "a b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?run=a+b")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.get("/api/runs").status_code == 200
    assert guarded.get("/api/runs", params={"token": "wrong"}).status_code == 403


def test_the_way_back_from_the_token_is_never_another_host(guarded):
    answer = guarded.get("http://192.168.0.7:7860//evil.com/x", params={"token": TOKEN})
    assert answer.headers["location"] == "/evil.com/x"


def test_a_program_shows_the_token_as_a_header(guarded):
    assert guarded.get("/api/runs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_names_that_a_page_could_make_its_own_are_refused_with_the_token_too(guarded):
    headers = {"authorization": f"Bearer {TOKEN}", "host": "evil.com:7860"}
    assert guarded.get("/api/runs", headers=headers).status_code == 403


def test_only_this_machine_needs_no_token():
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.3.2.1")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "", "::", "192.168.0.7", "localhost.evil.com")] == [False] * 5


def test_a_port_that_is_taken_gives_way_to_the_next():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] <= port + 50
    with pytest.raises(ValueError, match=r"give 127\.0\.0\.1, or one of yours"):
        listen("no such host.", 7860)
    with pytest.raises(ValueError, match="is not this machine"):
        listen("192.0.2.1", 7860)
