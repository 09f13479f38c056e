"""All rules on the manifest, and the exceptions that things in it claim for themselves."""

from collections.abc import Iterator

from o2r.lint.coverage import coverage_findings
from o2r.lint.manifest import ON_DATA, Finding, Project, exceptions, find
from o2r.lint.quality import contract_findings, description_findings, test_findings
from o2r.lint.structure import (
    column_name_findings,
    layer_findings,
    name_findings,
    reading_findings,
)

RULES = (
    layer_findings,
    reading_findings,
    name_findings,
    column_name_findings,
    test_findings,
    contract_findings,
    description_findings,
)


def check(project: Project) -> list[Finding]:
    """Return what breaks a rule and is not excused.

    Columns of marts that lack a test are measured (`o2r.lint.coverage`), not listed here.
    """
    found = [finding for rule in RULES for finding in rule(project)]
    gaps = [finding for model in project.marts for finding in coverage_findings(project, model)]
    findings = [finding for finding in found if not finding.reason]
    findings += _needless_exceptions(project, [*found, *gaps])
    return sorted(findings, key=str)


def _needless_exceptions(project: Project, findings: list[Finding]) -> Iterator[Finding]:
    """Exceptions without a reason, from a rule that does not exist, or that excuse nothing."""
    broken = {(id(finding.subject), finding.rule) for finding in findings}
    for node, column in project.subjects():
        subject = column or node
        for rule, reason in exceptions(subject).items():
            if not str(reason or "").strip():
                yield find(node, "exception", f"give the reason why {rule} does not fit", column)
            elif rule not in ON_DATA and (id(subject), rule) not in broken:
                yield find(node, "exception", f"{rule} finds nothing here: remove it", column)
