"""The parameters of ``/api/v1/compare``."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request

from haechi_collector.api.parameters import ScopeParameters
from haechi_collector.errors import WrongParameter
from haechi_collector.query.compare import CompareQuestion
from haechi_collector.query.compare_side import Side
from haechi_collector.query.dimensions import dimension
from haechi_collector.query.limits import QUESTION_VALUE_BYTES_MAX
from haechi_collector.query.scope import Scope, Window
from haechi_collector.query.series import iso

_FROM = "Begin of the window that is b; without it, b is the window of the same length just before"
_BY = "Compare two values of this dimension, in the same window: a filter's name, a column of `spans`, or `attr:KEY`"


@dataclass(frozen=True)
class CompareParameters(ScopeParameters):
    """The window and the filters are side a, unless ``by`` is given."""

    baseline_from: Annotated[str, Query(description=_FROM, examples=["-14d"])] = ""
    baseline_to: Annotated[str, Query(description="End of the window that is b", examples=["-7d"])] = ""
    by: Annotated[str, Query(description=_BY, examples=["prompt_version"])] = ""
    a: Annotated[str | None, Query(description="The value that is side a; '' is: without one", examples=["4"])] = None
    b: Annotated[str | None, Query(description="The value that is side b", examples=["3"])] = None

    def question(self, request: Request) -> CompareQuestion:
        """Return the two sides.

        Raises:
            WrongParameter: one is wrong or unknown, or the sides share requests.
        """
        scope = self.scope(request)
        return self._values(scope) if self.by else self._windows(scope)

    def _values(self, scope: Scope) -> CompareQuestion:
        for name, text in (("baseline_from", self.baseline_from), ("baseline_to", self.baseline_to)):
            if text:
                raise WrongParameter(name, "windows or values of a dimension are compared, not both")
        by = dimension(self.by, "by")
        if self.a is None or self.b is None:
            raise WrongParameter("b" if self.b is None else "a", f"expected the two values of {by.name} to compare")
        for name, value in (("a", self.a), ("b", self.b)):
            if len(value.encode()) > QUESTION_VALUE_BYTES_MAX:
                raise WrongParameter(name, f"a value has up to {QUESTION_VALUE_BYTES_MAX} bytes")
        if self.a == self.b:
            raise WrongParameter("b", "the same value as a")
        return CompareQuestion(Side(self.a, scope, by, self.a), Side(self.b, scope, by, self.b))

    def _windows(self, scope: Scope) -> CompareQuestion:
        for name, text in (("a", self.a), ("b", self.b)):
            if text is not None:
                raise WrongParameter(name, "a value is compared by a dimension; expected by=DIMENSION too")
        before = replace(scope, window=self._baseline(scope.window))
        return CompareQuestion(_labelled(scope), _labelled(before))

    def _baseline(self, window: Window) -> Window:
        if not self.baseline_from and not self.baseline_to:
            length = window.to_ns - window.from_ns
            if length > window.from_ns:
                raise WrongParameter("from", "there is no window of the same length before it")
            return Window(window.from_ns - length, window.from_ns)
        try:
            baseline = Window.parse(self.baseline_from, self.baseline_to, datetime.now(UTC))
        except WrongParameter as wrong:
            raise WrongParameter(f"baseline_{wrong.parameter}", str(wrong).partition(": ")[2]) from None
        if baseline.from_ns < window.to_ns and window.from_ns < baseline.to_ns:
            raise WrongParameter("baseline_from", "the two windows overlap; a request would be on both sides")
        return baseline


def _labelled(scope: Scope) -> Side:
    return Side(f"{iso(scope.window.from_ns)} to {iso(scope.window.to_ns)}", scope)
