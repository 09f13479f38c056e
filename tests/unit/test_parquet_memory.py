"""A Parquet file of any length is read within the memory of a part of it."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

GROUPS, GROUP_SIZE = 24, 5 * 2**20  # texts that nothing compresses
READ = """
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil

from o2r.bronze.parquet import parquet_blocks

file = SimpleNamespace(path=Path(sys.argv[1]), name="long")
me = psutil.Process()
sizes = []
for _ in parquet_blocks(file, lambda _: None):
    sizes.append(me.memory_info().rss)
print(max(sizes) - sizes[len(sizes) // 10])
"""


def test_a_long_file_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path, rows = tmp_path / "long.parquet", GROUP_SIZE // 64
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())]), compression="none") as writer:
        for _ in range(GROUPS):
            text = os.urandom(32 * rows).hex()
            texts = [text[at : at + 64] for at in range(0, len(text), 64)]
            writer.write_table(pa.table({"text": texts}))
    assert path.stat().st_size > GROUPS * GROUP_SIZE * 0.9
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < GROUPS * GROUP_SIZE // 2
