/* What runner.c needs to know about a view; namespace.c says what a view is. */
#ifndef COWTM_NAMESPACE_H
#define COWTM_NAMESPACE_H

#include "cowtm.h"

#include <stdbool.h>

/* Slots of the cache: a power of two, well above the number of names in a loop. */
#define RECENT 128

/* Length of the view's own storage while it holds "__builtins__" only. */
#define OWN_LENGTH 1

typedef struct {
    PyDictObject storage;
    NamespaceState *state; /* kept alive by the type, which keeps the module */
    PyObject *home;        /* exact dict */
    PyObject *builtins;    /* where names are looked up next: an exact dict, or else unused */
    PyObject *names;       /* set of exact str */
    PyObject *codes;       /* list of code objects */
    bool everything;
    PyObject *recent[RECENT]; /* owned exact str that are in names, or NULL */
} View;

int cowtm_take_builtins(View *view);
int cowtm_carry_over_strays(View *view);

/* Every operation begins so: home holds what was written to the storage behind the view's back. */
static inline int
carry_over(View *view)
{
    if (PyDict_GET_SIZE((PyObject *)view) == OWN_LENGTH) {
        return 0;
    }
    return cowtm_carry_over_strays(view);
}

#endif
