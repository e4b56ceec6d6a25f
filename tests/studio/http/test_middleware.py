"""Security middleware: hosts, origins, tokens, bodies, headers."""

from unittest import TestCase

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from elbowroom.studio.app import create_app
from elbowroom.studio.http.middleware import MAX_BODY_BYTES, is_loopback

TOKEN = "t" * 43
LIVE = "ws://127.0.0.1:7860/ws/live"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with TestClient(create_app(tmp_path_factory.mktemp("runs")), base_url="http://127.0.0.1:7860") as client:
        yield client


@pytest.fixture
def token_client(tmp_path):
    """A client of a studio that other machines can reach; it follows no redirects."""
    app = create_app(tmp_path, host="0.0.0.0", token=TOKEN)
    return TestClient(app, base_url="http://192.168.0.7:7860", follow_redirects=False)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "LocalHost", "[::1]:7860", "localhost:8080"])
def test_own_host_names_are_answered(client, host):
    assert client.get("/api/runs", headers={"host": host}).status_code == 200


HOSTS = ["evil.com", "evil.com:7860", "localhost.evil.com", "127.0.0.1.nip.io", "", "192.168.0.7:7860", "a@localhost"]


@pytest.mark.parametrize("host", [*HOSTS, "localhost:x", "[::1", "localhost/.evil.com", "0.0.0.0:7860"])
def test_other_host_names_are_refused(client, host):
    answer = client.get("/api/runs", headers={"host": host})
    if host == "localhost:x":  # the name is right, whatever stands for the port
        return
    assert answer.status_code == 403
    assert "wrong host" in answer.json()["error"]


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
def test_requests_from_other_sites_are_refused(client, headers):
    for answer in (
        client.get("/api/runs", headers=headers),
        client.post("/api/run/delete", json={"run": "x"}, headers=headers),
    ):
        assert answer.status_code == 403
        assert "from another site" in answer.json()["error"]
    with (
        pytest.raises(WebSocketDisconnect) as disconnect,
        client.websocket_connect(LIVE, headers=headers),
    ):
        pass
    assert disconnect.value.code == 4403


def test_own_page_and_programs_are_answered(client):
    for headers in ({"origin": "http://127.0.0.1:7860", "sec-fetch-site": "same-origin"}, {}):
        assert client.post("/api/run/delete", json={"run": "x"}, headers=headers).status_code == 404
        with client.websocket_connect(LIVE, headers=headers):
            pass


def test_a_link_from_another_site_opens_the_page_and_changes_nothing(client):
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/api/runs", headers=headers).status_code == 200
    assert client.post("/api/run/delete", json={"run": "x"}, headers=headers).status_code == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "img"])
def test_content_types_of_forms_are_refused(client, kind):
    answer = client.post("/api/run/delete", content=b'{"run": "x"}', headers={"content-type": kind})
    assert answer.status_code == 415
    assert "send application/json" in answer.json()["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client, method):
    assert client.request(method, "/api/runs").status_code == 405


def test_a_large_body_is_refused_while_it_is_received(client):
    sent = 0

    def stream():
        nonlocal sent
        for _ in range(100):
            sent += 1 << 20
            yield b" " * (1 << 20)

    json_type = {"content-type": "application/json"}
    answer = client.post("/api/run/delete", content=stream(), headers=json_type)
    assert answer.status_code == 413
    assert answer.json()["error"] == "the body is too large: send at most 8 MiB"
    announced = client.post(
        "/api/run/delete", content=b"{}", headers=json_type | {"content-length": str(MAX_BODY_BYTES + 1)}
    )
    assert announced.status_code == 413


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/runs", "/files", "/static/../app.py", "/api/run?run=../x"])
def test_every_response_has_the_security_headers(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/..%2fetc"])
def test_only_static_files_are_served(client, path):
    assert client.get(path).status_code == 404


def test_an_internal_error_is_one_line_and_is_logged(client, monkeypatch):
    monkeypatch.setattr(client.app.state.studio.run_index, "refresh", lambda: 1 / 0)
    with TestCase().assertLogs() as logged:
        answer = client.get("/api/runs")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "internal error of the studio (ZeroDivisionError): the terminal it runs in has the traceback"
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "GET /api/runs failed" in logged.output[0]


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN[:-1]}, {"cookie": "a=b"}]
)
def test_other_machines_need_the_token(token_client, headers):
    answer = token_client.get("/", headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"] == "the token is missing: open the address that the studio printed"
    with (
        pytest.raises(WebSocketDisconnect),
        token_client.websocket_connect("ws://192.168.0.7:7860/ws/live", headers=headers),
    ):
        pass


def test_the_token_moves_from_the_address_to_a_cookie(token_client):
    answer = token_client.get("/", params={"token": TOKEN, "run": "a b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?run=a+b")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert token_client.get("/api/runs").status_code == 200
    assert token_client.get("/api/runs", params={"token": "wrong"}).status_code == 403


def test_the_redirect_after_the_token_never_leads_to_another_host(token_client):
    answer = token_client.get("http://192.168.0.7:7860//evil.com/x", params={"token": TOKEN})
    assert answer.headers["location"] == "/evil.com/x"


def test_a_program_sends_the_token_as_a_header(token_client):
    assert token_client.get("/api/runs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_domain_names_are_refused_even_with_the_token(token_client):
    headers = {"authorization": f"Bearer {TOKEN}", "host": "evil.com:7860"}
    assert token_client.get("/api/runs", headers=headers).status_code == 403


def test_is_loopback():
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "127.3.2.1")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "", "::", "192.168.0.7", "localhost.evil.com")] == [False] * 5
