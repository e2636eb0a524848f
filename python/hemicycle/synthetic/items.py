"""Projects of a synthetic round, and what each camp of its jury thinks of them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PARENT", "draw_camp_logits", "draw_items"]

PARENT = "open-web"
TASTE = 0.9  #: how much a camp favours its own kind of project, in logits

OWNERS = (
    "northgate", "bluefin", "quartzlab", "opensluice", "ferrous", "lanternio", "mosswork", "tidepool", "graniteworks",
    "papercrane", "saltmarsh", "copperline", "driftwood", "heliograph", "ironbark", "juniperdev", "kestrel",
    "loomstate", "meridian", "nightjar", "orchardlab", "pinecone", "ravelin", "sundial", "thistle",
)  # fmt: skip
INFRASTRUCTURE = (
    "beacon", "consensus-client", "crypto-primitives", "evm-compiler", "gossip", "light-client", "p2p-node",
    "signature-lib", "state-db", "trie", "vm", "zk-prover",
)  # fmt: skip
APPLICATIONS = (
    "abi-tools", "block-explorer", "contract-tests", "dev-wallet", "docs-portal", "faucet", "formatter", "indexer",
    "ide-plugin", "rpc-sdk", "scaffold", "static-analyser",
)  # fmt: skip


def draw_items(rng: np.random.Generator, n_items: int) -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Return names in random order, half of them infrastructure."""
    kinds = []
    for projects, n in ((INFRASTRUCTURE, n_items // 2), (APPLICATIONS, n_items - n_items // 2)):
        names = [f"{owner}/{project}" for owner, project in product(OWNERS, projects)]
        drawn = [names[index] for index in rng.permutation(len(names))]
        kinds.append([drawn[i % len(drawn)] + (f"-{i // len(drawn) + 1}" if i >= len(drawn) else "") for i in range(n)])
    order = rng.permutation(n_items)
    names = kinds[0] + kinds[1]
    return tuple(names[index] for index in order), order < n_items // 2


def draw_camp_logits(rng: np.random.Generator, infrastructure: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Add what both camps see, what only one sees, and the taste of each for its own kind of project."""
    n_items = len(infrastructure)
    taste = np.where(infrastructure, TASTE, -TASTE) * np.array([[1.0], [-1.0]])  # (2, n_items)
    logits: NDArray[np.float64] = rng.normal(0, 0.6, n_items) + rng.normal(0, 0.9, (2, n_items)) + taste
    return logits
