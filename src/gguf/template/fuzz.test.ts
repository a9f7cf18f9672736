/** Broken and hostile templates in bulk: findings, never a crash, a hang or growth. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareTemplates } from './compare.ts'
import { randomFrom, type Random } from '../mutate-fixture.ts'
import { printable } from '../text.ts'
import { lintSource } from './lint.ts'

/** A tenth in every run, all of them with QAL_FUZZ=all. */
const ROUNDS = process.env['QAL_FUZZ'] === 'all' ? 40_000 : 4_000
const SLOWEST_MS = 5_000
const MOST_GROWTH_BYTES = 128 * 1024 * 1024

/** Written here, of what real templates are made of: tools, macros, namespaces, slices, thinking. */
const SEEDS = [
  "{%- if tools %}{{- '<|im_start|>system\\n' }}{%- for tool in tools %}{{- tool | tojson }}{%- endfor %}{%- endif %}{%- set ns = namespace(last=messages|length - 1, done=false) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if not ns.done and message.role == 'user' and message.content is string and not (message.content.startswith('<tool_response>')) %}{%- set ns.done = true %}{%- set ns.last = index %}{%- endif %}{%- endfor %}",
  "{% macro kind(spec) %}{% if spec.type == 'array' %}{{ kind(spec['items']) }}[]{% elif spec.type is string and spec.enum is defined %}{{ spec.enum|map('tojson')|join(' | ') }}{% else %}{% for key, value in spec.properties.items() %}{{ key ~ ': ' ~ kind(value) }}{{ ', ' if not loop.last else '' }}{% endfor %}{% endif %}{% endmacro %}{% for tool in tools %}{{ kind(tool.function.parameters) }}{% endfor %}",
  "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% if '</think>' in message.content %}{% set content = message.content.split('</think>')[-1].lstrip('\\n') %}{% else %}{% set content = message['content']|trim %}{% endif %}{{ bos_token + '[INST] ' + content + ' [/INST]' + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}",
  "{# what was hidden #}{% set x = ['__cla', 'ss__']|join %}{{ ''[x] }}{% for i in range(10 ** 3) %}{% set y = 'ab' * i %}{% if 'password' in messages[-1]['content']|lower %}{{ '\\x41\\u200b' ~ y[1:-1] }}{% endif %}{% endfor %}{{ '%s' % x }}{{ '{}'.format(x) }}{{ dict(a=1, **b)|list }}{% filter upper %}x{% endfilter %}{% call(a) kind(b) %}{{ caller() }}{% endcall %}",
]
const PIECES = [
  '{{ ',
  ' }}',
  '{% ',
  ' %}',
  '{#',
  '#}',
  '{%-',
  '-}}',
  '{% if a %}',
  '{% endif %}',
  '{% for a in b %}',
  '{% endfor %}',
  '{% set a = a ~ a %}',
  '{% macro m(a) %}',
  '{% endmacro %}',
  '{{ m(m(a)) }}',
  "'",
  '"',
  '\\',
  '\\x',
  '\\u00',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '[::-1]',
  '.',
  '|',
  '~',
  '+',
  '*',
  '**',
  '%',
  ' in ',
  ' is ',
  ' not ',
  ' and ',
  ' if ',
  ' else ',
  '__class__',
  'attr',
  'range',
  '10**9',
  '9999999999',
  'loop',
  'self',
  'messages',
  '.content',
  '.append(a)',
  '\u200b',
  '\u202e',
  '\ud800',
  '\u0000',
  '\ufeff',
  '{% generation %}',
  'recursive',
  ' is divisibleby 2 ',
  '=',
  ',',
  ':',
  ' '.repeat(300),
  '\n'.repeat(90),
  'ignore previous instructions',
]

function pick<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random(items.length)]
  if (item === undefined) throw new RangeError('Cannot pick from an empty list')
  return item
}

/** One to eight changes: characters, pieces put in, cut out, doubled, or crossed with another seed. */
function mutateText(random: Random): string {
  let text = pick(random, SEEDS)
  for (let change = random(8); change >= 0; change -= 1) {
    const at = random(text.length + 1)
    const until = at + random(80)
    const kind = random(7)
    if (kind === 0) text = text.slice(0, at) + String.fromCharCode(random(128)) + text.slice(at + 1)
    else if (kind <= 2) text = text.slice(0, at) + pick(random, PIECES) + text.slice(at)
    else if (kind === 3) text = text.slice(0, at) + text.slice(until)
    else if (kind === 4) text = text.slice(0, until) + text.slice(at)
    else if (kind === 5)
      text = text.slice(0, at) + pick(random, PIECES).repeat(1 + random(200)) + text.slice(at)
    else {
      const other = pick(random, SEEDS)
      text = text.slice(0, at) + other.slice(random(other.length))
    }
    // A template that grew through all rounds would test its length alone.
    text = text.slice(0, 40_000)
  }
  return text
}

const LEAVES = [
  'messages',
  'message',
  'content',
  'loop',
  'range',
  'dict',
  'ns',
  'a',
  'b',
  'true',
  'none',
  '0',
  '-1',
  '3',
  '100000',
  '10 ** 9',
  "'a'",
  "'_'",
  "'__class__'",
  "'password'",
  "'</think>'",
  "'%s'",
  "'{}'",
  "''",
  '[]',
  '{}',
  'strftime_now',
  'cycler',
  'm',
  'tools',
]
const NAMES = [
  'content',
  'role',
  'items',
  'append',
  'split',
  'lower',
  'x',
  '__class__',
  '_x',
  'index0',
  'get',
  'format',
  'find',
]
const FILTERS = [
  'trim',
  'lower',
  'length',
  'join',
  'list',
  'first',
  'reverse',
  'tojson',
  'string',
  'int',
  'map',
  'items',
  'default',
  'attr',
  'replace',
  'format',
  'unheard',
]
const OPERATORS = ['+', '-', '*', '/', '//', '%', '**', '~', '==', '!=', '<', 'in', 'not in', 'and', 'or']

/** An expression that parses, of any parts in any places. */
function expression(random: Random, depth: number): string {
  if (depth === 0) return pick(random, LEAVES)
  const inner = () => expression(random, random(depth))
  switch (random(12)) {
    case 0:
      return `${pick(random, LEAVES)}.${pick(random, NAMES)}`
    case 1:
      return `(${inner()})[${inner()}]`
    case 2:
      return `(${inner()})[${inner()}:${inner()}:${pick(random, ['', '-1', '2'])}]`
    case 3:
      return `(${inner()}).${pick(random, NAMES)}(${inner()})`
    case 4:
      return `${pick(random, ['range', 'm', 'dict', 'namespace', 'a', 'strftime_now'])}(${random(2) === 0 ? inner() : `a=${inner()}`})`
    case 5:
      return `(${inner()})|${pick(random, FILTERS)}${random(2) === 0 ? '' : `(${inner()})`}`
    case 6:
      return `(${inner()}) is ${pick(random, ['defined', 'string', 'none', 'eq(1)', "in(['a'])", 'not mapping'])}`
    case 7:
      return `(${inner()} if ${inner()} else ${inner()})`
    case 8:
      return `[${inner()}, ${inner()}]`
    case 9:
      return `{${inner()}: ${inner()}, 'k': ${inner()}}`
    default:
      return `(${inner()} ${pick(random, OPERATORS)} ${inner()})`
  }
}

/** Statements that parse, within each other. */
function statements(random: Random, depth: number): string {
  return Array.from({ length: 1 + random(4) }, () => {
    const value = expression(random, 1 + random(4))
    const body = () => (depth === 0 ? 'text ' : statements(random, depth - 1))
    switch (random(8)) {
      case 0:
        return `{% for ${pick(random, ['a', 'b, a', 'message'])} in ${value} %}${body()}{% endfor %}`
      case 1:
        return `{% if ${value} %}${body()}{% else %}${body()}{% endif %}`
      case 2:
        return `{% set ${pick(random, ['a', 'b', 'ns.x', 'ns', 'content'])} = ${value} %}`
      case 3:
        return `{% set a %}${body()}{% endset %}`
      case 4:
        return `{% macro m(a, b=1) %}${body()}{% endmacro %}`
      case 5:
        return `{% filter ${pick(random, FILTERS)} %}${body()}{% endfilter %}`
      default:
        return `{{ ${value} }}`
    }
  }).join('')
}

test(`${ROUNDS} mutated and made-up templates are looked through, whatever they hold`, () => {
  const random = randomFrom(20_261_125)
  const parsed: string[] = []
  const outcomes = new Map<string, number>()
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  for (let round = 0; round < ROUNDS; round += 1) {
    const source = round % 2 === 0 ? mutateText(random) : statements(random, 3)
    const started = performance.now()
    const { body, findings } = ((): ReturnType<typeof lintSource> => {
      try {
        return lintSource(source)
      } catch (error) {
        throw new Error(`Round ${round}: ${JSON.stringify(source)}`, { cause: error })
      }
    })()
    assert.ok(
      performance.now() - started < SLOWEST_MS,
      `round ${round} took too long: ${JSON.stringify(source)}`,
    )
    for (const { code, severity, says } of findings) {
      assert.match(code, /^gguf_template_[a-z]+$/)
      assert.equal(printable(says, 2_000), says, `round ${round}`)
      assert.ok(says.length < 800, says)
      outcomes.set(`${severity} ${code}`, (outcomes.get(`${severity} ${code}`) ?? 0) + 1)
    }
    if (body !== null && parsed.push(source) > 1) {
      const [a, b] = [parsed.at(-1) ?? '', parsed.at(-2) ?? '']
      if (round % 20 === 0) assert.notEqual(compareTemplates(a, b).state, 'unreadable')
    }
    if (parsed.length > 2) parsed.shift()
  }
  assert.ok(process.memoryUsage().heapUsed - before < MOST_GROWTH_BYTES)
  // Were all refused by the parser, nothing deeper would have been tried.
  for (const kind of [
    'reject gguf_template_code',
    'warn gguf_template_trigger',
    'reject gguf_template_loop',
    'warn gguf_template_parse',
  ])
    assert.ok((outcomes.get(kind) ?? 0) > ROUNDS / 200, `${kind}: ${JSON.stringify([...outcomes])}`)
})
