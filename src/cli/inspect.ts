import { Command } from 'commander'
import { isQalError } from '../core/error.ts'
import {
  inspect,
  printable,
  readLabel,
  readUpstream,
  type Finding,
  type Inspection,
  type Quantisation,
  type TensorRow,
  type Verdict,
} from '../gguf/index.ts'
import { nodeHashes } from '../swarm/node-hashes.ts'
import { memoryLines } from './memory-lines.ts'
import { modelFiles } from './model-files.ts'
import { templateDifferenceLines, templateRows } from './template-lines.ts'
import { exactBytes, humanBytes, printLines, safeLine, table, usageError } from './output.ts'

/** Exit codes by verdict, as DESIGN's table says. */
const EXIT: Record<Verdict, number> = { accept: 0, warn: 0, mislabelled: 3, reject: 4 }

interface Options {
  label?: string
  tensors?: boolean
  upstream?: string
  json?: boolean
}

/** `qal inspect`: is this model what its label says, and is it safe to open? */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description(
      'Check a GGUF or safetensors model: structure, quantisation label, chat template, weights, memory',
    )
    .argument(
      '<model>',
      'the .gguf file, or its http(s) address; of a split model the first shard, the others beside it',
    )
    .option('--label <name>', 'the quantisation a listing claims, such as Q4_K_M')
    .option('--tensors', 'list every tensor with its type and the type its label wants')
    .option(
      '--upstream <file>',
      'compare the chat template with a tokenizer_config.json, a .jinja file or another .gguf',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Nothing is uploaded and nothing is executed. Of a file on the web only the header is read, by ranges; its
weights are not looked into. Exit codes: 0 accept or warn, 3 mislabelled, 4 rejected.

Examples:
  bin/qal inspect model-Q4_K_M.gguf
  bin/qal inspect model.gguf --label Q4_K_M --json
  bin/qal inspect model-Q4_K_M.gguf --tensors
  bin/qal inspect model-Q4_K_M.gguf --upstream tokenizer_config.json
  bin/qal inspect model-Q8_0-00001-of-00003.gguf
  bin/qal inspect https://example.org/models/model-Q4_K_M.gguf`,
    )
    .action(run)
}

async function run(path: string, { label, tensors, upstream, json }: Options): Promise<void> {
  if (label !== undefined && readLabel(label).fileType === null)
    throw usageError('--label', 'a file type such as Q4_K_M', label)
  const files = modelFiles()
  try {
    const templates =
      upstream === undefined
        ? undefined
        : await readUpstream(await files.open(upstream), files.nameOf(upstream))
    const inspection = await inspect(await files.open(path), {
      fileName: files.nameOf(path),
      label,
      tensorTable: tensors === true,
      hashes: nodeHashes,
      upstream: templates,
      openShard: (name) => files.openBeside(path, name).catch(absent),
      // Weights lie all over the file, and each look at them would be a request.
      ...(files.isRemote(path) && { sampleBytes: 0 }),
    })
    printLines(json === true ? [escapedJson(inspection)] : report(inspection))
    process.exitCode = EXIT[inspection.verdict]
  } finally {
    await files.close()
  }
}

// A shard that is not there is a finding about the model, not a failure of the command; a network that fails is.
function absent(error: unknown): null {
  if (isQalError(error) && (error.code === 'input_file' || error.code === 'http_range_refused')) return null
  throw error
}

/** JSON whose strings cannot drive a terminal: C1 controls, bidi and invisible characters stay escaped. */
function escapedJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const MAX_SHOWN_DIFFERENCES = 5

function report(inspection: Inspection): string[] {
  const { verdict, file_name, findings } = inspection
  return [
    `${verdict.toUpperCase()}  ${safeLine(file_name ?? 'model')}`,
    ...table(facts(inspection)).map((line) => `  ${line}`),
    ...memoryLines(inspection.memory),
    ...(findings.length === 0 ? ['  No findings'] : findings.map(findingLine)),
    ...templateDifferenceLines(inspection.template),
    ...(inspection.tensor_table === null
      ? differenceLines(inspection.quantisation)
      : tensorLines(inspection.tensor_table)),
  ]
}

type Row = readonly [string, string | null]

function facts(inspection: Inspection): Row[] {
  const { architecture, parameters, quantisation, metadata, template, weights } = inspection
  const types = Object.entries(quantisation?.tensor_types ?? {}).map(([type, count]) => `${count} ${type}`)
  const context = metadata?.context_length ?? null
  return [
    ['size', exactBytes(inspection.size_bytes)],
    ['name', printedOrNull(metadata?.name)],
    ['licence', printedOrNull(metadata?.licence)],
    [
      'architecture',
      architecture === null
        ? null
        : `${architecture}, ${(parameters ?? 0).toLocaleString('en')} weights in ${inspection.tensors} tensors`,
    ],
    ['safetensors', safetensorsRow(inspection)],
    ['context', context === null ? null : `${context} tokens`],
    [
      'quantisation',
      quantisation === null
        ? null
        : `${quantisation.claimed ?? 'no label'}: ${quantisation.match}. ${quantisation.reason}`,
    ],
    [
      'weights',
      quantisation === null
        ? null
        : `${quantisation.bits_per_weight.toFixed(2)} bits each, tensors: ${types.join(', ')}`,
    ],
    ...templateRows(template),
    [
      'looked into',
      weights === null
        ? null
        : `${humanBytes(weights.bytes_read)} of ${humanBytes(weights.bytes_total)} of weights`,
    ],
  ]
}

function safetensorsRow({ safetensors, tensors, parameters }: Inspection): string | null {
  if (safetensors === null) return null
  const types = Object.entries(safetensors.dtypes).map(([type, count]) => `${count} ${type}`)
  return `${(parameters ?? 0).toLocaleString('en')} weights in ${tensors} tensors: ${types.join(', ')}`
}

function printedOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : printable(text, 120)
}

function findingLine({ code, severity, message, offset, cites }: Finding): string {
  const place = offset === undefined ? '' : ` (at byte ${offset})`
  const known = cites === undefined ? '' : ` [${cites.join(', ')}]`
  return `  ${severity.toUpperCase()} ${code}: ${printable(message, 400)}${place}${known}`
}

function differenceLines(quantisation: Quantisation | null): string[] {
  const differs = quantisation?.differs ?? []
  const lines = differs
    .slice(0, MAX_SHOWN_DIFFERENCES)
    .map(({ tensor, expected, found }) => `    ${safeLine(tensor)} is ${found}, expected ${expected}`)
  if (quantisation === null || lines.length === 0) return []
  const rest = quantisation.total - quantisation.matched - lines.length
  return rest > 0 ? [...lines, `    and ${rest} more`] : lines
}

/** One line a tensor; what differs stands out by a word, not by colour. */
function tensorLines(rows: readonly TensorRow[]): string[] {
  const cells = rows.map(({ name, shape, type, expected, matches }) => [
    safeLine(name),
    shape.join(' x '),
    type,
    matches === null ? '' : matches ? 'as expected' : `DIFFERS, expected ${expected}`,
  ])
  const widths = [0, 1, 2].map((column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)))
  return cells.map((row) =>
    `    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
}
