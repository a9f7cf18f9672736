import { contextName, deviceFits, type MemoryNeeds } from '../gguf/index.ts'
import { humanBytes } from './output.ts'

/** What a model takes as a small table, a line for each context length, and which devices hold it. */
export function memoryLines(needs: MemoryNeeds | null): string[] {
  if (needs === null || needs.weights_bytes === 0) return []
  const weights = `  What it needs: ${humanBytes(needs.weights_bytes)} of weights`
  if (needs.unknown !== null) return [`${weights}; the rest is not known: ${needs.unknown}`]
  const rows = [
    ['context', 'cache', 'cache in Q8_0', 'to compute, about', 'in all, about'],
    ...needs.contexts.map((at) => [
      contextName(at.context),
      humanBytes(at.cache_bytes),
      at.cache_q8_0_bytes === null ? '-' : humanBytes(at.cache_q8_0_bytes),
      humanBytes(at.compute_bytes),
      humanBytes(at.total_bytes),
    ]),
  ]
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return [
    `${weights}, and with everything in one memory`,
    ...rows.map((row) => `    ${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')}`),
    `    ${fitLine(needs)}`,
  ]
}

/** Sizes at which the longest context that fits changes; 1 GB is left free. */
function fitLine(needs: MemoryNeeds): string {
  const fits = deviceFits(needs)
  const steps = fits.filter(({ context }, i) => context !== null && context !== fits[i - 1]?.context)
  if (steps.length === 0) return `fits no device of up to ${fits.at(-1)?.device_gb ?? 0} GB`
  const words = steps.map(({ device_gb, context }) => `${device_gb} GB up to ${contextName(context ?? 0)}`)
  return `fits a device of ${words.join(', ')} (with 1 GB left free)`
}
