"""The README's screenshots, taken of the demo: `python -m tests.faces.web.screenshots` writes them anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.faces.web.conftest import CHROMIUM, FLAGS, running

from mailwitness.faces.web.application import application
from mailwitness.intake.importing import import_paths
from mailwitness.simulate.demo import write_demo
from mailwitness.trail.create import create_trail

IMAGES = Path(__file__).parents[3] / "docs" / "images"
SHOTS = {
    "home": ("/", "light", {"width": 1280, "height": 860}),
    "mailbox": ("/mailbox?name=FABRIK%5Chbrandt", "light", {"width": 1280, "height": 900}),
    "access": ("/access/f04087bf950b8f80", "light", {"width": 1280, "height": 720}),
    "mailbox-dark": ("/mailbox?name=NORDWIND%5Chbrandt", "dark", {"width": 1280, "height": 900}),
}


def main() -> None:
    """Make the demo's trail and take the pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder / "evidence")
        made = create_trail(folder / "trail", organization="demo", key_dir=folder / "keys", origin="example/demo")
        import_paths(folder / "trail", [folder / "evidence"], key_path=made.key_path)
        with running(application(folder / "trail")) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            for shot, (path, colours, size) in SHOTS.items():
                page = browser.new_context(viewport=size, color_scheme=colours).new_page()
                page.goto(address + path)
                page.screenshot(path=IMAGES / f"{shot}.png")
            browser.close()


if __name__ == "__main__":
    main()
