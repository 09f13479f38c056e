"""Every statement in the README answers its question on the small company."""

import re
from pathlib import Path

import pytest
from tests.metrics.warehouse import frame

README = (Path(__file__).parents[2] / "README.md").read_text()
STATEMENTS = [
    statement.strip()
    for block in re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    for statement in block.split(";")
    if statement.strip()
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda text: text.splitlines()[0])
def test_each_question_of_the_case_study_has_an_answer(small, statement):
    answer = frame(small, statement)
    assert len(answer), "no row"
    assert answer.notna().any().all(), "a column without any value"
