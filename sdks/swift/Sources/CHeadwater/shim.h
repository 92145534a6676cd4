/* The seven functions, as sdks/c/include has them. */
#include <headwater.h>
