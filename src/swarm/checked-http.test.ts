import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { addressPolicy } from './addresses.ts'
import { checkedGet, pinnedLookup } from './checked-http.ts'

const limits = { maxBytes: 1000, timeoutMs: 2000 }

describe('when a stranger names a URL to get', () => {
  it('gets what is allowed, with its status, headers and range', async (t) => {
    const at = await serve(t, (request, response) => {
      response.writeHead(206, { 'x-range': request.headers.range ?? '' }).end('hello')
    })
    const got = await checkedGet(`http://127.0.0.1:${at}/x`, {
      ...limits,
      policy: addressPolicy([`127.0.0.1:${at}`]),
      headers: { range: 'bytes=0-4' },
    })
    assert.deepEqual(
      [got.status, got.headers['x-range'], Buffer.from(got.body).toString()],
      [206, 'bytes=0-4', 'hello'],
    )
  })

  it('never connects where it may not, nor follows a redirect there', async (t) => {
    let reached = 0
    const inside = await serve(t, (_request, response) => {
      reached++
      response.end('secret')
    })
    const outside = await serve(t, (_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${inside}/` }).end()
    })
    const policy = addressPolicy([`127.0.0.1:${outside}`])
    for (const url of [`http://127.0.0.1:${inside}/`, `http://127.0.0.1:${outside}/`]) {
      await assert.rejects(checkedGet(url, { ...limits, policy }), { code: 'swarm_address_refused' })
    }
    const metadata = await serve(t, (_request, response) => {
      response.writeHead(307, { location: 'http://169.254.169.254/latest/' }).end()
    })
    await assert.rejects(
      checkedGet(`http://127.0.0.1:${metadata}/`, {
        ...limits,
        policy: addressPolicy([`127.0.0.1:${metadata}`]),
      }),
      { code: 'swarm_address_refused' },
    )
    assert.equal(reached, 0)
  })

  const hostile: [string, string, RequestListener][] = [
    ['an endless body', 'swarm_http_too_large', (_q, r) => void r.end(Buffer.alloc(100_000))],
    ['a body that stalls', 'swarm_http_failed', (_q, r) => void r.writeHead(200).write('x')],
    ['no answer', 'swarm_http_failed', () => undefined],
    ['a cut connection', 'swarm_http_failed', (_q, r) => void r.socket?.destroy()],
    ['a redirect loop', 'swarm_http_failed', (_q, r) => void r.writeHead(301, { location: '/again' }).end()],
    [
      'a redirect to a file',
      'swarm_bad_url',
      (_q, r) => void r.writeHead(301, { location: 'file:///' }).end(),
    ],
  ]
  for (const [name, code, listener] of hostile) {
    it(`ends on ${name} with ${code}`, async (t) => {
      const at = await serve(t, listener)
      const options = { maxBytes: 1000, timeoutMs: 300, policy: addressPolicy(['127.0.0.0/8']) }
      await assert.rejects(checkedGet(`http://127.0.0.1:${at}/`, options), { code })
    })
  }

  it('resolves a name once: the socket asks nobody again', async (t) => {
    const at = await serve(t, (_request, response) => void response.end('hello'))
    const again = t.mock.method(dns, 'lookup', () => undefined)
    const policy = addressPolicy([`localhost:${at}`])
    const got = await checkedGet(`http://localhost:${at}/`, { ...limits, policy })
    assert.equal(Buffer.from(got.body).toString(), 'hello')
    assert.equal(again.mock.callCount(), 0)
  })

  it('connects to the addresses that were checked, not to what the name says later', () => {
    const answers: unknown[] = []
    const pinned = pinnedLookup([{ address: '1.2.3.4', family: 4 }])
    pinned('rebinding.example', { all: true }, (_error, address) => answers.push(address))
    pinned('rebinding.example', {}, (_error, address) => answers.push(address))
    assert.deepEqual(answers, [[{ address: '1.2.3.4', family: 4 }], '1.2.3.4'])
  })
})

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}
