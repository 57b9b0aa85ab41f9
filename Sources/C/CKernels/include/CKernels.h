// Elementwise kernels: what a linear-algebra library does not have.
//
// Plain C loops, compiled twice: for the baseline of the architecture, and for AVX2 + FMA + F16C.
// `mohd_kernels()` gives the table for this processor, chosen once.
#pragma once
#include "dequantise.h"
#include "elementwise.h"
#include "statistics.h"
#include "subdimensions.h"
