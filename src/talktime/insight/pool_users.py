"""Who used a pool: its top consumers, from the calls (domain.md 12)."""

import polars as pl


def top_consumers(calls: pl.DataFrame, shown: int) -> dict[str, tuple[tuple[str, int], ...]]:
    """Name of a pool -> its first users or service numbers with the seconds they used, most first.

    The column `pool` of a call reads pool=seconds, joined by `;`.
    """
    parts = (
        calls.filter(pl.col("pool") != "")
        .select("user", pl.col("pool").str.split(";"))
        .explode("pool")
        .select(
            "user",
            pl.col("pool").str.replace(r"=\d+$", "").alias("name"),
            pl.col("pool").str.extract(r"=(\d+)$").cast(pl.Int64).alias("seconds"),
        )
    )
    used = parts.group_by("name", "user").agg(pl.col("seconds").sum())
    first = used.sort(["name", "seconds", "user"], descending=[False, True, False]).group_by(
        "name", maintain_order=True
    )
    return {
        name: tuple(zip(users, seconds, strict=True))
        for name, users, seconds in first.agg(pl.col("user", "seconds").head(shown)).rows()
    }
