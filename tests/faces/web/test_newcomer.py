"""The newcomer's path: from the first page of the demo to who let the administrator into the director's mailbox."""

from __future__ import annotations

START = "/"
TARGET = (
    "FABRIK\\tkern let itself in, as it seems: it wrote rights on this mailbox at 2004-03-09 17:42:07, "
    "2 minutes 24 seconds before; no record tells which."
)


def test_three_clicks_from_the_first_page_tell_who_let_the_administrator_in(watched):
    clicks = 0
    assert watched.go(START) == 200
    unusual = watched.page.get_by_role("region", name="Unusual access", exact=True).first
    unusual.get_by_role("link", name="FABRIK\\hbrandt").first.click()
    clicks += 1
    entry = watched.page.get_by_role("listitem").filter(has_text="17:44:31").filter(has_text="FABRIK\\tkern")
    entry.get_by_role("link", name="why").click()
    clicks += 1
    assert watched.page.locator(".verdict").inner_text() == TARGET
    assert clicks <= 3
