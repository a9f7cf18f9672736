/**
 * The process that src/store/crash.test.ts kills: appends as fast as it can to streams of
 * its own and to one that all share, catches a catalogue up meanwhile, and
 * prints each event's id once its append is acknowledged.
 */
import { writeSync } from 'node:fs'
import { isQalError } from '../src/core/error.ts'
import { MemberId } from '../src/core/ids.ts'
import type { NewEvent } from '../src/core/events.ts'
import { aStream, joined } from './ledger.suite.ts'
import { openCatalogue } from '../src/store/catalogue.ts'
import { openSqliteLedger } from '../src/store/ledger-sqlite.ts'
import { subjectOf } from '../src/core/events.ts'
import type { StreamName } from '../src/core/events.ts'

const [mode, ledgerPath, cataloguePath, shared] = process.argv.slice(2) as [
  string,
  string,
  string,
  StreamName,
]
const WRITERS = 8
const SHARED_APPENDS = 150

const ledger = await openSqliteLedger(ledgerPath)
if (mode === 'flood') await Promise.all(Array.from({ length: WRITERS }, flood).concat(follow()))
else await share()
await ledger.close()

/** Appends without end; ends by being killed. */
async function flood(): Promise<void> {
  for (;;) {
    const stream = aStream()
    for (let seq = 0; seq < 20; seq += 2) {
      const stored = await ledger.append(stream, seq, [event(stream), event(stream)])
      // Synchronous, so that what is acknowledged is said before anything else happens.
      writeSync(1, stored.map(({ id }) => `${id}\n`).join(''))
    }
  }
}

async function follow(): Promise<void> {
  const catalogue = openCatalogue(cataloguePath, { siteName: 'Crash', now: () => '2026-01-01T00:00:00.000Z' })
  for (;;) {
    await catalogue.catchUp(ledger)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Appends to the shared stream, trying again where another was first; says how often that was. */
async function share(): Promise<void> {
  let conflicts = 0
  for (let done = 0; done < SHARED_APPENDS;) {
    const seq = (await ledger.readStream(shared)).length
    try {
      const [stored] = await ledger.append(shared, seq, [event(shared)])
      writeSync(1, `${stored?.id}\n`)
      done += 1
    } catch (error) {
      if (!isQalError(error) || error.code !== 'ledger_conflict') throw error
      conflicts += 1
    }
  }
  writeSync(1, `conflicts ${conflicts}\n`)
}

function event(stream: StreamName): NewEvent {
  return { ...joined(), by: MemberId.parse(subjectOf(stream)) }
}
