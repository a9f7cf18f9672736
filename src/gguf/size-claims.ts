import type { Finding } from './finding.ts'
import { numberOf, stringOf, type GgufHeader } from './header.ts'

/** How far weights may lie from a size in a name: sizes are rounded, vision parts lie in other files, outputs are stored twice. */
const TOO_FEW = 0.35
const TOO_MANY = 2.5
/** Of a mixture named by experts, such as 8x7B, what all experts share is stored once. */
const TOO_FEW_EXPERTS = 0.25

/** Files that rightly name the size of another model. */
const FOR_ANOTHER =
  /draft|specul|accelerat|eagle|medusa|assistant|lookahead|adapter|lora|mmproj|vocab|embed|rerank|reward|clip|tokeni[sz]er/i
/** Sizes of a part: "A3B" are active weights, "E4B" effective ones, "17B-16E" those of one path of sixteen. */
const OF_A_PART = /\d(?:[._]\d+)?b[-_ ]?\d+e(?![a-z0-9])/i

const EXPERTS = /(?<![a-z0-9.])(\d{1,3})\s?x\s?(\d{1,4}(?:[._]\d{1,3})?)\s?([bm])(?![a-z0-9])/gi
const PLAIN = /(?<![a-z0-9.])(\d{1,4}(?:\.\d{1,3})?)\s?([bmt])(?![a-z0-9])/gi
/** "1_6b" is 1.6 billion as often as it is a 6 after something else. */
const UNDERSCORED = /(?<![a-z0-9.])(\d{1,3})_(\d{1,3})([bm])(?![a-z0-9])/gi

const UNIT: Record<string, number> = { m: 1e6, b: 1e9, t: 1e12 }
/** Millions below this in a name are context lengths more often than weights. */
const FEWEST_MILLIONS = 14

interface Size {
  text: string
  weights: number
  experts: boolean
}

/** The sizes a name speaks of; empty where it names none that stands for the whole model. */
export function sizesInName(name: string): Size[] {
  const short = name.slice(0, 256)
  if (FOR_ANOTHER.test(short) || OF_A_PART.test(short)) return []
  const sizes: Size[] = []
  for (const [text, count = '', each = '', unit = ''] of short.matchAll(EXPERTS))
    sizes.push({ text, weights: Number(count) * valueOf(each, unit), experts: true })
  for (const [text, whole = '', part = '', unit = ''] of short.matchAll(UNDERSCORED))
    sizes.push({ text, weights: valueOf(`${whole}.${part}`, unit), experts: false })
  for (const [text, count = '', unit = ''] of short
    .replace(UNDERSCORED, (match) => match.replace('_', ' '))
    .matchAll(PLAIN))
    if (!/m/i.test(unit) || Number(count) >= FEWEST_MILLIONS)
      sizes.push({ text, weights: valueOf(count, unit), experts: false })
  return sizes.filter(({ weights }) => weights > 0)
}

function valueOf(count: string, unit: string): number {
  return Number(count.replace('_', '.')) * (UNIT[unit.toLowerCase()] ?? 0)
}

/**
 * Compares how many weights a whole model has with the sizes in its file's name
 * and its own. Only what no rounding, pruning or missing part explains is told: a
 * name that speaks of several sizes is held to the nearest.
 */
export function sizeFindings(
  header: Pick<GgufHeader, 'metadata'>,
  { parameters, fileName }: { parameters: number; fileName: string | undefined },
): Finding[] {
  const names: [string, string | null][] = [
    ['The file name', fileName ?? null],
    ['"general.name"', stringOf(header, 'general.name')],
  ]
  const architecture = stringOf(header, 'general.architecture') ?? ''
  const mixture = (numberOf(header, `${architecture}.expert_count`) ?? 0) > 1
  const findings: Finding[] = []
  for (const [where, name] of names) {
    const sizes = name === null ? [] : sizesInName(name)
    if (sizes.length === 0 || sizes.some((size) => fits(size, parameters, mixture))) continue
    findings.push({
      code: 'gguf_size_contradicts',
      severity: 'warn',
      message: `${where} speaks of ${sizes
        .map(({ text }) => text)
        .slice(0, 3)
        .join(', ')}, the tensors hold ${amount(parameters)} weights`,
    })
  }
  return findings
}

function fits({ weights, experts }: Size, parameters: number, mixture: boolean): boolean {
  const ratio = parameters / weights
  // A mixture may be named by the weights of one path through it.
  return ratio >= (experts ? TOO_FEW_EXPERTS : TOO_FEW) && (ratio <= TOO_MANY || (mixture && !experts))
}

function amount(parameters: number): string {
  if (parameters >= 1e9) return `${(parameters / 1e9).toFixed(1)} billion`
  return parameters >= 1e6 ? `${(parameters / 1e6).toFixed(1)} million` : parameters.toLocaleString('en')
}
