/**
 * How fast does a ledger of a million events fold? From memory, catalogue writes
 * apart: first every stream reduced, then all of it projected; and how fast the
 * same JSON lines are parsed, which reading from a store adds.
 */
import { cpus, totalmem } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { emptyWorld, fold, foldInto } from '../src/core/fold.ts'
import { projectAll } from '../src/core/project.ts'
import type { StoredEvent } from '../src/core/events.ts'
import { syntheticLedger } from './synthetic.ts'

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 1_000_000)
const ROUNDS = 3

const lines: string[] = []
for (const event of syntheticLedger({ listings: EVENTS, seed: 1 }).events) {
  if (lines.length === EVENTS) break
  lines.push(JSON.stringify(event))
}
const world_mb = worldMegabytes()
const rounds = Array.from({ length: ROUNDS }, () => {
  const began = performance.now()
  const events = lines.map((line) => JSON.parse(line) as StoredEvent)
  const parsed = performance.now()
  const world = fold(events)
  const folded = performance.now()
  const views = projectAll(world, '2026-01-01T00:00:00.000Z', 'Bench')
  const projected = performance.now()
  return {
    parse: parsed - began,
    fold: folded - parsed,
    project: projected - folded,
    listings: views.listings.size,
    members: views.members.size,
  }
})
const median = (of: 'parse' | 'fold' | 'project'): number =>
  rounds.map((round) => round[of]).toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0
const rate = (ms: number): number => Math.round((EVENTS / ms) * 1_000)
const [first] = rounds
const result = {
  bench: 'fold',
  events: EVENTS,
  listings: first?.listings,
  members: first?.members,
  parse_per_s: rate(median('parse')),
  fold_per_s: rate(median('fold')),
  fold_ms: Math.round(median('fold')),
  fold_first_ms: Math.round(first?.fold ?? 0),
  project_listings_per_s: Math.round(((first?.listings ?? 0) / median('project')) * 1_000),
  fold_and_project_per_s: rate(median('fold') + median('project')),
  world_mb,
  cpu: cpus()[0]?.model,
  memory_gb: Math.round(totalmem() / 1e9),
  node: process.version,
}
console.table({
  'parse JSON lines': { 'events/s': result.parse_per_s, ms: Math.round(median('parse')) },
  'fold (reduce streams)': { 'events/s': result.fold_per_s, ms: result.fold_ms },
  'fold, first round': { 'events/s': rate(first?.fold ?? 1), ms: result.fold_first_ms },
  'fold + project': {
    'events/s': result.fold_and_project_per_s,
    ms: Math.round(median('fold') + median('project')),
  },
})
console.log(JSON.stringify(result))

/** What the folded world keeps of the heap, the events themselves gone. */
function worldMegabytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const before = process.memoryUsage().heapUsed
  const world = emptyWorld()
  for (const line of lines) foldInto(world, JSON.parse(line) as StoredEvent)
  collect()
  const kept = process.memoryUsage().heapUsed - before
  return world.listings.size === 0 ? 0 : Math.round(kept / 1e6)
}
