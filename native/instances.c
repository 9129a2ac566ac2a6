/* Reads the attributes of an instance where the interpreter keeps them.
 *
 * A plain instance has its attributes' values in an array, in or before the object, and their names
 * in keys that all instances of the class share.  Touching its __dict__ makes a real dict of them:
 * more memory, and slower attributes ever after, for as long as the instance lives.  A mirror that
 * did this to every object it looks at would change what it mirrors; so the array is read as it is,
 * in the order in which the attributes were set, which is the order that the dict would have.
 *
 * This is the one file that knows the interpreter's inner structures, each version's own.  Where it
 * does not know them (a newer version, one without the global lock, headers left out) it says so,
 * and the caller has Python read the __dict__.
 *
 * Complexity: O(attributes).
 */
#include <patchlevel.h>

#if PY_VERSION_HEX < 0x030E0000 && defined(__has_include)
#if __has_include("internal/pycore_dict.h")
#define Py_BUILD_CORE /* before Python.h, for the internal headers */
#endif
#endif

#include "table.h"

#if defined(Py_BUILD_CORE) && !defined(Py_GIL_DISABLED)

#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"

static_assert(2 * SHARED_KEYS_MAX_SIZE <= INLINE_ROOM, "all attributes kept by value must fit");

/* Where an instance keeps its attributes: in `values`, or else in `dict`, or, with both NULL, it has
 * none. */
static inline void
find_attributes(PyObject *value, PyDictValues **values, PyObject **dict)
{
    *values = NULL;
#if PY_VERSION_HEX >= 0x030D0000
    *dict = (PyObject *)_PyObject_GetManagedDict(value);
    if (*dict == NULL && PyType_HasFeature(Py_TYPE(value), Py_TPFLAGS_INLINE_VALUES) &&
        _PyObject_InlineValues(value)->valid) {
        *values = _PyObject_InlineValues(value);
    }
#elif PY_VERSION_HEX >= 0x030C0000
    PyDictOrValues either = *_PyObject_DictOrValuesPointer(value);
    *dict = NULL;
    if (_PyDictOrValues_IsValues(either)) {
        *values = _PyDictOrValues_GetValues(either);
    }
    else {
        *dict = _PyDictOrValues_GetDict(either);
    }
#else
    *values = *_PyObject_ValuesPointer(value);
    *dict = *values == NULL ? *_PyObject_ManagedDictPointer(value) : NULL;
#endif
}

static inline Py_ssize_t
read_values(PyDictValues *values, PyDictKeysObject *keys, PyObject **pairs)
{
    const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
#if PY_VERSION_HEX >= 0x030D0000
    Py_ssize_t count = values->size;
    const uint8_t *order = get_insertion_order_array(values);
    int step = 1;
#else
    /* The bytes before the values, from the end: capacity, count, the first attribute, ... */
    Py_ssize_t count = ((const uint8_t *)values)[-2];
    const uint8_t *order = (const uint8_t *)values - 3;
    int step = -1;
#endif
    for (Py_ssize_t i = 0; i < count; i++) {
        Py_ssize_t index = order[step * i];
        pairs[2 * i] = entries[index].me_key;
        pairs[2 * i + 1] = values->values[index];
    }
    return 2 * count;
}

Py_ssize_t
cowtm_read_attributes(PyObject *value, PyObject **pairs, PyObject **dict)
{
    PyTypeObject *type = Py_TYPE(value);
    *dict = NULL;
    if (!PyType_HasFeature(type, Py_TPFLAGS_MANAGED_DICT)) {
        return -1;
    }
    PyDictValues *values;
    find_attributes(value, &values, dict);
    if (values == NULL) {
        return 0;
    }
    PyDictKeysObject *keys = ((PyHeapTypeObject *)type)->ht_cached_keys;
    return keys == NULL ? -1 : read_values(values, keys, pairs);
}

#else

Py_ssize_t
cowtm_read_attributes(PyObject *Py_UNUSED(value), PyObject **Py_UNUSED(pairs), PyObject **dict)
{
    *dict = NULL;
    return -1;
}

#endif
