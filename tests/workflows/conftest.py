"""What the tests of the command line share."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def browser():
    """A real headless Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        assert not os.environ.get("CI"), "CI has Chromium"
        pytest.skip("needs Chromium, which is not installed (on Debian: apt install chromium)")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()
