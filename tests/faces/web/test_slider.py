"""Who can open a mailbox, slid through time: with script by a slider, without it by the field beside it."""

from __future__ import annotations

from tests.faces.web.conftest import Watched

HBRANDT = "/mailbox?name=FABRIK%5Chbrandt"


def accounts(page):
    return set(page.locator("#holders ~ details table tbody th a").all_inner_texts())


def test_the_slider_shows_who_could_open_it_then(watched):
    watched.go(HBRANDT)
    page = watched.page
    now = accounts(page)
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == "now"
    with page.expect_response("**/mailbox?*at=*") as answered:
        slider.focus()
        page.keyboard.press("Home")
    assert answered.value.status == 200
    page.get_by_text("Show it as of now").wait_for()
    assert "at=20" in page.url
    shown = page.input_value("input[name=at]")
    assert slider.get_attribute("aria-valuetext") == shown.replace("T", " ").rstrip("Z")
    assert page.evaluate("document.activeElement.id") == "slide"
    then = accounts(page)
    assert "FABRIK\\svc-archive" in now - then
    page.goto(page.url)  # the address is of what is shown
    assert accounts(page) == then
    with page.expect_response("**/mailbox?*") as answered:
        slider.focus()
        page.keyboard.press("ArrowRight")
    assert answered.value.status == 200
    page.wait_for_function("was => document.querySelector('input[name=at]').value > was", arg=shown)
    with page.expect_response("**/mailbox?*"):
        slider.focus()
        page.keyboard.press("End")
    page.get_by_role("heading", name="Who can open it now").wait_for()
    assert "at=" not in page.url
    assert accounts(page) == now


def test_without_script_there_is_the_field_and_no_slider(browser, console):
    watched = Watched(browser, console, java_script_enabled=False)
    watched.go(HBRANDT)
    page = watched.page
    now = accounts(page)
    assert page.get_by_role("slider").count() == 0
    page.fill("input[name=at]", "2004-03-01")
    page.get_by_role("button", name="Show", exact=True).click()
    assert page.get_by_text("Show it as of now").count() == 1
    assert accounts(page) != now
    watched.context.close()
    assert watched.wrong == []
