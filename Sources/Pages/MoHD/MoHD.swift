// `import MoHD` is the whole library: text becomes tokens, tokens run through a model, activations go
// into a capture or into statistics, and a dense model becomes a MoHD one. Its rooms stay modules of
// their own, and this file adds nothing to them. Its articles lie beside it, in MoHD.docc.

@_exported import Activations
@_exported import Capture
@_exported import Checkpoints
@_exported import Conversion
@_exported import Corpora
@_exported import Files
@_exported import Kernels
@_exported import Models
@_exported import Statistics
@_exported import Tensors
@_exported import Tokenizers
