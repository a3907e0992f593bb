"""A configuration that cannot be used names file, line and key."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mailwitness.errors import UsageError
from mailwitness.service.config import load_config
from mailwitness.service.parts import part_names
from mailwitness.service.toml_places import places

WHOLE = """\
# a service
[service]
trail = "trail"
readers = 4

[intake.m365]
tenant = "11111111-1111-1111-1111-111111111111"
client = "22222222-2222-2222-2222-222222222222"
secret_env = "SECRET"

[rules]
folders = [
  "rules",  # ours
  "/srv/sigma",
]

[alerts]
group_within = "30m"
watchlists = ["vip.csv"]

[alerts.smtp.team]
host = "mail.example.test"
sender = "mw@example.test"
to = ["soc@example.test"]

[alerts.file."siem.a"]
path = "/var/log/alerts.jsonl"

[silence]
default = "12h"
sources = { "m365" = "off" }

[retention]
months = 24

[reports.weekly]
report = "sox"
every = "week"
at = "06:30"
to = "reports"
forms = ["html", "csv"]
mail_to = ["soc@example.test"]

[console]
bind = "127.0.0.1"
port = 8443
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "service.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_whole_configuration(written, tmp_path):
    config = load_config(written(WHOLE))
    assert config.service.trail == tmp_path / "trail"
    assert config.rules.folders == [tmp_path / "rules", Path("/srv/sigma")]
    assert config.alerts.watchlists == [tmp_path / "vip.csv"]
    assert list(config.alerts.destinations()) == ["smtp.team", "file.siem.a"]
    assert [(one.kind, one.name) for one in config.collections] == [("m365", "m365")]
    assert config.silence.longest("m365") is None
    assert config.silence.longest("other") == timedelta(hours=12)
    assert config.retention.months == 24
    assert config.reports["weekly"].to == tmp_path / "reports"
    assert part_names(config)[-3:] == ["detector", "reports", "console"]
    assert config.console_table == {"bind": "127.0.0.1", "port": 8443}


def test_the_least_configuration(written):
    config = load_config(written('[service]\ntrail = "/srv/trail"\n'))
    assert config.collections == ()
    assert config.alerts.destinations() == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("readers = 4", "readers = 0", 2, r"service: readers is 1 to 64"),
        ("readers = 4", 'readers = "4"', 4, r"service\.readers: Expected `int`, got `str`"),
        ("readers = 4", "raeders = 4", 4, r"service\.raeders: there is no such setting"),
        ('trail = "trail"', "", 2, r"service: trail is missing"),
        ("[rules]", "[rulez]", 11, r"rulez: there is no table"),
        ('host = "mail.example.test"', "host = 1", 22, r"alerts\.smtp\.team\.host: Expected `str`"),
        ('to = ["soc@example.test"]', "to = [1]", 24, r"alerts\.smtp\.team\.to: Expected `str`"),
        ('sender = "mw@example.test"', 'sender = "mw"', 21, r"alerts\.smtp\.team: 'mw' is no mail address"),
        ("[alerts.smtp.team]", "[alerts.smpt.team]", 21, r"alerts\.smpt: there is no such setting"),
        ('[alerts.file."siem.a"]', '[alerts.file."a b"]', 26, r"'a b' is no name"),
        ("[intake.m365]", "[intake.m356]", 6, r"there is no collector m356"),
        ('secret_env = "SECRET"', "secret = 1", 9, r"intake\.m365\.secret: there is no such setting"),
        ('default = "12h"', 'default = "often"', 29, r"silence: 'often' is no span of time"),
        ("months = 24", "months = 24.5", 34, r"retention\.months: Expected `int"),
        ('report = "sox"', 'report = "soz"', 36, r"reports\.weekly: there is no report soz; there are changes"),
        ('every = "week"', 'every = "hour"', 38, r"reports\.weekly\.every: Invalid enum value 'hour'"),
        ('at = "06:30"', 'at = "24:00"', 36, r"reports\.weekly: at '24:00' is no time of day"),
        ('at = "06:30"', 'att = "06:30"', 39, r"reports\.weekly\.att: there is no such setting"),
        ('forms = ["html", "csv"]', 'forms = ["doc"]', 36, r"reports\.weekly: forms are some of html"),
        (
            'mail_to = ["soc@example.test"]',
            'mail_to = ["x@y.test"]',
            42,
            r"no \[alerts\.smtp\.NAME\] may reach 'x@y.test'",
        ),
        ("[reports.weekly]", '[reports."a b"]', 36, r"'a b' is no name"),
        ('bind = "127.0.0.1"', 'bind = "0.0.0.0"', 44, r"console: a console that others reach needs certificate"),
        ('"/srv/sigma",', "7,", 12, r"rules\.folders"),
        ("[retention]\nmonths = 24", "retention = 3", None, r"retention|no TOML"),
    ],
)
def test_the_line_is_named(written, old, new, line, said):
    path = written(WHOLE.replace(old, new))
    with pytest.raises(UsageError, match=said) as refused:
        load_config(path)
    if line is not None:
        assert refused.value.where == f"{path}, line {line}"


def test_what_is_no_toml_says_where(written):
    with pytest.raises(UsageError, match=r"no TOML.*line 2"):
        load_config(written('[service]\ntrail = "\n'))


def test_no_file(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "none.toml")


def test_no_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "a.toml")


def test_places_of_every_way_of_writing():
    text = 'a.b = 1\n[t."x y"]\nk = """\n[not.a.table]\nz = 1\n"""\n\'q\' = [\n 1,\n]\n[[list]]\nm = { n = 1 }\n'
    assert places(text) == {
        ("a",): 1,
        ("a", "b"): 1,
        ("t",): 2,
        ("t", "x y"): 2,
        ("t", "x y", "k"): 3,
        ("t", "x y", "q"): 7,
        ("list",): 10,
        ("list", "m"): 11,
    }
