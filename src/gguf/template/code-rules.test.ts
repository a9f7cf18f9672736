import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lintSource } from './lint.ts'

function codesOf(source: string, severity: 'reject' | 'warn'): string[] {
  const found = lintSource(source).findings.filter((finding) => finding.severity === severity)
  return [...new Set(found.map(({ code }) => code))]
}

const REJECTED: [why: string, source: string, code?: string][] = [
  ['a class', "{{ ''.__class__ }}"],
  ['a class by a key', "{{ ''['__class__'] }}"],
  ['a class by a key with spaces', "{{ x[' __ class __ '] }}"],
  ['the globals of a function', '{{ raise_exception.__globals__ }}'],
  ['the globals of a macro', '{% macro m() %}{% endmacro %}{{ m.__globals__ }}'],
  ['the subclasses of everything', "{{ ''.__class__.__mro__[1].__subclasses__() }}"],
  ['the order of methods', "{{ x['mro'] }}"],
  ['a frame of a generator', "{{ (messages|map('upper')).gi_frame }}"],
  ['the filter attr', "{{ x|attr('content') }}"],
  ['the filter attr by map', "{{ [x]|map('attr', 'a')|list }}"],
  ['an attribute of map', "{{ [x]|map(attribute='__class__')|list }}"],
  ['a path of map', "{{ [x]|map(attribute='a.__class__.b')|list }}"],
  ['an attribute of selectattr', "{{ xs|selectattr('__class__')|list }}"],
  ['an attribute of sort', "{{ xs|sort(attribute='__init__') }}"],
  ['an attribute of groupby', "{{ xs|groupby('__init__') }}"],
  [
    'an attribute that is computed',
    "{% set a = message.x ~ '_' %}{{ xs|map(attribute=a) }}",
    'gguf_template_dynamic',
  ],
  ['a filter that is not fixed', '{{ xs|map(message.filter) }}', 'gguf_template_dynamic'],
  ['a name joined by ~', "{{ x['_' ~ '_class_' ~ '_'] }}"],
  ['a name joined by +', "{{ x['__cla' + 'ss__'] }}"],
  ['a name joined by join', "{{ x[['__cla', 'ss__']|join] }}"],
  ['a name joined by a method', "{{ x[''.join(['__', 'class', '__'])] }}"],
  ['a name by format', "{{ x['{}{}'.format('__cla', 'ss__')] }}"],
  ['a name by %', "{{ x['%s%s' % ('__cla', 'ss__')] }}"],
  ['a name by the filter format', "{{ x['%sclass%s'|format('_' * 2, '_' * 2)] }}"],
  ['a name by repeating', "{{ x['_' * 2 ~ 'class' ~ '_' * 2] }}"],
  ['a name backwards', "{{ x['__ssalc__'[::-1]] }}"],
  ['a name reversed', "{{ x['__ssalc__'|reverse] }}"],
  ['a name cut out', "{{ x['a__class__b'[1:-1]] }}"],
  ['a name put in by replace', "{{ x['XclassX'.replace('X', '__')] }}"],
  ['a name put in by the filter replace', "{{ x['XclassX'|replace('X', '__')] }}"],
  ['a name in other case', "{{ x['__CLASS__'|lower] }}"],
  ['a name out of a list', "{{ x['a,__class__'.split(',')[1]] }}"],
  ['a name by hexadecimal escapes', "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}"],
  ['a name by unicode escapes', "{{ x['\\u005f\\u005fclass\\u005f\\u005f'] }}"],
  ['a name by octal escapes', "{{ x['\\137\\137class\\137\\137'] }}"],
  ['a name by a named character', "{{ x['\\N{LOW LINE}class'] }}"],
  ['a name by keyword arguments', '{{ x[dict(__class__=1)|list|first] }}'],
  ['a name by two keyword arguments', '{{ x[dict(__cla=1, ss__=2)|join] }}'],
  ['a name in a variable', "{% set a = '__cla' %}{% set b = a ~ 'ss__' %}{{ x[b] }}"],
  ['a name in a namespace', "{% set ns = namespace(a='__') %}{% set ns.a = ns.a ~ 'class__' %}{{ x[ns.a] }}"],
  ['a name in a block', '{% set a %}__class__{% endset %}{{ x[a] }}'],
  ['a name in a block of pieces', "{% set a %}__{{ 'class' }}__{% endset %}{{ x[a] }}"],
  [
    'a name made in a loop',
    "{% set ns = namespace(a='') %}{% for c in ['_', 'c', 'l', 'a', 's'] %}{% set ns.a = ns.a ~ c %}{% endfor %}{{ x[ns.a] }}",
    'gguf_template_dynamic',
  ],
  [
    'a name gathered in a list',
    "{% set a = [] %}{% set _ = a.append('__cla') %}{% set _ = a.append('ss__') %}{{ x[a|join] }}",
    'gguf_template_dynamic',
  ],
  ['a name put together and only printed', "{{ ''.join(['__cla', 'ss__']) }}"],
  [
    'a name that takes many rounds to come out',
    "{% set ns = namespace(a='aaaaaaaaaaaa_') %}{% for m in messages %}{% set ns.a = ns.a[1:] %}{% endfor %}{{ x[ns.a ~ ns.a ~ 'class' ~ ns.a ~ ns.a] }}",
    'gguf_template_dynamic',
  ],
  ['a name given to a macro', "{% macro m(a) %}{{ x[a ~ '__'] }}{% endmacro %}{{ m('__class') }}"],
  ['a name made by a macro', '{% macro m() %}__class__{% endmacro %}{{ x[m()] }}', 'gguf_template_dynamic'],
  ['a name by choice', "{{ x['__class__' if y else 'role'] }}"],
  ['a name by or', "{{ x[y or '__class__'] }}"],
  ['a name by default', "{{ x[y|default('__class__')] }}"],
  ['a name from a table', "{% set t = {'a': '__class__'} %}{{ x[t.a] }}"],
  ['a name from a table by any key', "{% set t = {'a': '__class__'} %}{{ x[t[message.role]] }}"],
  ['a name from a loop over a list', "{% for k in ['__class__'] %}{{ x[k] }}{% endfor %}"],
  ['a name half from a message', "{{ x[message.content ~ 'class__'] }}", 'gguf_template_dynamic'],
  ['a name of characters of a function', '{{ x[(range|string)[1:3]] }}'],
  ['a name by get', "{{ x.get('a')['__class__'] }}"],
  ['a format that reaches', "{{ '{0.__class__}'.format(x) }}"],
  ['a format that reaches by a key', "{{ '{0[a]}'.format(x) }}"],
  ['format_map', "{{ '{a.b}'.format_map(x) }}"],
  ['cycler', "{{ cycler('a') }}"],
  ['joiner', "{{ joiner('a') }}"],
  ['lipsum', '{{ lipsum() }}'],
  ['self', '{{ self }}'],
  ['url_for', '{{ url_for.x }}'],
  ['get_flashed_messages', '{{ get_flashed_messages() }}'],
  ['lipsum by another name', '{% set l = lipsum %}{{ l.x }}'],
  ['a function as a value', '{{ range }}'],
  ['a function as a text', '{{ range|string }}'],
  ['an attribute of a function', '{{ namespace.x }}'],
  ['an attribute of a function by another name', '{% set r = range %}{{ r.x }}'],
  ['open', "{{ open('/etc/passwd') }}"],
  ['eval', "{{ eval('1') }}"],
  ['getattr', "{{ getattr(x, 'a') }}"],
  ['a call of what a filter gives', '{{ (xs|first)() }}'],
  ['a call of what a call gives', '{{ dict()() }}'],
  ['a call of a computed key', '{{ x[message.role]() }}'],
  ['a keyword with underscores', '{{ dict(__x__=1) }}'],
  ['import', "{% import 'x' as y %}", 'gguf_template_include'],
  ['include', "{%- include 'x' %}", 'gguf_template_include'],
  ['extends', "{% extends 'x' %}", 'gguf_template_include'],
  ['from', "{% from 'x' import y %}", 'gguf_template_include'],
  ['include in a text that cannot be parsed', "{{ {% include 'x' %}", 'gguf_template_include'],
  ['an escape in a text that cannot be parsed', "{% with a = ''.__class__ %}{% endwith %}"],
  ['attr in a text that cannot be parsed', "{% with a = x|attr('y') %}{% endwith %}"],
  ['the test of a name', "{{ x is sameas(''.__class__) }}"],
  ['an escape in the default of a macro', "{% macro m(a=''.__class__) %}{% endmacro %}"],
  ['an escape in a filter of a loop', '{% for x in xs if x.__class__ %}{% endfor %}'],
  ['an escape in a filter block', "{% filter replace(''.__class__, 'a') %}{% endfilter %}"],
  ['an escape in a slice', '{{ x[a.__len__():] }}'],
  ['an escape in an assignment', '{% set x.__class__ = 1 %}'],
]

const WARNED: [why: string, source: string, code?: string][] = [
  ['an unknown filter', '{{ x|b64decode }}'],
  ['a filter by chance', '{{ xs|random }}'],
  ['an unknown test', '{{ x is safe }}'],
  ['an unknown function', '{{ fetch(x) }}'],
  ['an unknown method', '{{ x.run() }}'],
  ['an unknown thing of the loop', '{% for x in xs %}{{ loop.secret }}{% endfor %}'],
  ['an unknown filter by map', "{{ xs|map('b64decode') }}"],
  ['an unknown test by select', "{{ xs|selectattr('a', 'matching', 'b') }}"],
  ['what a web server hands over', '{{ config.items() }}', 'gguf_template_code'],
  ['a private attribute', '{{ x._secret }}', 'gguf_template_dynamic'],
  ['a format out of a message', '{{ message.content.format(1) }}', 'gguf_template_dynamic'],
  ['names in a row', '{{ x[a][b][c] }}', 'gguf_template_dynamic'],
  ['what cannot be parsed', '{{ x', 'gguf_template_parse'],
  ['a raw block', '{% raw %}{{ x }}{% endraw %}', 'gguf_template_parse'],
]

const HONEST: [why: string, source: string][] = [
  ['a message', "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m.content }}{% endfor %}"],
  ['any key of a table', "{% set names = {'user': 'U', 'assistant': 'A'} %}{{ names[message['role']] }}"],
  [
    'any key of a schema',
    "{% for k, v in tool.parameters.properties.items() %}{{ v[k] }}{{ v['type'] }}{% endfor %}",
  ],
  ['a number as a key', '{{ messages[loop.index0 - 1].content }}'],
  ['a key that surely begins with a letter', "{{ x['param_' ~ name] }}"],
  ['a field of a namespace with an underscore', '{% set ns = namespace(_a=1) %}{{ ns._a }}'],
  [
    'whether a function is there',
    "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}",
  ],
  [
    'a macro whose name begins with underscores',
    '{% macro __render(x) %}{{ x }}{% endmacro %}{{ __render(tools) }}',
  ],
  ['tests with arguments', "{{ x is divisibleby(2) or x is in ['a', 'b'] or x is not eq 'c' }}"],
  ['a plus sign for white space', '{%+ if x +%}a{%- endif -%}'],
  ['generation tags', '{% generation %}{{ message.content }}{% endgeneration %}'],
  ['methods of texts', "{{ x.split('\\n')[-1].lstrip('\\n').strip() ~ x.upper()|replace('a', 'b') }}"],
  ['a fixed format', "{{ '<tool_{}>'.format(x) }}"],
  [
    'attributes that are fixed',
    "{{ tools|map(attribute='function.name')|join(', ') }}{{ xs|selectattr('a', 'equalto', 'b')|list }}",
  ],
  ['another name of a field', '{% set content = message.content %}{{ content }}'],
  ['a call block', '{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{% endcall %}'],
  ['a text that names a dunder in prose', 'Write __init__ methods with care. {{ messages }}'],
]

describe('a template that reaches for the interpreter', () => {
  for (const [why, source, code = 'gguf_template_code'] of REJECTED)
    it(`is rejected for ${why}`, () => assert.ok(codesOf(source, 'reject').includes(code), source))
})

describe('a template with what is not known', () => {
  for (const [why, source, code = 'gguf_template_unknown'] of WARNED)
    it(`is warned of for ${why}`, () => {
      assert.deepEqual(codesOf(source, 'warn'), [code])
      assert.deepEqual(codesOf(source, 'reject'), [])
    })
})

describe('a template that formats text', () => {
  for (const [why, source] of HONEST)
    it(`is passed with ${why}`, () =>
      assert.deepEqual(
        lintSource(source).findings.filter(({ severity }) => severity !== 'info'),
        [],
      ))
})
