/** Documents rot unless something reads them: rules against the code that cites them, paths against files, examples against the command line. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DEFAULT_POLICY } from '../src/core/policy.ts'
import { qal } from './site.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What a repository of ours always has. */
const DOCUMENTS = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'LICENSE',
  'docs/trust.md',
  'docs/guide.md',
]

/** Rules that no source cites, and why. */
const UNCITED: Record<string, string> = {}

const PATH =
  /^(?:(?:src|test|docs|bin|scripts|bench|infra|catalog|llama|\.github|\.ci)\/[\w./-]*|(?:[A-Z]{5,}\.md|LICENSE|tsconfig(?:\.\w+)*\.json|package(?:-lock)?\.json|vite\.config\.ts))$/

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function markdownFiles(): string[] {
  const inDocs = readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)
  return [...readdirSync(ROOT), ...inDocs].filter((path) => path.endsWith('.md')).toSorted()
}

/** The numbers of the rules that a text states: `## T4 …` and `**T4e**`. */
function rulesIn(text: string): string[] {
  return [...text.matchAll(/^(?:## |- \*\*)(T\d{1,2}[a-z]?)\b/gm)].flatMap(([, rule]) => rule ?? [])
}

function citationsIn(text: string): string[] {
  return [...text.matchAll(/\bT\d{1,2}[a-z]?\b/g)].map(([rule]) => rule)
}

function citations(): Map<string, string> {
  const cited = new Map<string, string>()
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((path) => /\.tsx?$/.test(path) && !path.includes('.test.')))
    for (const rule of citationsIn(read(join('src', file)))) cited.set(rule, `src/${file}`)
  return cited
}

/** Paths in back-ticks, and those that begin a line of a fenced tree. */
function pathsIn(markdown: string): string[] {
  const quoted = [...markdown.matchAll(/`([^`\n]+)`/g)].flatMap(([, path]) => path ?? [])
  const fenced = fencesIn(markdown).flatMap((block) =>
    block.split('\n').map((line) => line.split(/\s+/)[0] ?? ''),
  )
  return [...quoted, ...fenced].filter((path) => PATH.test(path))
}

function linksIn(markdown: string): string[] {
  return [...markdown.matchAll(/\]\(([^)\s]+)\)/g)]
    .flatMap(([, target]) => target ?? [])
    .filter((target) => !/^(?:[a-z]+:|\/|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''))
}

function fencesIn(markdown: string): string[] {
  return [...markdown.matchAll(/^```[^\n]*\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block ?? [])
}

/** Every `bin/qal …` of a document, fenced or quoted, as words without comments. */
function examplesIn(markdown: string): string[][] {
  const lines = fencesIn(markdown).flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  const quoted = [...markdown.matchAll(/`(bin\/qal [^`\n]+)`/g)].flatMap(([, example]) => example ?? [])
  return [...lines, ...quoted]
    .filter((line) => /^(?:\$ )?bin\/qal \S/.test(line))
    .map((line) =>
      line
        .replace(/^\$ /, '')
        .replace(/\s#.*$/, '')
        .trim()
        .split(/\s+/)
        .slice(1),
    )
}

const stars = (centi: number): string => `${(centi / 100).toFixed(2)} stars`

describe('docs/trust.md', () => {
  const text = read('docs/trust.md')
  const rules = rulesIn(text)

  it('numbers T1 to T21, each once, in order', () => {
    const main = rules.filter((rule) => /^T\d+$/.test(rule))
    assert.deepEqual(
      main,
      Array.from({ length: 21 }, (_, n) => `T${n + 1}`),
    )
    assert.equal(new Set(rules).size, rules.length)
  })

  it('states every rule that the code cites', () => {
    const absent = [...citations()].filter(([rule]) => !rules.includes(rule))
    assert.deepEqual(absent, [])
  })

  it('states no rule that nothing cites', () => {
    const cited = citations()
    assert.deepEqual(
      rules.filter((rule) => !cited.has(rule) && !(rule in UNCITED)),
      [],
    )
    for (const rule of Object.keys(UNCITED)) assert.ok(!cited.has(rule), `${rule} is cited: no exception`)
  })

  it('cites no rule that it does not state', () => {
    assert.deepEqual(
      citationsIn(text).filter((rule) => !rules.includes(rule)),
      [],
    )
  })

  const { community, trusted, reports, ratings } = DEFAULT_POLICY
  const figures: [rule: string, words: string][] = [
    ['T3a', `at least ${community.published} published`],
    ['T3b', stars(community.rating_centi)],
    ['T3d', `last ${community.clean_days} days`],
    ['T4a', `at least ${trusted.published} published`],
    ['T4c', `at least ${trusted.acceptance_percent} %`],
    ['T4d', stars(trusted.rating_centi)],
    ['T4e', `at least ${trusted.endorsements} distinct members`],
    ['T12', `${reports.suspend_at} open reports by distinct members`],
    ['T11', `${ratings.prior_votes} ratings of ${stars(ratings.prior_centi)}`],
    ['T12', `at least ${reports.account_age_days} days old`],
    ['T12', `for ${reports.dismissed_days} days after it`],
  ]
  for (const [rule, words] of figures)
    it(`says in ${rule}: ${words}`, () => {
      const from = text.search(new RegExp(`^(?:## |- \\*\\*)${rule}\\b`, 'm'))
      const rest = text.slice(from + 3)
      const end = rest.search(rule.length > 3 ? /\n/ : /^## /m)
      assert.ok(rest.slice(0, end).includes(words))
    })

  it('says what is not done yet, last', () => {
    assert.equal(text.match(/^## .*$/gm)?.at(-1), '## What is not done yet')
  })
})

describe('documents', () => {
  it('are there', () => {
    assert.deepEqual(
      DOCUMENTS.filter((path) => !existsSync(join(ROOT, path))),
      [],
    )
  })

  for (const file of markdownFiles()) {
    it(`${file} names only paths that exist`, () => {
      const absent = pathsIn(read(file)).filter((path) => !existsSync(join(ROOT, path)))
      assert.deepEqual(absent, [])
    })

    it(`${file} links only to files that exist`, () => {
      const absent = linksIn(read(file)).filter((path) => !existsSync(join(ROOT, dirname(file), path)))
      assert.deepEqual(absent, [])
    })
  }

  it('are read as they are written', () => {
    const sample = [
      'See `src/core/fold.ts`, `src/nothing.ts`, `models.json`, [a](docs/x.md#y) and [b](https://e.org).',
      '```',
      'src/gone/   what',
      'bin/qal show x.torrent  # as named',
      'bin/qal    what it is',
      '```',
      'or `bin/qal hash --json`',
    ].join('\n')
    assert.deepEqual(pathsIn(sample), [
      'src/core/fold.ts',
      'src/nothing.ts',
      'src/gone/',
      'bin/qal',
      'bin/qal',
    ])
    assert.deepEqual(linksIn(sample), ['docs/x.md'])
    assert.deepEqual(examplesIn(sample), [
      ['show', 'x.torrent'],
      ['hash', '--json'],
    ])
    assert.deepEqual(rulesIn('## T4 Trusted\n- **T4e** x\nT5 no\n'), ['T4', 'T4e'])
  })
})

describe('examples of bin/qal', async () => {
  const examples = new Map<string, { file: string; words: string[] }>()
  for (const file of markdownFiles())
    for (const words of examplesIn(read(file))) examples.set(words.join(' '), { file, words })

  const helps = new Map<string, Promise<string>>()
  async function helpOf(command: string[]): Promise<string> {
    const key = command.join(' ')
    const known =
      helps.get(key) ??
      qal([...command, '--help']).then(({ code, stdout, stderr }) => {
        assert.equal(code, 0, stderr)
        return stdout
      })
    helps.set(key, known)
    const help = await known
    // Help for the whole program is no help for a command that is not there.
    assert.match(help, new RegExp(`^Usage: qal ${key}\\b`, 'm'), `bin/qal ${key} is no command`)
    return help
  }

  it('are found', () => assert.ok(examples.size >= 7, `only ${examples.size}`))

  it('name no command at random: what is not there is noticed', async () => {
    await assert.rejects(helpOf(['frobnicate']), /is no command/)
  })

  for (const [example, { file, words }] of examples)
    it(`${file}: bin/qal ${example}`, async () => {
      const [command = '', second = ''] = words
      if (command.startsWith('-') || command === 'COMMAND') return
      let help = await helpOf([command])
      if (/^Commands:/m.test(help)) help = await helpOf([command, second])
      for (const word of words.filter((each) => each.startsWith('--')))
        assert.match(help, new RegExp(`${word.replace(/=.*$/, '')}\\b`), `${word} is no option of ${command}`)
    })
})
