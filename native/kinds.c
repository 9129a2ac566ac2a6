/* Which kind a type or an object has: the object table's memory of what Python said.
 *
 * Kinds are Python objects (cowtm/kinds).  `classify` is asked once per type, and what a kind says of
 * itself is read once, into a KindInfo, so that visiting an object asks Python nothing.  A type is
 * found by its address; a weak reference to it tells whether it is still that type, since classes of
 * the user come and go and the table must not keep them.  No metaclass's hash or equality is used.
 *
 * For a few types (functions, classes) the kind depends on the object: `select` is asked each time.
 * Its last answers are remembered while nothing else of Python runs: a list of a hundred thousand
 * instances asks once about their class.  Whoever is about to run a kind's other methods, which may
 * run the user's code, has them forgotten first; so has every method of the table at its end.
 *
 * Complexity: O(1) for a known type.
 */
#include "table.h"

/* ---- what a kind says of itself -------------------------------------------------------------- */

static int
read_flag(PyObject *kind, PyObject *name, bool *flag)
{
    PyObject *value = PyObject_GetAttr(kind, name);
    if (value == NULL) {
        return -1;
    }
    int truth = PyObject_IsTrue(value);
    Py_DECREF(value);
    *flag = truth == 1;
    return truth < 0 ? -1 : 0;
}

static int
read_code(TableState *state, PyObject *kind, int *code)
{
    PyObject *value = PyObject_GetAttr(kind, state->name_code);
    if (value == NULL) {
        return -1;
    }
    *code = (int)PyLong_AsLong(value);
    Py_DECREF(value);
    return *code == -1 && PyErr_Occurred() ? -1 : 0;
}

/* The offset of a slot in instances of `cls`, or 0 if `member` is no such slot. */
static Py_ssize_t
offset_of(PyObject *member, PyTypeObject *cls)
{
    if (!Py_IS_TYPE(member, &PyMemberDescr_Type) ||
        !PyType_IsSubtype(cls, PyDescr_TYPE((PyMemberDescrObject *)member))) {
        return 0;
    }
    PyMemberDef *definition = ((PyMemberDescrObject *)member)->d_member;
    if (definition->type != Py_T_OBJECT_EX || definition->offset <= 0) {
        return 0;
    }
    return definition->offset;
}

/* Read where instances keep what they hold.  A layout that is not understood is not raw. */
static KindInfo *
with_layout(KindInfo *info, PyObject *members)
{
    Py_ssize_t count = PyTuple_GET_SIZE(members);
    if (count > BLOCK / 2) {
        return info;
    }
    KindInfo *larger = PyMem_Realloc(info, sizeof(*info) + (size_t)count * sizeof(Py_ssize_t));
    if (larger == NULL) {
        PyErr_NoMemory();
        cowtm_release_kind_info(info);
        return NULL;
    }
    larger->raw = true;
    larger->member_count = count;
    for (Py_ssize_t i = 0; i < count; i++) {
        larger->offsets[i] = offset_of(PyTuple_GET_ITEM(members, i), larger->cls);
        larger->raw = larger->raw && larger->offsets[i] > 0;
    }
    return larger;
}

static KindInfo *
read_layout(TableState *state, KindInfo *info)
{
    if (info->cls == NULL) {
        return info;
    }
    PyObject *members = PyObject_GetAttr(info->kind, state->name_members);
    if (members == NULL || read_flag(info->kind, state->name_has_dict, &info->has_dict) < 0) {
        Py_XDECREF(members);
        cowtm_release_kind_info(info);
        return NULL;
    }
    if (PyTuple_CheckExact(members)) {
        info = with_layout(info, members);
    }
    Py_DECREF(members);
    return info;
}

KindInfo *
cowtm_new_kind_info(TableState *state, PyObject *kind)
{
    KindInfo *info = PyMem_Calloc(1, sizeof(*info));
    if (info == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    info->uses = 1;
    info->kind = Py_NewRef(kind);
    if (read_code(state, kind, &info->code) < 0 ||
        read_flag(kind, state->name_frozen, &info->frozen) < 0 ||
        read_flag(kind, state->name_by_value, &info->by_value) < 0 ||
        read_flag(kind, state->name_keep, &info->keep) < 0 ||
        read_flag(kind, state->name_follow, &info->follow) < 0) {
        goto error;
    }
    PyObject *cls = PyObject_GetAttr(kind, state->name_cls);
    if (cls == NULL) {
        goto error;
    }
    if (cls != Py_None && !PyType_Check(cls)) {
        PyErr_Format(PyExc_TypeError, "cls of a kind must be a type or None, not %.200s",
                     Py_TYPE(cls)->tp_name);
        Py_DECREF(cls);
        goto error;
    }
    if (cls == Py_None) {
        Py_DECREF(cls);
    }
    else {
        info->cls = (PyTypeObject *)cls;
    }
    return info->code == INSTANCE ? read_layout(state, info) : info;
error:
    cowtm_release_kind_info(info);
    return NULL;
}

void
cowtm_release_kind_info(KindInfo *info)
{
    if (info == NULL || --info->uses > 0) {
        return;
    }
    PyObject *kind = info->kind;
    PyObject *cls = (PyObject *)info->cls;
    PyMem_Free(info);
    Py_XDECREF(cls);
    Py_DECREF(kind);
}

/* Gives what a kind says of itself that a caller names, a use more of it. */
KindInfo *
cowtm_kind_info(ObjectTable *table, PyObject *kind)
{
    KindInfo **recent = &table->recent_kinds[((uintptr_t)kind >> 4) % RECENT_KINDS];
    if (*recent != NULL && (*recent)->kind == kind) {
        (*recent)->uses++;
        return *recent;
    }
    KindInfo *info = cowtm_new_kind_info(table->state, kind);
    if (info != NULL) {
        KindInfo *former = *recent;
        *recent = info;
        info->uses++;
        cowtm_release_kind_info(former);
    }
    return info;
}

void
cowtm_forget_kinds(ObjectTable *table)
{
    for (int i = 0; i < RECENT_KINDS; i++) {
        KindInfo *former = table->recent_kinds[i];
        table->recent_kinds[i] = NULL;
        cowtm_release_kind_info(former);
    }
}

/* ---- types ----------------------------------------------------------------------------------- */

/* Ask `classify` about a type that is new, or that lies where another one lay. */
TypeEntry *
cowtm_new_type_entry(ObjectTable *table, PyTypeObject *type)
{
    TypeEntry fresh = {type, NULL, NULL, NULL};
    if (PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) {
        fresh.alive = PyWeakref_NewRef((PyObject *)type, NULL);
        if (fresh.alive == NULL) {
            return NULL;
        }
    }
    PyObject *kind = PyObject_CallOneArg(table->classify, (PyObject *)type);
    if (kind == NULL) {
        goto error;
    }
    if (kind != Py_None) {
        fresh.info = cowtm_new_kind_info(table->state, kind);
    }
    Py_DECREF(kind);
    if (kind != Py_None && fresh.info == NULL) {
        goto error;
    }
    /* Entries stay where they are: `recent_types` points at them. */
    TypeEntry *entry = pointer_map_find(&table->types, type);
    if (entry != NULL) {
        TypeEntry former = *entry;
        *entry = fresh;
        Py_XDECREF(former.alive);
        cowtm_release_kind_info(former.info);
        cowtm_release_kind_info(former.selected);
        return entry;
    }
    entry = PyMem_Malloc(sizeof(*entry));
    if (entry == NULL) {
        PyErr_NoMemory();
        goto error;
    }
    *entry = fresh;
    if (pointer_map_put(&table->types, type, entry) < 0) {
        PyMem_Free(entry);
        goto error;
    }
    return entry;
error:
    Py_XDECREF(fresh.alive);
    cowtm_release_kind_info(fresh.info);
    return NULL;
}

void
cowtm_forget_types(ObjectTable *table)
{
    PointerMap types = table->types;
    table->types = (PointerMap){NULL, 0, 0, 0};
    memset(table->recent_types, 0, sizeof(table->recent_types));
    for (size_t i = 0; i < types.capacity; i++) {
        TypeEntry *entry = types.entries[i].value;
        if (entry != NULL) {
            Py_XDECREF(entry->alive);
            cowtm_release_kind_info(entry->info);
            cowtm_release_kind_info(entry->selected);
            PyMem_Free(entry);
        }
    }
    pointer_map_free(&types);
}

/* ---- objects of types whose kind depends on the object --------------------------------------- */

static KindInfo *
info_of_selected(ObjectTable *table, TypeEntry *entry, PyObject *kind)
{
    if (entry->selected != NULL && entry->selected->kind == kind) {
        entry->selected->uses++;
        return entry->selected;
    }
    KindInfo *info = cowtm_new_kind_info(table->state, kind);
    if (info != NULL) {
        KindInfo *former = entry->selected;
        entry->selected = info;
        info->uses++;
        cowtm_release_kind_info(former);
    }
    return info;
}

int
cowtm_select(ObjectTable *table, TypeEntry *entry, PyObject *value, KindInfo **info)
{
    Selected *known = &table->selected[((uintptr_t)value >> 5) % RECENT_SELECTED];
    if (known->value == value) {
        *info = known->info;
        return known->info != NULL;
    }
    *info = NULL;
    PyObject *kind = PyObject_CallMethodOneArg(entry->info->kind, table->state->name_select, value);
    if (kind == NULL) {
        return -1;
    }
    if (kind != Py_None) {
        *info = info_of_selected(table, entry, kind);
    }
    Py_DECREF(kind);
    if (kind != Py_None && *info == NULL) {
        return -1;
    }
    Selected former = *known;
    *known = (Selected){Py_NewRef(value), *info};
    table->any_selected = true;
    Py_XDECREF(former.value);
    cowtm_release_kind_info(former.info);
    return *info != NULL;
}

void
cowtm_forget_selected(ObjectTable *table)
{
    if (!table->any_selected) {
        return;
    }
    table->any_selected = false;
    for (int i = 0; i < RECENT_SELECTED; i++) {
        Selected former = table->selected[i];
        table->selected[i] = (Selected){NULL, NULL};
        Py_XDECREF(former.value);
        cowtm_release_kind_info(former.info);
    }
}
