import { QalError } from '../core/error.ts'

/** Prints a JSON document to stdout, indented, with a line end. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** Prints lines to stdout. */
export function printLines(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** A size for people: `40.0 GiB`, `512 bytes`. */
export function humanBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

/** A size for people with the exact number beside it. */
export function exactBytes(bytes: number): string {
  return bytes < 1024 ? humanBytes(bytes) : `${humanBytes(bytes)} (${bytes} bytes)`
}

/** Lines `name  value`, values below each other; rows without a value are left out. */
export function table(
  rows: readonly (readonly [name: string, value: string | null | undefined])[],
): string[] {
  const kept = rows.filter((row): row is readonly [string, string] => row[1] !== null && row[1] !== undefined)
  const width = Math.max(0, ...kept.map(([name]) => name.length))
  return kept.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}

/** Text of foreign origin on one line: what a terminal would obey is escaped. */
export function safeLine(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** Makes the error for a wrong option or argument: exit code 2. */
export function usageError(field: string, expected: string, found: string): QalError {
  const shown = safeLine(found).slice(0, 200)
  return new QalError('cli_usage', `Cannot use ${field}: expected ${expected}, got ${shown}`, {
    field,
    expected,
    found: shown,
    exit: 2,
  })
}

/** For a repeatable option of commander: gathers its values. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
