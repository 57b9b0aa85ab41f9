import Checkpoints
import Testing

import Conversion

@Suite struct ActiveBudgetTests {}
