#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *below(PyObject *self, PyObject *argument)
{
    long end = PyLong_AsLong(argument), found = 0;

    if (end == -1 && PyErr_Occurred())
        return NULL;
    for (long number = 2; number < end; number++) {
        long factor = 2;
        while (factor * factor <= number && number % factor)
            factor++;
        found += factor * factor > number;
    }
    return PyLong_FromLong(found);
}

static PyMethodDef methods[] = {
    {"below", below, METH_O, "Return how many primes are below a number."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "primes._count", .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__count(void)
{
    return PyModuleDef_Init(&module);
}
