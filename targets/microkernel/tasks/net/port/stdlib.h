/* lwIP includes it; what it wants of it is here. */
#include "mk.h"
