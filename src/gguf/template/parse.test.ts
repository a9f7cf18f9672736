import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseTemplate } from './parse.ts'
import { printExpression } from './print.ts'

function refusalOf(source: string): string | null {
  const parsed = parseTemplate(source)
  return parsed.ok ? null : parsed.code
}

const DEPTH = 'gguf_template_depth'
const SIZE = 'gguf_template_size'
const PARSE = 'gguf_template_parse'

describe('a template is parsed within bounds', () => {
  const cases: [what: string, source: string, code: string | null][] = [
    ['nothing', '', null],
    ['brackets as deep as any', `{{ ${'('.repeat(60)}1${')'.repeat(60)} }}`, null],
    ['too many brackets', `{{ ${'('.repeat(9_000)}1${')'.repeat(9_000)} }}`, DEPTH],
    ['too many lists', `{{ ${'['.repeat(9_000)}${']'.repeat(9_000)} }}`, DEPTH],
    ['too many dicts', `{{ ${'{1:'.repeat(9_000)}1${'}'.repeat(9_000)} }}`, DEPTH],
    ['too many negations', `{{ ${'not '.repeat(9_000)}1 }}`, DEPTH],
    ['too many signs', `{{ ${'- '.repeat(9_000)}1 }}`, DEPTH],
    ['too many signs after a bracket', `{{ {} ${'- '.repeat(9_000)}1 }}`, DEPTH],
    ['too many choices', `{{ ${'a if b else '.repeat(9_000)}1 }}`, DEPTH],
    ['too many calls', `{{ a${'()'.repeat(9_000)} }}`, DEPTH],
    ['too many fields', `{{ a${'.b'.repeat(9_000)} }}`, DEPTH],
    ['too many filters', `{{ a${'|b'.repeat(9_000)} }}`, DEPTH],
    ['too many tests', `{{ a${' is b'.repeat(9_000)} }}`, DEPTH],
    ['too long a sum', `{{ ${'a + '.repeat(9_000)}1 }}`, DEPTH],
    ['too many blocks', `${'{% if a %}'.repeat(5_000)}${'{% endif %}'.repeat(5_000)}`, DEPTH],
    ['too many blocks that stay open', '{% for a in b %}'.repeat(5_000), DEPTH],
    ['too many branches', `{% if a %}${'{% elif a %}'.repeat(5_000)}{% endif %}`, DEPTH],
    ['branches as many as any', `{% if a %}${'{% elif a %}'.repeat(80)}{% endif %}`.repeat(20), null],
    ['a megabyte', 'a'.repeat(1_000_000), SIZE],
    ['too many tokens', '{{ a }}'.repeat(20_000), SIZE],
    ['a comment that stays open', `{# ${'a'.repeat(100_000)}`, PARSE],
    ['many comments that stay open', '{#'.repeat(100_000), PARSE],
    ['a text that stays open', "{{ 'a", PARSE],
    ['a text that ends in a backslash', "{{ 'a\\", PARSE],
    ['a block that stays open', '{% if a %}', PARSE],
    ['an end without a block', '{% endif %}', PARSE],
    ['a word alone', '{{ a b }}', PARSE],
    ['an unknown escape', "{{ '\\q' }}", PARSE],
    ['an unknown block', '{% autoescape true %}{% endautoescape %}', PARSE],
    ['a tag joined around a generation tag', '{{% generation %}{ x }}', PARSE],
    ['a comment joined around a generation tag', '{ {%- generation %}# {{ x }} #}', PARSE],
    ['a lone brace after a generation tag', '{% generation %}{ x }', null],
  ]
  for (const [what, source, code] of cases)
    it(`${code === null ? 'and passes' : 'and refuses'} ${what}`, () => {
      assert.equal(refusalOf(source), code)
    })

  it('in a time that does not depend on what is written', () => {
    const started = performance.now()
    for (const piece of [' ', '\n', '{%', '{{', '{#', "'", '\\', '{% generation %}', ' '.repeat(200) + '{%'])
      parseTemplate(piece.repeat(Math.floor(262_000 / piece.length)))
    // A quadratic look at these takes minutes.
    assert.ok(performance.now() - started < 20_000)
  })
})

function printed(source: string): string {
  const parsed = parseTemplate(`{{ ${source} }}`)
  assert.ok(parsed.ok, source)
  const [output] = parsed.body
  return output?.kind === 'output' ? printExpression(output.value) : String(output?.kind)
}

describe('a parsed template', () => {
  const cases: [source: string, printed: string][] = [
    ['a.b["c"][0]', "a.b['c'][0]"],
    ['a[1:-1]', 'a[1:-1]'],
    ['a[::2]', 'a[::2]'],
    ['f(1, b=2, *c)', 'f(1, b=2, *c)'],
    ["a|default('x')|trim", "a|default('x')|trim"],
    ['a is not defined', 'a is not defined'],
    ['a is divisibleby 3', 'a is divisibleby(3)'],
    ["a is in ['b', c.d]", "a is in(['b', c.d])"],
    ['a is not eq b.c[0] and d', '(a is not eq(b.c[0])) and d'],
    ['a is sameas(b) is true', '(a is sameas(b)) is true'],
    ['not a in b', 'not (a in b)'],
    ['a if b else c', 'a if b else c'],
    ["{'a': 1, b: [2, (3, 4)]}", "{'a': 1, b: [2, [3, 4]]}"],
    ['a ~ b + -1', '(a ~ b) + -1'],
    ['a.0', 'a[0]'],
  ]
  for (const [source, expected] of cases)
    it(`is printed always in the same way: ${source}`, () => assert.equal(printed(source), expected))

  it('keeps recursive loops and {% do %} apart', () => {
    const parsed = parseTemplate(
      '{% for a in b %}{% endfor %}{% for a in b recursive %}{% do c.append(a) %}{% endfor %}',
    )
    assert.ok(parsed.ok)
    const [first, second] = parsed.body
    assert.ok(first?.kind === 'for' && second?.kind === 'for')
    assert.deepEqual([first.recursive, second.recursive, second.body[0]?.kind], [false, true, 'output'])
  })
})
