import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isQalError } from '../core/error.ts'
import { WELL_KNOWN_ROUTERS } from '../swarm/dht-routers.ts'
import { parseServeSettings, type ServeOptions } from './settings.ts'

const TRACKER = 'udp://tracker.example.org:1337/announce'

function parse(options: Partial<ServeOptions>, environment: NodeJS.ProcessEnv = {}) {
  return parseServeSettings({ port: '8080', host: '127.0.0.1', data: './data', ...options }, environment)
}

describe('which trackers a site uses', () => {
  const cases: [string, Partial<ServeOptions>, NodeJS.ProcessEnv, { own: boolean; others: string[] }][] = [
    ['its own by default', {}, {}, { own: true, others: [] }],
    ['another in its place', { tracker: [TRACKER] }, {}, { own: false, others: [TRACKER] }],
    ['another beside it', { tracker: ['own', TRACKER] }, {}, { own: true, others: [TRACKER] }],
    ['its own, said', { tracker: ['own'] }, {}, { own: true, others: [] }],
    ['one named twice once', { tracker: [TRACKER, TRACKER] }, {}, { own: false, others: [TRACKER] }],
    [
      'those of the environment',
      {},
      { QAL_TRACKERS: `own, ${TRACKER},wss://b.example/announce` },
      { own: true, others: [TRACKER, 'wss://b.example/announce'] },
    ],
    [
      'the option before the environment',
      { tracker: ['own'] },
      { QAL_TRACKERS: TRACKER },
      { own: true, others: [] },
    ],
    ['its own where the environment is empty', {}, { QAL_TRACKERS: '' }, { own: true, others: [] }],
  ]
  for (const [name, options, environment, expected] of cases)
    it(`is ${name}`, () => assert.deepEqual(parse(options, environment).trackers, expected))
})

describe('whether a site takes part in the DHT', () => {
  const cases: [
    string,
    Partial<ServeOptions>,
    NodeJS.ProcessEnv,
    { routers: readonly string[]; port: number } | null,
  ][] = [
    ['no by default', {}, {}, null],
    ['no with a port alone', { dhtPort: '6881' }, { QAL_DHT_PORT: '6881' }, null],
    ['yes by the well-known routers', { dht: true }, {}, { routers: WELL_KNOWN_ROUTERS, port: 0 }],
    [
      'yes by those named',
      { dht: '127.0.0.1:1, a.example:2' },
      {},
      { routers: ['127.0.0.1:1', 'a.example:2'], port: 0 },
    ],
    [
      'yes by the environment',
      {},
      { QAL_DHT: 'on', QAL_DHT_PORT: '6881' },
      { routers: WELL_KNOWN_ROUTERS, port: 6881 },
    ],
    ['no where the option says so', { dht: 'off' }, { QAL_DHT: 'on' }, null],
    ['no where the environment says so', {}, { QAL_DHT: 'off' }, null],
  ]
  for (const [name, options, environment, expected] of cases)
    it(`is ${name}`, () => assert.deepEqual(parse(options, environment).dht, expected))
})

describe('what is no setting', () => {
  const wrong: [string, Partial<ServeOptions>, string][] = [
    ['a port that is a word', { port: 'x' }, 'cli_usage'],
    ['a port beyond the last', { port: '65536' }, 'cli_usage'],
    ['an empty port', { port: ' ' }, 'cli_usage'],
    ['a tracker without a port', { tracker: ['udp://tracker.example.org/announce'] }, 'cli_usage'],
    ['a tracker that is a file', { tracker: ['file:///etc/passwd'] }, 'cli_usage'],
    ['a word for a tracker', { tracker: ['none'] }, 'cli_usage'],
    [
      'too many trackers',
      { tracker: Array.from({ length: 17 }, (_, index) => `udp://t${index}.example:1`) },
      'cli_usage',
    ],
    ['a router without a port', { dht: 'router.example.org' }, 'input_dht_router'],
    ['a DHT port beyond the last', { dht: true, dhtPort: '99999' }, 'cli_usage'],
  ]
  for (const [name, options, code] of wrong)
    it(`refuses ${name}`, () => {
      assert.throws(
        () => parse(options),
        (error) => isQalError(error) && error.code === code && error.facts.exit === 2,
      )
    })
})
