/**
 * How many durable appends a second does the SQLite ledger take? Each append
 * is one event and is awaited by its caller; WAL with synchronous FULL. Beside
 * it, in the same run, what the disk does: 4 KiB rewritten and flushed, one after the other.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteLedger } from '../src/store/ledger-sqlite.ts'
import { openCatalogue } from '../src/store/catalogue.ts'
import type { SyntheticAppend } from './synthetic.ts'
import { syntheticLedger } from './synthetic.ts'

const SECONDS = 3
const WRITERS = [1, 16, 256]

const dir = await mkdtemp(join(process.env['BENCH_DIR'] ?? tmpdir(), 'qal-bench-'))
try {
  const rows: Record<string, { 'per s': number; 'median ms'?: number; 'p99 ms'?: number }> = {}
  rows['flushes of 4 KiB'] = { 'per s': flushes() }
  for (const writers of WRITERS) rows[`appends, ${writers} writers`] = await appends(writers, false)
  rows['append and catch up, 16 writers'] = await appends(16, true)
  console.table(rows)
  console.log(JSON.stringify({ bench: 'append', rows, cpu: cpus()[0]?.model, node: process.version }))
} finally {
  await rm(dir, { recursive: true, force: true })
}

function flushes(): number {
  const file = openSync(join(dir, 'flushes'), 'w')
  const page = new Uint8Array(4_096)
  const until = performance.now() + SECONDS * 1_000
  let count = 0
  // Over the same 1,000 pages, as a write-ahead log is reused; synchronous, as SQLite is here.
  for (; performance.now() < until; count++) {
    writeSync(file, page, 0, page.length, (count % 1_000) * page.length)
    fsyncSync(file)
  }
  closeSync(file)
  return Math.round(count / SECONDS)
}

async function appends(writers: number, withCatalogue: boolean) {
  const path = join(dir, `${writers}-${withCatalogue}`)
  const ledger = await openSqliteLedger(`${path}.ledger`)
  const catalogue = openCatalogue(`${path}.catalogue`, { siteName: 'Bench' })
  const source = oneByOne(syntheticLedger({ listings: 1_000_000, seed: writers }).appends)
  const times: number[] = []
  const until = performance.now() + SECONDS * 1_000
  await Promise.all(
    Array.from({ length: writers }, async () => {
      // Each writer has streams of its own, so that nothing conflicts.
      for (let streamed = source.next(); !streamed.done; streamed = source.next())
        for (const [expected, event] of streamed.value.events.entries()) {
          const began = performance.now()
          if (began > until) return
          await ledger.append(streamed.value.stream, expected, [event])
          if (withCatalogue) await catalogue.catchUp(ledger)
          times.push(performance.now() - began)
        }
    }),
  )
  catalogue.close()
  await ledger.close()
  times.sort((a, b) => a - b)
  const at = (part: number): number => Number((times[Math.floor(times.length * part)] ?? 0).toFixed(2))
  return { 'per s': Math.round(times.length / SECONDS), 'median ms': at(0.5), 'p99 ms': at(0.99) }
}

function oneByOne(all: Iterable<SyntheticAppend>): Iterator<SyntheticAppend> {
  return all[Symbol.iterator]()
}
