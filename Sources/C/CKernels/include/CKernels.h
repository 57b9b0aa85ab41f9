// Inner loops: what a linear-algebra library does not have.
//
// Plain C, compiled for the baseline of the architecture and again for newer instructions; each
// header says how the best variant for this processor is chosen.
#pragma once
#include "dequantise.h"
#include "elementwise.h"
#include "gradients.h"
#include "moments.h"
#include "products.h"
#include "statistics.h"
#include "subdimensions.h"
#include "training.h"
