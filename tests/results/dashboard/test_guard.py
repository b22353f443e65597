"""Who may ask."""

import pytest

from bench.dashboard import access_for, token_of
from results.dashboard.app import create_app
from results.dashboard.guard import Access, is_loopback
from results.dashboard.source import Source
from tests.results.dashboard.made import LATEST, TOKEN, Client
from vocabulary import UsageError


def test_a_name_that_is_not_loopbacks_is_refused(client: Client) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example:8642", "", "localhost.evil.example"):
        assert client.get("/", headers={"host": host}).status_code == 421, host
    for host in ("localhost:8642", "127.0.0.1", "[::1]:8642", "LOCALHOST"):
        assert client.get("/healthz", headers={"host": host}).status_code == 200, host


def test_without_the_token_nothing_is_shown(source: Source) -> None:
    app = create_app(source, Access(TOKEN, everywhere=True, local=False))
    client = Client(app, "http://bench.example")
    for path in ("/", f"/runs/{LATEST}", "/trends"):
        answer = client.get(path)
        assert answer.status_code == 303 and answer.headers["location"] == "/login"
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "0", "Ü" * 32):
        headers = {"authorization": f"Bearer {token}".encode("latin-1", "replace")}
        answer = client.get("/api/v1/runs", headers=headers)
        assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert LATEST not in answer.text
    assert client.get("/api/openapi.json").status_code == 401
    assert client.get("/api/v1/runs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_the_login_page_opens_it_for_a_browser(source: Source) -> None:
    app = create_app(source, Access(TOKEN, everywhere=True, local=False))
    client = Client(app, "http://bench.example")
    assert "token" in client.get("/login").text
    wrong = client.post("/login", data={"token": "x" * 32})
    assert "set-cookie" not in wrong.headers and "refused" in wrong.headers["location"]
    right = client.post("/login", data={"token": TOKEN})
    cookie = right.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert client.get("/").status_code == 200


def test_reading_is_all_that_is_taken(client: Client) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        for path in ("/", f"/runs/{LATEST}", f"/api/v1/runs/{LATEST}", "/trends"):
            assert client.request(method, path).status_code == 405, (method, path)
    assert client.post("/api/v1/runs", content=b"{}").status_code == 403


def test_listening_elsewhere_needs_a_token() -> None:
    assert not access_for("127.0.0.1", "", False, 1).everywhere
    assert is_loopback("::1") and is_loopback("localhost") and not is_loopback("0.0.0.0")
    for host, uploads in (("0.0.0.0", False), ("192.0.2.1", False), ("::", False), ("127.0.0.1", True)):
        with pytest.raises(UsageError, match="token"):
            access_for(host, "", uploads, 1)
    assert access_for("0.0.0.0", TOKEN, True, 1).everywhere


def test_a_token_is_long_and_comes_from_a_file_or_the_environment(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "good").write_text(TOKEN + "\n")
    assert token_of(folder / "good") == TOKEN
    for name, text in (("empty", ""), ("short", "abc"), ("spaced", "a b " * 10)):
        (folder / name).write_text(text)
        with pytest.raises(UsageError, match="token"):
            token_of(folder / name)
    with pytest.raises(UsageError, match="cannot be read"):
        token_of(folder / "absent")
    monkeypatch.setenv("KXBENCH_TOKEN", TOKEN)
    assert token_of(None) == TOKEN
    monkeypatch.delenv("KXBENCH_TOKEN")
    assert token_of(None) == ""
