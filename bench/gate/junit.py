"""A gate's report as JUnit XML: a test case a metric, for the test tabs of CI servers.

Format: https://github.com/testmoapp/junitxml, which writes down what readers agree on."""

import re
from xml.etree import ElementTree as xml

from bench.gate.report import Finding, GateReport, Judged
from bench.gate.telling import against, headline

_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def junit(report: GateReport) -> str:
    """A regression is a failure, what is inconclusive or missing or did not run an error."""
    suite = xml.Element(
        "testsuite", name=_text(f"kxbench gate: {report.plan}"), hostname=_text(report.machine)
    )
    properties = xml.SubElement(suite, "properties")
    for name, value in (
        ("run", report.run),
        ("commit", report.commit),
        ("code", report.code),
        ("baseline", against(report)),
        ("decision", str(report.decision)),
        ("summary", headline(report)),
        ("control", report.control or "none"),
    ):
        xml.SubElement(properties, "property", name=name, value=_text(value))
    for judged in report.metrics:
        _case(suite, judged)
    for cell in report.failed:
        case = _named(suite, cell.target, f"{cell.case} (block {cell.block + 1})")
        _with(case, "error", "failed", cell.reason)
    for name in report.missing:
        target, _, rest = name.partition(" ")
        _with(_named(suite, target, rest), "error", "missing", "the baseline has it, this run does not")
    errors, failures = (len(suite.findall(f"testcase/{kind}")) for kind in ("error", "failure"))
    counts = {"tests": len(suite.findall("testcase")), "failures": failures, "errors": errors, "skipped": 0}
    for key, count in counts.items():
        suite.set(key, str(count))
    suite.set("time", "0")
    root = xml.Element("testsuites", {key: suite.attrib[key] for key in ("tests", "failures", "errors")})
    root.append(suite)
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: xml.Element, judged: Judged) -> None:
    case = _named(suite, judged.target, f"{judged.case} {judged.series}")
    told = (
        f"{judged.finding}: ratio {judged.ratio:.4g} ({judged.low:.4g} to {judged.high:.4g}), "
        f"p {judged.p_adjusted:.3g}, threshold {judged.threshold:.3g}. {judged.why}"
    ).rstrip()
    if judged.finding is Finding.REGRESSION:
        _with(case, "failure", "regression", told)
    elif judged.finding is Finding.INCONCLUSIVE:
        _with(case, "error", "inconclusive", judged.why)
    else:
        xml.SubElement(case, "system-out").text = _text(told)


def _named(suite: xml.Element, target: str, name: str) -> xml.Element:
    return xml.SubElement(suite, "testcase", name=_text(name), classname=_text(f"kxbench.{target}"), time="0")


def _with(case: xml.Element, kind: str, type_: str, told: str) -> None:
    xml.SubElement(case, kind, type=type_, message=_text(told)).text = _text(told)


def _text(text: str) -> str:
    """Without what XML cannot hold."""
    return _ALLOWED.sub("\ufffd", text)
