# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided fuzzing of the answer reader against its reference: ``make fuzz``.

It runs a fixed number of inputs from a fixed seed, beginning with the corpus; the first on which the two readers
differ, or one of them fails, ends it and is left in ``.venv-fuzz`` as ``crash-...``.
"""

from __future__ import annotations

import random
import sys
import tempfile

import atheris

with atheris.instrument_imports(include=["airflow_provider_uspeedo"]):
    from tests.hostile import oracle

RUNS = 100_000
SEED = 20261122
CORPUS = oracle.corpus()


def one_input(text: bytes) -> None:
    """Read one body under every status."""
    for status in oracle.STATUSES:
        oracle.assert_read_rightly(text, status)


def change(text: bytes, max_size: int, seed: int) -> bytes:
    """Half of the changes are libFuzzer's, half know what an answer looks like."""
    dice = random.Random(seed)
    if seed % 2:
        return bytes(atheris.Mutate(text, max_size))
    return oracle.mutate(text, CORPUS, dice)[:max_size]


def main() -> None:
    """Fuzz; arguments go to libFuzzer, such as ``-runs=1000000``."""
    with tempfile.TemporaryDirectory() as found, tempfile.NamedTemporaryFile("wb", suffix=".dict") as words:
        words.writelines(
            b'"' + b"".join(b"\\x%02x" % byte for byte in piece) + b'"\n' for piece in (*oracle.PIECES, *oracle.VALUES)
        )
        words.flush()
        options = [
            f"-runs={RUNS}",
            f"-seed={SEED}",
            "-max_len=4096",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-artifact_prefix=.venv-fuzz/",
        ]
        chosen = [*options, f"-dict={words.name}", *sys.argv[1:], found, str(oracle.CORPUS)]
        atheris.Setup([sys.argv[0], *chosen], one_input, custom_mutator=change)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
