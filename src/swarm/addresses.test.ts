import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressPolicy, checkUrl, isPublicAddress, parseSwarmUrl, unmapped } from './addresses.ts'

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '198.20.0.1',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001:82a::200e',
  '::ffff:8.8.8.8',
  '::ffff:808:808',
  '64:ff9b::8.8.8.8',
  '2002:808:808::1',
]

const NOT_PUBLIC = [
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.7',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:169.254.169.254',
  '::ffff:0:127.0.0.1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::1',
  '2002:a9fe:a9fe::',
  '3fff::1',
  '4000::1',
  'fc00::1',
  'fd00::1',
  'fd12:3456:789a::1',
  'fe80::1',
  'fe80::1%eth0',
  '2606:4700::1%eth0',
  'fec0::1',
  'ff02::1',
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '8.8.8.8:80',
  '1.2.3.4.5',
  ':::1',
]

describe('when an address is public', () => {
  for (const ip of PUBLIC) it(`takes ${ip}`, () => assert.equal(isPublicAddress(ip), true))
  for (const ip of NOT_PUBLIC)
    it(`refuses ${JSON.stringify(ip)}`, () => assert.equal(isPublicAddress(ip), false))
})

describe('when an operator allows addresses', () => {
  const policy = addressPolicy(['127.0.0.1:6969', '10.1.0.0/16', 'demo.localhost:80', '[::1]:81', 'fd00::/8'])

  it('opens exactly those', () => {
    assert.equal(policy.allowsAddress('127.0.0.1', 6969), true)
    assert.equal(policy.allowsAddress('::ffff:127.0.0.1', 6969), true)
    assert.equal(policy.allowsAddress('127.0.0.1', 6970), false)
    assert.equal(policy.allowsAddress('127.0.0.2', 6969), false)
    assert.equal(policy.allowsAddress('10.1.200.3', 1), true)
    assert.equal(policy.allowsAddress('10.2.0.1', 1), false)
    assert.equal(policy.allowsAddress('::1', 81), true)
    assert.equal(policy.allowsAddress('::1', 82), false)
    assert.equal(policy.allowsAddress('fd00::5', 9), true)
    assert.equal(policy.allowsAddress('8.8.8.8', 9), true)
    assert.equal(policy.allowsHost('demo.localhost', 80), true)
    assert.equal(policy.allowsHost('DEMO.localhost', 80), true)
    assert.equal(policy.allowsHost('demo.localhost', 81), false)
  })

  for (const entry of [
    'localhost',
    ':80',
    '10.0.0.0/33',
    '1.2.3.4:0',
    '1.2.3.4:70000',
    '',
    'a b:80',
    'http://x:80',
  ]) {
    it(`refuses the entry ${JSON.stringify(entry)}`, () => {
      assert.throws(() => addressPolicy([entry]), { code: 'input_address_policy' })
    })
  }

  it('takes a mapped address out of its mapping', () => {
    assert.equal(unmapped('::ffff:127.0.0.1'), '127.0.0.1')
    assert.equal(unmapped('::1'), '::1')
    assert.equal(unmapped('127.0.0.1'), '127.0.0.1')
  })
})

describe('when a torrent names a URL', () => {
  const refused = [
    'http://127.0.0.1/announce',
    'http://localhost:8080/announce',
    'http://LOCALHOST/',
    'http://0x7f.1/',
    'http://2130706433/',
    'http://017700000001/',
    'http://[::1]:80/x',
    'http://[::ffff:127.0.0.1]/x',
    'http://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'udp://127.0.0.1:6969/announce',
    'udp://0x7f.1:6969',
    'udp://[::1]:6969',
    'udp://localhost:6969',
    'ws://192.168.0.1:80/announce',
    'wss://0.0.0.0/announce',
  ]
  for (const url of refused) {
    it(`refuses ${url}`, async () => {
      await assert.rejects(checkUrl(addressPolicy(), url), { code: 'swarm_address_refused' })
    })
  }

  const bad = [
    'ftp://example.com/',
    'file:///etc/passwd',
    'javascript:1',
    '',
    'example.com',
    'http://',
    'http://user:secret@example.com/',
    'udp://example.com/announce',
    'udp://1.2.3.4:0',
    `http://example.com/${'a'.repeat(3000)}`,
  ]
  for (const url of bad) {
    it(`refuses ${JSON.stringify(url.slice(0, 40))} as no such URL`, async () => {
      await assert.rejects(checkUrl(addressPolicy(), url), { code: 'swarm_bad_url' })
    })
  }

  it('takes public literals without looking anything up', async () => {
    const checked = await checkUrl(addressPolicy(), 'udp://1.1.1.1:80/announce')
    assert.deepEqual(
      [checked.host, checked.port, checked.addresses],
      ['1.1.1.1', 80, [{ address: '1.1.1.1', family: 4 }]],
    )
    const v6 = await checkUrl(addressPolicy(), 'https://[2606:4700:4700::1111]/x')
    assert.deepEqual(
      [v6.host, v6.port, v6.addresses],
      ['2606:4700:4700::1111', 443, [{ address: '2606:4700:4700::1111', family: 6 }]],
    )
  })

  it('takes what the operator allowed, by address, range or name', async () => {
    const url = 'http://localhost:8080/announce'
    assert.ok(await checkUrl(addressPolicy(['localhost:8080']), url))
    assert.ok(await checkUrl(addressPolicy(['127.0.0.0/8', '::1/128']), url))
    await assert.rejects(checkUrl(addressPolicy(['localhost:8081']), url), { code: 'swarm_address_refused' })
  })

  it('says when a name has no address', async () => {
    await assert.rejects(checkUrl(addressPolicy(), 'http://no-such-host.invalid/'), {
      code: 'swarm_host_unknown',
    })
  })

  it('knows the port each scheme implies', () => {
    const ports = ['http://a/', 'https://a/', 'ws://a/', 'wss://a/', 'udp://a:1337'].map(
      (url) => parseSwarmUrl(url).port,
    )
    assert.deepEqual(ports, [80, 443, 80, 443, 1337])
  })
})
