import { addressPolicy } from '../src/swarm/addresses.ts'
import { openDht, type Dht } from '../src/swarm/dht.ts'

interface Cleanable {
  after(fn: () => unknown): void
}

/** A network of our own nodes on 127.0.0.1, each knowing the first; `routers` is what a newcomer is told. */
export async function localDht(t: Cleanable, size: number): Promise<{ routers: string[]; nodes: Dht[] }> {
  const policy = addressPolicy(['127.0.0.0/8'])
  const nodes: Dht[] = []
  t.after(() => Promise.all(nodes.map((node) => node.close())))
  for (let index = 0; index < size; index++) {
    const routers = nodes.slice(0, 1).map(({ port }) => `127.0.0.1:${port}`)
    nodes.push(await openDht({ routers, policy, host: '127.0.0.1', serve: true }))
  }
  return { routers: nodes.slice(0, 1).map(({ port }) => `127.0.0.1:${port}`), nodes }
}
