"""Names that look alike: of items refused with that reason, of models kept and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from hemicycle import Judgments, Pool
from hemicycle.look_alikes import alike_items, alike_models

if TYPE_CHECKING:
    from pathlib import Path

CYRILLIC = "\u0430lice"


@pytest.mark.parametrize(
    "name",
    [
        "sigp/Iighthouse",
        "sigp/1ighthouse",
        "s\u0456gp/lighthouse",
        "https://github.com/sigp/Iighthouse.git",
        "https://GitHub.com/sigp/Iighthouse",
        "sigp/l\u0131ghthouse",
        "\U0001d4bcigp/lighthouse".replace("\U0001d4bc", "\u0455"),
    ],
)
def test_an_item_that_looks_like_another_is_named(name: str) -> None:
    found = alike_items([name, "prysm"], ["sigp/lighthouse", "geth"])
    assert set(found) == {name}
    assert "looks like the item 'sigp/lighthouse' and is not it" in found[name]
    beyond = [c for c in name if not c.isascii()]
    assert all(f"U+{ord(c):04X}" in found[name] for c in beyond)


def test_other_spellings_of_an_item_are_that_item() -> None:
    assert alike_items(["GETH", "https://x.org/geth", "\uff47eth", "reth"], ["geth"]) == {}
    assert alike_items([], ["geth"]) == {}


def test_models_that_look_alike_are_kept_and_said(tmp_path: Path) -> None:
    for name in ("alice", CYRILLIC, "bob"):
        (tmp_path / f"{name}.csv").write_text("repo,weight\nx,1\ny,2\n")
    pool = Pool.read(tmp_path)
    assert set(pool.models) == {"alice", CYRILLIC, "bob"}
    said = f"1 group of models have names that look alike, all kept: 'alice' and '{CYRILLIC}' (U+0430)"
    assert pool.notices == (said,)
    assert alike_models(["a", "b"]) == ()
    assert "'a b' and 'a  b'" in alike_models(["a b", "a  b"])[0]


def test_judgments_of_a_look_alike_say_so() -> None:
    frame = pd.DataFrame(
        {"repo_a": ["alice", CYRILLIC], "repo_b": ["bob", "bob"], "choice": [1, 1], "multiplier": [2, 2]}
    )
    judgments = Judgments.from_frame(frame, items=["alice", "bob"])
    (reject,) = judgments.rejects
    assert "looks like the item 'alice' and is not it (U+0430)" in reject.reason
    assert "is not among the items of the round" in reject.reason
