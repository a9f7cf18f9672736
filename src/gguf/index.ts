export { judgeExtraFile, type ExtraVerdict } from './extra-files.ts'
export { ALLOWED_WORDS, judgeName, type NameVerdict } from './extra-names.ts'
export { verdictOf, type Finding, type Severity, type Verdict } from './finding.ts'
export {
  arrayItem,
  numberOf,
  stringOf,
  weigh,
  type GgufHeader,
  type GgufTensor,
  type MetaArray,
  type MetaValue,
} from './header.ts'
export { inspect, type InspectOptions, type Inspection, type TensorRow } from './inspect.ts'
export { labelOfFileName, readLabel, type Label } from './labels.ts'
export { memorySource } from './memory-source.ts'
export {
  contextName,
  DEVICE_SIZES_GB,
  deviceFits,
  hardwareSentence,
  HEADROOM_BYTES,
  memorySize,
  type DeviceFit,
  type MemoryAt,
  type MemoryNeeds,
} from './memory.ts'
export type { FileKind, MetadataSummary } from './metadata.ts'
export { parseGguf } from './parse.ts'
export { proveQuantisation, type Claim, type Difference, type Quantisation } from './proof.ts'
export { RULES, type GgufCode, type Rule } from './rules.ts'
export { tinyLlama, type TinyLlamaOptions } from './tiny-llama.ts'
export type { TemplateState, TemplateSummary } from './template.ts'
export { templateName } from './template/name.ts'
export { readUpstream, type UpstreamTemplates } from './template/upstream.ts'
export { printable, textHazards } from './text.ts'
export { FILE_TYPE_NAMES, TENSOR_TYPES, type FileType, type TensorTypeName } from './types.ts'
export { writeGguf, type WriteOptions, type WriteTensor, type WriteValue } from './write.ts'
