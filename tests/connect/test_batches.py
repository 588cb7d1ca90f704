"""Which rows are sent next, told by playing the service."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backstamp.connect import ports
from backstamp.connect.dataverse import batches

WRITTEN = batches.Verdict("written")


def targets(*keys: str) -> list[batches.Target]:
    """Rows without content."""
    return [batches.Target(key, {}) for key in keys]


def play(keys: list[str], size: int, bad: dict[str, batches.Verdict]) -> tuple[list[ports.Outcome], list[list[str]]]:
    """Deliver to a service that finds fault with any batch that holds one of the bad rows."""
    sending = batches.deliver(targets(*keys), size)
    sent: list[list[str]] = []
    try:
        batch = next(sending)
        while True:
            sent.append([target.key for target in batch.targets])
            batch = sending.send(next((bad[key] for key in sent[-1] if key in bad), WRITTEN))
    except StopIteration as end:
        return end.value, sent


def test_order() -> None:
    """Rows go in order of their keys, in batches of the size asked for."""
    assert play(["c", "a", "d", "b", "e"], 2, {})[1] == [["a", "b"], ["c", "d"], ["e"]]


def test_nothing_to_send() -> None:
    """Without rows nothing is sent."""
    assert play([], 2, {}) == ([], [])


def test_last_of_equal_keys_counts() -> None:
    """Of several rows with one key the last is sent, alone."""
    sending = batches.deliver([batches.Target("a", {"x": 1}), batches.Target("a", {"x": 2})], 10)
    assert next(sending).targets == [batches.Target("a", {"x": 2})]


def test_bad_row_alone_is_refused() -> None:
    """A bad row is refused with the service's words, the others are written, in about 2·log2 requests."""
    refusal = batches.Verdict("refused", "0x80044331", "too long")
    keys = [f"{number:03}" for number in range(256)]
    outcomes, sent = play(keys, 256, {"100": refusal})
    assert [outcome for outcome in outcomes if outcome.state != "acknowledged"] == [
        ports.Outcome("100", "refused", "0x80044331", "too long")
    ]
    assert len(sent) == 1 + 2 * 8


def test_strained_service_gets_smaller_batches() -> None:
    """After a time-out the same rows go in halves, and the wait grows with each further one."""
    sending = batches.deliver(targets("a", "b", "c", "d"), 4)
    next(sending)
    strained = batches.Verdict("strained")
    first = sending.send(strained)
    second = sending.send(strained)
    assert ([target.key for target in first.targets], first.strains) == (["a", "b"], 1)
    assert ([target.key for target in second.targets], second.strains) == (["a"], 2)


def test_patience_ends() -> None:
    """A single row that strains the service each time is refused in the end."""
    outcomes, sent = play(["a"], 1, {"a": batches.Verdict("strained", "0x80044151", "SQL timeout")})
    assert outcomes == [ports.Outcome("a", "refused", "0x80044151", "SQL timeout")]
    assert len(sent) == 1 + batches.PATIENCE


@given(
    states=st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["written", "refused", "gone", "strained"])),
    size=st.integers(1, 7),
)
def test_every_row_ends_once(states: dict[str, str], size: int) -> None:
    """Whatever the service finds wrong with which rows, each row gets one outcome and no good row a bad one."""
    bad = {key: batches.Verdict(state) for key, state in states.items() if state != "written"}  # type: ignore[arg-type]
    outcomes, _ = play(list(states), size, bad)
    assert sorted(outcome.key for outcome in outcomes) == sorted(states)
    expected = {"written": "acknowledged", "refused": "refused", "gone": "gone", "strained": "refused"}
    assert all(outcome.state == expected[states[outcome.key]] for outcome in outcomes)


@given(
    states=st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["written", "refused", "gone", "strained"])),
    size=st.integers(1, 7),
    is_told_of_each=st.data(),
)
def test_no_row_is_written_twice(states: dict[str, str], size: int, is_told_of_each: st.DataObject) -> None:
    """Whether the service judges a batch or each row, every row ends once, and none that was written is sent again."""
    sending = batches.deliver(targets(*states), size)
    written: list[str] = []
    outcomes: list[ports.Outcome] = []
    try:
        batch = next(sending)
        while True:
            said = [batches.Verdict(states[target.key]) for target in batch.targets]  # type: ignore[arg-type]
            verdict = next((each for each in said if each.state != "written"), WRITTEN)
            if is_told_of_each.draw(st.booleans()):
                verdict = batches.Verdict("each", of_rows=said)
            good = [target.key for target in batch.targets if states[target.key] == "written"]
            written += good if verdict.state in {"each", "written"} else []
            batch = sending.send(verdict)
    except StopIteration as end:
        outcomes = end.value
    assert sorted(written) == sorted(key for key, state in states.items() if state == "written")
    assert sorted(outcome.key for outcome in outcomes) == sorted(states)
    assert {outcome.key for outcome in outcomes if outcome.state == "acknowledged"} == set(written)
