import { printable, type Finding, type Inspection, type Verdict } from '../../../gguf/index.ts'
import type { Chamber } from '../../components/chambers.tsx'
import type { Tone, Word } from '../../components/wording.ts'
import { formatCount } from '../format.ts'

/** What a verdict comes to in one word, and what it means. */
export const VERDICTS: Record<Verdict, { word: string; tone: Tone; stamp: string; note: string }> = {
  accept: {
    word: 'Accepted',
    tone: 'ok',
    stamp: 'stamp-verified',
    note: 'Nothing was found against this file. Who made it, and whether it answers well, cannot be read from it.',
  },
  warn: {
    word: 'Warning',
    tone: 'warn',
    stamp: 'stamp-pending',
    note: 'It can be read, but something deserves a look before it is run: see the findings.',
  },
  mislabelled: {
    word: 'Mislabelled',
    tone: 'bad',
    stamp: 'stamp-refused',
    note: 'The file is not what its label says it is.',
  },
  reject: {
    word: 'Refused',
    tone: 'bad',
    stamp: 'stamp-refused',
    note: 'The file is broken or hostile, or no model at all. Do not open it with anything.',
  },
}

/** A finding's severity in a word. */
export const SEVERITIES: Record<Finding['severity'], Word> = {
  reject: { text: 'Refused', tone: 'bad' },
  mislabelled: { text: 'Mislabelled', tone: 'bad' },
  warn: { text: 'Warning', tone: 'warn' },
  info: { text: 'Note', tone: 'info' },
}

const NOT_READ = 'Not looked at: the file was refused before'
const LABEL = /^gguf_(?:quantisation|file_type|imatrix)/
const TEMPLATE = /^gguf_template/

/** The three questions that the browser itself can answer of a file. */
export function chambersOf(inspection: Inspection): [Chamber, Chamber, Chamber] {
  return [structureOf(inspection), labelOf(inspection), templateOf(inspection)]
}

function structureOf({ findings, tensors }: Inspection): Chamber {
  const own = findings.filter(({ code }) => !LABEL.test(code) && !TEMPLATE.test(code))
  const worst =
    own.find(({ severity }) => severity === 'reject') ?? own.find((each) => each.severity === 'warn')
  return {
    place: 'integrity',
    title: 'Structure',
    number: 1,
    ...stateOf(worst, 'Sound'),
    sentence:
      worst === undefined
        ? `${formatCount(tensors)} tensors, each in its place`
        : printable(worst.message, 160),
  }
}

function labelOf({ findings, kind, quantisation, verdict }: Inspection): Chamber {
  const chamber = { place: 'form', title: 'Label', number: 2 } as const
  if (quantisation === null)
    return {
      ...chamber,
      ...SKIPPED,
      sentence:
        kind === null || kind === 'model'
          ? NOT_READ
          : kind === 'safetensors'
            ? 'Safetensors have no recipe to hold them against'
            : 'No label: this is no model',
    }
  const { match, matched, total, reason } = quantisation
  // What is refused for something else shows nothing green about its label.
  if (match === 'exact' && verdict === 'reject')
    return {
      ...chamber,
      state: 'pending',
      word: { text: 'Fits, not proven', tone: 'warn' },
      sentence: reason,
    }
  const warned = findings.find(({ code, severity }) => LABEL.test(code) && severity === 'warn')
  if (match === 'exact' && warned === undefined)
    return { ...chamber, state: 'pass', word: { text: 'Proven', tone: 'ok' }, sentence: reason }
  if (match === 'mislabelled')
    return {
      ...chamber,
      state: 'fail',
      word: { text: 'Wrong', tone: 'bad' },
      sentence: printable(reason, 200),
    }
  const word: Word =
    match === 'variant' ? { text: 'Custom mix', tone: 'warn' } : { text: 'Not proven', tone: 'warn' }
  const proven: Word = { text: 'Proven, with a warning', tone: 'warn' }
  return {
    ...chamber,
    state: 'pending',
    word: match === 'exact' ? proven : word,
    sentence: printable(
      match === 'exact' ? `${matched} of ${total} tensors match; ${warned?.message ?? ''}` : reason,
      200,
    ),
  }
}

function templateOf({ findings, kind, template }: Inspection): Chamber {
  const chamber = { place: 'behaviour', title: 'Template', number: 3 } as const
  if (template === null)
    return {
      ...chamber,
      ...SKIPPED,
      sentence: kind === 'safetensors' ? 'This format holds no template' : NOT_READ,
    }
  const found = findings.filter(({ code }) => TEMPLATE.test(code))
  const worst =
    found.find(({ severity }) => severity === 'reject') ?? found.find((each) => each.severity === 'warn')
  if (worst !== undefined)
    return { ...chamber, ...stateOf(worst, ''), sentence: printable(worst.message, 160) }
  if (!template.present)
    return {
      ...chamber,
      ...SKIPPED,
      word: { text: 'None', tone: 'quiet' },
      sentence: kind === 'model' ? 'The file brings no chat template' : 'None is needed',
    }
  return {
    ...chamber,
    ...stateOf(undefined, 'No finding'),
    sentence: `${formatCount(template.length)} characters, nothing in them to object to`,
  }
}

const SKIPPED = { state: 'skipped', word: { text: 'Skipped', tone: 'quiet' } } as const

function stateOf(worst: Finding | undefined, good: string): Pick<Chamber, 'state' | 'word'> {
  if (worst === undefined) return { state: 'pass', word: { text: good, tone: 'ok' } }
  return worst.severity === 'reject'
    ? { state: 'fail', word: { text: 'Refused', tone: 'bad' } }
    : { state: 'pending', word: { text: 'Look closer', tone: 'warn' } }
}

/** What a reader who cannot see the panels is told first. */
export function summaryOf({ file_name, verdict, findings, quantisation }: Inspection): string {
  const proof = quantisation === null ? '' : ` ${quantisation.reason}.`
  const count = findings.length === 1 ? '1 finding' : `${findings.length} findings`
  return printable(`${file_name ?? 'The file'}: ${VERDICTS[verdict].word}.${proof} ${count}.`, 400)
}
