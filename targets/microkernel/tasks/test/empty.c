#include "test.h"
const struct test refusal_tests[]={{0,0}}, ipc_tests[]={{0,0}}, grant_tests[]={{0,0}}, sync_tests[]={{0,0}}, life_tests[]={{0,0}}, memory_tests[]={{0,0}}, time_tests[]={{0,0}}, isolation_tests[]={{0,0}};
