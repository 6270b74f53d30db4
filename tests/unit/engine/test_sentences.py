"""Parts of sentences for people."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from whisklab.engine.sentences import fault, listed


class _Data(BaseModel):
    ports: list[int] = []


@pytest.mark.parametrize(("count", "said"), [
    (0, ""), (1, "a"), (3, "a, b, c"), (4, "a, b, c and 1 more"), (6, "a, b, c and 3 more"),
])  # fmt: skip
def test_some_names_of_many(count: int, said: str) -> None:
    assert listed(list("abcdef")[:count]) == said
    assert listed(["a", "b"], 1) == "a and 1 more"


@pytest.mark.parametrize(("text", "where", "begin"), [
    ('{"ports": ["x"]}', (), "ports.0: Input should be a valid integer"),
    ('{"ports": ["x"]}', ("k3s",), "k3s.ports.0: Input should be"),
    ("[]", (), "Input should be an object"),
    ("[]", ("k3s",), "k3s: Input should be an object"),
])  # fmt: skip
def test_the_first_fault_with_its_place(text: str, where: tuple[str, ...], begin: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Data.model_validate_json(text)
    assert fault(raised.value, *where).startswith(begin)
