import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addressPolicy } from '../swarm/addresses.ts'
import { startSeeder } from '../swarm/seed.ts'
import { runChild } from './child.ts'
import { joinDht } from './dht-member.ts'
import type { DhtSettings } from './settings.ts'

interface SeederSettings {
  seedDir: string
  trackers: string[]
  host: string
  /** Addresses beside public ones whose peers are served: CIDR or host:port. */
  allow: string[]
  dht: DhtSettings | null
}

const LOOK_EVERY_MS = 30_000
/** A burst of changes is one announce; trackers take more than that badly. */
const ANNOUNCE_AFTER_MS = 250

runChild(async ({ seedDir, trackers, host, allow, dht }: SeederSettings) => {
  const policy = addressPolicy(allow)
  const seeder = await startSeeder({
    trackers,
    host,
    policy,
    onError: (error) => console.error('Seeder:', error.message),
  })
  const node = dht && joinDht(dht, { policy, port: seeder.port })
  const seeding = new Set<string>()
  let announcing: NodeJS.Timeout | null = null

  async function look(): Promise<void> {
    const names = await readdir(seedDir).catch((error: unknown) => {
      console.error(`Cannot look into ${seedDir}:`, error instanceof Error ? error.message : error)
      return []
    })
    for (const name of names) {
      if (!name.endsWith('.torrent') || seeding.has(name)) continue
      seeding.add(name)
      try {
        const torrent = new Uint8Array(await readFile(join(seedDir, name)))
        const seeded = await seeder.add({ torrent, path: seedDir })
        if (!seeded.private) node?.seed(seeded.infoHash)
      } catch (error) {
        seeding.delete(name)
        console.error(`Cannot seed ${name}:`, error instanceof Error ? error.message : error)
      }
    }
  }

  await look()
  const timer = setInterval(() => void look(), LOOK_EVERY_MS)
  return {
    changed: () => {
      void look()
      // The embedded tracker takes only listed torrents, and this one may be listed since.
      announcing ??= setTimeout(() => {
        announcing = null
        seeder.announce()
      }, ANNOUNCE_AFTER_MS)
    },
    answer: async (question) => {
      if (!node) throw new Error('the DHT is not used here')
      return node.estimate(String(question))
    },
    close: async () => {
      clearInterval(timer)
      if (announcing) clearTimeout(announcing)
      await Promise.all([seeder.close(), node?.close()])
    },
  }
})
