"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_example_prints_what_it_says() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    promised = re.findall(r"^print\(.*?\) +# (.+)$", example, re.MULTILINE)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=True
    )
    assert len(promised) == 2
    assert ran.stdout.splitlines() == promised


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]\S+)", README))))
def test_every_command_it_names_is_there(target: str) -> None:
    assert re.search(rf"^{re.escape(target.strip('`'))}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
