import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lintSource } from './lint.ts'

function severityOf(source: string): string | null {
  const found = lintSource(source).findings.filter(({ code }) => code !== 'gguf_template_text')
  assert.deepEqual(
    found.filter(({ code }) => code !== 'gguf_template_loop'),
    [],
    source,
  )
  const severities = found.map(({ severity }) => severity)
  return (['reject', 'warn', 'info'] as const).find((each) => severities.includes(each)) ?? null
}

const over = (n: number, body: string) =>
  `${'{% for a in messages %}'.repeat(n)}${body}${'{% endfor %}'.repeat(n)}`

const CASES: [severity: 'reject' | 'warn' | 'info' | null, why: string, source: string][] = [
  [null, 'counts a few', '{% for i in range(10) %}x{% endfor %}'],
  [null, 'counts the messages', '{% for i in range(messages|length) %}x{% endfor %}'],
  [
    null,
    'counts from the message it is at',
    '{% for i in range(loop.index0 + 1, messages|length) %}x{% endfor %}',
  ],
  [null, 'counts backwards', '{% for i in range(messages|length - 1, -1, -1) %}x{% endfor %}'],
  [null, 'nests small counts', '{% for i in range(10) %}{% for j in range(10) %}x{% endfor %}{% endfor %}'],
  ['info', 'counts as far as its caller says', '{% for i in range(num_image_tokens) %}x{% endfor %}'],
  ['warn', 'counts as far as a message says', '{% for i in range(message.content|int) %}x{% endfor %}'],
  ['warn', 'counts to 20,000', '{% for i in range(20000) %}x{% endfor %}'],
  ['reject', 'counts to a hundred millions', '{% for i in range(100000000) %}x{% endfor %}'],
  ['reject', 'counts by a product', '{% for i in range(10000 * 10000) %}x{% endfor %}'],
  ['reject', 'counts by a power', '{% for i in range(10 ** 9) %}x{% endfor %}'],
  ['reject', 'counts by a variable', '{% set n = 1000000000 %}{% for i in range(0, n) %}x{% endfor %}'],
  ['reject', 'counts by a namespace', '{% set ns = namespace(n=10**9) %}{{ range(ns.n)|list }}'],
  ['reject', 'counts backwards from afar', '{% for i in range(1000000000, 0, -1) %}x{% endfor %}'],
  ['reject', 'counts under another name', '{% set r = range %}{% for i in r(1000000000) %}x{% endfor %}'],
  [
    'reject',
    'counts the messages many times',
    '{% for i in range(messages|length * 1000000000) %}x{% endfor %}',
  ],
  [
    'reject',
    'counts far beyond the messages',
    '{% set n = messages|length + 1000000000 %}{% for i in range(n) %}x{% endfor %}',
  ],
  [
    'reject',
    'counts far where its caller says nothing',
    '{% for i in range(n or 1000000000) %}x{% endfor %}',
  ],
  [
    'warn',
    'counts the messages to a power',
    '{% set n = messages|length %}{% for i in range(n * n * n * n) %}x{% endfor %}',
  ],
  ['reject', 'lists a range', '{{ range(1000000000)|join }}'],
  ['reject', 'nests counts', '{% for i in range(9000) %}{% for j in range(9000) %}x{% endfor %}{% endfor %}'],
  [
    'warn',
    'nests counts to 90,000',
    '{% for i in range(300) %}{% for j in range(300) %}x{% endfor %}{% endfor %}',
  ],
  [
    'reject',
    'nests counts by a macro',
    '{% macro m() %}{% for j in range(9000) %}x{% endfor %}{% endmacro %}{% for i in range(9000) %}{{ m() }}{% endfor %}',
  ],
  [
    'reject',
    'nests lists',
    `${'{% for i in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] %}'.repeat(8)}x${'{% endfor %}'.repeat(8)}`,
  ],
  [null, 'runs over messages twice', over(2, 'x')],
  ['warn', 'runs over messages thrice', over(3, 'x')],
  ['reject', 'runs over messages four times', over(4, 'x')],
  [
    null,
    'runs down into messages',
    '{% for m in messages %}{% for c in m.tool_calls %}{% for a in c.arguments %}{% for b in a %}x{% endfor %}{% endfor %}{% endfor %}{% endfor %}',
  ],
  [
    'reject',
    'runs over six inputs',
    `${['a', 'b', 'c', 'd', 'e', 'f'].map((x) => `{% for i in ${x} %}`).join('')}x${'{% endfor %}'.repeat(6)}`,
  ],
  ['warn', 'calls a loop from within', '{% for m in messages recursive %}{{ loop(m.children) }}{% endfor %}'],
  [
    null,
    'calls a macro on a part',
    "{% macro f(x) %}{% for p in x.properties %}{{ f(p) }}{% endfor %}{{ f(x['items']) }}{% endmacro %}{{ f(tools) }}",
  ],
  [
    null,
    'calls a macro on a part by a name',
    '{% macro f(x) %}{% set y = x.items_of %}{{ f(y) }}{% endmacro %}{{ f(tools) }}',
  ],
  ['warn', 'calls a macro on the same', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
  [
    'reject',
    'calls a macro on the same twice',
    '{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(1) }}',
  ],
  [
    'reject',
    'calls a macro on the same in a loop',
    '{% macro f(n) %}{% for i in [1, 2] %}{{ f(n) }}{% endfor %}{% endmacro %}{{ f(1) }}',
  ],
  [
    'reject',
    'calls two macros in turn',
    '{% macro f(n) %}{{ g(n) }}{{ g(n) }}{% endmacro %}{% macro g(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}',
  ],
  [
    'reject',
    'doubles a text',
    '{% set ns = namespace(a="x") %}{% for m in messages %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}',
  ],
  [
    'reject',
    'doubles a list',
    '{% set ns = namespace(a=[1]) %}{% for m in messages %}{% set ns.a = ns.a + ns.a %}{% endfor %}',
  ],
  [
    'reject',
    'doubles by replacing',
    "{% set ns = namespace(a='x') %}{% for m in messages %}{% set ns.a = ns.a|replace('x', 'xx') %}{% endfor %}",
  ],
  [
    'reject',
    'doubles by joining',
    '{% set ns = namespace(a="x") %}{% for m in messages %}{% set ns.a = [ns.a, ns.a]|join %}{% endfor %}',
  ],
  ['reject', 'doubles line by line', `{% set a = "xxxxxxxx" %}${'{% set a = a ~ a %}'.repeat(30)}{{ a }}`],
  [
    'reject',
    'doubles name by name',
    `{% set a0 = "xxxxxxxx" %}${Array.from({ length: 30 }, (_, i) => `{% set a${i + 1} = a${i} ~ a${i} %}`).join('')}`,
  ],
  [
    null,
    'adds to a text',
    '{% set ns = namespace(a="") %}{% for m in messages %}{% set ns.a = ns.a ~ m.role %}{% endfor %}',
  ],
  [
    null,
    'adds to a number',
    '{% set ns = namespace(i=0) %}{% for m in messages %}{% set ns.i = ns.i + 1 %}{% endfor %}',
  ],
  ['reject', 'repeats a text', "{{ 'A' * 1000000000 }}"],
  ['reject', 'repeats a text by a power', "{{ 'A' * 10**9 }}"],
  ['reject', 'repeats a list', '{{ [1] * 1000000000 }}'],
  ['warn', 'repeats a text as a message says', "{{ 'A' * (message.content|int) }}"],
  [null, 'repeats a text a little', "{{ ' ' * 4 }}{{ '  ' * depth }}"],
  ['reject', 'computes a giant number', '{{ 9 ** 9 ** 9 }}'],
  ['warn', 'computes a power that is not fixed', '{{ 2 ** messages|length }}'],
  ['reject', 'centers', "{{ 'a'|center(1000000000) }}"],
  ['reject', 'centers by a method', "{{ 'a'.center(1000000000) }}"],
  ['reject', 'fills with zeros', "{{ 'a'.zfill(1000000000) }}"],
  ['reject', 'indents', '{{ x|indent(1000000000) }}'],
  ['reject', 'indents JSON', '{{ x|tojson(indent=1000000000) }}'],
  ['reject', 'batches', '{{ xs|batch(1000000000, 0)|list }}'],
  ['reject', 'formats to a width', "{{ '%1000000000d' % 1 }}"],
  ['reject', 'formats to a width by the filter', "{{ '%01000000000d'|format(1) }}"],
  ['reject', 'formats to a width by braces', "{{ '{:>1000000000}'.format('a') }}"],
]

function says(source: string): string {
  return lintSource(source)
    .findings.map((finding) => finding.says)
    .join('\n')
}

describe('how long a template runs, and how much it prints', () => {
  for (const [severity, why, source] of CASES)
    it(`is ${severity ?? 'nothing'} where it ${why}`, () =>
      assert.equal(severityOf(source), severity, source))

  it('is said with its figures', () => {
    assert.match(says('{% for i in range(5, 20005) %}x{% endfor %}'), /20,000/)
    assert.match(
      says('{% for i in range(300) %}{% for j in range(300) %}x{% endfor %}{% endfor %}'),
      /90,000/,
    )
    assert.match(says("{{ 'A' * 1000000000 }}"), /1,000,000,000/)
  })
})
