// HDF5 with its high-level dimension-scale interface.
//
// Most of HDF5's identifiers are macros with a call inside, such as
// `#define H5T_NATIVE_FLOAT (H5OPEN H5T_NATIVE_FLOAT_g)`, and Swift imports only simple constants.
// Each getter below exists for that reason alone.
#include <hdf5.h>
#include <hdf5_hl.h>

// Types of elements in files: little-endian, whatever machine writes them.
static inline hid_t mohd_h5t_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t mohd_h5t_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t mohd_h5t_int32(void) { return H5T_STD_I32LE; }
static inline hid_t mohd_h5t_int64(void) { return H5T_STD_I64LE; }
static inline hid_t mohd_h5t_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t mohd_h5t_string(void) { return H5T_C_S1; }
static inline size_t mohd_h5t_variable(void) { return H5T_VARIABLE; }

// Classes of property lists.
static inline hid_t mohd_h5p_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t mohd_h5p_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t mohd_h5p_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t mohd_h5p_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t mohd_h5p_default(void) { return H5P_DEFAULT; }

// Flags.
static inline unsigned mohd_h5f_truncate(void) { return H5F_ACC_TRUNC; }
static inline unsigned mohd_h5f_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned mohd_h5f_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned mohd_h5p_creation_order(void) {
  return H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
}
static inline hid_t mohd_h5s_all(void) { return H5S_ALL; }
static inline unsigned mohd_h5f_all_objects(void) { return H5F_OBJ_ALL; }

// Linux declares it for _GNU_SOURCE only, which a module map cannot set.
extern int sync_file_range(int descriptor, long offset, long count, unsigned flags);

// Begins writing the dirty pages of a whole file (SYNC_FILE_RANGE_WRITE) and does not wait.
static inline int mohd_start_write_back(int descriptor) {
  return sync_file_range(descriptor, 0, 0, 2);
}
