import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isQalError } from '../core/error.ts'
import { inspect } from './inspect.ts'
import { memorySource } from './memory-source.ts'
import { parseSafetensors } from './safetensors.ts'
import { parseStrictJson } from './strict-json.ts'

interface Entry {
  dtype: string
  shape: unknown
  data_offsets: unknown
  [more: string]: unknown
}

const A: Entry = { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] }
const B: Entry = { dtype: 'BF16', shape: [4], data_offsets: [24, 32] }

/** A file of a header, as text or as what it names, and so many bytes of data. */
function file(header: string | Record<string, unknown>, data = 32, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + text.length + data)
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true)
  bytes.set(text, 8)
  for (let i = 8 + text.length; i < bytes.length; i += 1) bytes[i] = i % 61
  return bytes
}

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await parseSafetensors(memorySource(bytes))
    return 'accepted'
  } catch (error) {
    assert.ok(isQalError(error), String(error))
    assert.equal(error.facts.exit, 4)
    return error.code
  }
}

test('a whole file is read, in the order of its data', async () => {
  const bytes = file({ b: B, __metadata__: { format: 'pt' }, a: A })
  const { tensors, metadata, dataOffset } = await parseSafetensors(memorySource(bytes))
  assert.deepEqual(
    tensors.map(({ name, dtype, shape, elements, offset }) => [
      name,
      dtype,
      shape,
      elements,
      offset - dataOffset,
    ]),
    [
      ['a', 'F32', [2, 3], 6, 0],
      ['b', 'BF16', [4], 4, 24],
    ],
  )
  assert.deepEqual([...metadata], [['format', 'pt']])
})

test('what the format allows is accepted', async () => {
  const cases: [what: string, bytes: Uint8Array][] = [
    ['padding after the header', file(`${JSON.stringify({ a: A, b: B })}      `)],
    ['no tensors', file('{}', 0)],
    ['a single value', file({ a: { dtype: 'U8', shape: [], data_offsets: [0, 1] } }, 1)],
    ['an empty tensor', file({ e: { dtype: 'F16', shape: [0, 9], data_offsets: [0, 0] }, a: A, b: B })],
    ['half bytes', file({ a: { dtype: 'F4', shape: [3, 2], data_offsets: [0, 3] } }, 3)],
    ['six bits', file({ a: { dtype: 'F6_E2M3', shape: [4], data_offsets: [0, 3] } }, 3)],
    ['escapes in names', file('{"a\\u0041\\n":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1)],
    ['odd names', file({ __proto__x: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, 1)],
  ]
  for (const [what, bytes] of cases) assert.equal(await codeOf(bytes), 'accepted', what)
})

test('each rule refuses with its own code', async () => {
  const cases: [what: string, bytes: Uint8Array, code: string][] = [
    ['nine bytes', file({ a: A }, 0).slice(0, 9), 'safetensors_truncated'],
    ['a header longer than the file', file({ a: A, b: B }, 32, 9_999n), 'safetensors_length'],
    ['a header of 2^63 bytes', file({ a: A, b: B }, 32, 2n ** 63n), 'safetensors_length'],
    ['a header of 100 MB and one byte', file({ a: A, b: B }, 32, 100_000_001n), 'safetensors_length'],
    ['a header of one byte', file({ a: A, b: B }, 32, 1n), 'safetensors_length'],
    ['a header that ends early', file({ a: A, b: B }, 32, 20n), 'safetensors_json'],
    ['a space before the header', file(` ${JSON.stringify({ a: A, b: B })}`), 'safetensors_json'],
    ['a list', file('[1]'), 'safetensors_json'],
    ['a second value', file(`${JSON.stringify({ a: A, b: B })} {}`), 'safetensors_json'],
    ['not UTF-8', file({ a: A, b: B }).map((byte, i) => (i === 10 ? 0xff : byte)), 'safetensors_json'],
    [
      'a tensor twice',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'safetensors_duplicate',
    ],
    [
      'a tensor twice, once escaped',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
        1,
      ),
      'safetensors_duplicate',
    ],
    [
      'a dtype twice',
      file('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', 1),
      'safetensors_duplicate',
    ],
    ['metadata that is a number', file({ __metadata__: { a: 1 }, a: A, b: B }), 'safetensors_metadata'],
    ['metadata that is a list', file({ __metadata__: [], a: A, b: B }), 'safetensors_metadata'],
    ['an unknown type', file({ a: { ...A, dtype: 'Q4' }, b: B }), 'safetensors_tensor'],
    ['a type of the prototype', file({ a: { ...A, dtype: 'constructor' }, b: B }), 'safetensors_tensor'],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 24] }, b: B }), 'safetensors_tensor'],
    ['a negative dimension', file({ a: { ...A, shape: [-2, -3] }, b: B }), 'safetensors_tensor'],
    ['half a dimension', file({ a: { ...A, shape: [1.5, 4] }, b: B }), 'safetensors_tensor'],
    ['one offset', file({ a: { ...A, data_offsets: [0] }, b: B }), 'safetensors_tensor'],
    ['an end before the start', file({ a: { ...A, data_offsets: [24, 0] }, b: B }), 'safetensors_tensor'],
    ['another key', file({ a: { ...A, code: 'x' }, b: B }), 'safetensors_tensor'],
    ['a tensor that is text', file({ a: 'x', b: B }), 'safetensors_tensor'],
    ['an empty name', file({ '': A, b: B }), 'safetensors_tensor'],
    ['data smaller than the shape', file({ a: { ...A, shape: [2, 4] }, b: B }), 'safetensors_size'],
    [
      'a product that wraps 64 bits',
      file(
        { a: { ...A, shape: [2 ** 33, 2 ** 33], data_offsets: [0, 0] }, b: { ...B, data_offsets: [0, 8] } },
        8,
      ),
      'safetensors_size',
    ],
    ['half a byte', file({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 1] } }, 1), 'safetensors_size'],
    ['a gap', file({ a: A, b: { ...B, data_offsets: [28, 36] } }, 36), 'safetensors_offset'],
    ['a gap before the first', file({ a: { ...A, data_offsets: [4, 28] } }, 28), 'safetensors_offset'],
    ['an overlap', file({ a: A, b: { ...B, data_offsets: [20, 28] } }, 28), 'safetensors_offset'],
    ['two tensors at one place', file({ a: A, b: A }, 24), 'safetensors_offset'],
    ['a file that ends early', file({ a: A, b: B }, 31), 'safetensors_truncated'],
    ['a byte too many', file({ a: A, b: B }, 33), 'safetensors_trailing_data'],
  ]
  for (const [what, bytes, code] of cases) assert.equal(await codeOf(bytes), code, what)
})

test('an appended archive is refused, and named for what it follows', async () => {
  const clean = file({ a: A, b: B })
  const bytes = new Uint8Array([...clean, ...new TextEncoder().encode('PK\x03\x04payload')])
  const { verdict, findings } = await inspect(memorySource(bytes), { fileName: 'x.safetensors' })
  assert.equal(verdict, 'reject')
  assert.equal(findings[0]?.code, 'safetensors_trailing_data')
  assert.equal(findings[0].offset, clean.length)
})

test('inspect tells tensors, types and weights, and looks into them', async () => {
  const bytes = file({ a: A, b: B, __metadata__: { format: 'pt' } })
  const { verdict, kind, parameters, tensors, safetensors } = await inspect(memorySource(bytes))
  assert.equal(kind, 'safetensors')
  assert.equal(verdict, 'accept')
  assert.equal(parameters, 10)
  assert.equal(tensors, 2)
  assert.deepEqual(safetensors, { dtypes: { F32: 1, BF16: 1 }, metadata: { format: 'pt' } })
  // An infinite F32 in the last place of the first tensor.
  bytes.set([0, 0, 0x80, 0x7f], bytes.length - 12)
  const bad = await inspect(memorySource(bytes))
  assert.equal(bad.verdict, 'reject')
  assert.equal(bad.findings[0]?.code, 'gguf_weights_not_finite')
  const hidden = await inspect(memorySource(file({ a: A, b: B, __metadata__: { x: 'a\u202eb' } })))
  assert.deepEqual(
    hidden.findings.map(({ code }) => code),
    ['safetensors_text_hazard'],
  )
  assert.equal((await inspect(memorySource(file({ a: A, b: B })), { fileName: 'm.gguf' })).verdict, 'reject')
  // By its name it is held to be one even where its beginning is not.
  const named = await inspect(memorySource(new TextEncoder().encode('not at all')), {
    fileName: 'm.safetensors',
  })
  assert.equal(named.findings[0]?.code, 'safetensors_length')
})

test('JSON is read as the standard says, but no key twice', () => {
  assert.deepEqual(parseStrictJson(' [1, -2.5e3, "a\\"b", true, false, null, {}, []] '), [
    1,
    -2500,
    'a"b',
    true,
    false,
    null,
    new Map(),
    [],
  ])
  assert.deepEqual(parseStrictJson('{"__proto__": {"a": 1}}'), new Map([['__proto__', new Map([['a', 1]])]]))
  for (const text of [
    '',
    '{',
    '{"a"}',
    '{"a":1,}',
    '[1,]',
    '[01]',
    '[1 2]',
    '"a',
    '"\n"',
    '"\\x"',
    'nul',
    '[1]]',
    '{a:1}',
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":1}',
    '['.repeat(99),
    'NaN',
    '+1',
    '.5',
  ])
    assert.throws(() => parseStrictJson(text), SyntaxError, text)
})
