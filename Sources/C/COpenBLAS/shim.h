// OpenBLAS: sgemm, sgemv and the switch that keeps it single-threaded (the workers are ours).
#include <cblas.h>

// LAPACK, which Debian's OpenBLAS holds too; Fortran calling convention, 32-bit integers.
void dsyevd_(
    const char *job, const char *triangle, const int *n, double *a, const int *stride,
    double *eigenvalues, double *work, const int *work_size, int *integer_work,
    const int *integer_work_size, int *info);
void dsyevr_(
    const char *job, const char *range, const char *triangle, const int *n, double *a,
    const int *stride, const double *least, const double *largest, const int *first,
    const int *last, const double *tolerance, int *found, double *eigenvalues, double *vectors,
    const int *vector_stride, int *support, double *work, const int *work_size, int *integer_work,
    const int *integer_work_size, int *info);
void dgeqrf_(
    const int *rows, const int *columns, double *a, const int *stride, double *reflectors,
    double *work, const int *work_size, int *info);
void dorgqr_(
    const int *rows, const int *columns, const int *reflector_count, double *a, const int *stride,
    const double *reflectors, double *work, const int *work_size, int *info);
void dposv_(
    const char *triangle, const int *n, const int *right_side_count, double *a, const int *stride,
    double *b, const int *right_side_stride, int *info);
