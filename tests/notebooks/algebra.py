# %%
from sympy import *

init_printing(use_unicode=True, pretty_print=False)

# %%
x, y, z = symbols("x y z")
n = Symbol("n", integer=True, positive=True)
expr = (x + 1) ** 3
expand(expr)

# %%
f = Function("f")
eq = Eq(f(x).diff(x, x) + f(x), 0)
dsolve(eq, f(x))

# %%
solve(x ** 2 - 2, x), _

# %%
integrate(exp(-x ** 2), (x, -oo, oo))

# %%
M = Matrix([[1, x], [y, 2]])
M.det()

# %%
M[0, 0] = 5                 # matrices can change
M.row_op(1, lambda v, j: v + M[0, j])
M

# %%
rows = M.tolist()
rows[0][0] = z
M[0, 0], rows

# %% raises
M * Matrix([[1, 2, 3]])

# %%
subs = {x: 2, y: Rational(1, 3)}
values = [e.subs(subs) for e in (expr, M.det(), sin(pi / x))]
values

# %%
subs[z] = expr
g = lambdify((x, y), expr + y, "math")
g(2, 1), subs[z].subs(x, 1)

# %%
series(cos(x), x, 0, 6).removeO()

# %%
steps = []
def newton(h, start, times=3):
    guess = start
    for _ in range(times):
        guess = N(guess - h.subs(x, guess) / h.diff(x).subs(x, guess))
        steps.append(guess)
    return guess
newton(x ** 2 - 2, 1)

# %% again 13

# %%
len(steps), steps[-1] == steps[2]

# %%
p = Poly(x ** 4 - 1, x)
factor_list(p.as_expr()), p.degree()

# %%
wild = Wild("w")
match = (3 * x ** 2).match(wild * x ** 2)
match

# %%
cond = Piecewise((x, x > 0), (-x, True))
[cond.subs(x, v) for v in (-2, 3)]

# %%
x = 5                       # the symbol is gone, the expressions keep it
expr, simplify(expr - expand(expr))

# %% raises
diff(expr, x)

# %%
x = list(expr.free_symbols)[0]
limit(sin(x) / x, x, 0), x in subs

# %%
A = zeros(3)
A[1, :] = [[1, 2, 3]]
B = A.as_immutable()
A.row_swap(0, 1)
A.col_del(2)
A.shape, B.shape

# %%
subs.clear()
del M, rows
latex(Integral(expr, (x, 0, 1)))
