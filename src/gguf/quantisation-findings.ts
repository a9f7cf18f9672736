import type { Finding } from './finding.ts'
import type { GgufHeader, GgufTensor } from './header.ts'
import { hasImatrix } from './metadata.ts'
import type { Claim, Quantisation } from './proof.ts'
import {
  DEAD_FILE_TYPES,
  fileTypeOf,
  GUESSED_FILE_TYPE_BIT,
  isQuantised,
  type TensorTypeName,
} from './types.ts'

/** Reads the claim in `general.file_type`, and what is odd about it. */
export function claimOfHeader(header: GgufHeader): { claim: Claim | null; findings: Finding[] } {
  const value = header.metadata.get('general.file_type')
  if (value?.type !== 'u32')
    return {
      claim: null,
      findings: [
        { code: 'gguf_file_type_missing', severity: 'warn', message: '"general.file_type" is missing' },
      ],
    }
  const { value: number, offset } = value
  const findings: Finding[] = []
  const add = (code: Finding['code'], message: string) =>
    findings.push({ code, severity: 'warn', message, offset })
  const guessed = (number & GUESSED_FILE_TYPE_BIT) !== 0
  if (guessed)
    add(
      'gguf_file_type_guessed',
      `"general.file_type" is ${number}: a mark that llama.cpp only uses in memory`,
    )
  const fileType = fileTypeOf(guessed ? number & ~GUESSED_FILE_TYPE_BIT : number)
  if (fileType !== undefined)
    return { claim: { source: 'file_type', label: { text: fileType, fileType, custom: false } }, findings }
  const dead = DEAD_FILE_TYPES.get(number)
  if (dead === undefined)
    add('gguf_file_type_unknown', `"general.file_type" is ${number}, which llama.cpp does not define`)
  else
    add('gguf_file_type_dead', `"general.file_type" is ${number} (${dead}), which llama.cpp no longer makes`)
  return { claim: null, findings }
}

/** ggml's GGML_QNT_VERSION; block layouts of other versions differ. */
const QUANTISATION_VERSION = 2

function versionFindings(header: GgufHeader, quantised: boolean): Finding[] {
  const version = header.metadata.get('general.quantization_version')
  const add = (message: string): Finding[] => [
    {
      code: 'gguf_quantisation_version',
      severity: 'warn',
      message,
      ...(version && { offset: version.offset }),
    },
  ]
  if (version?.type === 'u32' && version.value !== QUANTISATION_VERSION)
    return add(`"general.quantization_version" is ${version.value}, llama.cpp writes ${QUANTISATION_VERSION}`)
  if (version === undefined && quantised)
    return add('"general.quantization_version" is missing beside quantised tensors')
  return []
}

/** Types that the quantiser does not make without an importance matrix. */
const NEEDS_IMATRIX: ReadonlySet<TensorTypeName> = new Set([
  'IQ1_S',
  'IQ1_M',
  'IQ2_XXS',
  'IQ2_XS',
  'IQ2_S',
  'IQ3_XXS',
])

/** Turns a proof into findings. */
export function quantisationFindings(
  header: GgufHeader,
  tensors: readonly GgufTensor[],
  quantisation: Quantisation,
): Finding[] {
  const findings: Finding[] = []
  const { match, reason, below, proven } = quantisation
  if (match === 'mislabelled')
    findings.push({ code: 'gguf_quantisation_mislabelled', severity: 'mislabelled', message: reason })
  if (match === 'unknown')
    findings.push({ code: 'gguf_quantisation_unknown', severity: 'warn', message: reason })
  if (match === 'variant')
    findings.push({
      code: 'gguf_quantisation_variant',
      severity: below > 0 ? 'warn' : 'info',
      message: below > 0 ? `${reason}; ${below} tensors have fewer bits than the label gives them` : reason,
    })
  const quantised = tensors.filter(({ type }) => isQuantised(type))
  findings.push(...versionFindings(header, quantised.length > 0))
  const needing = quantised.find(
    ({ name, type }) =>
      !/^(?:token_embd|per_layer_token_embd|output)\.weight$/.test(name) &&
      (NEEDS_IMATRIX.has(type) || (type === 'Q2_K' && proven.length === 1 && proven[0] === 'Q2_K_S')),
  )
  if (needing !== undefined && !hasImatrix(header))
    findings.push({
      code: 'gguf_imatrix_missing',
      severity: 'warn',
      message: `"${needing.name}" is ${needing.type}, which needs an importance matrix, and no key tells of one`,
    })
  return findings
}
