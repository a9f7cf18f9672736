import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalBytes } from './canonical.ts'
import { isQalError } from './error.ts'

function textOf(value: unknown): string {
  return new TextDecoder().decode(canonicalBytes(value))
}

describe('canonicalBytes', () => {
  it('writes the example of RFC 8785 section 3.2.2', () => {
    const value = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`)
    assert.equal(
      textOf(value),
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    )
  })

  // RFC 8785 section 3.2.3: sorted by UTF-16 code units, so that U+1F600 (surrogates D83D DE00) stands before U+FB33.
  it('sorts keys by UTF-16 code units', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\u{1f600}': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    assert.deepEqual(Object.values(JSON.parse(textOf(value))).length, 7)
    const order = [...textOf(value).matchAll(/:"([^"]+)"/g)].map(([, name]) => name)
    assert.deepEqual(order, [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ])
  })

  // Samples of RFC 8785 appendix B: the bits of an IEEE 754 double and its text.
  const numbers: [bits: string, text: string][] = [
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['ffefffffffffffff', '-1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['c340000000000000', '-9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['44b52d02c7e14af7', '1.0000000000000001e+23'],
    ['444b1ae4d6e2ef4e', '999999999999999700000'],
    ['444b1ae4d6e2ef4f', '999999999999999900000'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555553', '333333333.3333332'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
    ['43143ff3c1cb0959', '1424953923781206.2'],
  ]
  for (const [bits, text] of numbers)
    it(`writes the double ${bits} as ${text}`, () => {
      const view = new DataView(new ArrayBuffer(8))
      view.setBigUint64(0, BigInt(`0x${bits}`))
      assert.equal(textOf(view.getFloat64(0)), text)
    })

  it('gives the same bytes whatever order the keys came in, and other bytes for other values', () => {
    assert.equal(textOf({ b: 1, a: { d: 1, c: 2 } }), textOf({ a: { c: 2, d: 1 }, b: 1 }))
    assert.notEqual(textOf({ a: 1 }), textOf({ a: '1' }))
  })

  it('keeps array order and does not normalise Unicode', () => {
    assert.equal(textOf([2, 1]), '[2,1]')
    assert.notDeepEqual(canonicalBytes('\u00e5'), canonicalBytes('a\u030a'))
  })

  const refused: [what: string, value: unknown][] = [
    ['NaN', Number.NaN],
    ['infinity', { a: Number.POSITIVE_INFINITY }],
    ['nothing', undefined],
    ['a function', () => 1],
    ['a big integer', { a: 1n }],
    ['a lone surrogate', { a: '\ud800' }],
    ['a lone surrogate as a key', { '\udc00': 1 }],
  ]
  for (const [what, value] of refused)
    it(`refuses ${what}`, () => {
      assert.throws(
        () => canonicalBytes(value),
        (error) => isQalError(error) && error.code === 'ledger_not_canonical',
      )
    })
})
