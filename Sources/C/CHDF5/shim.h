// HDF5 with its high-level dimension-scale interface.
//
// Most of HDF5's identifiers are macros with a call inside, such as
// `#define H5T_NATIVE_FLOAT (H5OPEN H5T_NATIVE_FLOAT_g)`, and Swift imports only simple constants.
// Each getter below exists for that reason alone.
#include <hdf5.h>
#include <hdf5_hl.h>

static inline hid_t mohd_h5_default(void) { return H5P_DEFAULT; }
static inline hid_t mohd_h5s_all(void) { return H5S_ALL; }
