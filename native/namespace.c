/* TrackingNamespace: a view of a dict that notes which names go through it.
 *
 * Design
 *
 * A TrackingNamespace (here: view) is a dict subclass that stands before the user's real namespace
 * (home, an exact dict).  A cell runs with home as its globals and the view as its locals, so
 * top-level names go through the view and are noted, while functions keep an exact dict as their
 * globals and with it the interpreter's specialised instructions.  The view is a dict subclass, and
 * not some mapping, because `locals()`, debuggers and libraries check for dict.
 *
 * What is noted only prunes later work; it never decides what changed.  So noting may say too much
 * (`everything`: iteration, whole-dict methods, keys that are not exactly str) but not too little.
 *
 * Noting is a lookup in `recent`, a direct-mapped cache of names already in the set.  The compiler
 * interns names, so a loop meets the same few pointers again: one load and one comparison.  The
 * cache owns its strings; a string that died could otherwise lend its address to another name.
 *
 * The view's own storage holds one entry, "__builtins__", and nothing else.  C code that never asks
 * the type's slots reads the storage: json takes a storage of length 0 for `{}`, and the
 * interpreter looks for the builtins of `exec(source, locals())` there.  The same kind of code may
 * write there (STORE_GLOBAL of a function made by such an exec): a storage of another length holds
 * strays, and the next operation carries them over to home.
 *
 * A subscript that misses in home looks into the builtins itself, as the interpreter would do next:
 * its way over a KeyError costs 2.5 times as much per builtin name.  These are the builtins that
 * home named when the cell began, and a frame keeps them for its life too.
 *
 * User code may run in every hash, comparison and deallocation of what home holds.  No borrowed
 * reference is used after such a call.  The parts of a view are set before it can be seen and never
 * become NULL while it lives: the garbage collector breaks every cycle at a dict, mostly home.
 *
 * Complexity
 *
 * Subscript, store, delete, containment: O(1) beside the one operation on home.  names: O(number of
 * names).  reset: O(RECENT).  Carrying over: O(strays).
 */
#include "namespace.h"

#include <stdint.h>

/* ---- noting ---------------------------------------------------------------------------------- */

/* Where `key` would be in the cache.  Strings of names are mostly 48 or 64 bytes apart: the higher
 * bits are folded in to use every slot. */
static inline PyObject **
recent_slot(View *view, PyObject *key)
{
    uintptr_t address = (uintptr_t)key;
    return &view->recent[((address >> 4) ^ (address >> 10)) % RECENT];
}

static int
note_name(View *view, PyObject *key)
{
    if (!PyUnicode_CheckExact(key)) {
        view->everything = true;
        return 0;
    }
    if (PySet_Add(view->names, key) < 0) {
        return -1;
    }
    PyObject **slot = recent_slot(view, key);
    PyObject *former = *slot;
    *slot = Py_NewRef(key);
    Py_XDECREF(former);
    return 0;
}

static void
forget_names(View *view)
{
    for (int i = 0; i < RECENT; i++) {
        Py_CLEAR(view->recent[i]);
    }
}

/* Take home's "__builtins__", or else the interpreter's, as a frame does when it begins. */
int
cowtm_take_builtins(View *view)
{
    PyObject *name = view->state->builtins_name;
    PyObject *builtins = PyDict_GetItemWithError(view->home, name);
    if (builtins == NULL) {
        if (PyErr_Occurred()) {
            return -1;
        }
        builtins = PyEval_GetBuiltins();
    }
    Py_INCREF(builtins);
    int outcome = PyDict_SetItem((PyObject *)view, name, builtins);
    if (outcome == 0) {
        PyObject *former = view->builtins;
        PyObject *names = PyModule_Check(builtins) ? PyModule_GetDict(builtins) : builtins;
        view->builtins = Py_NewRef(names);
        Py_DECREF(former);
    }
    Py_DECREF(builtins);
    return outcome;
}

int
cowtm_carry_over_strays(View *view)
{
    int outcome = -1;
    PyObject *strays = PyDict_Items((PyObject *)view);
    if (strays == NULL) {
        goto done;
    }
    /* Emptied first: what follows may run user code, which may come here again. */
    PyDict_Clear((PyObject *)view);
    if (cowtm_take_builtins(view) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(strays); i++) {
        PyObject *key = PyTuple_GET_ITEM(PyList_GET_ITEM(strays, i), 0);
        PyObject *value = PyTuple_GET_ITEM(PyList_GET_ITEM(strays, i), 1);
        if (PyUnicode_CheckExact(key) &&
            PyUnicode_Compare(key, view->state->builtins_name) == 0) {
            continue;
        }
        if (note_name(view, key) < 0 || PyDict_SetItem(view->home, key, value) < 0) {
            goto done;
        }
    }
    outcome = 0;
done:
    Py_XDECREF(strays);
    return outcome;
}

static int
begin_slowly(View *view, PyObject *key)
{
    if (carry_over(view) < 0) {
        return -1;
    }
    return note_name(view, key);
}

/* Begin an operation about one name.  Kept small, as every name of a loop comes here. */
static inline int
begin(View *view, PyObject *key)
{
    if (*recent_slot(view, key) == key && PyDict_GET_SIZE((PyObject *)view) == OWN_LENGTH) {
        return 0;
    }
    return begin_slowly(view, key);
}

static int
begin_with_everything(View *view)
{
    view->everything = true;
    return carry_over(view);
}

/* ---- slots of the mapping -------------------------------------------------------------------- */

/* The builtin called `name`, as a new reference, or NULL, without an error if there is none. */
static PyObject *
find_builtin(View *view, PyObject *name)
{
    /* Anything but an exact dict is left to the interpreter, which asks for it after a KeyError. */
    if (!PyDict_CheckExact(view->builtins)) {
        return NULL;
    }
    PyObject *builtins = Py_NewRef(view->builtins);
    PyObject *value = PyDict_GetItemWithError(builtins, name);
    Py_XINCREF(value);
    Py_DECREF(builtins);
    return value;
}

static void
raise_key_error(PyObject *key)
{
    /* In a tuple of its own, since a key that is a tuple would be taken for the arguments. */
    PyObject *arguments = PyTuple_Pack(1, key);
    if (arguments != NULL) {
        PyErr_SetObject(PyExc_KeyError, arguments);
        Py_DECREF(arguments);
    }
}

static PyObject *
view_subscript(PyObject *op, PyObject *key)
{
    View *view = (View *)op;
    if (begin(view, key) < 0) {
        return NULL;
    }
    PyObject *value = PyDict_GetItemWithError(view->home, key);
    if (value != NULL) {
        return Py_NewRef(value);
    }
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (PyUnicode_CheckExact(key)) {
        value = find_builtin(view, key);
    }
    if (value == NULL && !PyErr_Occurred()) {
        raise_key_error(key);
    }
    return value;
}

static int
view_store(PyObject *op, PyObject *key, PyObject *value)
{
    View *view = (View *)op;
    if (begin(view, key) < 0) {
        return -1;
    }
    if (value == NULL) {
        return PyDict_DelItem(view->home, key);
    }
    return PyDict_SetItem(view->home, key, value);
}

static int
view_contains(PyObject *op, PyObject *key)
{
    View *view = (View *)op;
    if (begin(view, key) < 0) {
        return -1;
    }
    return PyDict_Contains(view->home, key);
}

static Py_ssize_t
view_length(PyObject *op)
{
    View *view = (View *)op;
    if (carry_over(view) < 0) {
        return -1;
    }
    return PyDict_GET_SIZE(view->home);
}

static PyObject *
view_iter(PyObject *op)
{
    View *view = (View *)op;
    if (begin_with_everything(view) < 0) {
        return NULL;
    }
    return PyObject_GetIter(view->home);
}

static PyObject *
view_repr(PyObject *op)
{
    View *view = (View *)op;
    if (begin_with_everything(view) < 0) {
        return NULL;
    }
    return PyObject_Repr(view->home);
}

/* ---- operators ------------------------------------------------------------------------------- */

static void view_dealloc(PyObject *op);

/* The type cannot be subclassed, so its deallocator tells it, whichever module object made it. */
static inline bool
is_view(PyObject *op)
{
    return Py_TYPE(op)->tp_dealloc == view_dealloc;
}

/* What stands for `op` in an operator: home if it is a view.  Borrowed; NULL is an error. */
static PyObject *
operand(PyObject *op)
{
    if (!is_view(op)) {
        return op;
    }
    if (begin_with_everything((View *)op) < 0) {
        return NULL;
    }
    return ((View *)op)->home;
}

static PyObject *
view_compare(PyObject *op, PyObject *other, int operation)
{
    if (operation != Py_EQ && operation != Py_NE) {
        Py_RETURN_NOTIMPLEMENTED;
    }
    PyObject *left = operand(op);
    PyObject *right = operand(other);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    return PyObject_RichCompare(left, right, operation);
}

static PyObject *
view_or(PyObject *first, PyObject *second)
{
    PyObject *left = operand(first);
    PyObject *right = operand(second);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    return PyNumber_Or(left, right);
}

static PyObject *
view_update_in_place(PyObject *op, PyObject *other)
{
    PyObject *left = operand(op);
    PyObject *right = operand(other);
    if (left == NULL || right == NULL) {
        return NULL;
    }
    PyObject *home = PyNumber_InPlaceOr(left, right);
    if (home == NULL) {
        return NULL;
    }
    Py_DECREF(home);
    return Py_NewRef(op);
}

/* ---- methods of dict ------------------------------------------------------------------------- */

static PyObject *
call_method(PyObject *of, const char *name, PyObject *const *args, Py_ssize_t count,
            PyObject *keywords)
{
    PyObject *result = NULL;
    PyObject *method = NULL;
    /* Interned, as the interpreter's cache of methods goes by the address of the name. */
    PyObject *interned = PyUnicode_InternFromString(name);
    if (interned == NULL) {
        goto done;
    }
    method = PyObject_GetAttr(of, interned);
    if (method == NULL) {
        goto done;
    }
    result = PyObject_Vectorcall(method, args, (size_t)count, keywords);
done:
    Py_XDECREF(method);
    Py_XDECREF(interned);
    return result;
}

/* A method whose first argument is the one key it is about. */
#define METHOD_ABOUT_ONE_NAME(name)                                                              \
    static PyObject *view_##name(PyObject *op, PyObject *const *args, Py_ssize_t count,           \
                                 PyObject *keywords)                                              \
    {                                                                                             \
        View *view = (View *)op;                                                                  \
        if (count > 0 ? begin(view, args[0]) < 0 : carry_over(view) < 0) {                        \
            return NULL;                                                                          \
        }                                                                                         \
        return call_method(view->home, #name, args, count, keywords);                             \
    }

/* A method that may read or write any name. */
#define METHOD_ABOUT_EVERYTHING(name)                                                            \
    static PyObject *view_##name(PyObject *op, PyObject *const *args, Py_ssize_t count,           \
                                 PyObject *keywords)                                              \
    {                                                                                             \
        View *view = (View *)op;                                                                  \
        if (begin_with_everything(view) < 0) {                                                    \
            return NULL;                                                                          \
        }                                                                                         \
        return call_method(view->home, #name, args, count, keywords);                             \
    }

METHOD_ABOUT_ONE_NAME(get)
METHOD_ABOUT_ONE_NAME(pop)
METHOD_ABOUT_ONE_NAME(setdefault)
METHOD_ABOUT_EVERYTHING(keys)
METHOD_ABOUT_EVERYTHING(items)
METHOD_ABOUT_EVERYTHING(values)
METHOD_ABOUT_EVERYTHING(update)
METHOD_ABOUT_EVERYTHING(copy)
METHOD_ABOUT_EVERYTHING(__reversed__)

/* A library that looks at the variables of who called it, as numexpr does, clears them in the end
 * if they are not the globals: it takes them for a copy. */
static PyObject *
view_clear(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    View *view = (View *)op;
    if (PyEval_GetGlobals() != view->home) {
        Py_RETURN_NONE;
    }
    if (begin_with_everything(view) < 0) {
        return NULL;
    }
    return call_method(view->home, "clear", NULL, 0, NULL);
}

static PyObject *
view_popitem(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    View *view = (View *)op;
    if (carry_over(view) < 0) {
        return NULL;
    }
    PyObject *item = call_method(view->home, "popitem", NULL, 0, NULL);
    if (item != NULL && note_name(view, PyTuple_GET_ITEM(item, 0)) < 0) {
        Py_CLEAR(item);
    }
    return item;
}

static PyObject *
view_fromkeys(PyObject *Py_UNUSED(type), PyObject *const *args, Py_ssize_t count,
              PyObject *keywords)
{
    return call_method((PyObject *)&PyDict_Type, "fromkeys", args, count, keywords);
}

static PyObject *
view_shallow_copy(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    return view_copy(op, NULL, 0, NULL);
}

/* Items come last, after the new dict is known: a namespace may hold itself (`ns = locals()`). */
static PyObject *
view_reduce(PyObject *op, PyObject *Py_UNUSED(protocol))
{
    PyObject *result = NULL;
    PyObject *iterator = NULL;
    PyObject *items = view_items(op, NULL, 0, NULL);
    if (items == NULL) {
        goto done;
    }
    iterator = PyObject_GetIter(items);
    if (iterator == NULL) {
        goto done;
    }
    result = Py_BuildValue("O()OOO", &PyDict_Type, Py_None, Py_None, iterator);
done:
    Py_XDECREF(iterator);
    Py_XDECREF(items);
    return result;
}

/* ---- what was noted -------------------------------------------------------------------------- */

static PyObject *
view_get_home(PyObject *op, void *Py_UNUSED(closure))
{
    View *view = (View *)op;
    if (carry_over(view) < 0) {
        return NULL;
    }
    return Py_NewRef(view->home);
}

static PyObject *
view_get_names(PyObject *op, void *Py_UNUSED(closure))
{
    View *view = (View *)op;
    if (carry_over(view) < 0) {
        return NULL;
    }
    PyObject *names = Py_NewRef(view->names); /* a collection here may run user code: reset() */
    PyObject *result = PyFrozenSet_New(names);
    Py_DECREF(names);
    return result;
}

static PyObject *
view_get_codes(PyObject *op, void *Py_UNUSED(closure))
{
    PyObject *codes = Py_NewRef(((View *)op)->codes); /* as above */
    PyObject *result = PyList_AsTuple(codes);
    Py_DECREF(codes);
    return result;
}

static PyObject *
view_get_everything(PyObject *op, void *Py_UNUSED(closure))
{
    View *view = (View *)op;
    if (carry_over(view) < 0) {
        return NULL;
    }
    return PyBool_FromLong(view->everything);
}

static PyObject *
view_reset(PyObject *op, PyObject *Py_UNUSED(ignored))
{
    View *view = (View *)op;
    PyObject *names = PySet_New(NULL);
    PyObject *codes = PyList_New(0);
    if (names == NULL || codes == NULL || carry_over(view) < 0) {
        Py_XDECREF(names);
        Py_XDECREF(codes);
        return NULL;
    }
    PyObject *former_names = view->names;
    PyObject *former_codes = view->codes;
    view->names = names;
    view->codes = codes;
    view->everything = false;
    forget_names(view);
    Py_DECREF(former_names);
    Py_DECREF(former_codes);
    Py_RETURN_NONE;
}

/* ---- life of a view -------------------------------------------------------------------------- */

static PyObject *
view_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *parameters[] = {"home", NULL};
    PyObject *home;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O:TrackingNamespace", parameters, &home)) {
        return NULL;
    }
    if (!PyDict_CheckExact(home)) {
        PyErr_Format(PyExc_TypeError, "home must be exactly a dict, not %.200s",
                     Py_TYPE(home)->tp_name);
        return NULL;
    }
    /* Parts first: once tp_new returns, the collector can show the view to others. */
    PyObject *names = PySet_New(NULL);
    PyObject *codes = PyList_New(0);
    View *view = NULL;
    if (names != NULL && codes != NULL) {
        view = (View *)PyDict_Type.tp_new(type, args, NULL);
    }
    if (view == NULL) {
        Py_XDECREF(names);
        Py_XDECREF(codes);
        return NULL;
    }
    view->state = (NamespaceState *)PyType_GetModuleState(type);
    view->home = Py_NewRef(home);
    view->builtins = Py_NewRef(Py_None);
    view->names = names;
    view->codes = codes;
    if (cowtm_take_builtins(view) < 0) {
        Py_CLEAR(view);
    }
    return (PyObject *)view;
}

static int
view_init(PyObject *Py_UNUSED(op), PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(keywords))
{
    return 0; /* dict's would write the items of home into the view's own storage */
}

static int
view_traverse(PyObject *op, visitproc visit, void *arg)
{
    View *view = (View *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(view->home);
    Py_VISIT(view->builtins);
    Py_VISIT(view->names);
    Py_VISIT(view->codes);
    return PyDict_Type.tp_traverse(op, visit, arg);
}

static int
view_clear_storage(PyObject *op)
{
    return PyDict_Type.tp_clear(op);
}

static void
view_dealloc(PyObject *op)
{
    View *view = (View *)op;
    PyTypeObject *type = Py_TYPE(op);
    PyObject_GC_UnTrack(op);
    forget_names(view);
    Py_CLEAR(view->names);
    Py_CLEAR(view->codes);
    Py_CLEAR(view->builtins);
    Py_CLEAR(view->home);
    PyDict_Type.tp_dealloc(op);
    Py_DECREF(type);
}

PyDoc_STRVAR(view_doc,
"TrackingNamespace(home)\n--\n\n"
"A view of `home` that notes which names go through it.\n\n"
"It behaves as `home` does, but for one thing: a subscript with a name that `home` lacks\n"
"gives the builtin of that name, if there is one.");

#define FUNCTION(function) (PyCFunction)(void (*)(void))(function)
#define ANY_ARGUMENTS (METH_FASTCALL | METH_KEYWORDS)

static PyMethodDef view_methods[] = {
    {"reset", view_reset, METH_NOARGS,
     PyDoc_STR("reset($self, /)\n--\n\nForget what was noted so far.")},
    {"get", FUNCTION(view_get), ANY_ARGUMENTS,
     PyDoc_STR("get($self, key, default=None, /)\n--\n\nAs dict.get of home.")},
    {"pop", FUNCTION(view_pop), ANY_ARGUMENTS, PyDoc_STR("As dict.pop of home.")},
    {"popitem", view_popitem, METH_NOARGS,
     PyDoc_STR("popitem($self, /)\n--\n\nAs dict.popitem of home.")},
    {"setdefault", FUNCTION(view_setdefault), ANY_ARGUMENTS,
     PyDoc_STR("setdefault($self, key, default=None, /)\n--\n\nAs dict.setdefault of home.")},
    {"keys", FUNCTION(view_keys), ANY_ARGUMENTS,
     PyDoc_STR("keys($self, /)\n--\n\nAs dict.keys of home.")},
    {"items", FUNCTION(view_items), ANY_ARGUMENTS,
     PyDoc_STR("items($self, /)\n--\n\nAs dict.items of home.")},
    {"values", FUNCTION(view_values), ANY_ARGUMENTS,
     PyDoc_STR("values($self, /)\n--\n\nAs dict.values of home.")},
    {"update", FUNCTION(view_update), ANY_ARGUMENTS, PyDoc_STR("As dict.update of home.")},
    {"clear", view_clear, METH_NOARGS,
     PyDoc_STR("clear($self, /)\n--\n\nAs dict.clear of home, for code that runs in it.")},
    {"copy", FUNCTION(view_copy), ANY_ARGUMENTS,
     PyDoc_STR("copy($self, /)\n--\n\nA plain dict with the items of home.")},
    {"fromkeys", FUNCTION(view_fromkeys), ANY_ARGUMENTS | METH_CLASS,
     PyDoc_STR("fromkeys($type, iterable, value=None, /)\n--\n\nAs dict.fromkeys: a plain dict.")},
    {"__reversed__", FUNCTION(view___reversed__), ANY_ARGUMENTS,
     PyDoc_STR("__reversed__($self, /)\n--\n\nAs dict.__reversed__ of home.")},
    {"__copy__", view_shallow_copy, METH_NOARGS,
     PyDoc_STR("__copy__($self, /)\n--\n\nA plain dict with the items of home.")},
    {"__reduce_ex__", view_reduce, METH_O,
     PyDoc_STR("__reduce_ex__($self, protocol, /)\n--\n\nA plain dict with the items of home.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef view_attributes[] = {
    {"home", view_get_home, NULL, PyDoc_STR("The dict that the view shows."), NULL},
    {"names", view_get_names, NULL,
     PyDoc_STR("Names read, written, deleted or asked for since the last reset."), NULL},
    {"codes", view_get_codes, NULL,
     PyDoc_STR("Code objects that a CellRunner ran on the view since the last reset."), NULL},
    {"everything", view_get_everything, NULL,
     PyDoc_STR("Whether names that are not in `names` may have been used too."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot view_slots[] = {
    {Py_tp_doc, (void *)view_doc},
    {Py_tp_new, view_new},
    {Py_tp_init, view_init},
    {Py_tp_traverse, view_traverse},
    {Py_tp_clear, view_clear_storage},
    {Py_tp_dealloc, view_dealloc},
    {Py_tp_methods, view_methods},
    {Py_tp_getset, view_attributes},
    {Py_mp_subscript, view_subscript},
    {Py_mp_ass_subscript, view_store},
    {Py_mp_length, view_length},
    {Py_sq_contains, view_contains},
    {Py_tp_iter, view_iter},
    {Py_tp_repr, view_repr},
    {Py_tp_richcompare, view_compare},
    {Py_tp_hash, PyObject_HashNotImplemented},
    {Py_nb_or, view_or},
    {Py_nb_inplace_or, view_update_in_place},
    {0, NULL},
};

static PyType_Spec view_spec = {
    .name = "cowtm._native.TrackingNamespace",
    .basicsize = sizeof(View),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = view_slots,
};

/* ---- the module's share ---------------------------------------------------------------------- */

int
cowtm_add_namespace_types(PyObject *module)
{
    NamespaceState *state = &cowtm_state(module)->names;
    state->builtins_name = PyUnicode_InternFromString("__builtins__");
    if (state->builtins_name == NULL) {
        return -1;
    }
    state->view_type = cowtm_add_type(module, &view_spec, &PyDict_Type);
    if (state->view_type == NULL) {
        return -1;
    }
    return cowtm_add_runner_type(module);
}

int
cowtm_traverse_namespace_state(NamespaceState *state, visitproc visit, void *arg)
{
    Py_VISIT(state->view_type);
    return 0;
}

void
cowtm_clear_namespace_state(NamespaceState *state)
{
    Py_CLEAR(state->view_type);
    Py_CLEAR(state->builtins_name);
}
