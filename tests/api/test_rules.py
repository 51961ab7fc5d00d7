"""Each rule is one rule: its CEL and its Python agree on whatever the schema lets through.

The CEL is judged by an independent implementation.  Rules about a transition have no Python form;
the API server itself is asked in tests/control_plane/test_admission.py.
"""

from typing import Any

import cel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.strategies import about, any_text, defaulted, documents, literals, rules_of, says
from datasync_api.base import CEL, ApiModel, Rule
from datasync_api.crds import KINDS
from datasync_api.schema import Schema, structural

FOUND = {
    (rule.cel, rule.message, getattr(judged, "__name__", str(judged))): (rule, judged)
    for kind in KINDS
    for rule, judged in rules_of(kind.model)
}
OF_MODELS = [
    (r, j) for r, j in FOUND.values() if isinstance(j, type) and issubclass(j, ApiModel)
]  # fmt: skip
OF_VALUES = [(r, j) for r, j in FOUND.values() if (r, j) not in OF_MODELS]


def rules_in(schema: Schema) -> set[tuple[str, str]]:
    found = {(rule["rule"], rule["message"]) for rule in schema.get(CEL, [])}
    inner = [*schema.get("properties", {}).values(), schema.get("items")]
    inner.append(schema.get("additionalProperties"))
    return found.union(*(rules_in(node) for node in inner if isinstance(node, dict)))


def test_every_rule_of_the_models_is_in_the_crds_and_no_other() -> None:
    in_crds = set[tuple[str, str]]().union(*(rules_in(kind.schema()) for kind in KINDS))
    assert in_crds == {(rule.cel, rule.message) for rule, _ in FOUND.values()}
    assert len(in_crds) >= 25


def test_only_transitions_have_no_python_form() -> None:
    for rule, _ in FOUND.values():
        assert (rule.holds is None) == ("oldSelf" in rule.cel)


def test_every_message_says_how_to_fix_it() -> None:
    imperatives = (
        *("write", "set", "use", "name", "remove", "create", "leave"),
        *("must", "every", "goes"),
    )
    for rule, _ in FOUND.values():
        assert any(word in rule.message.split() for word in imperatives), rule.message
        assert rule.message.isprintable() and len(rule.message) < 250


@pytest.mark.parametrize(
    ("rule", "judged"),
    [(rule, judged) for rule, judged in OF_MODELS if rule.holds],
    ids=lambda value: value.message[:40] if isinstance(value, Rule) else value.__name__,
)
@pytest.mark.timeout(60)
def test_rules_of_models_agree(rule: Rule, judged: type[ApiModel]) -> None:
    schema = structural(judged)
    asked = about(rule.cel, schema)
    # The same model with no rule of its own, so that it can hold what breaks them.
    free = type(judged.__name__, (judged,), {"rules": ()})
    program = cel.compile(rule.cel)
    seen: set[bool] = set()

    @settings(max_examples=200, suppress_health_check=list(HealthCheck))
    @given(documents(asked, literals(rule.cel)))
    def check(document: Any) -> None:
        if not _inner_rules_hold(free, document):
            return
        assert rule.holds is not None
        here = rule.holds(free.model_validate(document))
        assert says(program, defaulted(document, schema)) is here
        seen.add(here)

    for _ in range(5):  # what breaks a rule about two fields may be rare
        check()
        if seen == {True, False}:
            return
    pytest.fail("the examples never showed both verdicts")


def _inner_rules_hold(model: type[ApiModel], document: Any) -> bool:
    try:
        model.model_validate(document)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    "rule", [rule for rule, _ in OF_VALUES if rule.holds], ids=lambda rule: rule.message[:40]
)
@pytest.mark.timeout(60)
def test_rules_of_values_agree(rule: Rule) -> None:
    program = cel.compile(rule.cel)
    numeric = rule.cel == "self != 0"
    values: st.SearchStrategy[Any] = st.integers(-5, 5) if numeric else any_text(rule.cel)
    if "type(self) == int" in rule.cel:
        values = values | st.integers(-5, 5)
    if "self.all(key" in rule.cel:
        values = st.dictionaries(values, st.text(max_size=1), max_size=3)
    seen: set[bool] = set()

    @settings(max_examples=200)
    @given(values)
    def check(value: Any) -> None:
        assert rule.holds is not None
        here = rule.holds(value)
        assert says(program, value) is here
        seen.add(here)

    for _ in range(5):  # what breaks a rule about two fields may be rare
        check()
        if seen == {True, False}:
            return
    pytest.fail("the examples never showed both verdicts")
