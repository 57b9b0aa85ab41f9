// OpenBLAS: sgemm, sgemv and the switch that keeps it single-threaded (the workers are ours).
#include <cblas.h>
