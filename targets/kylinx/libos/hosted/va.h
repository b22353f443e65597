/* AddressSanitizer's allocator keeps its blocks where a family has its image: elsewhere, then. */
#include "../../abi/kx_abi.h"
#ifdef KX_ASAN
#undef KX_VA_IMAGE
#define KX_VA_IMAGE 0x680000000000
#endif
