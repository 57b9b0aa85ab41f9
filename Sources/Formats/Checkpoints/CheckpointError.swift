import Files

/// One case for each way in which a checkpoint as a whole can be wrong, missing or unsupported.
public enum CheckpointError: ReportableError, Equatable {
  case notFound(name: String)
  case notInCache(name: String, command: String)
  case invalidRevision(name: String, reason: String)
  case pickle(path: String, command: String)
  case unknownFormat(path: String)
  case noWeights(path: String)
  case severalCheckpoints(path: String, names: [String])
  case invalidIndex(path: String, reason: String)
  case invalidSplit(path: String, reason: String)
  case duplicateTensor(path: String, tensor: String, other: String)
  case missingTensor(path: String, tensor: String)
  case noHead(path: String)
  case damagedWeight(path: String, tensor: String, count: Int, seen: String)
  case wrongShape(path: String, tensor: String, expected: [Int], found: [Int])
  case unsupportedType(path: String, tensor: String, type: String)
  case unexpectedTensor(path: String, tensor: String)
  case notIntegers(path: String, tensor: String, type: String)
  case notPermutation(path: String, tensor: String, count: Int, index: Int, found: Int64)

  public var exitStatus: ExitStatus {
    switch self {
    case .notFound, .notInCache, .noWeights: .missingInput
    default: .badInput
    }
  }

  public var description: String {
    switch self {
    case .notFound(let name):
      "\(name): no such file or folder; name a Hugging Face folder, a .gguf or .safetensors file, "
        + "or a hub id such as org/name"
    case .notInCache(let name, let command):
      "\(name): no such file or folder, and not in the local Hugging Face cache; fetch it with: \(command)"
    case .invalidRevision(let name, let reason):
      "\(name): \(reason)"
    case .pickle(let path, let command):
      "\(path): pickled weights (.bin, .pt, .pth) can run any code and are not read; "
        + "convert them with: \(command)"
    case .unknownFormat(let path):
      "\(path): expected a .gguf or .safetensors file, found neither"
    case .noWeights(let path):
      "\(path): expected model.safetensors, model.safetensors.index.json or one .gguf file, "
        + "found none"
    case .severalCheckpoints(let path, let names):
      "\(path): expected one checkpoint, found several; name one of: "
        + names.joined(separator: ", ")
    case .invalidIndex(let path, let reason):
      "\(path): \(reason)"
    case .invalidSplit(let path, let reason):
      "\(path): \(reason)"
    case .duplicateTensor(let path, let tensor, let other):
      "\(path): \(printable(tensor)): already in \(other)"
    case .missingTensor(let path, let tensor):
      "\(path): \(printable(tensor)): expected by the configuration, not found"
    case .noHead(let path):
      "\(path): expected a causal language model, found a base model without a head "
        + "(lm_head.weight): activations can be captured, and nothing can be scored; name a checkpoint "
        + "with its head"
    case .damagedWeight(let path, let tensor, let count, let seen):
      "\(path): \(printable(tensor)): expected finite numbers, found \(count) infinite or not a number; "
        + "fetch or make the checkpoint again (seen in \(seen))"
    case .wrongShape(let path, let tensor, let expected, let found):
      "\(path): \(printable(tensor)): expected shape \(expected), found \(found)"
    case .unsupportedType(let path, let tensor, let type):
      "\(path): \(printable(tensor)): type \(type) is not supported; supported: "
        + ElementType.supported.map(\.rawValue).joined(separator: ", ")
    case .unexpectedTensor(let path, let tensor):
      "\(path): \(printable(tensor)): not part of a llama, mistral or qwen2 model; the file holds another model"
    case .notIntegers(let path, let tensor, let type):
      "\(path): \(printable(tensor)): expected integers (I64 or I32), found \(type)"
    case .notPermutation(let path, let tensor, let count, let index, let found):
      "\(path): \(printable(tensor)): expected each of 0…\(count - 1) once, "
        + "found \(found) at index \(index)"
    }
  }
}
