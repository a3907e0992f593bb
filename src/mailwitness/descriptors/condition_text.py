"""Conditional expressions as SDDL writes them: infix text to postfix tokens, and back.

No recursion over the input: operators wait on a stack, so depth costs memory of the text's own size at most. Source:
MS-DTYP 2.5.1.1; the precedence (comparison, then !, then &&, then ||) as Windows compiles it.
"""

from __future__ import annotations

import re

from mailwitness.descriptors.condition import (
    AND,
    ATTRIBUTES,
    COMPARISONS,
    COMPOSITE,
    DECIMAL,
    HEXADECIMAL,
    INT64,
    INTEGERS,
    NEGATIVE,
    NOT,
    OCTAL,
    OCTETS,
    OR,
    POSITIVE,
    SID,
    STRING,
    TESTS,
    UNSIGNED,
    Token,
)
from mailwitness.descriptors.fault import DEPTH_LIMIT, EXPRESSION_LIMIT, DescriptorError
from mailwitness.descriptors.sid import Domain, parse_trustee, spelled

_LEXEME = re.compile(
    r"""\s*(?:
    (?P<string>"[^"]*")
  | (?P<octets>\#[0-9A-Fa-f\#]*)
  | (?P<sid>SID\s*\(\s*[^()]*\))
  | (?P<attribute>@(?:User|Resource|Device)\.(?:[\w:./\#$'*+\-;?@\[\\\]^`~]|%[0-9A-Fa-f]{4})+)
  | (?P<integer>[+-]?(?:0x[0-9A-Fa-f]{1,16}|[0-9]{1,22})(?![\w:./@%]))
  | (?P<symbol>&&|\|\||==|!=|<=|>=|[!<>(){},])
  | (?P<name>(?:[\w:./]|%[0-9A-Fa-f]{4})(?:[\w:./@]|%[0-9A-Fa-f]{4})*)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{4})")
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:./_")
_PLAIN_PREFIXED = _PLAIN | frozenset("#$'*+-;?@[\\]^`~")
_PREFIXES = {prefix.casefold(): code for code, prefix in ATTRIBUTES.items() if prefix}
_WORDS = {name.casefold(): code for code, name in (COMPARISONS | TESTS).items()} | {"&&": AND, "||": OR, "!": NOT}
_PRECEDENCE = {OR: 1, AND: 2, NOT: 3} | dict.fromkeys(TESTS, 4) | dict.fromkeys(COMPARISONS, 5)
_LEAF = 9
_PARENTHESIS = 0


def parse_condition(text: str) -> tuple[Token, ...]:
    """Return the tokens of the expression `text` (with or without its outer parentheses) in postfix order.

    Raises DescriptorError with the offset in `text`.
    """
    return _Parser(text).tokens()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.end = len(text.rstrip())
        self.at = 0
        self.output: list[Token] = []
        self.waiting: list[int] = []
        self.wants_operand = True

    def tokens(self) -> tuple[Token, ...]:
        while self.at < self.end:
            start = self.at
            kind, lexeme = self.next()
            if len(self.output) + len(self.waiting) > EXPRESSION_LIMIT:
                raise DescriptorError(start, f"at most {EXPRESSION_LIMIT} tokens", "more", code="limit")
            self.take(kind, lexeme, start)
        if self.wants_operand:
            raise DescriptorError(self.at, "an operand", "the end of the condition", code="truncated")
        while self.waiting:
            code = self.waiting.pop()
            if code == _PARENTHESIS:
                raise DescriptorError(self.at, ")", "the end of the condition", code="truncated")
            self.output.append(Token(code))
        return tuple(self.output)

    def next(self) -> tuple[str, str]:
        match = _LEXEME.match(self.text, self.at)
        if match is None or match.lastgroup is None:
            raise DescriptorError(self.at, "a term of a conditional expression", self.text[self.at :])
        self.at = match.end()
        return match.lastgroup, match[match.lastgroup]

    def take(self, kind: str, lexeme: str, start: int) -> None:
        code = _WORDS.get(lexeme.casefold()) if kind in {"symbol", "name"} else None
        if code in COMPARISONS or code in {AND, OR}:
            self.expect(operand=False, start=start, lexeme=lexeme)
            self.release(_PRECEDENCE[code])
            self.waiting.append(code)
            self.wants_operand = True
        elif code is not None:
            self.expect(operand=True, start=start, lexeme=lexeme)
            self.waiting.append(code)
        elif lexeme == "(":
            self.expect(operand=True, start=start, lexeme=lexeme)
            if self.waiting.count(_PARENTHESIS) >= DEPTH_LIMIT:
                raise DescriptorError(start, f"parentheses at most {DEPTH_LIMIT} deep", "more", code="limit")
            self.waiting.append(_PARENTHESIS)
        elif lexeme == ")":
            self.expect(operand=False, start=start, lexeme=lexeme)
            self.release(1)
            if not self.waiting:
                raise DescriptorError(start, "the end of the condition", lexeme)
            self.waiting.pop()
        else:
            self.expect(operand=True, start=start, lexeme=lexeme)
            self.output.append(self.composite(start) if lexeme == "{" else operand(kind, lexeme, start))
            self.wants_operand = False

    def expect(self, *, operand: bool, start: int, lexeme: str) -> None:
        if self.wants_operand != operand:
            raise DescriptorError(start, "an operand" if self.wants_operand else "an operator", lexeme)

    def release(self, precedence: int) -> None:
        """Move waiting operators that bind at least as strongly to the output."""
        while self.waiting and _PRECEDENCE.get(self.waiting[-1], 0) >= precedence:
            self.output.append(Token(self.waiting.pop()))

    def composite(self, start: int) -> Token:
        members: list[Token] = []
        while True:
            at = self.at
            kind, lexeme = self.next()
            if lexeme == "}" and not members:
                return Token(COMPOSITE, ())
            members.append(literal(kind, lexeme, at))
            if len(members) > EXPRESSION_LIMIT:
                raise DescriptorError(start, f"at most {EXPRESSION_LIMIT} values", "more", code="limit")
            kind, lexeme = self.next()
            if lexeme == "}":
                return Token(COMPOSITE, tuple(members))
            if lexeme != ",":
                raise DescriptorError(self.at, "a comma or }", lexeme)


def operand(kind: str, lexeme: str, start: int) -> Token:
    """Return the token of an attribute's name or a literal."""
    if kind == "attribute":
        prefix, _, name = lexeme.partition(".")
        return Token(_PREFIXES[f"{prefix}.".casefold()], unescaped(name))
    if kind == "name":
        return Token(0xF8, unescaped(lexeme))
    return literal(kind, lexeme, start)


def literal(kind: str, lexeme: str, start: int) -> Token:
    """Return the token of a literal: a string, an integer, octets or a SID; raises DescriptorError."""
    if kind == "string":
        return Token(STRING, lexeme[1:-1])
    if kind == "integer":
        return integer(lexeme, start)
    if kind == "octets":
        return Token(OCTETS, octets(lexeme, start))
    if kind == "sid":
        return Token(SID, parse_trustee(lexeme.partition("(")[2][:-1]))
    raise DescriptorError(start, "a value", lexeme)


def octets(lexeme: str, start: int) -> bytes:
    """Return the bytes of #0a1b; Windows reads a # inside as a 0."""
    digits = lexeme[1:].replace("#", "0")
    if len(digits) % 2:
        raise DescriptorError(start, "an even number of hexadecimal digits", lexeme)
    return bytes.fromhex(digits)


def integer(lexeme: str, start: int) -> Token:
    """Return the token of an integer, which keeps its sign and base; raises DescriptorError beyond 64 bits."""
    sign = {"+": POSITIVE, "-": NEGATIVE}.get(lexeme[0], UNSIGNED)
    digits = lexeme if sign == UNSIGNED else lexeme[1:]
    base, radix = DECIMAL, 10
    if digits[:2].casefold() == "0x":
        base, radix = HEXADECIMAL, 16
    elif digits[0] == "0" and len(digits) > 1:
        base, radix = OCTAL, 8
    try:
        value = int(digits, radix)
    except ValueError:
        raise DescriptorError(start, "an integer", lexeme) from None
    value = -value if sign == NEGATIVE else value
    if not -(1 << 63) <= value < 1 << 63:
        raise DescriptorError(start, "an integer of 64 bits", lexeme)
    return Token(INT64, value, sign, base)


def unescaped(name: str) -> str:
    """Return an attribute's name with %0020 and the like as the characters they stand for."""
    if "%" not in name:
        return name
    units = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def escaped(name: str, *, prefixed: bool = True) -> str:
    """Return an attribute's name with everything but the plain characters as %xxxx."""
    plain = _PLAIN_PREFIXED if prefixed else _PLAIN
    if all(character in plain for character in name):
        return name
    data = name.encode("utf-16-le", "surrogatepass")
    units = [chr(data[at] | data[at + 1] << 8) for at in range(0, len(data), 2)]
    return "".join(unit if unit in plain else f"%{ord(unit):04x}" for unit in units)


def condition_text(tokens: tuple[Token, ...], domain: Domain | None = None) -> str:
    """Return the infix text of `tokens`, in parentheses; raises DescriptorError where they are no expression."""
    stack: list[tuple[str, int]] = []
    for at, token in enumerate(tokens):
        code = token.code
        precedence = _PRECEDENCE.get(code)
        if precedence is None:
            stack.append((value_text(token, domain), _LEAF))
            continue
        binary = code in COMPARISONS or code in {AND, OR}
        if len(stack) < (2 if binary else 1):
            raise DescriptorError(at, "operands before an operator", f"token {code:#04x}")
        right = stack.pop()[0] if code == NOT else _within(*stack.pop(), precedence + 1)
        if not binary:
            name = TESTS.get(code)
            stack.append((f"!({right})" if name is None else f"{name} {right}", precedence))
            continue
        left = _within(*stack.pop(), precedence)
        symbol = COMPARISONS.get(code) or ("&&" if code == AND else "||")
        stack.append((f"{left} {symbol} {right}", precedence))
    if len(stack) != 1:
        raise DescriptorError(len(tokens), "one expression", f"{len(stack)} values")
    return f"({stack[0][0]})"


def _within(text: str, precedence: int, needed: int) -> str:
    return text if precedence >= needed else f"({text})"


def value_text(token: Token, domain: Domain | None = None) -> str:
    """Return the text of a literal or an attribute's name."""
    value = token.value
    if isinstance(value, tuple):
        return "{" + ", ".join(value_text(member, domain) for member in value) + "}"
    if isinstance(value, bytes):
        return f"#{value.hex()}"
    if isinstance(value, str):
        if token.code == SID:
            return f"SID({spelled(value, domain)})"
        if token.code == STRING:
            return f'"{value}"'
        prefix = ATTRIBUTES[token.code]
        return prefix + escaped(value, prefixed=bool(prefix))
    if token.code not in INTEGERS or value is None:
        raise DescriptorError(0, "a value", f"token {token.code:#04x}")
    return integer_text(value, token.sign, token.base)


def integer_text(value: int, sign: int, base: int) -> str:
    """Return an integer as it was written."""
    mark = {POSITIVE: "+", NEGATIVE: "-"}.get(sign, "")
    size = abs(value)
    digits = {OCTAL: f"0{size:o}", HEXADECIMAL: f"{size:#x}"}.get(base, str(size))
    return mark + digits
