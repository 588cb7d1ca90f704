"""Which engine computes, and what it may take of the machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

_FORBID_OTHER_KEYS = {"extra": "forbid"}


@dataclass(frozen=True)
class DuckDBSettings:
    """DuckDB, in this process: `memory` as `8GB`, threads as many as there are cores."""

    __pydantic_config__: ClassVar = _FORBID_OTHER_KEYS

    kind: Literal["duckdb"] = "duckdb"
    threads: int | None = None
    memory: str | None = None


@dataclass(frozen=True)
class SparkSettings:
    """Spark, where one machine is too small.

    Attributes:
        path: where the tables are kept, as this process and all workers reach it: a folder, or a URL of a store that
            pyarrow knows (`s3://…`, `gs://…`, `abfs://…`); by default a folder beside the ledger.
        master: of the cluster: `local[*]` is this machine.
        memory: of the driver, and in local mode of all, as `8g`.
        options: any other setting of Spark, by its own name.
    """

    __pydantic_config__: ClassVar = _FORBID_OTHER_KEYS

    kind: Literal["spark"] = "spark"
    path: str | None = None
    master: str = "local[*]"
    memory: str | None = None
    options: dict[str, str] = field(default_factory=dict)


Settings: TypeAlias = DuckDBSettings | SparkSettings
