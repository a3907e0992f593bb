"""`mailwitness demo --serve` and `mailwitness console`, as a person starts them; and without their libraries."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from mailwitness.faces.cli import main

CLI = [sys.executable, "-m", "mailwitness.faces.cli"]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_demo_serves_its_console_with_a_writer(tmp_path):
    command = [*CLI, "demo", "--keep", str(tmp_path / "demo"), "--serve", "--port", "0"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = next(line for line in process.stdout if "The console is at" in line)
            port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", line)[1])
            status, text = get(port, "/mailbox?name=FABRIK%5Chbrandt")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
    assert status == 200
    assert "FABRIK\\tkern" in text
    assert "What you read is recorded in the trail." in text


def test_a_port_in_use_is_said(demo_trail, monkeypatch, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["mailwitness", "console", "--trail", str(demo_trail), "--port", port])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    assert "--port" in capsys.readouterr().err


def test_without_its_libraries_the_console_says_how_to_get_them(demo_trail, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(sys, "argv", ["mailwitness", "console", "--trail", str(demo_trail)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install 'mailwitness[console]'" in capsys.readouterr().err


def test_the_command_line_needs_no_library_of_the_console():
    script = (
        "import sys\n"
        "for name in ('starlette', 'jinja2', 'uvicorn', 'multipart', 'xlsxwriter'): sys.modules[name] = None\n"
        "import mailwitness.faces.cli"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
