import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { emptyFilter, estimateSize, insertAddress, isSaturated, mayContain, unite } from './bloom.ts'

/** The addresses of BEP 33's test vector, both ends included. */
const V4 = Array.from({ length: 256 }, (_, index) => `192.0.2.${index}`)
const V6 = Array.from({ length: 0x3e8 }, (_, index) => `2001:db8::${index.toString(16)}`)
/** Its filter of them, in hex. */
const VECTOR = `
F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE
FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B
7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F
D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3
FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5
BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57
62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6
FD8F72EF`

function filterOf(addresses: readonly string[]): Uint8Array {
  const filter = emptyFilter()
  for (const address of addresses) insertAddress(filter, address)
  return filter
}

describe('the filters of BEP 33', () => {
  it('are those of its test vector, bit by bit, with its estimate', () => {
    const filter = filterOf([...V4, ...V6])
    assert.equal(Buffer.from(filter).toString('hex').toUpperCase(), VECTOR.replaceAll(/\s/g, ''))
    const found = estimateSize(filter)
    assert.ok(Math.abs(found - 1224.9308) < 0.0001, `expected 1224.9308, got ${found}`)
  })

  it('unite to the filter of both sets, and count nobody twice', () => {
    const one = filterOf([...V4, ...V6.slice(0, 600)])
    unite(one, filterOf(V6.slice(400)))
    assert.deepEqual(one, filterOf([...V4, ...V6]))
    const same = filterOf(V4)
    unite(same, filterOf(V4))
    assert.deepEqual(same, filterOf(V4))
  })

  it('estimate nobody, a few and many', () => {
    assert.equal(estimateSize(emptyFilter()), 0)
    for (const count of [1, 2, 5, 20, 100]) {
      const found = estimateSize(filterOf(V4.slice(0, count)))
      assert.ok(Math.abs(found - count) <= Math.max(0.5, count * 0.05), `${count}: ${found}`)
    }
    assert.ok(Number.isFinite(estimateSize(emptyFilter().fill(255))))
  })

  it('know whom they hold, and leave out what is no address', () => {
    const filter = filterOf(V4.slice(0, 10))
    assert.ok(V4.slice(0, 10).every((address) => mayContain(filter, address)))
    assert.ok(!mayContain(filter, '198.51.100.7'))
    assert.ok(!mayContain(emptyFilter().fill(255), 'example.org'))
    assert.deepEqual(filterOf(['example.org', '', '1.2.3', 'fe80::1%eth0']), emptyFilter())
  })

  it('are no use when full', () => {
    assert.equal(isSaturated(filterOf([...V4, ...V6])), false)
    assert.equal(isSaturated(emptyFilter()), false)
    assert.equal(isSaturated(emptyFilter().fill(255)), true)
  })
})
