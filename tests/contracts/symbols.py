"""sympy: symbols, expressions, matrices."""

from __future__ import annotations

from typing import Any

from cowtm.testing import Example, Family, describes_leaf

PRELUDE = """
import sympy
a, b = sympy.symbols("a b")
n = sympy.Symbol("n", integer=True, positive=True)
f = sympy.Function("f")
"""

FAMILIES = [
    Family(
        "symbols, expressions, matrices (sympy)",
        {
            "expression": Example("[a ** 2 + sympy.sin(b) / n]", ("x.append(x[0].diff(a))",)),
            "matrix": Example(
                "sympy.Matrix([[1, a], [b, 2]])",
                ("x[0, 1] = a + b", "x.row_del(0)", "x[0, 0] = 7"),
            ),
            "equations": Example(
                "{a: sympy.Eq(a, b), 'f': f(a)}",
                ("x[b] = sympy.solve(a ** 2 - 1, a)", "x['f'] = x['f'].subs(a, 2)"),
            ),
            "function made of an expression": Example(
                "[sympy.lambdify((a, b), a * b + 1), 0]", ("x[1] = x[0](2, 3)",)
            ),
            "integral and series": Example(
                "[sympy.Integral(a, (a, 0, 1)), sympy.O(a), sympy.Rational(1, 3), sympy.pi]",
                ("x[0] = x[0].doit()",),
            ),
            "domains": Example(
                "[sympy.RR, sympy.CC, sympy.QQ, sympy.RealField(100), sympy.Poly(a, domain='RR')]",
                ("x.append(x[2](1, 3))",),
            ),
            "function that is imported when it is called": Example(
                "[sympy.doctest, 0]", ("x[1] = str(x[0])",)
            ),
            "dummies": Example("[sympy.Dummy('d'), sympy.Wild('w')]", ("x.append(x[0] + 1)",)),
        },
        prelude=PRELUDE,
        needs=("sympy",),
        how="expressions are constants, kept by reference; mutable matrices as instances",
    ),
]


@describes_leaf("sympy.core.basic.Basic", "sympy.polys.domains.domain.Domain")
def _expression(value: Any) -> object:
    import sympy  # noqa: PLC0415  it is here once there is such an object

    return sympy.srepr(value) if isinstance(value, sympy.Basic) else repr(value)
