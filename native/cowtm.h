/* What the parts of the extension share: the state of the module, and who adds what to it.
 *
 * The extension has no global variables.  Types and interned strings live in the module's
 * CowtmState, so that every interpreter, and every test that imports the module anew, has its own.
 * A part (namespace.c, table.c) keeps its share of the state in a struct of its own and gives three
 * functions: one that adds its types to the module, one that traverses its share, one that clears
 * it.
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
#define Py_T_INT T_INT
#define Py_T_UINT T_UINT
#define Py_T_OBJECT_EX T_OBJECT_EX
#define Py_READONLY READONLY
#endif

#include "pointers.h"

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

/* table.c, with kinds.c, node.c, instances.c and walk.c: Content, Node, ObjectTable. */
typedef struct {
    PyTypeObject *content_type;
    PyTypeObject *node_type;
    PyTypeObject *table_type;
    PyObject *gone; /* the sentinels of cowtm.twin.table */
    PyObject *unset;
    PyObject *shared;
    PyObject *name_code; /* what kinds are asked */
    PyObject *name_cls;
    PyObject *name_frozen;
    PyObject *name_by_value;
    PyObject *name_keep;
    PyObject *name_follow;
    PyObject *name_members;
    PyObject *name_has_dict;
    PyObject *name_select;
    PyObject *name_parts;
    PyObject *name_same;
    PyObject *name_refuse;
    PointerArray dying;  /* contents and nodes that wait for their deallocation */
    bool is_destroying;
    uint32_t mark; /* of the last weighing */
} TableState;

int cowtm_add_table_types(PyObject *module);
int cowtm_traverse_table_state(TableState *state, visitproc visit, void *arg);
void cowtm_clear_table_state(TableState *state);

/* maker.c, with filler.c: Maker. */
typedef struct {
    PyObject *cannot_restore; /* the exception of cowtm.errors */
    PyObject *name_plain;     /* what kinds are asked */
    PyObject *name_whole;
    PyObject *name_calls;
    PyObject *name_called;
    PyObject *name_hashes;
    PyObject *name_hashes_first;
    PyObject *name_needs;
    PyObject *name_create;
    PyObject *name_fill;
    PyObject *name_flat; /* what contents are */
} MakerState;

int cowtm_add_maker_type(PyObject *module);
int cowtm_traverse_maker_state(MakerState *state, visitproc visit, void *arg);
void cowtm_clear_maker_state(MakerState *state);

typedef struct {
    NamespaceState names;
    TableState objects;
    MakerState maker;
} CowtmState;

static inline CowtmState *
cowtm_state(PyObject *module)
{
    return (CowtmState *)PyModule_GetState(module);
}

#endif
