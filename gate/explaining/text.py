"""An explanation as lines for a terminal: what holds, and in brackets the line of the manifest that says so."""

from collections.abc import Iterable, Iterator, Sequence

from gate.explaining.said import Matched, ModelExplained, RuleShare, Said, TensorExplained
from gate.position import Position
from gate.reports.console import wrap
from gate.reports.escaping import plain
from gate.reports.fold import fold
from gate.reports.wording import crop, label
from gate.results import Finding
from gate.wording import counted

_NAMES = 400  # characters of names that stand together
_LONGEST = 2000  # of one text


def text(model: ModelExplained, width: int) -> str:
    """Everything that is said of a model; of its tensors, where some are asked for, those alone."""
    page = _Page(width)
    page.paragraph("", f"{model.name}: {model.weights}{_at(model.position)}")
    if model.tensors:
        for tensor in model.tensors:
            page.line()
            _tensor(page, tensor)
    else:
        _overview(page, model)
    if model.troubles:
        page.section("check could not judge it as it is")
        for each in model.troubles:
            page.paragraph("  ", str(each))
    return page.text


def _overview(page: "_Page", model: ModelExplained) -> None:
    page.said(model.files)
    page.section("checks that are made, in this order")
    page.said(model.made)
    page.section("checks that are not made")
    page.said(model.not_made)
    page.section("loading")
    page.said(model.loading)
    if model.waivers:
        page.section("what is let through")
        page.said(model.waivers)
    page.section("policy")
    page.said(model.policy)
    page.section("rules: per key, the last one that matches holds")
    for share in model.rules:
        _share(page, share)
    if model.rules and model.unruled:
        page.paragraph("  ", f"no rule: {counted(len(model.unruled), 'tensor')}, as the defaults have it")
        page.paragraph("    ", _folded(model.unruled))
    elif not model.rules:
        page.paragraph("  ", "there is none: every tensor is judged as the defaults have it")


def _share(page: "_Page", share: RuleShare) -> None:
    end = f"; ended after {share.ended}, holds no longer: an error of `rules`" if share.ended else ""
    page.paragraph("  ", f"{share.match}: {share.says}{end}{_at(share.position)}")
    if share.ruled is None:
        page.paragraph("    ", "which tensors it matches is not known: the file could not be read")
        return
    if share.ruled:
        page.paragraph("    ", f"holds for {counted(len(share.ruled), 'tensor')}: {_folded(share.ruled)}")
    if share.overruled and not share.ended:
        page.paragraph("    ", f"overruled for {counted(len(share.overruled), 'tensor')}: {_folded(share.overruled)}")
    if not share.ruled and not share.overruled:
        where = "" if share.surely_idle else " of the file; the reference's are not known"
        page.paragraph("    ", f"matches no tensor{where}{': an error of `rules`' if share.surely_idle else ''}")


def _tensor(page: "_Page", tensor: TensorExplained) -> None:
    page.paragraph("", f"{tensor.name}: {tensor.kind}")
    page.said([tensor.compared, *tensor.keys])
    if tensor.rules:
        page.paragraph("  ", "rules that match, in the order of the manifest:")
    elif tensor.keys:
        page.paragraph("  ", "no rule matches it")
    for rule in tensor.rules:
        _matched(page, rule)


def _matched(page: "_Page", rule: Matched) -> None:
    end = f" ended after {rule.ended}, holds no longer" if rule.ended else ""
    page.paragraph("    ", f"{rule.match}{end}{_at(rule.position)}")
    for said, above in rule.keys:
        fate = "" if rule.ended else f"overruled by {above}" if above else "holds"
        page.paragraph("      ", f"{said.key}: {said.text}{f' - {fate}' if fate else ''}")


def _at(position: Position | None) -> str:
    return f" ({position})" if position else ""


def _folded(names: Sequence[str]) -> str:
    """`block_{0..11}/kernel, head/bias`, and how many are left out where they are too many to show."""
    told: list[str] = []
    room, shown = _NAMES, 0
    for each in fold(Finding("tensor", "", tensor=name) for name in names):
        name = label(each, _NAMES)
        room -= len(name) + 2
        if told and room < 0:
            break
        told.append(name)
        shown += each.count
    left = len(names) - shown
    return ", ".join(told) + (f", and {left:,} more" if left else "")


class _Page:
    """Lines that are wrapped between words; what was said by others is harmless in them."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def line(self) -> None:
        self._lines.append("")

    def section(self, title: str) -> None:
        self._lines += ["", title]

    def paragraph(self, start: str, said: str, hang: int | None = None) -> None:
        """`said` after `start`, its further lines under its first, or two to the right where nothing stands there."""
        hang = (len(start) + 2 if hang is None else hang) if len(start) < self._width // 2 else 4
        rows = list(_rows(plain(crop(said, _LONGEST)), self._width - hang))
        self._lines.append((start + (rows[0] if rows else "")).rstrip(" "))
        self._lines += [" " * hang + row for row in rows[1:]]

    def said(self, lines: Iterable[Said]) -> None:
        """One line for each, the keys as a column; a key that is that of the line before stands once."""
        lines = list(lines)
        column = max((len(each.key) for each in lines), default=0) + 4
        last = ""
        for each in lines:
            key = each.key if each.key != last else ""
            self.paragraph(f"  {key}".ljust(column), f"{each.text}{_at(each.position)}", hang=column)
            last = each.key


def _rows(said: str, width: int) -> Iterator[str]:
    yield from wrap(said, max(width, 20))
