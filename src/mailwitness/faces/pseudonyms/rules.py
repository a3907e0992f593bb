"""Which fields of views are shown to somebody who does not see names. What has no line here is hidden.

So a field that is added to a view is hidden until somebody decides otherwise here. Fields of a closed vocabulary (typed
as Literal), numbers and times need no line.
"""

from __future__ import annotations

from typing import Literal

Rule = Literal[
    "keep", "person", "client", "host", "session", "part", "rights", "said", "step", "code", "stamp", "label", "seal"
]
"""What becomes of the texts of a field: `keep` them; a pseudonym of what they name (`person`, `client`, `host`,
`session`, `part`); `rights`, `said`, `step`, `code`: themselves where all their words are known (see words.py);
`stamp`: the time they begin with; `label`: as `said`, else as `person`; `seal`: encrypted, for texts that come back."""


def _rules(**fields: str) -> dict[str, Rule]:
    return {name: rule for rule, names in fields.items() for name in names.split()}  # type: ignore[misc]


_V, _A = "faces.views", "faces.web.api.answers"
RULES: dict[str, dict[str, Rule]] = {
    f"{_V}.access.AccessItem": _rules(
        keep="event_id what strength outcome client_note source status change_ids noise",
        client="client",
        host="server",
        session="session",
        said="let_in logon_type",
    ),
    f"{_V}.access.AccessView": _rules(keep="strength_meaning witnesses", said="headline looked_at missing"),
    f"{_V}.account.Client": _rules(keep="kind", client="client"),
    f"{_V}.account.MemberView": _rules(keep="since change_id"),
    f"{_V}.account.ReachLine": _rules(keep="of good_for since scope", rights="right"),
    f"{_V}.axis.Bar": _rules(keep="label parts title"),
    f"{_V}.axis.Bars": _rules(keep="series rows"),
    f"{_V}.axis.Lane": _rules(label="label"),
    f"{_V}.axis.Mark": _rules(keep="shape tone page key", stamp="title"),
    f"{_V}.axis.Stretch": _rules(keep="tone", said="title"),
    f"{_V}.axis.Tick": _rules(keep="label"),
    f"{_V}.change.ChangeItem": _rules(
        keep="change_id what outcome risks noise kind", rights="rights", host="through", code="proof"
    ),
    f"{_V}.change.DifferenceView": _rules(keep="sign action", rights="rights"),
    f"{_V}.coverage.CheckView": _rules(keep="check title question worst lost", said="fix"),
    f"{_V}.coverage.Fix": _rules(said="fix"),
    f"{_V}.coverage.CoverageAsked": _rules(host="host"),
    f"{_V}.coverage.CoverageView": _rules(keep="counts questions generations", said="holes"),
    f"{_V}.coverage.KitView": _rules(keep="files"),
    f"{_V}.custody.Import": _rules(keep="act sha256 format", host="host computers", client="origin", person="person"),
    f"{_V}.custody.ProblemSeen": _rules(keep="code"),
    f"{_V}.findings.EvidenceLine": _rules(keep="events"),
    f"{_V}.findings.FindingsView": _rules(keep="state counts"),
    f"{_V}.home.HomeView": _rules(said="holes"),
    f"{_V}.integrity.AnchorView": _rules(keep="file fault"),
    f"{_V}.integrity.Fault": _rules(keep="file what"),
    f"{_V}.integrity.IntegrityView": _rules(keep="note verifier_key log_id"),
    f"{_V}.integrity.Verification": _rules(keep="who state root remarks"),
    f"{_V}.mailbox.Holder": _rules(keep="of good_for since", rights="right"),
    f"{_V}.mailbox.MailboxView": _rules(said="uncovered"),
    f"{_V}.mailbox.Visit": _rules(keep="strength statuses client_note", client="client", said="logon_type"),
    f"{_V}.picture.AsOf": _rules(keep="root origin"),
    f"{_V}.record.RecordView": _rules(keep="event_id change_id"),
    f"{_V}.search.RecordLine": _rules(
        keep="event_id kind what outcome source", client="client", rights="rights", code="code"
    ),
    f"{_V}.search.SearchAsked": _rules(keep="kind outcome source", rights="right"),
    f"{_V}.search.SearchView": _rules(keep="remark sources"),
    f"{_V}.sources.Part": _rules(keep="state counts", part="name"),
    f"{_V}.sources.Source": _rules(keep="source", host="computer", said="channel"),
    f"{_V}.ways.StepView": _rules(keep="since change_id until note", step="what"),
    f"{_V}.ways.WayView": _rules(keep="good_for", rights="right", said="doubt remarks"),
    f"{_A}.ChangesAnswer": _rules(seal="next", said="uncovered"),
    f"{_A}.CoverageAnswer": _rules(keep="counts", said="holes"),
    f"{_A}.ExplanationAnswer": _rules(keep="strength_meaning witnesses", said="headline looked_at missing"),
    f"{_A}.FindingsAnswer": _rules(keep="counts"),
    f"{_A}.KitAnswer": _rules(keep="generation"),
    f"{_A}.KitFile": _rules(keep="name text"),
    f"{_A}.MailboxAnswer": _rules(said="uncovered"),
    f"{_A}.NamesAnswer": _rules(seal="next"),
    f"{_A}.Progress": _rules(keep="failure"),
    f"{_A}.RecordAnswer": _rules(keep="event_id change_id"),
    f"{_A}.RecordsAnswer": _rules(seal="next", said="uncovered"),
    f"{_A}.SearchAnswer": _rules(keep="remark", seal="next"),
    "faces.web.api.deciding.Decided": _rules(keep="case_id state"),
    "faces.web.api.unmasking.Seen": _rules(keep="subject"),
    f"{_V}.unmaskings.Unmasking": _rules(keep="who role called reason"),
    "alerts.cases.Case": _rules(
        keep="case_id rule_id title level description tags rules state", person="mailbox_ref actor"
    ),
    "alerts.cases.Entry": _rules(keep="who did"),
    "alerts.cases.Evidence": _rules(keep="finding_id rule_id level title event_ids", person="mailbox_ref actor"),
    "analysis.change.Change": _rules(
        keep="change_id kind action outcome scope noise",
        person="mailbox_ref object_dn object_guid trustee_sid trustee_name group_sid group_name actor_sid actor_name"
        " performed_by",
        rights="rights attribute object_class",
        host="through_server",
        client="client_ip",
    ),
    "analysis.change.Difference": _rules(keep="action", rights="rights", person="trustee_sid trustee_name"),
    "analysis.change.Witness": _rules(
        keep="event_id role source evidence_sha256",
        host="computer",
        said="channel",
        code="event_code",
        person="actor_name",
    ),
    "collect.interface.Receipt": _rules(keep="root"),
    "readiness.verdict.Verdict": _rules(
        keep="check title question lost", host="computer", person="mailbox account", said="why fix"
    ),
}
"""By class (its module below mailwitness, and its name), the rule of each field."""

PAGE: dict[str, Rule] = _rules(
    keep="links turn moments slide states kinds outcomes only limit at kind title hidden minutes least waiting"
)
"""What pages are filled with beside views, by its name in the template."""

RECORD: dict[str, Rule] = _rules(
    keep="event_id seq kind action outcome strength scope source occurred_at observed_at written_at recorded_at"
    " provenance content_sha256 evidence_sha256 actor_kind mailbox_ref_form",
    person="actor_name actor_sid mailbox_ref object object_dn object_guid trustee_name trustee_sid group_name group_sid"
    " performed_by app_id",
    client="client_ip client_host client_app",
    host="computer through_server",
    session="session_id logon_id",
    rights="rights attribute object_class",
    code="event_code",
    said="channel logon_type",
)
"""The fields of a record, by their names."""
OWN_PAGES = frozenset(
    {"people.html", "me.html", "views.html", "import.html", "kit.html", "refused.html", "unmask.html"}
)
"""Pages that hold nothing of the evidence: people of the console, what somebody typed or brought himself."""
