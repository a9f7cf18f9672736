import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import type { z } from 'zod'
import { AuditedMembers, AuditedModels, auditMembers, auditModels, type Difference } from '../core/audit.ts'
import { QalError } from '../core/error.ts'
import type { StoredEvent } from '../core/events.ts'
import { openCatalogue } from '../store/catalogue.ts'
import { openSqliteLedger } from '../store/ledger-sqlite.ts'
import type { Ledger } from '../store/ledger.ts'
import { readPublishedLedger } from '../store/published-ledger.ts'
import { SITE_NAME } from '../deploy/stores.ts'
import { fetchText } from './fetch-text.ts'
import { printJson, printLines, safeLine, usageError } from './output.ts'

/** As many differences as a terminal shows; `--json` gives them all. */
const MAX_SHOWN = 50

/** `qal audit URL|DIR`: replays the ledger and compares every published badge. */
export function auditCommand(): Command {
  return new Command('audit')
    .description('Replay the ledger of a site and compare every badge, tier, status and rating it shows')
    .argument('<site>', 'address of a site, a folder it was exported to, or a data folder')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Reads /ledger/, /models.json and /members.json, computes the listings and members
anew up to the event and the time that the documents name, and exits with 3 where
anything differs. A data folder is compared with its own catalogue.

An audit shows that what is published follows from the record. Who wrote the
record it cannot show: keep a copy of /ledger/ to see that nothing in it changes.

Examples:
  bin/qal audit https://qal.example.org
  bin/qal audit ./public
  bin/qal audit ./data --json`,
    )
    .action(async (site: string, flags: { json?: true }) => {
      const { events, models, members } = await read(site)
      const differences = [...auditModels(events, models), ...auditMembers(events, members)]
      report(differences, { events, models, members }, flags.json === true)
      if (differences.length > 0) process.exitCode = 3
    })
}

interface Audited {
  events: StoredEvent[]
  models: AuditedModels
  members: AuditedMembers
}

function report(
  differences: readonly Difference[],
  { events, models, members }: Audited,
  json: boolean,
): void {
  const counts = {
    events: events.length,
    models: models.models.length,
    members: members.members.length,
    policy: models.policy,
    generated_at: models.generated_at,
  }
  if (json) {
    printJson({ equal: differences.length === 0, ...counts, differences })
    return
  }
  printLines([
    `${counts.events} events replayed; ${counts.models} listings and ${counts.members} members compared`,
    ...differences
      .slice(0, MAX_SHOWN)
      .map(
        ({ subject, field, published, computed }) =>
          `  ${safeLine(subject)}: ${safeLine(field)} is published as ${safeLine(published)}, the ledger gives ${safeLine(computed)}`,
      ),
    ...(differences.length > MAX_SHOWN ? [`  and ${differences.length - MAX_SHOWN} more (--json)`] : []),
    ...(differences.length === 0 ? ['All of it follows from the ledger'] : []),
  ])
}

async function read(site: string): Promise<Audited> {
  if (/^https?:\/\//i.test(site)) {
    const base = site.replace(/\/+$/, '')
    return readDocuments((path) => fetchText(`${base}/${path}`), 'ledger/')
  }
  const found = await stat(site).catch(() => null)
  if (!found?.isDirectory()) throw usageError('<site>', 'an address or a folder', site)
  if (existsSync(join(site, 'ledger.sqlite'))) return readData(site)
  return readDocuments((path) => readFile(join(site, path), 'utf8'), 'ledger/index.json')
}

/** The documents first: what they were computed from is then surely in the ledger. */
async function readDocuments(text: (path: string) => Promise<string>, index: string): Promise<Audited> {
  const models = parse(AuditedModels, await text('models.json'), 'models.json')
  const members = parse(AuditedMembers, await text('members.json'), 'members.json')
  const events = await readPublishedLedger((path) => text(path === '' ? index : `ledger/${path}`))
  return { events, models, members }
}

/** A data folder: its ledger against the catalogue beside it, as that stands. */
async function readData(dir: string): Promise<Audited> {
  const ledger = await openSqliteLedger(join(dir, 'ledger.sqlite'))
  const now = new Date().toISOString()
  const catalogue = openCatalogue(join(dir, 'catalogue.sqlite'), { siteName: SITE_NAME, now: () => now })
  try {
    await catalogue.catchUp(ledger)
    const { policy, policy_seq } = catalogue.site()
    const header = {
      version: 1,
      site: SITE_NAME,
      generated_at: now,
      ledger: { last: catalogue.lastEvent() },
      policy: { version: policy.version, site_seq: policy_seq },
    }
    return {
      models: AuditedModels.parse({ ...header, models: [...catalogue.listings('published')] }),
      members: AuditedMembers.parse({ ...header, members: [...catalogue.members()] }),
      events: await allEvents(ledger),
    }
  } finally {
    catalogue.close()
    await ledger.close()
  }
}

async function allEvents(ledger: Ledger): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (let cursor = 0; ;) {
    const next = await ledger.read(cursor, 5_000)
    if (next.events.length === 0) return events
    events.push(...next.events)
    cursor = next.cursor
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, text: string, name: string): z.infer<Schema> {
  const refused = (expected: string): QalError =>
    new QalError('ledger_published', `Cannot audit: ${name}: expected ${expected}`, {
      field: name,
      expected,
      exit: 4,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw refused('JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw refused(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'a document of this site'}`)
}
