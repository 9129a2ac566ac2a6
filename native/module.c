/* The extension module cowtm._native: puts its parts together.
 *
 * Multi-phase initialisation, one CowtmState per module object, heap types only.  The module relies
 * on the global interpreter lock and says so; it works in subinterpreters, also with a lock of
 * their own, because nothing is shared between two module objects.
 *
 * A new part adds its types in `module_exec` and its share of the state in `module_traverse` and
 * `module_clear`; everything else about it stays in its own file.
 */
#include "cowtm.h"

PyTypeObject *
cowtm_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject *base)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, (PyObject *)base);
    if (type != NULL && PyModule_AddType(module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

static int
module_exec(PyObject *module)
{
    if (cowtm_add_namespace_types(module) < 0) {
        return -1;
    }
    if (cowtm_add_table_types(module) < 0) {
        return -1;
    }
    return cowtm_add_maker_type(module);
}

static int
module_traverse(PyObject *module, visitproc visit, void *arg)
{
    int outcome = cowtm_traverse_namespace_state(&cowtm_state(module)->names, visit, arg);
    if (outcome == 0) {
        outcome = cowtm_traverse_table_state(&cowtm_state(module)->objects, visit, arg);
    }
    return outcome != 0 ? outcome
                        : cowtm_traverse_maker_state(&cowtm_state(module)->maker, visit, arg);
}

static int
module_clear(PyObject *module)
{
    cowtm_clear_namespace_state(&cowtm_state(module)->names);
    cowtm_clear_table_state(&cowtm_state(module)->objects);
    cowtm_clear_maker_state(&cowtm_state(module)->maker);
    return 0;
}

static void
module_free(void *module)
{
    module_clear((PyObject *)module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "cowtm._native",
    .m_doc = "The native part of cowtm; cowtm.twin says the same in plain Python.",
    .m_size = sizeof(CowtmState),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__native(void)
{
    return PyModuleDef_Init(&module_definition);
}
