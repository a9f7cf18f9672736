/** Holds what the source imports against the table of DESIGN and ARCHITECTURE: a boundary that nothing checks is none. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'rolldown/utils'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAX_LINES = 400

interface Part {
  /** What of ours it may import, as folders (`core/`) or files; `type` means types alone. */
  ours: (string | { type: string })[]
  /** Node's own modules. */
  node: boolean
  /** Packages, where they are held; a part without a list may use any. */
  packages?: string[]
}

/** All that the store says of itself without saying how: its ports, their types, and what is written in terms of them. */
const PORTS = [
  'store/ledger.ts',
  'store/blobs.ts',
  'store/private.ts',
  'store/texts.ts',
  'store/published-ledger.ts',
  { type: 'store/catalogue.ts' },
]

/** Components that the server renders and islands draw alike: they take props and import nothing of the server's. */
const SHOWN_BY_BOTH = ['bits', 'broadcast', 'chambers', 'icons', 'memory-needs', 'rails']
  .map((name) => `web/components/${name}.tsx`)
  .concat('web/components/wording.ts')

/** The submission's own schema and choice of files, so that the form is checked in the browser by what the server checks. */
const CHECKED_BY_BOTH = ['listed-files', 'submission', 'wanted'].map((name) => `web/commands/${name}.ts`)

const PARTS: Record<string, Part> = {
  core: { ours: [], node: false, packages: ['zod', 'canonicalize', 'unhomoglyph'] },
  torrent: { ours: ['core/error.ts', { type: 'core/' }], node: false, packages: [] },
  gguf: {
    ours: ['core/error.ts', { type: 'core/' }, { type: 'torrent/' }],
    node: false,
    packages: ['@huggingface/jinja'],
  },
  store: { ours: ['core/'], node: true },
  sign: { ours: ['core/'], node: false, packages: ['openpgp', 'hash-wasm'] },
  swarm: { ours: ['core/', 'torrent/'], node: true },
  verify: {
    ours: [
      'core/',
      'torrent/',
      'gguf/',
      'sign/',
      'swarm/',
      ...PORTS,
      // A ByteSource over a file on disk: the verifier reads what it downloaded, not the store.
      'store/file-source.ts',
    ],
    node: true,
  },
  web: {
    ours: ['core/', 'torrent/', 'gguf/', 'sign/', ...PORTS, 'web/islands/'],
    node: true,
  },
  // Browser code: besides the pure parts only the shapes of the props it is given.
  'web/islands': {
    ours: [
      'core/',
      'torrent/',
      'gguf/',
      'sign/',
      { type: 'web/page-types.ts' },
      ...SHOWN_BY_BOTH,
      ...CHECKED_BY_BOTH,
    ],
    node: false,
    packages: ['hash-wasm', 'webtorrent', 'preact', 'openpgp'],
  },
  cli: { ours: [''], node: true },
  deploy: { ours: [''], node: true },
  demo: { ours: [''], node: true },
}

/** Parts that decide and do not do: neither clock, random, network nor program around them. */
const PURE = ['core', 'torrent', 'gguf']
const IMPURE =
  /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.|fetch\(|setTimeout|setInterval|process\.|globalThis\.|crypto\.)/

interface Import {
  from: string
  to: string
  /** Whether only types are taken, which leave nothing at run time. */
  type: boolean
}

/** All of src but `webrtc-polyfill`, which is an npm package of its own that stands in for another's. */
function sourceFiles(): string[] {
  return readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(?:ts|tsx|js|mjs)$/.test(path) && !path.startsWith('swarm/webrtc-polyfill/'))
    .toSorted()
}

function read(path: string): string {
  return readFileSync(join(ROOT, 'src', path), 'utf8')
}

/** Tests and what only tests use stand outside the table: they may ask any judge. */
function isTest(path: string): boolean {
  return /\.(?:test|suite)\.tsx?$|-fixture\.ts$/.test(path)
}

function partOf(path: string): string {
  if (path.startsWith('web/islands/')) return 'web/islands'
  return path.split('/')[0] ?? ''
}

/** Every import of a source text, whichever way it is written; a computed one throws. */
function importsOf(from: string, text: string): Import[] {
  const { module, errors } = parseSync(from, text, { lang: from.endsWith('x') ? 'tsx' : 'ts' })
  assert.deepEqual(errors, [], from)
  const found: Import[] = []
  for (const { moduleRequest, entries } of module.staticImports)
    found.push({
      from,
      to: moduleRequest.value,
      type: entries.length > 0 && entries.every(({ isType }) => isType),
    })
  for (const { entries } of module.staticExports)
    for (const { moduleRequest, isType } of entries)
      if (moduleRequest) found.push({ from, to: moduleRequest.value, type: isType })
  for (const { moduleRequest } of module.dynamicImports) {
    const literal = /^['"]([^'"]+)['"]$/.exec(text.slice(moduleRequest.start, moduleRequest.end))?.[1]
    assert.ok(literal, `${from} imports what it computes; name the module`)
    found.push({ from, to: literal, type: false })
  }
  // What a worker or a child process starts from is imported too.
  for (const [, to] of text.matchAll(/new URL\(\s*'([^']+\.(?:ts|tsx|js|mjs))'/g))
    found.push({ from, to: to ?? '', type: false })
  return found
}

/** Why an import is not in the table; null where it is. */
function objection({ from, to, type }: Import): string | null {
  const part = partOf(from)
  const rules = PARTS[part]
  if (rules === undefined) return `${from}: no row of the table is for src/${part}/`
  if (to.startsWith('node:')) return rules.node ? null : `${from} imports ${to}`
  if (!to.startsWith('.')) {
    const name = to.split('/', to.startsWith('@') ? 2 : 1).join('/')
    return rules.packages === undefined || rules.packages.includes(name) ? null : `${from} imports ${name}`
  }
  const target = normalize(join(dirname(from), to))
  // The package's own name and version.
  if (target === '../package.json') return null
  if (target.startsWith('..')) return `${from} imports ${to}, outside src`
  if (isTest(target)) return `${from} imports ${target}, which is for tests`
  if (partOf(target) === part) return null
  const allowed = rules.ours.some((rule) =>
    typeof rule === 'string' ? covers(rule, target) : type && covers(rule.type, target),
  )
  return allowed ? null : `${from} imports ${type ? 'a type of ' : ''}${target}`
}

function covers(rule: string, target: string): boolean {
  return rule === '' || rule === target || (rule.endsWith('/') && target.startsWith(rule))
}

describe('imports', () => {
  const files = sourceFiles().filter((path) => path.includes('/') && !isTest(path))

  it('follow the table', () => {
    assert.ok(files.length > 100, `only ${files.length} files were found`)
    const objections = files.flatMap((file) =>
      importsOf(file, read(file)).flatMap((each) => objection(each) ?? []),
    )
    assert.deepEqual(objections, [])
  })

  it('name files that are there', () => {
    for (const file of files)
      for (const { to } of importsOf(file, read(file)))
        if (to.startsWith('.'))
          assert.ok(
            existsSync(join(ROOT, 'src', dirname(file), to)),
            `${file} imports ${to}, which is absent`,
          )
  })

  const cases: [allowed: boolean, from: string, source: string][] = [
    [true, 'core/fold.ts', "import { z } from 'zod'"],
    [true, 'core/fold.ts', "import { lift } from './lift.ts'"],
    [false, 'core/fold.ts', "import { readFile } from 'node:fs/promises'"],
    [false, 'core/fold.ts', "import type { Stats } from 'node:fs'"],
    [false, 'core/fold.ts', "import { ulid } from 'ulid'"],
    [false, 'core/fold.ts', "import type { Blobs } from '../store/blobs.ts'"],
    [false, 'core/fold.ts', "export { putText } from '../store/texts.ts'"],
    [false, 'core/fold.ts', "const x = await import('../store/texts.ts')"],
    [false, 'core/fold.ts', "const x = new Worker(new URL('../swarm/md5-worker.ts', import.meta.url))"],
    [false, 'core/fold.ts', "import '../web/app.ts'"],
    [false, 'core/fold.ts', "import { newRecord } from '../../test/record.ts'"],
    [true, 'torrent/create.ts', "import { QalError } from '../core/error.ts'"],
    [true, 'torrent/create.ts', "import type { Sha256 } from '../core/ids.ts'"],
    [true, 'torrent/create.ts', "import { type Sha256 } from '../core/ids.ts'"],
    [false, 'torrent/create.ts', "import { Sha256 } from '../core/ids.ts'"],
    [false, 'torrent/create.ts', "import { type Md5, Sha256 } from '../core/ids.ts'"],
    [false, 'torrent/create.ts', "import { createHash } from 'node:crypto'"],
    [false, 'torrent/create.ts', "import { parseGguf } from '../gguf/parse.ts'"],
    [false, 'gguf/parse.ts', "import { decode } from '../torrent/bencode.ts'"],
    [true, 'store/sqlite.ts', "import { fold } from '../core/fold.ts'"],
    [false, 'store/sqlite.ts', "import { parseMetainfo } from '../torrent/metainfo.ts'"],
    [false, 'sign/keys.ts', "import { spawn } from 'node:child_process'"],
    [false, 'sign/keys.ts', "import type { Blobs } from '../store/blobs.ts'"],
    [false, 'swarm/seed.ts', "import type { Blobs } from '../store/blobs.ts'"],
    [true, 'verify/job.ts', "import type { JobProgress } from '../store/private.ts'"],
    [false, 'verify/job.ts', "import { openLedger } from '../store/ledger-sqlite.ts'"],
    [false, 'verify/job.ts', "import { createApp } from '../web/app.ts'"],
    [true, 'web/app.ts', "import type { Catalogue } from '../store/catalogue.ts'"],
    [false, 'web/app.ts', "import { openCatalogue } from '../store/catalogue.ts'"],
    [false, 'web/app.ts', "import { openCatalogue } from '../store/catalogue-sqlite.ts'"],
    [false, 'web/app.ts', "import { scrape } from '../swarm/scrape.ts'"],
    [false, 'web/app.ts', "import { runPipeline } from '../verify/pipeline.ts'"],
    [false, 'web/islands/check.ts', "import { createHash } from 'node:crypto'"],
    [false, 'web/islands/check.ts', "import { createApp } from '../app.ts'"],
    [false, 'web/islands/check.ts', "import { Hono } from 'hono'"],
    [true, 'web/islands/check.ts', "import type { ModelItem } from '../page-types.ts'"],
    [true, 'cli/serve.ts', "import { openLedger } from '../store/ledger-sqlite.ts'"],
    [false, 'new-part/x.ts', "import { z } from 'zod'"],
    [false, 'cli/serve.ts', "import { seeds } from '../torrent/torrent.test.ts'"],
  ]
  for (const [allowed, from, source] of cases)
    it(`${allowed ? 'may' : 'may not'} be, in ${from}: ${source}`, () => {
      const found = importsOf(from, source)
      assert.equal(found.length, 1)
      assert.equal(
        found.every((each) => objection(each) === null),
        allowed,
      )
    })

  it('are not computed', () => {
    assert.throws(() => importsOf('cli/main.ts', 'await import(name)'))
  })
})

describe('the pure parts', () => {
  for (const part of PURE)
    it(`src/${part}/ has neither clock, random nor network`, () => {
      for (const file of sourceFiles().filter((path) => partOf(path) === part && !isTest(path)))
        for (const [n, line] of read(file).split('\n').entries())
          assert.ok(
            /^\s*(?:\/\/|\/?\*)/.test(line) || !IMPURE.test(line),
            `src/${file}:${n + 1}: ${line.trim()}`,
          )
    })
})

describe('a source file', () => {
  it(`is at most ${MAX_LINES} lines long, or says at its top why not`, () => {
    const over = sourceFiles().flatMap((file) => {
      const lines = read(file).split('\n')
      const reason = lines.slice(0, 8).some((line) => /^\s*(?:\/\/|\/?\*).*lines? .*because/.test(line))
      return lines.length - 1 <= MAX_LINES || reason ? [] : `src/${file}: ${lines.length - 1} lines`
    })
    // Cut a concept out, or begin the file with a comment such as "500 lines, because …".
    assert.deepEqual(over, [])
  })

  it('called index only exports', () => {
    for (const file of sourceFiles().filter((path) => /(?:^|\/)index\.\w+$/.test(path)))
      for (const { type } of parseSync(file, read(file)).program.body)
        assert.match(
          type,
          /^Export(?:All|Named)Declaration$/,
          `${relative(ROOT, join(ROOT, 'src', file))} does more than export`,
        )
  })

  it('does not export a default, except where a tool asks for it', () => {
    for (const file of sourceFiles().filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.d.ts')))
      for (const { type } of parseSync(file, read(file)).program.body)
        assert.notEqual(type, 'ExportDefaultDeclaration', `src/${file} exports a default`)
  })
})
