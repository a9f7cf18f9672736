import { labelOfFileName, printable, readLabel } from '../../../gguf/index.ts'
import { chooseModelFile, extraFilesRefused } from '../../commands/listed-files.ts'
import type { Tone } from '../../components/wording.ts'
import { formatCount } from '../format.ts'
import type { FileDigests, ModelReport, TorrentReport } from '../inspect/report.ts'

/** Something the uploader should know before it is sent. */
export interface Note {
  tone: Extract<Tone, 'ok' | 'warn' | 'bad' | 'info'>
  text: string
}

/** What is known here at the moment. */
export interface Known {
  model: ModelReport | null
  torrent: TorrentReport | null
  digests: FileDigests[] | null
  /** Roots of the dropped files' v2 trees, where they were worked out. */
  roots: readonly (string | null)[] | null
  /** As the form says it now. */
  name: string
  quantisation: string
  /** The site's own announce addresses. */
  trackers: readonly string[]
}

/** Where form, file and torrent do not fit each other, the worst first. */
export function notesOf(known: Known): Note[] {
  const notes = [...labelNotes(known), ...torrentNotes(known)]
  const order: Note['tone'][] = ['bad', 'warn', 'info', 'ok']
  return notes.toSorted((a, b) => order.indexOf(a.tone) - order.indexOf(b.tone))
}

function labelNotes({ model, name, quantisation }: Known): Note[] {
  const notes: Note[] = []
  const inName = labelOfFileName(name)
  const inField = quantisation === '' ? null : readLabel(quantisation)
  if (inName !== null && inField !== null && inName.text !== inField.text)
    notes.push({
      tone: 'warn',
      text: `The name says ${inName.text}, the field Quantisation says ${inField.text}`,
    })
  if (model === null) return notes
  const { inspection } = model
  for (const { severity, message } of inspection.findings)
    if (severity === 'reject')
      notes.push({ tone: 'bad', text: `A verifier will refuse this file: ${printable(message, 300)}` })
  const proof = inspection.quantisation
  if (proof === null) return notes
  if (proof.match === 'exact' && inspection.verdict !== 'reject')
    notes.push({ tone: 'ok', text: `${proof.reason}: the label is proven` })
  else if (proof.match === 'mislabelled') notes.push({ tone: 'bad', text: printable(proof.reason, 300) })
  else if (proof.match !== 'exact')
    notes.push({ tone: 'warn', text: `The label is not proven: ${printable(proof.reason, 300)}` })
  // What the form says is a claim too, whatever the file calls itself.
  for (const [where, label] of [
    ['name', inName],
    ['field Quantisation', inField],
  ] as const)
    if (label !== null && label.fileType !== null && !label.custom && proof.proven.length > 0)
      if (!proof.proven.includes(label.fileType))
        notes.push({
          tone: 'bad',
          text: `The ${where} says ${label.text}, but every tensor matches ${proof.proven.join(' or ')}`,
        })
  return notes
}

function torrentNotes({ model, torrent, digests, roots, trackers }: Known): Note[] {
  if (torrent === null) return []
  const notes: Note[] = []
  const { private: isPrivate, files, trackers: tiers } = torrent.torrent
  if (isPrivate)
    notes.push({
      tone: 'bad',
      text: 'The torrent has the private flag: make it anew without, or nobody can find peers',
    })
  if (trackers.length > 0 && !tiers.flat().some((url) => trackers.includes(url)))
    notes.push({
      tone: 'info',
      text: 'The torrent does not name this site’s tracker. The site adds it to what it hands out; your own client needs it too, or finds the others by the trackers that are named',
    })
  const listed = chooseModelFile(files)
  const extra = listed === null ? [] : extraFilesRefused(files, listed)
  if (extra.length > 0)
    notes.push({
      tone: 'bad',
      text: `The torrent holds what no listing may (T8): ${extra.slice(0, 3).join(', ')}${extra.length > 3 ? ` and ${extra.length - 3} more` : ''}. Make it anew of the model and what explains it`,
    })
  const dropped = model?.files[0]
  if (listed === null || dropped === undefined) return notes
  if (listed.size_bytes !== dropped.size)
    notes.push({
      tone: 'bad',
      text: `The torrent holds another file: ${formatCount(listed.size_bytes)} bytes, yours has ${formatCount(dropped.size)}`,
    })
  else if (digests !== null && listed.pieces_root !== null && roots?.[0] !== undefined)
    notes.push(
      listed.pieces_root === roots[0]
        ? { tone: 'ok', text: 'The torrent holds exactly this file: its v2 root is the same' }
        : { tone: 'bad', text: 'The torrent holds another file of the same size: its v2 root differs' },
    )
  return notes
}
