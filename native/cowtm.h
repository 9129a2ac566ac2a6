/* What the parts of the extension share: the state of the module, and who adds what to it.
 *
 * The extension has no global variables.  Types and interned strings live in the module's
 * CowtmState, so that every interpreter, and every test that imports the module anew, has its own.
 * A part (namespace.c, table.c) keeps its share of the state in a struct of its own and gives three
 * functions: one that adds its types to the module, one that traverses its share, one that clears it.
 */
#ifndef COWTM_H
#define COWTM_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0000
#error "cowtm needs Python 3.11 or later"
#endif

/* Names of the member kinds as they are spelled since Python 3.12. */
#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY READONLY
#endif

/* module.c: make a heap type and put it into the module.  Gives a new reference. */
PyTypeObject *cowtm_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base);

/* namespace.c: TrackingNamespace.  runner.c, which it calls: CellRunner and code_names. */
typedef struct {
    PyTypeObject *view_type; /* TrackingNamespace */
    PyObject *builtins_name; /* the interned string "__builtins__" */
} NamespaceState;

int cowtm_add_namespace_types(PyObject *module);
int cowtm_add_runner_type(PyObject *module);
int cowtm_traverse_namespace_state(NamespaceState *state, visitproc visit, void *arg);
void cowtm_clear_namespace_state(NamespaceState *state);

/* table.c: its TableState and its three functions belong here, beside those of namespace.c. */
#ifdef COWTM_HAVE_TABLE
int cowtm_add_table_types(PyObject *module);
#endif

typedef struct {
    NamespaceState names;
} CowtmState;

static inline CowtmState *
cowtm_state(PyObject *module)
{
    return (CowtmState *)PyModule_GetState(module);
}

#endif
