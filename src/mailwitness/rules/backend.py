"""pySigma's backend for our engine: a rule's condition as an SQL expression whose every value is a parameter.

Text is compared without regard to case, as Sigma asks; a field that a record does not have fulfils nothing, and so
does fulfil a NOT. Of a field with several values any may match. Regular expressions run on RE2, in linear time.
"""

from __future__ import annotations

# ruff: noqa: ARG002 - pySigma calls these methods with a state that a plain expression does not need
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeVar

import msgspec
from sigma.conditions import ConditionFieldEqualsValueExpression, ConditionNOT, ConditionValueExpression
from sigma.conversion.base import TextQueryBackend
from sigma.conversion.state import ConversionState
from sigma.exceptions import SigmaFeatureNotSupportedByBackendError
from sigma.rule import SigmaRule
from sigma.types import (
    CompareOperators,
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaFieldReference,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    TimestampPart,
)

from mailwitness.knowledge.sigma_fields import logsource_of, sigma_field
from mailwitness.rules.rule import Condition
from mailwitness.rules.tables import EVENTS, OWN_PRODUCT, Kind, column_of

REGEX_LIMIT = 1_000
"""Characters of one regular expression."""

_On = Callable[[str], str]
T = TypeVar("T")


class Expression(msgspec.Struct, frozen=True):
    """A field as SQL: what it holds, and whether it holds several values."""

    sql: str
    kind: Kind

    @property
    def single(self) -> str:
        """Return one text of it, to group or to count by; NULL where it has none."""
        if self.kind == "list":
            return f"({self.sql})[1]"
        return self.sql if self.kind == "text" else f"CAST({self.sql} AS VARCHAR)"


class DuckdbBackend(TextQueryBackend):
    """Converts one rule. `prefix` keeps the parameters of several rules in one question apart."""

    name: ClassVar[str] = "Mailwitness"
    formats: ClassVar[dict[str, str]] = {"default": "an SQL expression"}
    requires_pipeline: ClassVar[bool] = False
    or_token: ClassVar[str] = "OR"  # noqa: S105 - a word of SQL
    and_token: ClassVar[str] = "AND"  # noqa: S105 - a word of SQL
    not_token: ClassVar[str] = "NOT"  # noqa: S105 - a word of SQL
    eq_token: ClassVar[str] = "="  # noqa: S105 - a word of SQL
    group_expression: ClassVar[str | None] = "({expr})"
    convert_or_as_in: ClassVar[bool] = False
    convert_and_as_in: ClassVar[bool] = False

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self._prefix = prefix
        self._table = EVENTS
        self._product: str | None = None
        self.parameters: dict[str, Any] = {}
        self.of_record = False

    def condition_of(self, rule: SigmaRule, table: str) -> Condition:
        """Return the condition of `rule` over `table`. Raises a SigmaError for what cannot be said in SQL."""
        self.enter(table, rule.logsource.product)
        parts = [str(part) for part in self.convert_rule(rule)]
        if not parts:
            raise SigmaFeatureNotSupportedByBackendError("the condition says nothing")
        sql = " OR ".join(f"({part})" for part in parts)
        where = self._logsource(rule)
        return Condition(table, f"{where} AND ({sql})" if where else f"({sql})", self.parameters, self.of_record)

    def enter(self, table: str, product: str | None) -> None:
        """Take fields for those of `table`, in rules for `product`."""
        self._table, self._product = table, product

    def _logsource(self, rule: SigmaRule) -> str:
        """Return which records the rule's logsource means; derived tables are their own."""
        if self._product == OWN_PRODUCT:
            return ""
        found = logsource_of(rule.logsource.product, rule.logsource.service)
        if found is None:
            raise SigmaFeatureNotSupportedByBackendError("no records of this logsource are taken in")
        parts = [
            f"lower({column}) IN ({', '.join(self._value(value.casefold()) for value in values)})"
            for column, values in found.when.items()
        ]
        return " AND ".join(parts)

    def _value(self, value: object) -> str:
        name = f"{self._prefix}{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def field(self, name: str) -> Expression:
        """Return a field of a rule as SQL. Raises a SigmaError where a derived table has no such column."""
        column = column_of(self._table, name) if self._product == OWN_PRODUCT else None
        if column is not None:
            return Expression(f'"{column.name}"', column.kind)
        if self._product == OWN_PRODUCT:
            raise SigmaFeatureNotSupportedByBackendError(f"{self._table} has no column {name}")
        meant = sigma_field(name, self._product)
        if meant is not None and meant.column is not None:
            column = column_of(self._table, meant.column)
            if column is not None:
                return Expression(f'"{column.name}"', column.kind)
        self.of_record = True
        wanted = meant.record if meant is not None and meant.record is not None else name
        return Expression(f"record[{self._value(wanted.casefold())}]", "list")

    def _on(self, name: str, test: _On, variable: str = "x") -> str:
        """Return the test of a field's text: of any of its values where it has several."""
        expression = self.field(name)
        if expression.kind == "list":
            return f"(len(list_filter({expression.sql}, lambda {variable}: {test(variable)})) > 0)"
        return f"({test(expression.single)})"

    def convert_condition_not(self, cond: ConditionNOT, state: ConversionState) -> str:
        """Negate; what is unknown (a field the record does not have) counts as not fulfilled."""
        return f"NOT coalesce(({self.convert_condition(cond.args[0], state)}), false)"

    def convert_condition_field_eq_val_str(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare text without regard to case; stars and question marks stand for any text and any character."""
        return self._on(_field(cond), self._like(_of(cond.value, SigmaString), "lower"))

    def convert_condition_field_eq_val_str_case_sensitive(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare text as it is written."""
        return self._on(_field(cond), self._like(_of(cond.value, SigmaString), ""))

    def _like(self, text: SigmaString, fold: str) -> _On:
        if text.contains_special():
            pattern = text.convert(escape_char="!", wildcard_multi="%", wildcard_single="_", add_escaped="!")
            value = self._value(pattern)
            return lambda x: f"{fold}({x}) LIKE {fold}({value}) ESCAPE '!'"
        value = self._value(text.convert(escape_char=None, wildcard_multi=None, wildcard_single=None))
        return lambda x: f"{fold}({x}) = {fold}({value})"

    def convert_condition_field_eq_val_num(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare with a number: by its digits, or by its worth where it has a fraction."""
        number = _of(cond.value, SigmaNumber).number
        if isinstance(number, int):
            value = self._value(str(number))
            return self._on(_field(cond), lambda x: f"{x} = {value}")
        value = self._value(number)
        return self._on(_field(cond), lambda x: f"try_cast({x} AS DOUBLE) = {value}")

    def convert_condition_field_eq_val_bool(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare with true or false, as records write them."""
        value = self._value("true" if _of(cond.value, SigmaBool).boolean else "false")
        return self._on(_field(cond), lambda x: f"lower({x}) = {value}")

    def convert_condition_field_eq_val_re(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Search for a regular expression."""
        value = self._value(_pattern(_of(cond.value, SigmaRegularExpression)))
        return self._on(_field(cond), lambda x: f"regexp_matches({x}, {value})")

    def convert_condition_field_eq_val_cidr(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare an address with a network, by the beginnings its addresses can have."""
        tests = [self._like(SigmaString(p), "lower") for p in _of(cond.value, SigmaCIDRExpression).expand("*")]
        return self._on(_field(cond), lambda x: " OR ".join(test(x) for test in tests))

    def convert_condition_field_compare_op_val(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare by size; what is no number fulfils nothing."""
        compared = _of(cond.value, SigmaCompareExpression)
        operator, field = _OPERATORS[compared.op], _field(cond)
        if isinstance(compared.number, SigmaTimestampPart):
            return self._time_part(field, compared.number, operator)
        value = self._value(float(compared.number.number))
        return self._on(field, lambda x: f"try_cast({x} AS DOUBLE) {operator} {value}")

    def convert_condition_field_eq_val_timestamp_part(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare a part of a time, in UTC."""
        return self._time_part(_field(cond), _of(cond.value, SigmaTimestampPart), "=")

    def _time_part(self, field: str, part: SigmaTimestampPart, operator: str) -> str:
        expression = self.field(field)
        if expression.kind != "time":
            _refuse(f"{field} is no time: its {part.timestamp_part.name.lower()} cannot be compared")
        value = self._value(int(part.number))
        return f"(date_part('{_PARTS[part.timestamp_part]}', {expression.sql}) {operator} {value})"

    def convert_condition_field_eq_field(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Compare two fields of one record."""
        other = _of(cond.value, SigmaFieldReference)
        test = _FIELD_TESTS[other.starts_with, other.ends_with]
        return self._on(
            _field(cond), lambda x: self._on(other.field, lambda y: test.format(x=f"lower({x})", y=f"lower({y})"), "y")
        )

    def convert_condition_field_eq_val_null(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> str:
        """Ask for a field that has no value."""
        return f"({self.field(_field(cond)).sql} IS NULL)"

    def convert_condition_field_exists(self, cond: ConditionFieldEqualsValueExpression, state: ConversionState) -> str:
        """Ask for a field that has a value."""
        return f"({self.field(_field(cond)).sql} IS NOT NULL)"

    def convert_condition_field_eq_query_expr(
        self, cond: ConditionFieldEqualsValueExpression, state: ConversionState
    ) -> NoReturn:
        """Refuse: a rule brings no text into a question."""
        _refuse("a rule may not bring parts of a query")

    def convert_condition_query_expr(self, cond: ConditionValueExpression, state: ConversionState) -> NoReturn:
        """Refuse: a rule brings no text into a question."""
        _refuse("a rule may not bring parts of a query")

    def convert_condition_val_str(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        """Search the record's values for words."""
        text = _of(cond.value, SigmaString)
        pattern = text.convert(escape_char="!", wildcard_multi="%", wildcard_single="_", add_escaped="!")
        return f"(lower({self._words()}) LIKE lower({self._value('%' + pattern + '%')}) ESCAPE '!')"

    def convert_condition_val_num(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        """Search the record's values for the digits of a number."""
        return f"contains({self._words()}, {self._value(str(_of(cond.value, SigmaNumber)))})"

    def convert_condition_val_re(self, cond: ConditionValueExpression, state: ConversionState) -> str:
        """Search the record's values for a regular expression."""
        value = self._value(_pattern(_of(cond.value, SigmaRegularExpression)))
        return f"regexp_matches({self._words()}, {value})"

    def _words(self) -> str:
        if self._product == OWN_PRODUCT:
            _refuse("words are searched in records only, not in what was derived from them")
        self.of_record = True
        return "record_text"


_OPERATORS = {
    CompareOperators.LT: "<",
    CompareOperators.LTE: "<=",
    CompareOperators.GT: ">",
    CompareOperators.GTE: ">=",
    CompareOperators.NEQ: "<>",
}
_PARTS = {
    TimestampPart.MINUTE: "minute",
    TimestampPart.HOUR: "hour",
    TimestampPart.DAY: "day",
    TimestampPart.WEEK: "week",
    TimestampPart.MONTH: "month",
    TimestampPart.YEAR: "year",
}
_FIELD_TESTS = {
    (False, False): "{x} = {y}",
    (True, False): "starts_with({x}, {y})",
    (False, True): "ends_with({x}, {y})",
    (True, True): "contains({x}, {y})",
}


def _field(cond: ConditionFieldEqualsValueExpression) -> str:
    return cond.field


def _of(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise SigmaFeatureNotSupportedByBackendError(f"{type(value).__name__} where {kind.__name__} was expected")
    return value


def _pattern(regex: SigmaRegularExpression) -> str:
    pattern = str(regex.regexp)
    if len(pattern) > REGEX_LIMIT:
        _refuse(f"a regular expression of more than {REGEX_LIMIT} characters")
    flags = "".join(sorted(_FLAGS[flag] for flag in regex.flags))
    return f"(?{flags}){pattern}" if flags else pattern


_FLAGS = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


def _refuse(reason: str) -> NoReturn:
    raise SigmaFeatureNotSupportedByBackendError(reason)
