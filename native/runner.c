/* CellRunner and code_names: how a cell gets to run on a view, and which names its code speaks of.
 *
 * Design
 *
 * A CellRunner stands in for the builtin exec or eval among the globals of the module that runs
 * cells.  It is a vectorcall object and so adds no frame: tracebacks, `sys._getframe` and the
 * namespaces that `exec(source)` takes from its caller are those of the builtin.
 *
 * code_names gives what a view cannot see: code below the top level reads and writes its globals in
 * home itself.
 *
 * Complexity
 *
 * A call: O(1) beside the builtin.  code_names: O(names and constants of the code and of all code
 * nested in it), without recursion.
 */
#include "namespace.h"

#include <stddef.h>
#include <string.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *builtin;
    View *view;
} Runner;

/* exec and eval know at most four arguments: source, globals, locals and closure. */
#define MOST_ARGUMENTS 4

/* A cell is a code object run with home as locals.  IPython passes the namespaces by position. */
static bool
is_cell(View *view, PyObject *const *args, Py_ssize_t count)
{
    return count >= 3 && PyCode_Check(args[0]) && args[2] == view->home;
}

/* Carry over what the code wrote to the storage, and keep its exception, if `result` is NULL. */
static PyObject *
finish_cell(View *view, PyObject *result)
{
    PyObject *type, *value, *traceback; /* one object each: 3.11 knows no other way */
    PyErr_Fetch(&type, &value, &traceback);
    if (carry_over(view) < 0) {
        Py_CLEAR(result);
    }
    if (type != NULL) {
        PyErr_Restore(type, value, traceback);
    }
    return result;
}

static PyObject *
runner_call(PyObject *op, PyObject *const *args, size_t flagged_count, PyObject *keywords)
{
    Runner *runner = (Runner *)op;
    View *view = runner->view;
    Py_ssize_t count = PyVectorcall_NARGS(flagged_count);
    Py_ssize_t total = count + (keywords == NULL ? 0 : PyTuple_GET_SIZE(keywords));
    bool on_view = false;
    if (is_cell(view, args, count)) {
        if (PyList_Append(view->codes, args[0]) < 0) {
            return NULL;
        }
        /* With other globals (an embedded shell) the view would find builtins before globals. */
        on_view = args[1] == view->home && total <= MOST_ARGUMENTS;
        view->everything |= !on_view;
    }
    if (!on_view) {
        return PyObject_Vectorcall(runner->builtin, args, flagged_count, keywords);
    }
    if (cowtm_take_builtins(view) < 0) {
        return NULL;
    }
    PyObject *swapped[MOST_ARGUMENTS];
    memcpy(swapped, args, (size_t)total * sizeof(PyObject *));
    swapped[2] = (PyObject *)view;
    PyObject *result = PyObject_Vectorcall(runner->builtin, swapped, (size_t)count, keywords);
    return finish_cell(view, result);
}

static PyObject *
runner_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"builtin", "view", NULL};
    NamespaceState *state = (NamespaceState *)PyType_GetModuleState(type);
    PyObject *builtin, *view;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "OO!:CellRunner", parameters, &builtin,
                                     state->view_type, &view)) {
        return NULL;
    }
    Runner *runner = (Runner *)type->tp_alloc(type, 0);
    if (runner != NULL) {
        runner->call = runner_call;
        runner->builtin = Py_NewRef(builtin);
        runner->view = (View *)Py_NewRef(view);
    }
    return (PyObject *)runner;
}

static int
runner_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(((Runner *)op)->builtin);
    Py_VISIT(((Runner *)op)->view);
    return 0;
}

static void
runner_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    Py_CLEAR(((Runner *)op)->builtin);
    Py_CLEAR(((Runner *)op)->view);
    type->tp_free(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(runner_doc,
"CellRunner(builtin, view)\n--\n\n"
"Stands in for the builtin exec or eval and runs cells on a TrackingNamespace.\n\n"
"A call with a code object and `view.home` as globals and locals notes the code and runs it with\n"
"the view as its locals; any other call is that of the builtin.");

static PyMemberDef runner_members[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(Runner, call), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot runner_slots[] = {
    {Py_tp_doc, (void *)runner_doc},
    {Py_tp_new, runner_new},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_traverse, runner_traverse},
    {Py_tp_dealloc, runner_dealloc},
    {Py_tp_members, runner_members},
    {0, NULL},
};

static PyType_Spec runner_spec = {
    .name = "cowtm._native.CellRunner",
    .basicsize = sizeof(Runner),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = runner_slots,
};

/* ---- code_names ------------------------------------------------------------------------------ */

static int
add_all(PyObject *names, PyObject *more)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(more); i++) {
        if (PySet_Add(names, PyTuple_GET_ITEM(more, i)) < 0) {
            return -1;
        }
    }
    return 0;
}

static int
append_nested_codes(PyObject *pending, PyObject *constants)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(constants); i++) {
        PyObject *constant = PyTuple_GET_ITEM(constants, i);
        if (PyCode_Check(constant) && PyList_Append(pending, constant) < 0) {
            return -1;
        }
    }
    return 0;
}

PyDoc_STRVAR(code_names_doc,
"code_names(code, /)\n--\n\n"
"Names that `code` and the code nested in it may read or write as globals.\n\n"
"The names of attributes are among them: the interpreter keeps both in one table.");

static PyObject *
code_names(PyObject *Py_UNUSED(module), PyObject *code)
{
    if (!PyCode_Check(code)) {
        PyErr_Format(PyExc_TypeError, "code must be a code object, not %.200s",
                     Py_TYPE(code)->tp_name);
        return NULL;
    }
    PyObject *result = NULL;
    PyObject *names = PyFrozenSet_New(NULL);
    PyObject *pending = PyList_New(0);
    if (names == NULL || pending == NULL || PyList_Append(pending, code) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pending); i++) {
        PyCodeObject *next = (PyCodeObject *)PyList_GET_ITEM(pending, i);
        if (add_all(names, next->co_names) < 0 ||
            append_nested_codes(pending, next->co_consts) < 0) {
            goto done;
        }
    }
    result = Py_NewRef(names);
done:
    Py_XDECREF(names);
    Py_XDECREF(pending);
    return result;
}

/* ---- the module's share ---------------------------------------------------------------------- */

static PyMethodDef functions[] = {
    {"code_names", code_names, METH_O, code_names_doc},
    {NULL, NULL, 0, NULL},
};

int
cowtm_add_runner_type(PyObject *module)
{
    PyTypeObject *type = cowtm_add_type(module, &runner_spec, NULL);
    if (type == NULL) {
        return -1;
    }
    Py_DECREF(type);
    return PyModule_AddFunctions(module, functions);
}
