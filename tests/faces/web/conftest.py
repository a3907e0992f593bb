"""The console of the demo's trail, running on a free port, and a browser that reaches nothing else."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, sync_playwright

from mailwitness.faces.web.application import application
from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync"
).split()


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """Return a folder with the evidence, the trail and the keys that `mailwitness demo` makes. Tests only read it."""
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder / "evidence")
    made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys")
    import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
    return folder


@pytest.fixture
def demo_trail(demo_folder, tmp_path) -> Path:
    """Return a copy of the demo's trail."""
    return Path(shutil.copytree(demo_folder / "trail", tmp_path / "trail"))


@contextlib.contextmanager
def running(app) -> Iterator[str]:
    """Run an application on a free port of this machine; give its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", server_header=False)
    server = uvicorn.Server(config)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="session")
def console(demo_folder, tmp_path_factory) -> Iterator[str]:
    """Return the address of the demo's console."""
    copy = tmp_path_factory.mktemp("served") / "trail"
    shutil.copytree(demo_folder / "trail", copy)
    with running(application(copy)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Debian's Chromium; not for the whole run, as its event loop would be in the way of other tests'."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Watched:
    """A page of a browser with what went wrong on it: console errors, exceptions, requests to elsewhere."""

    def __init__(self, browser: Browser, address: str, **options) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.address = address
        self.wrong: list[str] = []
        self.page.on("console", lambda m: self.wrong.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.context.route("**/*", self._only_here)

    def _only_here(self, route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(self.address).netloc:
            route.continue_()
        else:
            self.wrong.append(f"outside: {route.request.url}")
            route.abort()

    def go(self, path: str) -> int:
        """Open a page of the console and return its status."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        return answer.status


@pytest.fixture
def watched(browser, console) -> Iterator[Watched]:
    """Return a page in light colours, 1280 wide; the test fails where anything went wrong on it."""
    watched = Watched(browser, console, viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield watched
    watched.context.close()
    assert watched.wrong == []
