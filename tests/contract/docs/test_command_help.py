"""The help of `lens`: what there is, in groups, with what each option takes and its default."""

import re
import subprocess
import sys

import pytest
from pydantic import BaseModel

from lens import __version__
from lens.agent.settings import AgentSettings
from lens.cli.demo import DemoSettings
from lens.cli.flags import group_titles
from lens.config.serve import ServeSettings
from lens.mcp.settings import McpSettings
from lens_client import __version__ as client_version
from lens_client.commands import COMMANDS

SETTINGS = {"serve": ServeSettings, "agent": AgentSettings, "mcp": McpSettings, "demo": DemoSettings}


def lens(*arguments: str) -> str:
    """Return what a command prints."""
    command = [sys.executable, "-m", "lens", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_the_version_is_an_option_and_both_packages() -> None:
    assert lens("--version") == f"lens {__version__}\n"
    assert client_version == __version__


def test_the_help_has_the_commands_that_ask_a_lens() -> None:
    text = lens("--help")
    for name, what in COMMANDS.items():
        assert re.search(rf"^ +{name} +{re.escape(what)}$", text, re.MULTILINE), name


@pytest.mark.parametrize(("command", "settings"), SETTINGS.items())
def test_each_option_is_in_a_group_with_what_it_takes_and_its_default(
    command: str, settings: type[BaseModel]
) -> None:
    text = lens(command, "--help")
    titles = group_titles(settings)
    assert "Options" not in titles.values()
    # Lines break at hyphens too.
    words = "".join(text.split())
    for name, field in settings.model_fields.items():
        described = re.escape("".join(str(field.description).split()))
        found = re.search(rf"--{name.replace('_', '-')}([A-Z][A-Z:]*|[a-z|0]+|NAME,...){described}", words)
        assert found, name
        assert found[1] not in {"MINUTE", "BURST", "CALLER", "KEPT", "OPEN", "NODE", "CLUSTER"}
        assert words[found.end() :].startswith("[required]") is field.is_required()
    assert [title for title in dict.fromkeys(titles.values()) if f"\n{title}:\n" not in text] == []
    assert "default: (" not in text
    assert "[default:127.0.0.1:" in words or command in ("mcp", "demo")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--nodes", "abc"], "--nodes: 'abc' is no whole number"),
        (
            ["--nodes", "0", "--port", "70000"],
            "--nodes: '0' is less than 1; --port: '70000' is more than 65535",
        ),
        (
            ["--cluster", "a/b"],
            "--cluster: 'a/b' is no valid name: letters and digits, with - . _ between them",
        ),
        (
            ["--token", "two words"],
            "--token: 'two words' is no bearer token: letters, digits and - . _ ~ + /",
        ),
    ],
)
def test_what_a_demo_can_not_be_is_one_line_that_names_the_flag(arguments: list[str], problem: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lens", "demo", *arguments], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"lens: {problem}\n")
