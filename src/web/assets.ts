import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { QalError } from '../core/error.ts'

/** The islands that pages may ask for by name. */
export type IslandName = 'check-file' | 'copy' | 'download-here' | 'inspect' | 'queue' | 'submit'

/** Where the built browser files are: `dist/client` beside `src`, or the folder that QAL_CLIENT_DIR names. */
export function clientDirectory(): string {
  return process.env['QAL_CLIENT_DIR'] ?? join(import.meta.dirname, '../../dist/client')
}

type Manifest = ReadonlyMap<string, string>

// One immutable reading for each folder: the built files do not change under a running site.
const manifests = new Map<string, Manifest>()

/**
 * The path of a built file by the path of its source, such as
 * `src/web/styles/main.css`. Throws `http_assets_missing` where the browser
 * files are not built or do not hold it.
 */
export function assetUrl(source: string): string {
  const file = manifestOf(clientDirectory()).get(source)
  if (file === undefined)
    throw new QalError('http_assets_missing', `Cannot link "${source}": the built files do not hold it`, {
      subject: source,
      expected: 'an entry of vite.config.ts',
    })
  return `/${file}`
}

/** The scripts of the named islands, in their order. Throws as `assetUrl` does. */
export function islandScripts(names: readonly IslandName[]): string[] {
  return names.map((name) => assetUrl(`src/web/islands/${name}.ts`))
}

function manifestOf(directory: string): Manifest {
  const known = manifests.get(directory)
  if (known !== undefined) return known
  const path = join(directory, '.vite/manifest.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new QalError('http_assets_missing', 'Cannot render pages: the browser files are not built', {
      expected: '`vite build` run once before the site starts',
      cause,
    })
  }
  const parsed = JSON.parse(text) as Record<string, { file: string }>
  const manifest = new Map(Object.entries(parsed).map(([source, { file }]) => [source, file]))
  manifests.set(directory, manifest)
  return manifest
}
