"""Splink's part of the accuracy table: a probabilistic model for each data set, trained without labels.

    .venv-splink/bin/python benchmarks/probabilistic.py SET FOLDER

It reads `rows.parquet` of the folder, and writes `splink.parquet` there: uid, threshold, cluster, for each of the
thresholds. The models of Febrl 3, Febrl 4 and fake_1000 begin with those that Splink's own documentation has for these
sets, without the social security number, which gives the answer away; what made them more accurate was added: swapped
names and streets to Febrl, more levels of a birth date to fake_1000.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from measured import Stopwatch, tell, versions

if TYPE_CHECKING:
    from collections.abc import Sequence

THREADS = 2
USUAL = 0.95
"""The match probability at which clusters are usually made."""
WEIGHTS = range(-6, 15, 2)
"""The thresholds among which the best one is looked for, as match weights: 0 is a probability of one half."""


@dataclass(frozen=True)
class Model:
    """What a person who knows Splink says of a data set.

    Attributes:
        comparisons: of which the score of a pair is made.
        blocks: pairs that have one of these in common are scored.
        certain: rules that find hardly any wrong pair, from which the share of true pairs is estimated.
        recall: the share of the true pairs that these find, by that person's guess.
        training: pairs that have these in common teach the model, one session each.
        link_type: whether rows of one list are compared too.
        derived: columns made of others beforehand, in SQL.
    """

    comparisons: Sequence[Any]
    blocks: Sequence[Any]
    certain: Sequence[Any]
    recall: float
    training: Sequence[Any]
    link_type: Literal["dedupe_only", "link_only"] = "dedupe_only"
    derived: str = ""


_SWAPPED = "l.given_name = r.surname and l.surname = r.given_name"


def _febrl(link_type: Literal["dedupe_only", "link_only"]) -> Model:
    return Model(
        link_type=link_type,
        comparisons=[
            cl.ForenameSurnameComparison("given_name", "surname", forename_surname_concat_col_name="full_name"),
            cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d"),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
            cl.JaroWinklerAtThresholds("address_1", [0.9, 0.8]),
        ],
        blocks=[
            block_on("given_name"),
            block_on("surname"),
            block_on("date_of_birth"),
            block_on("postcode"),
            block_on("address_1"),
            _SWAPPED,
        ],
        certain=[
            block_on("given_name", "surname", "date_of_birth"),
            f"{_SWAPPED} and l.date_of_birth = r.date_of_birth",
            block_on("surname", "date_of_birth", "postcode"),
        ],
        recall=0.7,
        training=[block_on("date_of_birth"), block_on("postcode")],
        derived="given_name || ' ' || surname AS full_name",
    )


MODELS = {
    "febrl3": _febrl("dedupe_only"),
    "febrl4": _febrl("link_only"),
    "fake_1000": Model(
        comparisons=[
            cl.NameComparison("first_name"),
            cl.NameComparison("surname"),
            cl.DateOfBirthComparison("dob", input_is_string=True, datetime_format="%Y-%m-%d"),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.EmailComparison("email"),
        ],
        blocks=[block_on("first_name"), block_on("surname"), block_on("dob"), block_on("email")],
        certain=[
            "l.first_name = r.first_name and levenshtein(r.dob, l.dob) <= 1",
            "l.surname = r.surname and levenshtein(r.dob, l.dob) <= 1",
            "l.first_name = r.first_name and levenshtein(r.surname, l.surname) <= 2",
            block_on("email"),
        ],
        recall=0.7,
        training=[block_on("dob"), block_on("email"), block_on("first_name", "surname")],
    ),
    "early_childhood": Model(
        comparisons=[
            cl.JaroWinklerAtThresholds("site_name", [0.95, 0.88, 0.8]).configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("address", [1, 4, 8]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
            cl.LevenshteinAtThresholds("phone", [1, 2]).configure(term_frequency_adjustments=True),
            cl.ExactMatch("zip").configure(term_frequency_adjustments=True),
        ],
        blocks=[block_on("address"), block_on("phone"), block_on("site_name"), block_on("street_number", "zip")],
        certain=[block_on("address", "phone"), block_on("site_name", "phone"), block_on("site_name", "address")],
        recall=0.7,
        training=[block_on("phone"), block_on("address"), block_on("site_name")],
        derived="nullif(regexp_extract(address, '^[0-9]+'), '') AS street_number",
    ),
}


def main(name: str, folder: Path) -> None:
    """Train the model of a data set, score its pairs, and write the clusters at every threshold."""
    model, watch = MODELS[name], Stopwatch()
    connection = duckdb.connect(config={"threads": THREADS})
    columns = ", ".join(filter(None, ["*", model.derived]))
    connection.execute(f"CREATE TABLE rows AS SELECT {columns} FROM read_parquet(?)", [str(folder / "rows.parquet")])
    with watch.phase("all"):
        linker = Linker(_registered(connection, model), _settings(model), log_level=logging.ERROR)
        _train(linker, model)
        pairs = linker.inference.predict(threshold_match_weight=min(WEIGHTS))
        _keep(connection, linker, pairs, USUAL, threshold_match_probability=USUAL)
    for weight in WEIGHTS:
        _keep(connection, linker, pairs, 2**weight / (1 + 2**weight), threshold_match_weight=weight)
    connection.execute(f"COPY clusters TO '{folder / 'splink.parquet'}' (FORMAT parquet)")
    tell(seconds=watch.phases["all"]["wall"], versions=versions("splink", "duckdb"))


def _registered(connection: duckdb.DuckDBPyConnection, model: Model) -> list[Any]:
    """Return the rows as Splink knows them: one table, or one for each list."""
    database = DuckDBAPI(connection)
    lists = connection.execute("SELECT DISTINCT src FROM rows ORDER BY src").fetchall()
    if model.link_type == "dedupe_only":
        return [database.register("rows", dataset_display_name="all")]
    for number, (source,) in enumerate(lists):
        connection.execute(f"CREATE TABLE list_{number} AS SELECT * FROM rows WHERE src = ?", [source])
    return [database.register(f"list_{number}", dataset_display_name=source) for number, (source,) in enumerate(lists)]


def _settings(model: Model) -> SettingsCreator:
    return SettingsCreator(
        link_type=model.link_type,
        unique_id_column_name="uid",
        comparisons=list(model.comparisons),
        blocking_rules_to_generate_predictions=list(model.blocks),
    )


def _train(linker: Linker, model: Model) -> None:
    linker.training.estimate_probability_two_random_records_match(list(model.certain), recall=model.recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e7, seed=1)
    for block in model.training:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block, estimate_without_term_frequencies=True
        )


def _keep(connection: duckdb.DuckDBPyConnection, linker: Linker, pairs: object, threshold: float, **at: float) -> None:
    """Add the clusters at a threshold to the table of clusters."""
    made = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, **at)
    connection.execute(
        "CREATE TABLE IF NOT EXISTS clusters (uid VARCHAR, threshold DOUBLE, usual BOOLEAN, cluster VARCHAR)"
    )
    connection.execute(
        f"INSERT INTO clusters SELECT uid, ?, ?, cluster_id::VARCHAR FROM {made.physical_name}",
        [threshold, "threshold_match_probability" in at],
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
