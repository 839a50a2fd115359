r"""Foreign text made harmless, one function per place it is printed in.

Names of tensors and files come from pull requests. Every function takes any `str`, lone surrogates included,
and returns text that shows what was there without doing anything: `\x1b` instead of an escape character.
"""

import re

_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# Printable by category, and yet drawn as nothing (Default_Ignorable_Code_Point). GitHub's runner compares by
# culture, which skips them: `:<U+FE0F>:` is a `::` to it.
_UNDRAWN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str, keep: str = "") -> str:
    r"""`text` on one line, with everything that is not drawn, or turns the drawing round, as `\x1b` or `\u202e`.

    That is control, format, bidi and zero-width characters, odd spaces, lone surrogates and unassigned code
    points. Characters in `keep` stay.
    """
    if text.isprintable() and not _UNDRAWN.search(text):
        return text
    return "".join(
        char if char in keep or (char.isprintable() and not _UNDRAWN.match(char)) else _escape(char) for char in text
    )


def harmless(text: str) -> str:
    """`text` without the marks of workflow commands, for the text of whole lines that are about to be printed.

    GitHub's runner takes `::error::x` at the start of a line and `##[error]x` anywhere in one, Azure's takes
    `##vso[x]`. Wrapping can put any word at the start of a line, so no `::` is left at all.
    """
    return text.replace("::", r":\x3a").replace("##", r"#\x23")


def json_text(document: str) -> str:
    r"""A JSON document in ASCII that says the same and holds no mark of a command: only its strings can have one."""
    return document.replace("::", r":\u003a").replace("##", r"#\u0023")


def plain(text: str) -> str:
    """For consoles and logs: visible, on one line, and never a workflow command."""
    return harmless(visible(text))


def xml(text: str) -> str:
    """For XML: only characters that XML 1.0 allows, line breaks kept. The writer escapes `&`, `<` and quotes."""
    return visible(text, keep="\n")


def xml_token(text: str) -> str:
    """For XML attributes of type `xs:token`: one line, no spaces at the ends or in a row, never empty."""
    return re.sub(" +", " ", visible(text)).strip(" ") or "-"


# Printed as entities, these form no Markdown and no HTML.
_MARKUP = re.compile(r"[&<>\\`*_\[\]#|~$]")
# GitHub makes links of these: addresses, mentions, issues, emoji. Inside a code span it leaves them alone.
_LINKED = re.compile(r"://|www\.|@|#\d|GH-\d|:[\w+-]", re.IGNORECASE)
# At the start of a line, these open a list, a heading, a rule, or a table.
_OPENING = re.compile(r"[!-/:-@\[-`{-~]|\d+(?=[.)])")


def _entities(text: str) -> str:
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", text)


def markdown(text: str) -> str:
    """For Markdown prose, list items and table cells: shown as it is; words GitHub would link become code."""
    words = visible(text).split(" ")
    escaped = " ".join(code(word) if _LINKED.search(word) else _entities(word) for word in words)
    if escaped.startswith(" "):
        return f"&#32;{escaped[1:]}"
    if _LINKED.search(words[0]) or escaped.startswith("&#"):
        return escaped
    opening = _OPENING.match(escaped)
    if not opening:
        return escaped
    at = opening.end() if opening.group().isdigit() else 0
    return f"{escaped[:at]}&#{ord(escaped[at])};{escaped[at + 1 :]}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def code(text: str) -> str:
    r"""For a Markdown code span, in prose and in table cells. A `|` is shown as `\x7c`: it would end the cell."""
    shown = visible(text).replace("|", r"\x7c")
    if not shown:
        return "(empty)"
    fence = "`" * (_longest_run(shown) + 1)
    ends = shown[0] + shown[-1]
    pad = " " if "`" in ends or (ends == "  " and shown.strip(" ")) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str, language: str = "") -> str:
    """For a fenced Markdown block of one line, ready to be copied."""
    return _fence(visible(text), language)


def fenced_lines(text: str, language: str = "") -> str:
    """The same for several lines, each of which ends with a line feed."""
    return _fence(visible(text.rstrip("\n"), keep="\n"), language)


def _fence(shown: str, language: str) -> str:
    fence = "`" * max(3, _longest_run(shown) + 1)
    return f"{fence}{language}\n{shown}\n{fence}"


def command_data(text: str) -> str:
    """For the message of a workflow command; line breaks are kept, as the runner wants them."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """For a property (`file=`, `title=`) of a workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")
