// The loops of statistics.c, included once for each variant. See include/statistics.h.
#include "statistics_moments.inc.h"
#include "statistics_sort.inc.h"
#include "statistics_order.inc.h"
#include "statistics_selection.inc.h"
#include "statistics_sets.inc.h"
#include "statistics_windows.inc.h"
